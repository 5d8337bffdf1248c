"""The command that prepares Human3.6M: archives and npz files against float64, its options, and what it refuses."""

import json
import logging
import os
import sys

import jax
import numpy as np
import pytest
import tensorflow_datasets as tfds
from helpers.h36m_files import (
    CAMERAS,
    FRAMES,
    KEPT,
    METADATA,
    SUBJECTS,
    assert_complete,
    camera_space,
    motion,
    nested,
    random_keypoints,
    random_poses,
    save_keypoints,
    save_npz,
    tgz,
)
from helpers.places import SHARED

from data_prep import h36m
from data_prep.checks.quality import camera_of
from jaxpose.cameras import project
from jaxpose.data import store
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.data.track import Description
from jaxpose.skeleton import H36M_17

DATA = SHARED / "data"
to_pixels = jax.jit(project)


def run(archives, out, *options):
    """Run the command; the folder it wrote."""
    h36m.main(["--archives", str(archives), "--out", str(out), "--jobs", "1", *map(str, options)])
    return out


def run_npz(folder, *options):
    """Run the command on poses.npz and keypoints.npz; the folder it wrote."""
    return run(folder / "poses.npz", folder / "out", "--keypoints", folder / "keypoints.npz", *options)


def test_archives_as_downloaded(archives, tmp_path):
    out = run(archives, tmp_path / "out")
    assert_complete(out)
    description = store.read_description(out)
    assert description == Description("Human3.6M, gt", False, H36M_17, H36M_17, 2, SUBJECTS)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    track = store.read_tracks(out, "S9")[1][5]
    pixels = to_pixels(track.positions_3d, H36M_CAMERAS["S9"][track.camera])
    np.testing.assert_allclose(track.keypoints_2d, pixels, rtol=1e-5, atol=1e-3)
    assert track.fps == 50


@pytest.mark.parametrize("joints", [32, 17])
def test_npz_files_against_float64(tmp_path, joints, capsys, caplog):
    save_npz(tmp_path, random_poses(joints))
    with caplog.at_level(logging.WARNING):
        out = run_npz(tmp_path)
    assert not caplog.records  # TFDS would warn of a config that is not built in
    assert capsys.readouterr().err == ""
    description = store.read_description(out)
    assert description.title == "poses.npz and keypoints.npz"
    assert (description.synthetic, description.channels) == (False, 2)
    assert (description.skeleton, description.layout, description.splits) == (H36M_17, H36M_17, ("S1", "S9", "S11"))
    expected = [(*key, camera) for key in FRAMES for camera in CAMERAS]
    _, tracks = store.read_tracks(out, "S1+S9+S11")
    assert [(track.subject, track.action, track.camera) for track in tracks] == expected
    for track in tracks:
        key = track.subject, track.action
        world = random_poses(joints)[key]
        world = world[:, KEPT] if joints == 32 else world
        np.testing.assert_allclose(track.positions_3d, camera_space(world, track), atol=5e-6)
        np.testing.assert_array_equal(track.keypoints_2d, random_keypoints()[key][CAMERAS.index(track.camera)])
        assert (track.fps, track.width, track.height) == (50.0, 1000, 1002 if track.camera in CAMERAS[::3] else 1000)


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no published calibration at {DATA}")
def test_cameras_are_those_of_the_published_calibration(tmp_path):
    calibration = json.loads((DATA / "h36m_cameras.json").read_text())
    save_npz(tmp_path)
    for track in store.read_tracks(run_npz(tmp_path), "all")[1]:
        published = calibration[track.subject][CAMERAS.index(track.camera)]
        assert published["id"] == track.camera
        assert (published["res_w"], published["res_h"]) == (track.width, track.height)
        np.testing.assert_allclose(track.orientation, published["orientation"], rtol=1e-6)
        np.testing.assert_allclose(track.translation * 1000, published["translation"], rtol=1e-6)
        lens = ("focal_length", "center", "radial_distortion", "tangential_distortion")
        np.testing.assert_allclose(track.intrinsics, np.concatenate([published[part] for part in lens]), rtol=1e-6)


def test_options(tmp_path):
    save_npz(tmp_path)
    out = run_npz(tmp_path, "--fps", "25", "--title", "two people")
    assert store.read_description(out).title == "two people"
    assert {track.fps for track in store.read_tracks(out, "all")[1]} == {25.0}


