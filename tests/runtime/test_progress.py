"""A line about the progress is on stderr of a terminal, gone at the end, and nowhere else."""

import io
import os
import re
import sys

from jaxpose.runtime.progress import counted, counting, working


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self):
        return True


def put_terminal(monkeypatch):
    """Make stderr a terminal; in the test, as pytest puts streams of its own between fixtures and the test."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    return sys.stderr


def test_a_terminal_shows_the_words_and_then_nothing(monkeypatch):
    terminal = put_terminal(monkeypatch)
    with working("reading the data"):
        print("a result")
    assert "reading the data" in terminal.getvalue()
    assert "a result" not in terminal.getvalue()  # rich would print it on stderr
    assert sys.stdout.getvalue() == "a result\n"
    assert terminal.getvalue().endswith("\x1b[2K")  # the line is erased
    assert "\x1b[?25h" in terminal.getvalue()  # and the cursor is back


def test_a_bar_counts(monkeypatch):
    terminal = put_terminal(monkeypatch)
    with counting("subjects", 3) as count:
        count()
        count()
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert re.findall(r"subjects .* (\d/3)", plain)[-1] == "2/3"
    assert list(counted("ab", "letters", 2)) == ["a", "b"]
    assert "2/2" in terminal.getvalue()


def test_one_of_several_processes_shows_it(monkeypatch):
    terminal = put_terminal(monkeypatch)
    with working("reading the data", shown=False):
        pass
    assert terminal.getvalue() == ""


def test_a_pipe_gets_nothing(capfd):
    with working("reading the data"):
        os.write(1, b"a result\n")
    assert list(counted("ab", "letters", 2)) == ["a", "b"]
    assert capfd.readouterr() == ("a result\n", "")
