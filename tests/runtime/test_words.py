"""Phrases of messages."""

import pytest

from jaxpose.runtime.words import listed, perhaps


@pytest.mark.parametrize(
    ("count", "most", "text"),
    [(0, 2, ""), (1, 2, "a"), (2, 2, "a, b"), (3, 2, "a, b and 1 more"), (4, 1, "a and 3 more")],
)
def test_the_first_few_are_named_and_the_others_counted(count, most, text):
    assert listed(["a", "b", "c", "d"][:count], most) == text


def test_only_a_near_choice_is_offered():
    assert perhaps("mpjp", {"mpjpe": 1, "mse": 2}) == "; perhaps you meant mpjpe"
    assert perhaps("x", ["mpjpe", "mse"]) == ""
