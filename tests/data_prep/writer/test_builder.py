"""The TFDS builder: documented features, examples that satisfy the contract, and no output."""

import logging
import tempfile

import numpy as np
import pytest
import tensorflow_datasets as tfds
from helpers.legs import track, write

from data_prep.writer.builder import quiet_tfds
from jaxpose.runtime.errors import InputError


def test_the_folder_is_a_documented_tfds_data_set(tmp_path):
    write(tmp_path / "out")
    info = tfds.builder_from_directory(tmp_path / "out").info
    assert (str(info.version), info.description, info.citation) == ("1.0.0", "made by a test", "@misc{test}")
    assert "1.0.0" in info.release_notes
    assert info.file_format.value == "array_record"
    assert {split: info.splits[split].num_examples for split in info.splits} == {"S1": 4, "subject_2": 4}
    documents = {name: feature.doc.desc for name, feature in info.features.items()}
    assert all(documents.values())
    assert documents["positions_3d"].endswith("metres; no frames where unknown; in order: hip, knee, ankle")
    assert "pixels and a confidence; in order: keypoint_0" in documents["keypoints_2d"]


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        (lambda split: [track("S1")], "S1/Walking/left is in split 'subject_2'"),
        (lambda split: [track(split), track(split)], "S1/Walking/left exists twice"),
        (lambda split: [], "split 'S1' has no tracks"),
        (lambda split: [track(split, frames=0)], "S1/Walking/left: 0 frames"),
        (lambda split: [track(split)._replace(orientation=np.ones(4, np.float32))], "not a unit quaternion"),
        (lambda split: [track(split)._replace(positions_3d=np.full((4, 3, 3), np.nan, np.float32))], "not finite"),
    ],
)
def test_violations_of_the_contract_are_named_and_nothing_is_written(tmp_path, splits, message):
    with pytest.raises(InputError, match=message):
        write(tmp_path / "out", splits)
    assert list(tmp_path.iterdir()) == []


def test_a_source_may_print(tmp_path, capsys):
    def printing(subject):
        print(subject)
        yield track(subject)

    write(tmp_path / "out", printing)
    assert capsys.readouterr().out == "S1\nsubject_2\n"


def test_nothing_is_printed_but_progress_on_a_terminal(tmp_path, capsys, monkeypatch):
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    write(tmp_path / "out")
    assert list((tmp_path / "scratch").iterdir()) == []
    assert capsys.readouterr() == ("", "")


def test_other_messages_are_logged(caplog):
    logger = logging.getLogger("absl")
    filters = list(logger.filters)
    with quiet_tfds():
        logger.warning("Using custom data configuration: %s", "many words")
        logger.warning("something else")
    assert logger.filters == filters
    assert [record.getMessage() for record in caplog.records] == ["something else"]
