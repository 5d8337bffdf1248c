"""Errors of format libraries as input errors."""

import pytest

from data_prep.formats.damage import damage_as_input_error
from jaxpose.runtime.errors import InputError


def test_any_exception_is_one_input_error():
    with (
        pytest.raises(InputError, match=r"^a.zip: not a zip file \(KeyError: 'x'\); download it again$"),
        damage_as_input_error("a.zip", "not a zip file"),
    ):
        raise KeyError("x")


def test_an_input_error_passes_as_it_is():
    with pytest.raises(InputError, match=r"^mine$"), damage_as_input_error("a.zip", "not a zip file"):
        raise InputError("mine")


def test_ctrl_c_passes():
    with pytest.raises(KeyboardInterrupt), damage_as_input_error("a.zip", "not a zip file"):
        raise KeyboardInterrupt
