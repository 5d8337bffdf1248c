"""Writing a prepared data set: whole or not at all, and the same when read back."""

import itertools

import numpy as np
import pytest
from helpers.legs import DESCRIPTION, tracks, write

from data_prep.writer import data_set
from jaxpose.data import store
from jaxpose.runtime.errors import InputError


def names_in(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_tracks_are_read_back_as_written(tmp_path):
    out = tmp_path / "new" / "folder"
    sizes = write(out)
    assert names_in(out.parent) == ["folder"]
    assert sizes == {split: (4, 16, pytest.approx(16 / 29.97)) for split in DESCRIPTION.splits}
    assert store.read_description(out) == DESCRIPTION
    for subject in DESCRIPTION.splits:
        for result, expected in itertools.zip_longest(store.read_tracks(out, subject)[1], tracks(subject)):
            for field, value in expected._asdict().items():
                np.testing.assert_array_equal(getattr(result, field), np.float32(value) if field == "fps" else value)
                assert np.asarray(getattr(result, field)).dtype == np.asarray(value).dtype


def test_jobs_must_be_at_least_one(tmp_path):
    with pytest.raises(InputError, match="--jobs is 0; it must be at least 1"):
        write(tmp_path / "out", jobs=0)


def test_an_empty_folder_is_used_and_a_full_one_is_kept(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty")
    before = {path.name: path.read_bytes() for path in (tmp_path / "empty").iterdir()}
    with pytest.raises(InputError, match=r"empty is not empty; name a new folder, or remove it first$"):
        write(tmp_path / "empty")
    assert {path.name: path.read_bytes() for path in (tmp_path / "empty").iterdir()} == before
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file is a file"):
        write(tmp_path / "file")
    monkeypatch.setattr(data_set, "check_output_folder", lambda out: None)  # another process was faster
    with pytest.raises(InputError, match="cannot be written"):
        write(tmp_path / "empty")
    assert names_in(tmp_path) == ["empty", "file"]


@pytest.mark.parametrize("subject", ["all", "S 1", "S1+S5", "Train/S1", "S1[:50%]", "Jürgen", ""])
def test_subjects_that_cannot_name_a_split_are_refused(tmp_path, subject):
    with pytest.raises(InputError, match="cannot name a split"):
        write(tmp_path / "out", description=DESCRIPTION._replace(splits=(subject,)))
    with pytest.raises(InputError, match="there are no tracks"):
        write(tmp_path / "out", description=DESCRIPTION._replace(splits=()))


def test_the_table_has_a_row_per_split():
    table = data_set.size_table({"S1": data_set.SplitSize(4, 160, 3.2), "S5": data_set.SplitSize(8, 320, 6.4)})
    assert [list(column.cells) for column in table.columns] == [["S1", "S5"], ["4", "8"], ["160", "320"], ["3", "6"]]
