"""Writing the data contract: whole or not at all, with everything that travels with the data."""

import itertools
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from helpers.places import ROOT

from data_prep.writer import data_set
from jaxpose.data import store
from jaxpose.data.track import Description, Track
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Angle, Skeleton, layout

LEG = Skeleton("leg", ("hip", "knee", "ankle"), (-1, 0, 1), angles=(Angle("knee", (0, 1, 2), (45, 180)),))
DESCRIPTION = Description("two legs", True, LEG, layout("eyes", 2, [0], [1]), 3, ("S1", "subject_2"))


def track(subject, action="Walking", camera="left", frames=4) -> Track:
    """A track that keeps the contract, different for every subject, action and camera."""
    rng = np.random.default_rng(sum(map(ord, subject + action + camera)))

    def numbers(*shape):
        return rng.normal(size=shape).astype(np.float32)

    quaternion = np.float32([0.5, -0.5, 0.5, 0.5])
    arrays = numbers(frames, 3, 3), numbers(frames, 2, 3), numbers(9), quaternion, numbers(3)
    return Track(subject, action, camera, 29.97, *arrays, 640, 480)


def tracks(subject):
    return [track(subject, action, camera) for action in ("Walking", "Ätsch 2") for camera in ("left", "right")]


def write(out, splits=tracks, description=DESCRIPTION):
    return data_set.write(out, description, splits, text="made by a test", citation="@misc{test}")


def left_in(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_read_back(tmp_path):
    out = tmp_path / "new" / "folder"
    tallies = write(out)
    assert left_in(out.parent) == ["folder"]
    assert tallies == {split: (4, 16, pytest.approx(16 / 29.97)) for split in DESCRIPTION.splits}
    assert store.read_description(out) == DESCRIPTION
    for subject in DESCRIPTION.splits:
        for found, expected in itertools.zip_longest(store.read_tracks(out, subject)[1], tracks(subject)):
            for field, value in expected._asdict().items():
                np.testing.assert_array_equal(getattr(found, field), np.float32(value) if field == "fps" else value)
                assert np.asarray(getattr(found, field)).dtype == np.asarray(value).dtype


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


def test_no_processes_do_no_work(tmp_path):
    with pytest.raises(InputError, match="--jobs is 0; it must be at least 1"):
        data_set.write(tmp_path / "out", DESCRIPTION, tracks, text="", jobs=0)


def test_an_empty_folder_is_used_and_a_full_one_left_alone(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty")
    before = {path.name: path.read_bytes() for path in (tmp_path / "empty").iterdir()}
    with pytest.raises(InputError, match=r"empty already holds files; name a new folder, or remove it first$"):
        write(tmp_path / "empty")
    assert {path.name: path.read_bytes() for path in (tmp_path / "empty").iterdir()} == before
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file is a file"):
        write(tmp_path / "file")
    monkeypatch.setattr(data_set, "check_out", lambda out: None)  # somebody else was faster
    with pytest.raises(InputError, match="cannot be written"):
        write(tmp_path / "empty")
    assert left_in(tmp_path) == ["empty", "file"]


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        (lambda split: [track("S1")], "S1/Walking/left is in split 'subject_2'"),
        (lambda split: [track(split), track(split)], "S1/Walking/left is there twice"),
        (lambda split: [], "split 'S1' has no tracks"),
        (lambda split: [track(split, frames=0)], "S1/Walking/left: 0 frames"),
        (lambda split: [track(split)._replace(orientation=np.ones(4, np.float32))], "not a unit quaternion"),
        (lambda split: [track(split)._replace(positions_3d=np.full((4, 3, 3), np.nan, np.float32))], "not finite"),
    ],
)
def test_what_breaks_the_contract_is_named_and_nothing_is_written(tmp_path, splits, message):
    with pytest.raises(InputError, match=message):
        write(tmp_path / "out", splits)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("subject", ["all", "S 1", "S1+S5", "Train/S1", "S1[:50%]", "Jürgen", ""])
def test_subjects_that_could_not_be_asked_for_are_refused(tmp_path, subject):
    with pytest.raises(InputError, match="cannot name a split"):
        write(tmp_path / "out", description=DESCRIPTION._replace(splits=(subject,)))
    with pytest.raises(InputError, match="there are no tracks"):
        write(tmp_path / "out", description=DESCRIPTION._replace(splits=()))


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_a_source_that_stops_leaves_nothing(tmp_path, error):
    def stopping(subject):
        yield track(subject)
        raise error

    with pytest.raises(error):
        write(tmp_path / "out", stopping)
    assert left_in(tmp_path) == []


def test_killed_half_way_leaves_nothing_under_the_name(tmp_path):
    program = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        import test_data_set

        def endless(subject):
            yield test_data_set.track(subject)
            if subject == "subject_2":
                print("half way", flush=True)
                time.sleep(60)

        test_data_set.write(Path(sys.argv[1]), endless)
    """)
    out = tmp_path / "out"
    paths = {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests", Path(__file__).parent)))}
    command = [sys.executable, "-c", program, str(out)]
    with subprocess.Popen(
        command, env={**os.environ, **paths}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as run:
        assert run.stdout.readline() == b"half way\n"
        run.send_signal(signal.SIGKILL)
    assert not out.exists()
    write(out)
    assert store.read_description(out) == DESCRIPTION


def test_nothing_is_shown_but_progress_on_a_terminal(tmp_path, capsys, monkeypatch):
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    write(tmp_path / "out")
    assert left_in(tmp_path / "scratch") == []
    assert capsys.readouterr() == ("", "")


def test_the_table_has_a_row_per_split(tmp_path):
    table = data_set.table({"S1": data_set.Tally(4, 160, 3.2), "S5": data_set.Tally(8, 320, 6.4)})
    assert [list(column.cells) for column in table.columns] == [["S1", "S5"], ["4", "8"], ["160", "320"], ["3", "6"]]
