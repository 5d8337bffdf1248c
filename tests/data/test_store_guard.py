"""What an array_record file declares is what the library that writes them has put in."""

import numpy as np
import pytest
from array_record.python.array_record_module import ArrayRecordReader, ArrayRecordWriter

from jaxpose.data import store_guard


def save(path, contents, options="group_size:1"):
    writer = ArrayRecordWriter(str(path), options)
    for content in contents:
        writer.write(content)
    writer.close()
    return path


@pytest.mark.parametrize("options", ["group_size:1", "group_size:3", "group_size:1,uncompressed"])
def test_sound_files_pass(tmp_path, options):
    noise = np.random.default_rng(0).bytes(300_000)  # chunks that begin in one block and end in another
    path = save(tmp_path / "a", [noise[:size] for size in (0, 1, 70_000, 300_000, 65_000)], options)
    store_guard.check_declared(path)
    assert ArrayRecordReader(str(path)).num_records() == 5


def test_more_than_motion_unpacks_to_is_refused(tmp_path, monkeypatch):
    path = save(tmp_path / "a", [bytes(2**22)] * 2)
    assert path.stat().st_size < 2**18
    store_guard.check_declared(path)
    monkeypatch.setattr(store_guard, "_FLOOR", 2**22)
    store_guard.check_declared(path)  # a still pose
    monkeypatch.setattr(store_guard, "_RATIO", 10)
    with pytest.raises(ValueError, match="declares records of 8388608 bytes"):
        store_guard.check_declared(path)


def test_files_that_are_cut_or_altered(tmp_path):
    path = save(tmp_path / "a", [np.random.default_rng(0).bytes(200_000)])
    content = path.read_bytes()
    for damaged in (content[:-100], content[:70_000], content[:30], content[:80] + b"\xff" * 40 + content[120:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"not whole|within a chunk|declares"):
            store_guard.check_declared(path)
