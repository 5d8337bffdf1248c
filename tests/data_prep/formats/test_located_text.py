"""Tokens: numbers and choices that a file may have, and messages that name the line."""

import numpy as np
import pytest

from data_prep.formats.located_text import Token, errors_in_file, one_of, parse_number
from jaxpose.runtime.errors import InputError


@pytest.mark.parametrize(("text", "value"), [("1", 1.0), ("-.5", -0.5), ("7.6e-016", 7.6e-16), ("1e6", 1e6)])
def test_numbers(text, value):
    assert parse_number(Token(text, 3)) == value


@pytest.mark.parametrize("text", ["", "a", "1_0", "0x1", "1,5"])
def test_other_tokens_are_not_numbers(text):
    with pytest.raises(InputError, match=f"^line 3: expected a number, found '{text}'$"):
        parse_number(Token(text, 3))


@pytest.mark.parametrize("text", ["nan", "inf", "-1e7"])
def test_large_numbers_are_refused(text):
    with pytest.raises(InputError, match=rf"^line 3: expected a number up to 1e\+06, found '{text}'$"):
        parse_number(Token(text, 3))


def test_infinity_is_a_number_where_it_may_be():
    assert parse_number(Token("-inf", 3), largest=np.inf) == -np.inf


def test_choices_are_in_any_case():
    assert one_of(Token("DeG", 1), ["deg", "rad"]) == "deg"
    with pytest.raises(InputError, match=r"^line 2: expected deg or rad, found 'grad'$"):
        one_of(Token("grad", 2), ["deg", "rad"])
    with pytest.raises(InputError, match=r"^line 2: expected nothing more, found 'x'$"):
        one_of(Token("x", 2), [])


def test_long_tokens_are_cut():
    with pytest.raises(InputError, match=r"^line 1: expected a number, found 'x{49}$"):
        parse_number(Token("x" * 1000, 1))


def test_the_file_is_named():
    with pytest.raises(InputError, match=r"^a.asf: wrong; correct the file, or remove it$"), errors_in_file("a.asf"):
        raise InputError("wrong")
