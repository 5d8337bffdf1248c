"""A user's mistake is one line and exit code 2; a mistake of ours keeps its traceback."""

import signal

import pytest

from jaxpose.runtime.errors import InputError, StopError, cli_errors, one_line, warn


def test_an_input_error_is_one_line_and_exit_code_2(capsys):
    with pytest.raises(SystemExit) as stop, cli_errors():
        raise InputError("FILE: the field\n  is wrong;   mend it")
    assert stop.value.code == 2
    assert capsys.readouterr().err == "error: FILE: the field is wrong; mend it\n"


def test_an_interrupt_is_exit_code_130(capsys):
    with pytest.raises(SystemExit) as stop, cli_errors():
        raise KeyboardInterrupt
    assert stop.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_one_line_and_its_exit_code(capsys, number, code):
    with pytest.raises(SystemExit) as stop, cli_errors():
        raise StopError(number, "step 7 is done and saved")
    assert stop.value.code == code
    assert capsys.readouterr().err == f"{number.name}: step 7 is done and saved\n"


def test_a_warning_is_one_line(capsys):
    warn("two\nlines \x1b[2J")
    assert capsys.readouterr() == ("", "warning: two lines \ufffd[2J\n")


def test_other_errors_pass():
    with pytest.raises(KeyError), cli_errors():
        raise KeyError("a bug")


def test_what_a_terminal_would_obey_is_not_printed():
    assert one_line(InputError("a\x1b[2Jb\x07 \ud800 ä")) == "a\ufffd[2Jb\ufffd \ufffd ä"


def test_a_message_without_end_keeps_its_begin_and_its_remedy():
    line = one_line(InputError(f"FILE: {'x' * 10**6}; mend it"))
    assert line.startswith("FILE: xxx")
    assert line.endswith("xxx; mend it")
    assert len(line) < 1100
