"""Errors that a user's input or signal can cause, and how a command reports them: in one line, with an exit code."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator


class InputError(Exception):
    """The user's input cannot be used; the message names the file, the field and the remedy.

    Not a `ValueError`: parsers of command lines and files catch those, and this one must reach the user.
    """


class StopError(Exception):
    """A signal stopped the command; the message says what was finished before."""

    def __init__(self, number: int, message: str) -> None:
        """Keep the signal's number, from which the exit code follows."""
        super().__init__(f"{signal.Signals(number).name}: {message}")
        self.number = number


def warn(message: str) -> None:
    """Print one line on stderr, for what the user should know and does not have to act on."""
    print(f"warning: {one_line(message)}", file=sys.stderr)


_LONGEST_LINE = 1000  # characters of a message that are shown


@contextlib.contextmanager
def cli_errors() -> Iterator[None]:
    """Print an `InputError` as one line on stderr and exit with code 2; exit with 130 after Ctrl-C.

    A `StopError` is one line and 128 plus the number of the signal, as in shells: 143 for SIGTERM, 130 for Ctrl-C. When
    the reader of the output has ended, as in `jaxpose --help | head -1`, so does the command, silently, with 141.
    """
    try:
        with _flushed_output():
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


@contextlib.contextmanager
def _flushed_output() -> Iterator[None]:
    """Write out what was printed, while a closed pipe can still be handled: at exit, Python prints a traceback."""
    try:
        try:
            yield
        except SystemExit:  # of --help, which has printed
            sys.stdout.flush()
            raise
        sys.stdout.flush()
    except BrokenPipeError:
        with contextlib.suppress(OSError, ValueError):  # ValueError: a stdout without a descriptor
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)


def one_line(error: InputError | str) -> str:
    """Return a message as one printable line of at most about a thousand characters.

    Messages quote what files hold: that may be several lines, control sequences that a terminal obeys, or megabytes.
    """
    words = " ".join(str(error).split())
    printable = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in words)
    if len(printable) <= _LONGEST_LINE:
        return printable
    return f"{printable[: _LONGEST_LINE // 2]} … {printable[-_LONGEST_LINE // 2 :]}"  # the remedy is at the end
