"""HumanEva-I from synthetic files of its converted form, against projections in float64."""

import itertools
import re
import zipfile

import numpy as np
import pytest
import scipy.io
from helpers import oracles
from hypothesis import given
from hypothesis import strategies as st

from data_prep import humaneva
from jaxpose.data import store
from jaxpose.skeleton import HUMANEVA_15

# Poses of C1 to C3 as VideoPose3D publishes them, S1; a lens of our own.
POSES = (
    ((0.424207, -0.4983646, -0.5802981, 0.4847012), (4.062227, 0.6632477, 1.528397)),
    ((0.6503354, -0.7481602, -0.0919284, 0.0941766), (0.8448131, -3.8052092, 1.5049929)),
    ((0.0664734, -0.0690535, 0.7416416, -0.6639132), (-0.79767377, 3.9163174, 1.4336602)),
)
LENS = (600.0, 610.0, 320.0, 235.0, -0.2, 0.1, 0.0, 0.0005, -0.0008)

FRAMES = {"Train/S1/Walking_1": 12, "Train/S1/Box_1": 9, "Validate/S1/Walking_1": 10, "Train/S2/Jog_1": 11}
DAMAGED = {"Train/S1/Walking_1": [0, 1, 6], "Validate/S1/Walking_1": [9]}


def body(name):
    """A person who walks through the room, (T, 15, 3) world metres."""
    random = np.random.default_rng(sorted(FRAMES).index(name))
    joints = random.uniform([-0.4, -0.4, 0], [0.4, 0.4, 1.7], (15, 3))
    steps = np.linspace([-1, 0, 0], [1.5, 1, 0], FRAMES[name])[:, None]
    return joints + steps + random.normal(scale=0.02, size=(FRAMES[name], 15, 3))


def to_camera(world, pose):
    quaternion, place = (np.asarray(numbers, np.float64) for numbers in pose)
    return (world - place) @ oracles.quaternion_matrix(quaternion / np.linalg.norm(quaternion))


def projected(points):
    """Camera-space points (..., 3) as pixels, the lens written out."""
    fx, fy, cx, cy, k1, k2, _, p1, p2 = LENS
    x, y = points[..., 0] / points[..., 2], points[..., 1] / points[..., 2]
    r2 = x * x + y * y
    gain = 1 + k1 * r2 + k2 * r2**2 + p1 * x + p2 * y
    return np.stack([fx * (x * gain + p1 * r2) + cx, fy * (y * gain + p2 * r2) + cy], axis=-1)


def variables(name):
    """What the converted file of that name holds."""
    world = body(name)
    poses, views = 1000 * world, np.stack([projected(to_camera(world, pose)) for pose in POSES])
    poses[DAMAGED.get(name, [])] = np.nan
    views[:, DAMAGED.get(name, [])] = np.nan
    return {"poses_3d": poses, "poses_2d": views}


def save(folder, **changed):
    """The files; the variables of Train/S1/Walking_1 may be changed, or removed with None."""
    for name in FRAMES:
        path = folder / f"{name}.mat"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = variables(name) | (changed if name == "Train/S1/Walking_1" else {})
        scipy.io.savemat(path, {key: value for key, value in content.items() if value is not None}, do_compression=True)
    return folder


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


def test_an_archive_is_read_as_it_is(tmp_path):
    save(tmp_path / "converted")
    with zipfile.ZipFile(tmp_path / "converted.zip", "w") as archive:
        for path in sorted((tmp_path / "converted").rglob("*.mat"), reverse=True):
            archive.write(path, f"humaneva/{path.relative_to(tmp_path / 'converted')}")
    for split in ("Train_S1", "Validate_S1"):
        folder, archive = (list(humaneva.tracks(tmp_path / name, split)) for name in ("converted", "converted.zip"))
        for one, other in zip(folder, archive, strict=True):
            assert one[:4] == other[:4]
            np.testing.assert_allclose(one.positions_3d, other.positions_3d, atol=1e-5)


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_chunks_are_the_whole_runs(valid):
    expected, number, at = [], 0, 0
    for whole, run_ in itertools.groupby(valid):
        length = len(list(run_))
        if whole:
            expected.append((number, slice(at, at + length)))
        number, at = number + 1, at + length
    assert list(humaneva.chunks(np.array(valid))) == expected


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
