"""Files appear whole or not at all."""

import os

import pytest

from jaxpose.files.atomic import atomic_write, atomic_write_all, atomic_write_text
from jaxpose.runtime.errors import InputError


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "a.txt"
    for text in ("one", "two µ"):
        atomic_write_text(path, text)
        assert path.read_text("utf-8") == text
    assert os.listdir(tmp_path) == ["a.txt"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_failure_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "a.txt"
    atomic_write_text(path, "old")

    def fail(temporary):
        temporary.write_text("half")
        raise OSError("disk full")

    with pytest.raises(InputError, match=r"a\.txt cannot be written \(disk full\); make room"):
        atomic_write(path, fail)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("name", ["no/folder.txt", "file/file.txt", "x" * 300])
def test_a_place_that_cannot_be_written_is_refused(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=rf"{name} cannot be written \(.+\); make room, or choose another folder"):
        atomic_write_text(tmp_path / name, "text")
    assert os.listdir(tmp_path) == ["file"]


def test_several_files_are_all_written_or_none(tmp_path):
    names = ["a.txt", "b.txt", "c.txt"]
    atomic_write_all({tmp_path / name: name.encode() for name in names})
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == {n: n.encode() for n in names}
    for bad in ("x" * 300, "b.txt"):
        contents = {tmp_path / name: b"new" for name in ("a.txt", bad, "c.txt")}
        if bad == "b.txt":
            contents[tmp_path / bad] = "no bytes"
        with pytest.raises((InputError, TypeError)):
            atomic_write_all(contents)
        assert sorted(os.listdir(tmp_path)) == names
        assert (tmp_path / "a.txt").read_bytes() == b"a.txt"
