"""Human3.6M's two npz files through the command, against an independent computation in float64."""

import json
import re
import subprocess
import sys

import jax
import numpy as np
import pytest
from helpers.h36m_files import CAMERAS, KEPT, METADATA, camera_space, nested
from helpers.places import ROOT, SHARED

from data_prep import h36m
from jaxpose.cameras import Camera, project
from jaxpose.data import store
from jaxpose.skeleton import COCO_17, H36M_17, layout

DATA = SHARED / "data"

COCO = {
    "layout_name": "coco",
    "num_joints": 17,
    "keypoints_symmetry": [[1, 3, 5, 7, 9, 11, 13, 15], [2, 4, 6, 8, 10, 12, 14, 16]],
}
HOURGLASS = {
    "layout_name": "mpii",
    "num_joints": 16,
    "keypoints_symmetry": [[4, 5, 6, 10, 11, 12], [1, 2, 3, 13, 14, 15]],
}

FRAMES = {("S1", "Directions"): 5, ("S1", "Walking 1"): 3, ("S9", "Directions"): 4, ("S11", "Sitting"): 1}


def poses(joints=32, frames=FRAMES):
    rng = np.random.default_rng(1)
    return {key: rng.uniform(-2, 2, (count, joints, 3)).astype(np.float32) for key, count in frames.items()}


def keypoints(joints=17, channels=2, frames=FRAMES):
    rng = np.random.default_rng(2)
    shape = (joints, channels)
    return {
        key: [rng.uniform(0, 1000, (count, *shape)).astype(np.float32) for _ in CAMERAS]
        for key, count in frames.items()
    }


def save(folder, poses_=None, keypoints_=None, metadata=METADATA):
    """The two files, as the published ones are: pickled dicts in object arrays."""
    np.savez_compressed(folder / "poses.npz", positions_3d=nested(poses() if poses_ is None else poses_))
    views = nested(keypoints() if keypoints_ is None else keypoints_)
    np.savez_compressed(folder / "keypoints.npz", positions_2d=views, metadata=metadata)


def files(folder):
    return ["--archives", str(folder / "poses.npz"), "--keypoints", str(folder / "keypoints.npz")]


def run(folder, *options):
    """The command on the files of `folder`; the folder it wrote."""
    h36m.main([*files(folder), "--out", str(folder / "out"), "--jobs", "1", *options])
    return folder / "out"


def refusal(folder, capsys, *options) -> str:
    """The one line that the command ends with."""
    with pytest.raises(SystemExit) as raised:
        run(folder, *options)
    assert raised.value.code == 2
    assert not (folder / "out").exists()
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert shown.err.count("\n") == 1
    return shown.err.rstrip("\n")


@pytest.mark.parametrize("joints", [32, 17])
def test_a_round_trip_agrees_with_float64(tmp_path, joints):
    save(tmp_path, poses(joints))
    out = run(tmp_path)
    description = store.read_description(out)
    assert description.title == "poses.npz and keypoints.npz"
    assert (description.synthetic, description.channels) == (False, 2)
    assert (description.skeleton, description.layout, description.splits) == (H36M_17, H36M_17, ("S1", "S9", "S11"))
    expected = [(*key, camera) for key in FRAMES for camera in CAMERAS]
    _, found = store.read_tracks(out, "S1+S9+S11")
    assert [(track.subject, track.action, track.camera) for track in found] == expected
    for track in found:
        key = track.subject, track.action
        world = poses(joints)[key]
        world = world[:, KEPT] if joints == 32 else world
        np.testing.assert_allclose(track.positions_3d, camera_space(world, track), atol=5e-6)
        np.testing.assert_array_equal(track.keypoints_2d, keypoints()[key][CAMERAS.index(track.camera)])
        assert (track.fps, track.width, track.height) == (50.0, 1000, 1002 if track.camera in CAMERAS[::3] else 1000)


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no published calibration at {DATA}")
def test_cameras_are_those_of_the_published_calibration(tmp_path):
    calibration = json.loads((DATA / "h36m_cameras.json").read_text())
    save(tmp_path)
    for track in store.read_tracks(run(tmp_path), "all")[1]:
        published = calibration[track.subject][CAMERAS.index(track.camera)]
        assert published["id"] == track.camera
        assert (published["res_w"], published["res_h"]) == (track.width, track.height)
        np.testing.assert_allclose(track.orientation, published["orientation"], rtol=1e-6)
        np.testing.assert_allclose(track.translation * 1000, published["translation"], rtol=1e-6)
        lens = ("focal_length", "center", "radial_distortion", "tangential_distortion")
        np.testing.assert_allclose(track.intrinsics, np.concatenate([published[part] for part in lens]), rtol=1e-6)


