"""The one error type that a user's input can cause, and how a command reports it."""

import contextlib
import sys
from collections.abc import Iterator


class InputError(Exception):
    """What the user gave cannot be used; the message names the file, the field and the remedy.

    Not a `ValueError`: parsers of command lines and files catch those, and this one is for the user's eyes.
    """


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Turn an `InputError` inside a command into one line on stderr and exit code 2, Ctrl-C into exit code 130."""
    try:
        yield
    except InputError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
