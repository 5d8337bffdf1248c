"""One process at a time works in a run's folder."""

import subprocess
import sys

import pytest

from jaxpose.runs.lock import locked
from jaxpose.runtime.errors import InputError

HOLD = """
import pathlib, sys
from jaxpose.runs.lock import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    input()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_process_is_told_who_holds_it_and_takes_over_when_that_is_dead(tmp_path, holder):
    with (
        pytest.raises(InputError, match=rf"is being trained by process {holder.pid} on \S+ since 20\d\d-"),
        locked(tmp_path),
    ):
        pass
    holder.kill()
    holder.wait()
    assert {path.name for path in tmp_path.iterdir()} == {".lock", ".owner.json"}
    with locked(tmp_path):
        assert f'"pid": {holder.pid}' not in (tmp_path / ".owner.json").read_text()
    assert not list(tmp_path.iterdir())


def test_a_holder_without_a_readable_owner_file_is_another_process(tmp_path, holder):
    (tmp_path / ".owner.json").write_text("{")
    with pytest.raises(InputError, match="is being trained by another process; wait for it"), locked(tmp_path):
        pass


def test_an_error_releases_the_lock(tmp_path):
    for _ in range(2):
        with pytest.raises(KeyError), locked(tmp_path):
            raise KeyError
    assert not list(tmp_path.iterdir())


def test_a_lock_that_cannot_be_created_is_named(tmp_path):
    (tmp_path / ".lock").mkdir()
    with (
        pytest.raises(InputError, match=r"\.lock cannot be created \(Is a directory\); choose another"),
        locked(tmp_path),
    ):
        pass
