"""Data sets that a stranger could have made: an answer or one `InputError`; nothing in them is run or believed."""

import json
import shutil

import pytest
from helpers import corpus
from helpers.corpus import assert_refuses
from helpers.samples import DESCRIPTION, make_track
from hypothesis import given
from hypothesis import strategies as st

from data_prep.writer import data_set
from jaxpose.data import store
from jaxpose.data.track import contract_violation
from jaxpose.runtime.errors import InputError


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A prepared data set to damage: one subject, two short tracks."""
    folder = tmp_path_factory.mktemp("hostile") / "data"
    clips = {"Walking": 12, "Sitting": 9}
    data_set.write(
        folder,
        DESCRIPTION._replace(splits=("S9",)),
        lambda subject: [make_track(subject=subject, action=action, frames=n, seed=n) for action, n in clips.items()],
        text="made by the tests",
    )
    return folder


@pytest.mark.parametrize("name", ["features.json", "dataset_info.json", "metadata.json", "*S9.array_record*"])
def test_a_damaged_data_set(data, name):
    (file,) = data.glob(name)
    outcomes = assert_refuses(lambda: store.read_tracks(data, "S9"), file, named=str(data))
    assert outcomes["refused"] > 20


@pytest.mark.parametrize("name", ["features.json", "dataset_info.json", "metadata.json", "*S9.array_record*"])
@given(st.data())
def test_an_edited_data_set(data, name, draw):
    (file,) = data.glob(name)
    content = file.read_bytes()
    try:
        file.write_bytes(draw.draw(corpus.edits(content)))
        description, tracks = store.read_tracks(data, "S9")
    except InputError:
        return
    finally:
        file.write_bytes(content)
    assert all(contract_violation(track, description) == "" for track in tracks)


def edited(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


STRANGER = "stranger.Feature"
SPELLINGS = [
    {"pythonClassName": STRANGER},
    {"python_class_name": STRANGER},
    {"type": STRANGER, "content": {}},
    {"type": STRANGER, "content": "{}", "proto_cls": "tensorflow_datasets.TextFeature"},
    {"pythonClassName": "tensorflow_datasets.stranger.Feature"},
    {"pythonClassName": "tensorflow_datasets.core.features.video_feature.Video"},  # would run ffmpeg
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("field", ["fps", "", "new"])
def test_no_class_that_a_file_names_is_imported(data, tmp_path, monkeypatch, spelling, field):
    copy = shutil.copytree(data, tmp_path / "copy")
    (tmp_path / "stranger.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)

    def name_it(features):
        node = features if not field else features["featuresDict"]["features"].setdefault(field, {})
        node.clear()
        node.update(spelling)

    edited(copy / "features.json", name_it)
    with pytest.raises(InputError, match=r"features\.json (names a foreign class|has a foreign entry)"):
        store.read_tracks(copy, "S9")


@pytest.mark.parametrize(
    "change",
    [
        lambda info: info.update(name="../data/pose_tracks"),
        lambda info: info["splits"][0].update(filepathTemplate="../data/{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"),
        lambda info: info["splits"][0].update(
            filepathTemplate="{SPLIT}/../{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
        ),
        lambda info: info["splits"][0].update(name="../S9"),
        lambda info: info.update(fileFormat="tfrecord"),
        lambda info: info.update(fileFormat="riegeli"),
    ],
)
def test_records_are_in_the_folder_itself(data, tmp_path, change):
    copy = shutil.copytree(data, tmp_path / "copy")
    shutil.copytree(data, tmp_path / "data")
    edited(copy / "dataset_info.json", change)
    with pytest.raises(InputError, match=r"lies outside the folder|not array_record files|is not a prepared data set"):
        store.read_tracks(copy, "S9")
