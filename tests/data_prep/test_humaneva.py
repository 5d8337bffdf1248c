"""The command that prepares HumanEva-I: tracks against float64, and files that are wrong."""

import itertools
import re
import zipfile

import numpy as np
import pytest
import scipy.io
from helpers.humaneva_files import LENS, POSES, body, projected, save, to_camera, variables

from data_prep import humaneva
from jaxpose.data import store
from jaxpose.skeleton import HUMANEVA_15


def run(source, out):
    humaneva.main([str(source), "--out", str(out), "--jobs", "1"])
    return out


def test_tracks_against_float64(tmp_path, capsys):
    out = run(save(tmp_path / "converted"), tmp_path / "out")
    assert capsys.readouterr().out.endswith(f"wrote {out}\n")
    description = store.read_description(out)
    assert (description.title, description.synthetic, description.channels) == ("HumanEva-I", False, 2)
    assert (description.skeleton, description.layout) == (HUMANEVA_15, HUMANEVA_15)
    assert description.splits == ("Train_S1", "Train_S2", "Validate_S1")
    clips = [
        ("Train_S1", "Box 1 chunk0", "Train/S1/Box_1", slice(0, 9)),
        ("Train_S1", "Walking 1 chunk1", "Train/S1/Walking_1", slice(2, 6)),
        ("Train_S1", "Walking 1 chunk3", "Train/S1/Walking_1", slice(7, 12)),
        ("Train_S2", "Jog 1 chunk0", "Train/S2/Jog_1", slice(0, 11)),
        ("Validate_S1", "Walking 1 chunk0", "Validate/S1/Walking_1", slice(0, 9)),
    ]
    _, found = store.read_tracks(out, "all")
    for track, ((split, action, name, frames), view) in zip(found, itertools.product(clips, range(3)), strict=True):
        assert (track.subject, track.action, track.camera) == (split, action, f"C{view + 1}")
        assert (track.fps, track.width, track.height) == (60.0, 640, 480)
        seen = to_camera(body(name), POSES[view])[frames]
        np.testing.assert_allclose(track.positions_3d, seen, atol=1e-4)
        np.testing.assert_allclose(track.keypoints_2d, projected(seen), rtol=1e-6)
        np.testing.assert_allclose(track.translation, POSES[view][1], atol=1e-4)
        np.testing.assert_allclose(track.intrinsics[:4], LENS[:4], atol=0.1)
        np.testing.assert_allclose(track.intrinsics[4:], LENS[4:], atol=2e-3)


WALKING = variables("Train/S1/Walking_1")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"poses_3d": None}, "Walking_1.mat: has no variable 'poses_3d', only 'poses_2d'"),
        ({"poses_2d": "text"}, "Walking_1.mat: cannot be read as a MAT-file or HDF5 file of numbers"),
        (
            {"poses_3d": np.zeros((12, 20, 3))},
            r"Walking_1.mat: poses_3d have shape (12, 20, 3) and poses_2d (3, 12, 15, 2), not (frames, 15, 3)",
        ),
        ({"poses_2d": WALKING["poses_2d"][:, :11]}, "poses_2d (3, 11, 15, 2), not"),
        ({"poses_2d": WALKING["poses_2d"][:2]}, "poses_2d (2, 12, 15, 2), not"),
        ({"poses_3d": np.zeros((0, 15, 3)), "poses_2d": np.zeros((3, 0, 15, 2))}, "poses_3d have shape (0, 15, 3)"),
        (
            {"poses_2d": WALKING["poses_2d"] + np.where(np.arange(12) % 2, 90, 0)[:, None, None]},
            "pixels; convert them again",
        ),
    ],
)
def test_wrong_files(tmp_path, refusal, changed, message):
    save(tmp_path / "converted", **changed)
    arguments = [str(tmp_path / "converted"), "--jobs", "1", "--out", str(tmp_path / "out")]
    assert message in refusal(humaneva.main, arguments)
    assert not (tmp_path / "out").exists()


def test_poses_in_metres(tmp_path, refusal):
    """A camera fits poses of any size, so that only the person tells the unit."""
    for path in (folder := save(tmp_path / "converted")).glob("*/*/*.mat"):
        content = variables(path.relative_to(folder).with_suffix("").as_posix())
        scipy.io.savemat(path, content | {"poses_3d": content["poses_3d"] / 1000})
    arguments = [str(folder), "--jobs", "1", "--out", str(tmp_path / "out")]
    line = refusal(humaneva.main, arguments)
    assert re.search(r"Train_S1/Box 1 chunk0/C1: the box around the person has a diagonal of 0.00\d+ m: the le", line)
    assert not (tmp_path / "out").exists()


def test_keypoints_without_a_unit(tmp_path, refusal):
    """From -1 to 1 over the width of the image, as networks take them: a camera fits them, too."""
    for path in (folder := save(tmp_path / "converted")).glob("*/*/*.mat"):
        content = variables(path.relative_to(folder).with_suffix("").as_posix())
        scipy.io.savemat(path, content | {"poses_2d": content["poses_2d"] / 320 - [1, 0.75]})
    line = refusal(humaneva.main, [str(folder), "--jobs", "1", "--out", str(tmp_path / "out")])
    assert "poses_2d of C1 are not pixels of images of 640 x 480: a lens of 0.00" in line


def test_damaged_and_missing_files(tmp_path, refusal):
    arguments = [str(tmp_path / "converted"), "--jobs", "1", "--out", str(tmp_path / "out")]
    assert "converted: no such file or folder" in refusal(humaneva.main, arguments)
    (tmp_path / "converted").mkdir()
    assert "no files such as Train/S1/Walking_1.mat in it" in refusal(humaneva.main, arguments)
    path = save(tmp_path / "converted") / "Train/S1/Walking_1.mat"
    path.write_bytes(path.read_bytes()[:-50])
    assert re.search(r"Train/S1/Walking_1.mat: cannot be read as .*; download it", refusal(humaneva.main, arguments))


def test_recordings_without_whole_frames(tmp_path, refusal):
    for path in (folder := save(tmp_path / "converted")).glob("Train/S1/*.mat"):
        name = path.relative_to(folder).with_suffix("").as_posix()
        scipy.io.savemat(path, {key: value * np.nan for key, value in variables(name).items()})
    arguments = [str(folder), "--jobs", "1", "--out", str(tmp_path / "out")]
    assert "split 'Train_S1' has no tracks" in refusal(humaneva.main, arguments)
    (folder / "Validate/S1/Walking_1.mat").unlink()
    assert "no camera C1 fits poses_3d and poses_2d of S1 (0 points); convert" in refusal(humaneva.main, arguments)


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