def test_the_output_names_what_was_not_used(tmp_path, capsys):
    save_npz(tmp_path, None, random_keypoints(frames=FRAMES | {("S1", "Directions"): 9, ("S9", "Posing"): 2}))
    out = run_npz(tmp_path)
    shown = capsys.readouterr().out
    assert "left out, keypoints without poses: S9 'Posing'\n" in shown
    assert "keypoints cut to the frames that have poses: S1 'Directions' by 4\n" in shown
    assert "│ S1    │      8 │     32 │       1 │" in shown
    assert shown.endswith(f"wrote {out}\n")
    assert [len(track.keypoints_2d) for track in store.read_tracks(out, "S1[:4]")[1]] == [5] * 4
    assert "tensorflow" not in sys.modules


def test_detected_keypoints_of_archives(archives, tmp_path, capsys):
    path, views = save_keypoints(tmp_path, extra=3, subjects=(*SUBJECTS, "S2"))
    out = run(archives, tmp_path / "out", "--keypoints", path)
    shown = capsys.readouterr().out
    assert "keypoints cut to the frames that have poses: S1 'Directions 1' by 3" in shown
    assert "and 55 more" in shown
    assert_complete(out)
    for track in store.read_tracks(out, "S1")[1]:
        expected = views[track.subject, track.action][CAMERAS.index(track.camera)]
        np.testing.assert_array_equal(track.keypoints_2d, expected[: len(track.positions_3d)])
    assert [track.camera for track in store.read_tracks(out, "S2")[1]] == [*CAMERAS]


def test_several_sources_make_a_folder_each(archives, tmp_path):
    run(archives, tmp_path / "out", "--keypoints", save_keypoints(tmp_path)[0], "gt")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["cpn_ft_h36m_dbb", "gt"]
    info = tfds.builder_from_directory(tmp_path / "out" / "cpn_ft_h36m_dbb").info
    assert (info.full_name, info.config_name) == ("human36m/cpn_ft_h36m_dbb/1.0.0", "cpn_ft_h36m_dbb")
    assert "Ionescu" in info.citation


def test_s11_directions_is_left_out_unless_kept(tmp_path, capsys):
    frames = FRAMES | {("S11", "Directions"): 2, ("S11", "Directions 1"): 2}
    save_npz(tmp_path, random_poses(frames=frames), random_keypoints(frames=frames))
    out = run_npz(tmp_path)
    assert "left out, as in published evaluations: S11 'Directions' (--s11-directions" in capsys.readouterr().out
    assert {track.action for track in store.read_tracks(out, "S11")[1]} == {"Sitting", "Directions 1"}
    out.rename(tmp_path / "without")
    _, kept = store.read_tracks(run_npz(tmp_path, "--s11-directions", "all"), "S11")
    assert {track.action for track in kept} == {"Sitting", "Directions", "Directions 1"}


@pytest.fixture(scope="module")
def s11(tmp_path_factory):
    """Poses of S11 and S9; one recording of S11 and three of S9 are damaged."""
    names = {"S11": ["Directions", "Directions 1"], "S9": ["Greeting", "SittingDown 1", "Waiting 1", "Waiting"]}
    path = tmp_path_factory.mktemp("s11") / "data_3d_h36m.npz"
    np.savez(path, positions_3d=nested({(s, name): motion(s, name) / 1000 for s in names for name in names[s]}))
    return path


@pytest.mark.parametrize(
    ("options", "views", "of_s9"),
    [((), 0, 16), (("--s11-directions", "three-views"), 3, 16), (("--s11-directions", "all"), 4, 16),
     (("--without-damaged-s9",), 0, 4)],
)  # fmt: skip
def test_damaged_recordings(s11, tmp_path, options, views, of_s9):
    out = run(s11, tmp_path / "out", *options)
    directions = [track.camera for track in store.read_tracks(out, "S11")[1] if track.action == "Directions"]
    assert len(directions) == views
    assert ("54138969" in directions) == (views == 4)
    assert len(store.read_tracks(out, "S9")[1]) == of_s9


def test_a_dry_run_reports_and_writes_nothing(made, archives, tmp_path, capsys, refusal):
    path, _ = save_keypoints(tmp_path)
    run(archives, tmp_path / "out", "--keypoints", path, "--dry-run")
    shown = capsys.readouterr().out
    assert "│ S1 " in shown
    assert "cpn_ft_h36m_dbb: 60 recordings of S1, S9; layout h36m_17, 2 channels" in shown
    partial = dict(made["S9"])
    del partial["S9/MyPoseFeatures/D3_Positions/Sitting 1.cdf"], partial["S9/MyPoseFeatures/D3_Positions/Photo.cdf"]
    (tmp_path / "partial").mkdir()
    tgz(tmp_path / "partial" / "S9.tgz", partial)
    line = refusal(h36m.main, ["--archives", str(tmp_path / "partial"), "--out", str(tmp_path / "out"), "--dry-run"])
    assert line.startswith("error: 30 recordings per subject are expected, but S9 lacks Sitting 1, Photo: download")
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name, "partial"]


