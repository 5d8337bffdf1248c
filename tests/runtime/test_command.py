"""The frame of a command: arguments become settings, mistakes one line, and help is quick."""

import dataclasses
import subprocess
import sys

import pytest
import tyro
from helpers.places import ROOT

from jaxpose.runtime import devices
from jaxpose.runtime.command import run_command
from jaxpose.runtime.errors import InputError


@dataclasses.dataclass(frozen=True)
class Manner:
    """How to greet."""

    loud: bool = False
    """So that everybody
    hears it."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """The arguments of the test's command."""

    name: tyro.conf.Positional[str]
    """Whom to
    greet."""
    count: int = 1
    """How often."""
    manner: Manner = Manner()


@pytest.fixture
def command(monkeypatch):
    """Run a command with some arguments: the settings that its function got."""
    monkeypatch.setattr(devices, "keep_compiled", lambda: None)

    def run(arguments, function=lambda settings: None):
        got = []

        def noted(settings):
            got.append(settings)
            function(settings)

        run_command(Settings, noted, arguments, prog="jaxpose greet", description="Greet someone.")
        return got

    return run


def test_arguments_become_settings(command, monkeypatch):
    assert command(["Ada", "--count", "3"]) == [Settings("Ada", 3)]
    monkeypatch.setattr(sys, "argv", ["greet", "Bob"])
    assert command(None) == [Settings("Bob")]


def test_programs_are_kept_before_the_function_runs(command, monkeypatch):
    order = []
    monkeypatch.setattr(devices, "keep_compiled", lambda: order.append("cache"))
    command(["Ada"], lambda settings: order.append("function"))
    assert order == ["cache", "function"]


def test_bad_input_is_one_line_and_exit_code_2(command, refusal):
    def refuse(settings):
        raise InputError(f"{settings.name} is not at home;\n  try again")

    assert refusal(lambda arguments: command(arguments, refuse), ["Ada"]) == "error: Ada is not at home; try again"


def test_a_mistake_of_ours_keeps_its_traceback(command):
    def fail(settings):
        raise KeyError(settings.name)

    with pytest.raises(KeyError, match="Ada"):
        command(["Ada"], fail)


@pytest.mark.parametrize("arguments", [[], ["Ada", "--count", "three"], ["Ada", "--nothing"]])
def test_wrong_arguments_exit_with_code_2(command, capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        command(arguments)
    assert stop.value.code == 2
    assert "jaxpose greet" in capsys.readouterr().err


def test_help_shows_the_settings_and_calls_nothing(command, capsys):
    with pytest.raises(SystemExit) as stop:
        command(["--help"], lambda settings: pytest.fail("called"))
    assert stop.value.code in (0, None)
    shown = capsys.readouterr().out
    for words in ("usage: jaxpose greet", "Greet someone.", "Whom to greet.", "How often.", "everybody hears it."):
        assert words in shown  # lines are filled, whatever those of the docstrings are


def test_importing_it_imports_no_jax():
    program = "import sys, jaxpose.runtime.command; print('jax' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"
