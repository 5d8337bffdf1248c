"""The one error type that a user's input can cause, and how a command reports it."""

import contextlib
import sys
from collections.abc import Iterator


class InputError(Exception):
    """What the user gave cannot be used; the message names the file, the field and the remedy.

    Not a `ValueError`: parsers of command lines and files catch those, and this one is for the user's eyes.
    """


_LONGEST_LINE = 1000  # characters of a message that are shown


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Turn an `InputError` inside a command into one line on stderr and exit code 2, Ctrl-C into exit code 130."""
    try:
        yield
    except InputError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def one_line(error: InputError) -> str:
    """The message as a terminal is shown it.

    Messages repeat what files hold, and that may be lines, control sequences that a terminal would obey, or endless.
    """
    words = " ".join(str(error).split())
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in words)
    if len(shown) <= _LONGEST_LINE:
        return shown
    return f"{shown[: _LONGEST_LINE // 2]} … {shown[-_LONGEST_LINE // 2 :]}"  # the remedy is at the end
