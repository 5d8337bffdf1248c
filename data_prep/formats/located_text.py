"""Text files that are words on lines: which word is at fault, on which line."""

import contextlib
from collections.abc import Collection, Iterator
from typing import NamedTuple

from jaxpose.runtime.errors import InputError

LARGEST = 1e6
"""Of any number in a file: greater ones are not believed."""


class Word(NamedTuple):
    """A word and its line, counted from one."""

    text: str
    line: int


@contextlib.contextmanager
def faults_in(name: str) -> Iterator[None]:
    """Say in which file a fault is, and what to do about it: whatever finds it need not know."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{name}: {error}; correct the file, or leave it out") from None


def refused(word: Word, wanted: str) -> InputError:
    """The error for a word where something else is wanted."""
    return InputError(f"line {word.line}: {word.text!r:.50} where {wanted} belongs")


def choice(word: Word, choices: Collection[str]) -> str:
    """The one of the choices, in lower case, that a word is in whatever case.

    Raises:
      InputError: it is none of them.
    """
    if word.text.lower() not in choices:
        raise refused(word, " or ".join(choices) or "nothing more")
    return word.text.lower()


def number(word: Word, *, largest: float = LARGEST) -> float:
    """The number that a word stands for.

    Raises:
      InputError: it is not a number from -largest to largest.
    """
    try:
        value = float(word.text.replace("_", "?"))  # Python reads 1_0, too
    except ValueError:
        raise refused(word, "a number") from None
    if not abs(value) <= largest:
        raise refused(word, f"a number up to {largest:g}")
    return value
