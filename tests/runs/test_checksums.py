"""Checksums: they are there before the checkpoint is, every file counts, and what hangs a reader is seen beforehand."""

import json
import os
import re

import pytest

from jaxpose.runs import checksums


@pytest.fixture
def saved(tmp_path):
    """A checkpoint as Orbax leaves it under its temporary name, with checksums, moved to its final one."""
    temporary = tmp_path / "5.orbax-checkpoint-tmp"
    (temporary / "default" / "d").mkdir(parents=True)
    (temporary / "default" / "_METADATA").write_text("{}")
    (temporary / "default" / "d" / "123").write_bytes(bytes(range(100)))
    (temporary / "_CHECKPOINT_METADATA").write_text("{}")
    (tmp_path / "4").mkdir()
    checksums.write_checksums(tmp_path)
    assert not list((tmp_path / "4").iterdir())  # only those that are about to appear
    return temporary.rename(tmp_path / "5")


def test_the_checksums_are_of_every_file_below_the_top(saved):
    content = json.loads((saved / checksums.CHECKSUMS).read_text())
    assert {name: size for name, (size, _) in content["files"].items()} == {
        "default/_METADATA": 2,
        "default/d/123": 100,
    }
    assert not checksums.find_damage(saved)
    assert not checksums.find_unreadable(saved)
    (saved / "_CHECKPOINT_METADATA").write_text("Orbax adds the time")
    assert not checksums.find_damage(saved)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "default/d/123 is missing"),
        (bytes(99), r"default/d/123 is damaged \(it has 99 bytes, not 100\)"),
        (bytes(100), r"default/d/123 is damaged \(its SHA-256 is not that in checksums.json\)"),
    ],
)
def test_damage_is_described(saved, content, fault):
    path = saved / "default" / "d" / "123"
    path.unlink() if content is None else path.write_bytes(content)
    assert re.fullmatch(f"{saved}/{fault}", checksums.find_damage(saved))


@pytest.mark.parametrize(
    "change", ["{", "[]", "{}", '{"files": {}, "sha256": ""}', '{"files": {"a": 1}, "sha256": ""}']
)
def test_damaged_checksums_are_damage(saved, change):
    (saved / checksums.CHECKSUMS).write_text(change)
    assert checksums.find_damage(saved) == f"{saved / checksums.CHECKSUMS} is damaged"


def test_checksums_of_other_files_are_damage(saved):
    """Whoever edits a file and its checksum must edit the checksum of the checksums, too: a flipped bit does not."""
    content = json.loads((saved / checksums.CHECKSUMS).read_text())
    content["files"]["default/_METADATA"][0] = 3
    (saved / checksums.CHECKSUMS).write_text(json.dumps(content))
    assert checksums.find_damage(saved) == f"{saved / checksums.CHECKSUMS} is damaged"


def test_without_checksums_nothing_is_known(saved):
    (saved / checksums.CHECKSUMS).unlink()
    assert not checksums.find_damage(saved)


def test_pipes_and_huge_descriptions_are_unreadable_and_huge_arrays_are_not(saved):
    os.truncate(saved / "default" / "d" / "123", checksums.LARGEST_DESCRIPTION + 1)
    assert not checksums.find_unreadable(saved)
    os.truncate(saved / "default" / "_METADATA", checksums.LARGEST_DESCRIPTION + 1)
    assert checksums.find_unreadable(saved) == f"{saved / 'default' / '_METADATA'} is larger than 67108864 bytes"
    (saved / "default" / "_METADATA").unlink()
    os.mkfifo(saved / "default" / "_METADATA")
    assert checksums.find_unreadable(saved) == f"{saved / 'default' / '_METADATA'} is not a regular file"
