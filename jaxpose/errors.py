"""The one error type that a user's input can cause, and how a command reports it."""

import contextlib
import sys
from collections.abc import Iterator


class InputError(ValueError):
    """What the user gave cannot be used; the message names the file, the field and the remedy."""


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Turn an `InputError` inside a command into one line on stderr and exit code 2."""
    try:
        yield
    except InputError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
