"""Tokens of a text file with their line numbers, so that an error names the line."""

import contextlib
from collections.abc import Collection, Iterator
from typing import NamedTuple

from jaxpose.runtime.errors import InputError

LARGEST = 1e6
"""Greatest magnitude of a number in a file; greater ones are refused."""


class Token(NamedTuple):
    """A token and its line, counted from one."""

    text: str
    line: int


@contextlib.contextmanager
def errors_in_file(name: str) -> Iterator[None]:
    """Add the name of the file and the remedy to an `InputError`."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{name}: {error}; correct the file, or remove it") from None


def unexpected(token: Token, expected: str) -> InputError:
    """Make the error for a token in the place of another."""
    return InputError(f"line {token.line}: expected {expected}, found {token.text!r:.50}")


def one_of(token: Token, choices: Collection[str]) -> str:
    """Return the choice that a token is, in lower case.

    Raises:
      InputError: it is none of them.
    """
    if token.text.lower() not in choices:
        raise unexpected(token, " or ".join(choices) or "nothing more")
    return token.text.lower()


def parse_number(token: Token, *, largest: float = LARGEST) -> float:
    """Return the number that a token stands for.

    Raises:
      InputError: it is not a number from -largest to largest.
    """
    try:
        value = float(token.text.replace("_", "?"))  # Python reads 1_0, too
    except ValueError:
        raise unexpected(token, "a number") from None
    if not abs(value) <= largest:
        raise unexpected(token, f"a number up to {largest:g}")
    return value
