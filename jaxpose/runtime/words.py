"""Phrases that messages share: the first few of many names, and the name that was perhaps meant."""

import difflib
from collections.abc import Iterable, Sequence


def listed(names: Sequence[str], most: int = 5) -> str:
    """Join the first few names, and the number of the others: "a, b and 3 more"."""
    others = len(names) - most
    return ", ".join(names[:most]) + (f" and {others} more" if others > 0 else "")


def perhaps(word: str, choices: Iterable[str]) -> str:
    """The end of a sentence about an unknown word, "; perhaps you meant …"; empty if no choice is near."""
    near = difflib.get_close_matches(word, choices, n=1)
    return f"; perhaps you meant {near[0]}" if near else ""
