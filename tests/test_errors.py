"""A user's mistake is one line and exit code 2; a mistake of ours keeps its traceback."""

import pytest

from jaxpose.errors import InputError, reported


def test_an_input_error_is_one_line_and_exit_code_2(capsys):
    with pytest.raises(SystemExit) as stop, reported():
        raise InputError("FILE: the field\n  is wrong;   mend it")
    assert stop.value.code == 2
    assert capsys.readouterr().err == "error: FILE: the field is wrong; mend it\n"


def test_an_interrupt_is_exit_code_130(capsys):
    with pytest.raises(SystemExit) as stop, reported():
        raise KeyboardInterrupt
    assert stop.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_other_errors_pass():
    with pytest.raises(KeyError), reported():
        raise KeyError("a bug")