@pytest.mark.parametrize(
    ("metadata", "joints", "channels", "expected"),
    [
        (METADATA, 17, 3, H36M_17),
        (COCO, 17, 2, COCO_17),
        (COCO | {"keypoints_symmetry": np.array(COCO["keypoints_symmetry"])}, 17, 3, COCO_17),
        (HOURGLASS, 16, 2, layout("mpii", 16, *HOURGLASS["keypoints_symmetry"])),
        ({"num_joints": 2, "keypoints_symmetry": [[0], [1]]}, 2, 3, layout("custom", 2, [0], [1])),
    ],
)
def test_layouts_are_recognised_by_number_and_symmetry(tmp_path, metadata, joints, channels, expected):
    save(tmp_path, None, keypoints(joints, channels), metadata)
    out = run(tmp_path)
    assert store.read_description(out)[3:5] == (expected, channels)
    np.testing.assert_array_equal(
        store.read_tracks(out, "S11")[1][2].keypoints_2d, keypoints(joints, channels)["S11", "Sitting"][2]
    )


def test_options(tmp_path):
    save(tmp_path)
    out = run(tmp_path, "--fps", "25", "--title", "two people")
    assert store.read_description(out).title == "two people"
    assert {track.fps for track in store.read_tracks(out, "all")[1]} == {25.0}


def test_what_is_shown(tmp_path, capsys):
    save(tmp_path, None, keypoints(frames=FRAMES | {("S1", "Directions"): 9, ("S9", "Posing"): 2}))
    out = run(tmp_path)
    shown = capsys.readouterr().out
    assert "left out, keypoints without poses: S9 'Posing'\n" in shown
    assert "keypoints cut to the frames that have poses: S1 'Directions' by 4\n" in shown
    assert "│ S1    │      8 │     32 │       1 │" in shown
    assert shown.endswith(f"wrote {out}\n")
    assert [len(track.keypoints_2d) for track in store.read_tracks(out, "S1[:4]")[1]] == [5] * 4
    assert "tensorflow" not in sys.modules


def test_s11_directions_is_left_out_unless_kept(tmp_path, capsys):
    frames = FRAMES | {("S11", "Directions"): 2, ("S11", "Directions 1"): 2}
    save(tmp_path, poses(frames=frames), keypoints(frames=frames))
    out = run(tmp_path)
    assert "left out, as published evaluations do: S11 'Directions' (--s11-directions" in capsys.readouterr().out
    assert {track.action for track in store.read_tracks(out, "S11")[1]} == {"Sitting", "Directions 1"}
    out.rename(tmp_path / "without")
    _, kept = store.read_tracks(run(tmp_path, "--s11-directions", "all"), "S11")
    assert {track.action for track in kept} == {"Sitting", "Directions", "Directions 1"}


def test_joints_that_are_not_used_may_hold_anything(tmp_path):
    holed = poses()
    for world in holed.values():
        world[:, [joint for joint in range(32) if joint not in KEPT]] = np.nan
    save(tmp_path, holed)
    assert np.isfinite(store.read_tracks(run(tmp_path), "S1")[1][0].positions_3d).all()


WALKING = ("S1", "Walking 1")


def with_value(recordings, value, at):
    """The recordings with one number of S1 'Walking 1' changed."""
    recordings[WALKING] = np.array(recordings[WALKING])
    recordings[WALKING][at] = value
    return recordings


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (with_value(poses(), np.nan, at=(2, 6, 0)), "S1 'Walking 1' is not finite at frame 2; fill the gap or"),
        ({WALKING: 1000 * poses()[WALKING]}, "S1 'Walking 1' has coordinates up to 1"),
        ({WALKING: poses(25)[WALKING]}, r"float32 of shape \(3, 25, 3\); it must be numbers, \(frames, 32 or 17, 3\)"),
        ({WALKING: poses()[WALKING][:0]}, r"of shape \(0, 32, 3\)"),
        ({WALKING: poses()[WALKING][..., :2]}, r"of shape \(3, 32, 2\)"),
        ({WALKING: "text"}, r"S1 'Walking 1' is object of shape \(\)"),
        ({WALKING: None}, r"S1 'Walking 1' is object of shape \(\)"),
        ({("S2", "Walking"): poses()[WALKING]}, "no calibration of subject 'S2', only of S1, S5"),
        ({}, "'positions_3d' is empty"),
    ],
)
def test_wrong_poses(tmp_path, capsys, content, message):
    save(tmp_path, content)
    assert re.search(f"poses.npz: .*{message}", refusal(tmp_path, capsys))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (with_value(keypoints(), np.inf, at=(2, 1, 0, 0)), "S1 'Walking 1' of camera 3 is not finite at frame 1"),
        ({WALKING: keypoints()[WALKING]}, "S1 'Directions' is missing; add its keypoints, or remove its poses"),
        (keypoints(frames=FRAMES | {WALKING: 2}), "S1 'Walking 1' of camera 1 has 2 frames but 3 of poses; complete"),
        (keypoints() | {WALKING: keypoints()[WALKING][:3]}, "S1 'Walking 1' has 3 cameras, not 4; give all"),
        (keypoints() | {WALKING: 7}, "S1 'Walking 1' is int, not a list of cameras"),
        (keypoints() | {WALKING: keypoints(17, 3)[WALKING]}, "a confidence must go with all keypoints or with none"),
        (keypoints(16), r"of shape \(5, 16, 2\); it must be numbers, \(frames, 17, 2 or 3\)"),
        (keypoints(17, 4), r"of shape \(5, 17, 4\)"),
    ],
)
def test_wrong_keypoints(tmp_path, capsys, content, message):
    save(tmp_path, None, content)
    assert re.search(f"keypoints.npz: .*{message}", refusal(tmp_path, capsys))


