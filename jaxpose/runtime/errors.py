"""What a user's input or wish can end a command with, and how the command reports it."""

import contextlib
import signal
import sys
from collections.abc import Iterator


class InputError(Exception):
    """What the user gave cannot be used; the message names the file, the field and the remedy.

    Not a `ValueError`: parsers of command lines and files catch those, and this one is for the user's eyes.
    """


class StopError(Exception):
    """A signal asked the command to stop, and it has; the message says what is done."""

    def __init__(self, number: int, message: str) -> None:
        """Keep the signal's number, from which the exit code follows."""
        super().__init__(f"{signal.Signals(number).name}: {message}")
        self.number = number


def warn(message: str) -> None:
    """One line on stderr about what the user should know and need not act on."""
    print(f"warning: {one_line(message)}", file=sys.stderr)


_LONGEST_LINE = 1000  # characters of a message that are shown


@contextlib.contextmanager
def cli_errors() -> Iterator[None]:
    """Turn an `InputError` inside a command into one line on stderr and exit code 2, Ctrl-C into exit code 130.

    A `StopError` is one line and, as shells have it, 128 and the number of the signal: 143 for SIGTERM, 130 for Ctrl-C.
    """
    try:
        yield
    except InputError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        sys.exit(2)
    except StopError as stop:
        print(stop, file=sys.stderr)
        sys.exit(128 + stop.number)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def one_line(error: InputError | str) -> str:
    """The message as a terminal is shown it.

    Messages repeat what files hold, and that may be lines, control sequences that a terminal would obey, or endless.
    """
    words = " ".join(str(error).split())
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in words)
    if len(shown) <= _LONGEST_LINE:
        return shown
    return f"{shown[: _LONGEST_LINE // 2]} … {shown[-_LONGEST_LINE // 2 :]}"  # the remedy is at the end
