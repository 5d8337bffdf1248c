"""Old import paths: the same module object, also for `python -m`, and nothing is imported before it is asked for."""

import importlib
import os
import subprocess
import sys

import pytest
from helpers.places import ROOT

from jaxpose.runtime.moved import MOVED, MovedModules


def python(*arguments):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("path", MOVED)
def test_both_paths_give_the_same_module(path):
    module = importlib.import_module(MOVED[path])
    assert importlib.import_module(path) is module
    assert module.__name__ == module.__spec__.name == MOVED[path]
    parent, _, name = path.rpartition(".")
    assert getattr(importlib.import_module(parent), name) is module


def test_modules_that_have_not_moved_are_left_to_python():
    assert MovedModules().find_spec("jaxpose.metrics") is None
    with pytest.raises(ModuleNotFoundError, match=r"jaxpose\.nothing"):
        importlib.import_module("jaxpose.nothing")


def test_a_command_runs_under_its_old_path():
    ended = python("-m", "jaxpose.inspect", "--help")
    assert ended.returncode == 0, ended.stderr
    assert "usage: jaxpose explain" in ended.stdout


def test_no_moved_module_hides_one_of_python():
    """A folder `jaxpose` on the path, as for `python jaxpose/train.py`, must not replace the standard `inspect`."""
    ended = python("jaxpose/train.py", "--help")
    assert ended.returncode == 0, ended.stderr
    assert "usage: " in ended.stdout