@pytest.mark.parametrize(
    "metadata",
    [
        {"num_joints": 17},
        METADATA | {"keypoints_symmetry": [[1, 2], [3]]},
        METADATA | {"keypoints_symmetry": [[1], [17]]},
        METADATA | {"num_joints": "many"},
        METADATA | {"num_joints": 10**12},
        ["h36m"],
    ],
)
def test_wrong_metadata(tmp_path, capsys, metadata):
    save(tmp_path, None, None, metadata)
    expected = "keypoints.npz: 'metadata' must be a dict of 'num_joints' and 'keypoints_symmetry', a list of left and"
    assert expected in refusal(tmp_path, capsys)


def test_wrong_files(tmp_path, capsys):
    assert "keypoints.npz: no such file" in refusal(tmp_path, capsys)
    save(tmp_path)
    (tmp_path / "poses.npz").rename(tmp_path / "swapped")
    (tmp_path / "keypoints.npz").rename(tmp_path / "poses.npz")
    (tmp_path / "swapped").rename(tmp_path / "keypoints.npz")
    expected = "has no 'positions_2d', only 'positions_3d'; poses go with --archives, keypoints with --keypoints"
    assert expected in refusal(tmp_path, capsys)
    np.savez(tmp_path / "keypoints.npz", positions_2d=np.zeros((4, 3, 17, 2)), metadata=METADATA)
    assert "'positions_2d' is not a dict of subjects of dicts of actions" in refusal(tmp_path, capsys)
    np.savez(tmp_path / "keypoints.npz", positions_2d=nested(keypoints()))
    assert "'metadata' must be a dict" in refusal(tmp_path, capsys)
    (tmp_path / "keypoints.npz").write_bytes(b"PK")
    assert "keypoints.npz: not a readable npz archive" in refusal(tmp_path, capsys)


def test_wrong_options(tmp_path, capsys):
    save(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        h36m.main(files(tmp_path))
    assert "--out" in capsys.readouterr().err
    for fps in ("0", "-50", "nan", "inf"):
        assert "error: --fps is" in refusal(tmp_path, capsys, f"--fps={fps}")


def test_a_folder_that_holds_another_data_set_is_left_alone(tmp_path, capsys):
    save(tmp_path)
    before = {path: path.read_bytes() for path in run(tmp_path).iterdir()}
    capsys.readouterr()
    with pytest.raises(SystemExit) as raised:
        run(tmp_path)
    assert raised.value.code == 2
    assert (
        capsys.readouterr().err
        == f"error: {tmp_path / 'out'} already holds files; name a new folder, or remove it first\n"
    )
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_the_command_line(tmp_path):
    """As a user runs it: no warnings, no traceback."""
    save(tmp_path)
    command = [sys.executable, "-W", "error", "-m", "data_prep.h36m"]
    root = ROOT

    def call(*arguments):
        return subprocess.run([*command, *arguments], cwd=root, capture_output=True, text=True, check=False)

    done = call(*files(tmp_path), "--out", str(tmp_path / "out"))
    assert (done.returncode, store.read_description(tmp_path / "out").splits) == (0, ("S1", "S9", "S11"))
    wrong = call(*files(tmp_path / "nowhere"), "--out", str(tmp_path / "out"))
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: ")
    assert wrong.stderr.count("\n") == 1


@pytest.mark.skipif(not (DATA / "cmu_as_h36m").is_dir(), reason=f"no CMU data at {DATA}")
def test_real_motion(tmp_path):
    for name, kind in (("poses", "3d_h36m"), ("keypoints", "2d_h36m_gt")):
        (tmp_path / f"{name}.npz").symlink_to(DATA / "cmu_as_h36m" / f"data_{kind}.npz")
    out = run(tmp_path)
    worst, to_pixels = [], jax.jit(project)
    for subject, actions, frames in (("S1", 14, 22857), ("S5", 10, 5339), ("S9", 4, 4201)):
        _, found = store.read_tracks(out, subject)
        assert (len(found), sum(len(track.positions_3d) for track in found)) == (4 * actions, 4 * frames)
        for track in found:
            camera = Camera(track.orientation, track.translation, track.intrinsics, track.width, track.height)
            some = np.linspace(0, len(track.positions_3d) - 1, 20).astype(int)  # as many for all: one compilation
            worst.append(np.abs(to_pixels(track.positions_3d[some], camera) - track.keypoints_2d[some]).max())
    assert max(worst) < 0.01