@pytest.mark.parametrize(
    ("poses", "keypoints", "message"),
    [
        ({("S1", "Sitting"): np.zeros((3, 25, 3))}, None, "poses.npz: S1 'Sitting' is float64 of shape (3, 25, 3)"),
        (None, {("S1", "Sitting"): 7}, "keypoints.npz: S1 'Sitting' is int, not a list of cameras"),
        (None, random_keypoints(frames=FRAMES | {("S9", "Directions"): 2}), "S9 'Directions' of camera 1 has 2 frames"),
    ],
)
def test_wrong_files_are_one_line(tmp_path, refusal, capsys, poses, keypoints, message):
    """Found when the files are read, when they are compared, and when a subject is prepared."""
    save_npz(tmp_path, poses, keypoints)
    assert message in refusal(lambda options: run_npz(tmp_path, *options), [])
    assert capsys.readouterr().out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keypoints.npz", "poses.npz"]


class Bomb:
    def __reduce__(self):
        return os.mkdir, (os.environ["BOMB"],)


def test_a_pickle_that_calls_a_function_is_not_run(archives, tmp_path, monkeypatch, refusal):
    monkeypatch.setenv("BOMB", str(tmp_path / "exploded"))
    path = tmp_path / "data_2d_h36m_cpn_ft_h36m_dbb.npz"
    np.savez(path, positions_2d=np.array(Bomb(), object), metadata=METADATA)
    line = refusal(h36m.main, ["--archives", str(archives), "--keypoints", str(path), "--out", str(tmp_path / "out")])
    assert "the pickle names 'posix.mkdir'" in line
    assert not (tmp_path / "exploded").exists()


def test_wrong_options(tmp_path, capsys, refusal):
    save_npz(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        h36m.main(["--archives", str(tmp_path / "poses.npz")])
    assert "--out" in capsys.readouterr().err
    for fps in ("0", "-50", "nan", "inf"):
        assert "error: --fps is" in refusal(lambda options: run_npz(tmp_path, *options), [f"--fps={fps}"])


def test_a_folder_that_has_another_data_set_is_kept(tmp_path, refusal):
    save_npz(tmp_path)
    before = {path: path.read_bytes() for path in run_npz(tmp_path).iterdir()}
    line = refusal(lambda options: run_npz(tmp_path, *options), [])
    assert line == f"error: {tmp_path / 'out'} is not empty; name a new folder, or remove it first"
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_apache_beam_writes_the_same(archives, tmp_path):
    pytest.importorskip("apache_beam", reason="the extra `beam` is not installed")
    run(archives, tmp_path / "out", "--beam", "runner=DirectRunner")
    assert_complete(tmp_path / "out")


def test_without_apache_beam_the_option_names_the_extra(archives, tmp_path, refusal, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam.options.pipeline_options", None)
    arguments = ["--archives", str(archives), "--out", str(tmp_path / "out"), "--beam", "runner=DirectRunner"]
    line = refusal(h36m.main, arguments)
    assert "pip install apache-beam" in line


@pytest.mark.skipif(not (DATA / "cmu_as_h36m").is_dir(), reason=f"no CMU data at {DATA}")
def test_real_motion(tmp_path):
    for name, kind in (("poses", "3d_h36m"), ("keypoints", "2d_h36m_gt")):
        (tmp_path / f"{name}.npz").symlink_to(DATA / "cmu_as_h36m" / f"data_{kind}.npz")
    out = run_npz(tmp_path)
    worst = []
    for subject, actions, frames in (("S1", 14, 22857), ("S5", 10, 5339), ("S9", 4, 4201)):
        _, tracks = store.read_tracks(out, subject)
        assert (len(tracks), sum(len(track.positions_3d) for track in tracks)) == (4 * actions, 4 * frames)
        for track in tracks:
            sample = np.linspace(0, len(track.positions_3d) - 1, 20).astype(int)  # as many for all: one compilation
            pixels = to_pixels(track.positions_3d[sample], camera_of(track))
            worst.append(np.abs(pixels - track.keypoints_2d[sample]).max())
    assert max(worst) < 0.01
