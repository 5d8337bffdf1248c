"""The console script: it dispatches to the commands, and no help imports JAX."""

import importlib
import subprocess
import sys

import pytest
from helpers.places import ROOT

from jaxpose import __main__ as script
from jaxpose.__main__ import COMMANDS, SOURCES


@pytest.mark.parametrize(("words", "module"), [(["train"], "jaxpose.train"), (["prepare", "cmu"], "data_prep.cmu")])
def test_a_command_is_its_module(monkeypatch, words, module):
    called = []
    monkeypatch.setattr(importlib.import_module(module), "main", called.append)
    script.main([*words, "--seed", "3"])
    assert called == [["--seed", "3"]]


def test_every_command_is_listed_and_there(capsys):
    script.main(["--help"])
    printed = capsys.readouterr().out
    for name in (*COMMANDS, *(f"prepare {source}" for source in SOURCES)):
        assert f"  {name} " in printed
    modules = [*(f"jaxpose.{name}" for name in COMMANDS), *(f"data_prep.{name}" for name in SOURCES)]
    assert all(callable(importlib.import_module(module).main) for module in modules)
    for words in ([], ["prepare"]):
        script.main(words)
        assert capsys.readouterr().out == printed


def test_an_unknown_command_is_one_line(refusal):
    assert refusal(script.main, ["trian"]) == (
        f"error: there is no command 'trian'; perhaps you meant train; the commands are {', '.join(COMMANDS)}, prepare"
    )
    assert "perhaps you meant humaneva" in refusal(script.main, ["prepare", "humanev"])


def test_the_version(capsys):
    script.main(["--version"])
    assert capsys.readouterr().out.startswith("jaxpose ")


def test_no_help_imports_jax():
    """Importing JAX takes most of a second; somebody who reads the help should not wait for it."""
    program = f"""
import contextlib, io, importlib, sys
for name in {list(COMMANDS)}:
    with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
        importlib.import_module("jaxpose." + name).main(["--help"])
    heavy = {{"jax", "flax", "scipy", "matplotlib", "tensorflow_datasets", "orbax"}} & sys.modules.keys()
    shown = printed.getvalue()
    if heavy or "usage: jaxpose " + name not in shown or "--plugin FILE" not in shown:
        print(name, heavy, shown[:200])
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("", "")
