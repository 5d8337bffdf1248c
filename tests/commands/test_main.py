"""The console script: it dispatches to the commands, and no help imports JAX."""

import importlib
import json
import os
import subprocess
import sys

import pytest
from helpers.places import ROOT

import data_prep
from jaxpose import __main__ as script
from jaxpose.__main__ import COMMANDS, preparations


@pytest.mark.parametrize(("words", "module"), [(["train"], "jaxpose.train"), (["prepare", "cmu"], "data_prep.cmu")])
def test_a_command_is_its_module(monkeypatch, words, module):
    called = []
    monkeypatch.setattr(importlib.import_module(module), "main", called.append)
    script.main([*words, "--seed", "3"])
    assert called == [["--seed", "3"]]


def test_every_command_is_listed_and_there(capsys):
    script.main(["--help"])
    printed = capsys.readouterr().out
    for name in (*COMMANDS, *(f"prepare {source}" for source in preparations())):
        assert f"  {name} " in printed
    modules = [*map(script.command_module, COMMANDS), *(f"data_prep.{name}" for name in preparations())]
    assert all(callable(importlib.import_module(module).main) for module in modules)
    for words in ([], ["prepare"]):
        script.main(words)
        assert capsys.readouterr().out == printed
    assert "  prepare humaneva      HumanEva-I from the MAT-files" in printed
    assert max(map(len, printed.splitlines())) <= 120


JUGGLING = '''"""Prepare people who juggle.

The help.
"""

import dataclasses
import functools

from data_prep.writer.command import Output, prepare
from data_prep.writer.source import Source


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(Output):
    balls: int = 3


def make_source(options: Options) -> Source:
    from helpers.legs import DESCRIPTION, tracks

    return Source(DESCRIPTION, tracks, f"{options.balls} balls")


main = functools.partial(prepare, "juggling")
'''


def test_a_data_set_is_one_file(tmp_path, monkeypatch, capsys):
    (tmp_path / "juggling.py").write_text(JUGGLING)
    monkeypatch.setattr(data_prep, "__path__", [*data_prep.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "data_prep.juggling", raising=False)
    script.main(["--help"])
    assert "  prepare juggling      people who juggle\n" in capsys.readouterr().out
    script.main(["prepare", "juggling", "--balls", "5", "--jobs", "1", "--out", str(tmp_path / "out")])
    assert json.loads((tmp_path / "out/dataset_info.json").read_text())["description"] == "5 balls"
    del sys.modules["data_prep.juggling"], data_prep.juggling


def test_an_unknown_command_is_one_line(refusal):
    assert refusal(script.main, ["trian"]) == (
        f"error: there is no command 'trian'; perhaps you meant train; the commands are {', '.join(COMMANDS)}, prepare"
    )
    assert "perhaps you meant humaneva" in refusal(script.main, ["prepare", "humanev"])


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["trian"]])
def test_a_reader_that_has_ended_is_no_traceback(words):
    """As in `jaxpose --help | head -1`; what is wrong is said on stderr all the same."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "jaxpose", *words]
    ended = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    if words == ["trian"]:
        assert ended.returncode == 2
        assert ended.stderr.startswith("error: there is no command 'trian'")
    else:
        assert (ended.returncode, ended.stderr) == (141, "")


def test_the_version(capsys):
    script.main(["--version"])
    assert capsys.readouterr().out.startswith("jaxpose ")


def test_no_help_imports_jax():
    """Importing JAX takes most of a second; somebody who reads the help should not wait for it."""
    modules = [(script.command_module(name), name) for name in COMMANDS]
    modules += [(f"data_prep.{name}", f"prepare {name}") for name in preparations()]
    program = f"""
import contextlib, io, importlib, sys
for module, name in {modules}:
    with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
        importlib.import_module(module).main(["--help"])
    heavy = {{"jax", "flax", "scipy", "h5py", "matplotlib", "tensorflow_datasets", "orbax"}} & sys.modules.keys()
    shown = printed.getvalue()
    if heavy or "usage: jaxpose " + name not in shown or "--plugin FILE" not in shown:
        print(name, heavy, shown[:200])
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("", "")
