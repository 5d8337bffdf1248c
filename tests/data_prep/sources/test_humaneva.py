"""HumanEva-I as tracks: archives, and runs of whole frames."""

import itertools
import zipfile

import numpy as np
from helpers.humaneva_files import save
from hypothesis import given
from hypothesis import strategies as st

from data_prep.sources import humaneva


def test_an_archive_is_read_as_it_is(tmp_path):
    save(tmp_path / "converted")
    with zipfile.ZipFile(tmp_path / "converted.zip", "w") as archive:
        for path in sorted((tmp_path / "converted").rglob("*.mat"), reverse=True):
            archive.write(path, f"humaneva/{path.relative_to(tmp_path / 'converted')}")
    folder, packed = tmp_path / "converted", tmp_path / "converted.zip"
    assert humaneva.find_splits(folder) == humaneva.find_splits(packed) == ("Train_S1", "Train_S2", "Validate_S1")
    recordings = [humaneva.read_recordings(path, "S1") for path in (folder, packed)]
    assert [recording[:2] for recording in recordings[0]] == [
        ("Train_S1", "Box 1"),
        ("Train_S1", "Walking 1"),
        ("Validate_S1", "Walking 1"),
    ]
    for one, other in zip(*recordings, strict=True):
        assert one[:2] == other[:2]
        np.testing.assert_array_equal(one.poses, other.poses)
        np.testing.assert_array_equal(one.views, other.views)


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_chunks_are_the_whole_runs(valid):
    expected, number, at = [], 0, 0
    for whole, run_ in itertools.groupby(valid):
        length = len(list(run_))
        if whole:
            expected.append((number, slice(at, at + length)))
        number, at = number + 1, at + length
    assert list(humaneva.chunks(np.array(valid))) == expected
