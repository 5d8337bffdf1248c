"""Human3.6M's archives through the command: every form of the poses, what is missing, what is hostile."""

import itertools
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from helpers.h36m_files import (
    CAMERAS,
    FILES,
    KEPT,
    METADATA,
    SUBJECTS,
    camera_space,
    cdf,
    contents,
    motion,
    nested,
    tgz,
)
from helpers.places import ROOT

from data_prep import h36m
from data_prep.human36m import builder as h36m_builder
from data_prep.human36m import mocap_files
from jaxpose.cameras import project
from jaxpose.data import store
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.data.track import Description
from jaxpose.skeleton import H36M_17


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The files of both subjects, by path in their archives."""
    folder = tmp_path_factory.mktemp("made")
    return {subject: contents(folder, subject) for subject in SUBJECTS}


@pytest.fixture(scope="module")
def archives(made, tmp_path_factory):
    """Two archives as the site serves them."""
    folder = tmp_path_factory.mktemp("archives")
    for number, subject in enumerate(SUBJECTS, start=1):
        tgz(folder / f"SubjectSpecific_{number}.tgz", made[subject])
    return folder


def run(archives, out, *options):
    """The command; the folder it wrote."""
    h36m.main(["--archives", str(archives), "--out", str(out), "--jobs", "1", *map(str, options)])
    return out


def canonical(name):
    return name.replace("TakingPhoto", "Photo").replace("WalkingDog", "WalkDog")


def poses(out):
    """World positions by subject and action, back from camera space, in float64."""
    found = {}
    for track in store.read_tracks(out, "+".join(SUBJECTS))[1]:
        rotation = np.linalg.inv(camera_space(np.eye(3) + track.translation, track))
        world = track.positions_3d.astype(np.float64) @ rotation + track.translation
        found.setdefault((track.subject, track.action), []).append(world)
    return found


def check_all(out):
    """Every recording of both subjects is there, by its name in the literature, from four cameras, in metres."""
    expected = {(subject, canonical(name)): motion(subject, name) for subject in SUBJECTS for name in FILES[subject]}
    found = poses(out)
    assert set(found) == set(expected)
    for recording, world in expected.items():
        assert len(found[recording]) == len(CAMERAS)
        for seen in found[recording]:
            np.testing.assert_allclose(seen, world[:, KEPT] / 1000, atol=2e-5)


def test_the_names_of_all_files():
    assert {subject: {canonical(name) for name in FILES[subject]} for subject in FILES} == {
        subject: set(mocap_files.recordings(subject)) for subject in FILES
    }
    assert all(len(set(mocap_files.recordings(subject))) == 30 for subject in H36M_CAMERAS)
    assert {"Discussion 2", "Discussion 3", "Photo", "Photo 2"} <= set(mocap_files.recordings("S5"))
    assert {"Phoning 3", "Phoning 2", "Greeting 2", "Greeting"} <= set(mocap_files.recordings("S11"))


def test_archives_as_downloaded(archives, tmp_path):
    out = run(archives, tmp_path / "out")
    check_all(out)
    description = store.read_description(out)
    assert description == Description("Human3.6M, gt", False, H36M_17, H36M_17, 2, SUBJECTS)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    track = store.read_tracks(out, "S9")[1][5]
    pixels = project(track.positions_3d, H36M_CAMERAS["S9"][track.camera])
    np.testing.assert_allclose(track.keypoints_2d, pixels, rtol=1e-5, atol=1e-3)
    assert track.fps == 50


def tree(made, folder):
    for path, content in itertools.chain.from_iterable(files.items() for files in made.values()):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def matlab_tree(made, folder):
    from scipy.io import savemat

    for subject in SUBJECTS:
        (folder / f"{subject}/MyPoseFeatures/D3_Positions").mkdir(parents=True)
        for name in FILES[subject]:
            cell = np.empty((1, 1), object)
            cell[0, 0] = motion(subject, name).reshape(-1, 96)
            savemat(folder / f"{subject}/MyPoseFeatures/D3_Positions/{name}.cdf.mat", {"data": cell})
    return folder


def baseline_zip(made, folder):
    import io

    import h5py

    with zipfile.ZipFile(folder / "h36m.zip", "w") as archive:
        for subject, name in itertools.chain.from_iterable(((s, name) for name in FILES[s]) for s in SUBJECTS):
            stream = io.BytesIO()
            with h5py.File(stream, "w") as file:
                file["3D_positions"] = motion(subject, name).reshape(-1, 96).T
            archive.writestr(f"h36m/{subject}/MyPoses/3D_positions/{name}.h5", stream.getvalue())
    return folder / "h36m.zip"


def npz(made, folder):
    found = {(s, canonical(name)): motion(s, name) / 1000 for s in SUBJECTS for name in FILES[s]}
    np.savez_compressed(folder / "data_3d_h36m.npz", positions_3d=nested(found))
    return folder


@pytest.mark.parametrize("form", [tree, matlab_tree, baseline_zip, npz])
def test_other_forms_give_the_same(made, tmp_path, form):
    (tmp_path / "given").mkdir()
    check_all(run(form(made, tmp_path / "given"), tmp_path / "out"))


def keypoints(folder, name="cpn_ft_h36m_dbb", extra=0, subjects=SUBJECTS):
    """A file of detected keypoints, `extra` frames longer than the poses."""
    random = np.random.default_rng(3)
    views = {
        (subject, canonical(file)): [
            random.uniform(0, 1000, (len(motion(subject, file)) + extra, 17, 2)).astype(np.float32) for _ in CAMERAS
        ]
        for subject in subjects
        for file in FILES.get(subject, ["Walking"])
    }
    path = folder / f"data_2d_h36m_{name}.npz"
    np.savez_compressed(path, positions_2d=nested(views), metadata=METADATA)
    return path, views


def test_detected_keypoints_are_cut_and_subjects_without_poses_kept(archives, tmp_path, capsys):
    path, views = keypoints(tmp_path, extra=3, subjects=(*SUBJECTS, "S2"))
    out = run(archives, tmp_path / "out", "--keypoints", path)
    shown = capsys.readouterr().out
    assert "keypoints cut to the frames that have poses: S1 'Directions 1' by 3" in shown
    assert "and 55 more" in shown
    check_all(out)
    for track in store.read_tracks(out, "S1")[1]:
        expected = views[track.subject, track.action][CAMERAS.index(track.camera)]
        np.testing.assert_array_equal(track.keypoints_2d, expected[: len(track.positions_3d)])
    alone = store.read_tracks(out, "S2")[1]
    assert [(track.action, track.camera) for track in alone] == [("Walking", camera) for camera in CAMERAS]
    assert {track.positions_3d.shape for track in alone} == {(0, 17, 3)}
    assert all(len(track.keypoints_2d) == len(views["S2", "Walking"][0]) for track in alone)


def test_several_sources_make_a_folder_each(archives, tmp_path):
    run(archives, tmp_path / "out", "--keypoints", keypoints(tmp_path)[0], "gt")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["cpn_ft_h36m_dbb", "gt"]
    info = tfds.builder_from_directory(tmp_path / "out" / "cpn_ft_h36m_dbb").info
    assert (info.full_name, info.config_name) == ("human36m/cpn_ft_h36m_dbb/1.0.0", "cpn_ft_h36m_dbb")
    assert "Ionescu" in info.citation


def test_the_builder_by_itself(archives, tmp_path):
    builder = h36m_builder.Human36m(config="gt", data_dir=str(tmp_path))
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=archives))
    check_all(Path(builder.data_dir))
    assert "D3 Positions" in builder.MANUAL_DOWNLOAD_INSTRUCTIONS
    assert set(builder.builder_configs) >= {"gt", "cpn_ft_h36m_dbb", "detectron_pt_coco", "sh_pt_mpii"}


@pytest.fixture(scope="module")
def s11(tmp_path_factory):
    """Poses of S11 and S9, of which one or three recordings are damaged."""
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
    path, _ = keypoints(tmp_path)
    run(archives, tmp_path / "out", "--keypoints", path, "--dry-run")
    shown = capsys.readouterr().out
    assert "│ S1 " in shown
    assert "cpn_ft_h36m_dbb: 60 recordings of S1, S9; layout h36m_17, 2 channels" in shown
    gone = dict(made["S9"])
    del gone["S9/MyPoseFeatures/D3_Positions/Sitting 1.cdf"], gone["S9/MyPoseFeatures/D3_Positions/Photo.cdf"]
    (tmp_path / "partial").mkdir()
    tgz(tmp_path / "partial" / "S9.tgz", gone)
    line = refusal(h36m.main, ["--archives", str(tmp_path / "partial"), "--out", str(tmp_path / "out"), "--dry-run"])
    assert line.startswith("error: 30 recordings a subject are expected, but S9 lacks Sitting 1, Photo: download")
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name, "partial"]


def renamed(files, kind, camera=""):
    return {path.replace("D3_Positions", kind).replace(".cdf", f"{camera}.cdf"): files[path] for path in files}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda files: renamed(files, "D3_Positions_mono", ".54138969"), "_mono of S1, poses in camera space"),
        (lambda files: renamed(files, "D3_Positions_mono_universal", ".54138969"), "of an average skeleton"),
        (lambda files: renamed(files, "D2_Positions", ".54138969"), "projections in pixels"),
        (lambda files: {"notes.txt": b"hello"}, "no poses of Human3.6M in it; give the folder"),
    ],
)  # fmt: skip
def test_wrong_kinds_are_named(made, tmp_path, refusal, change, message):
    tgz(tmp_path / "S1.tgz", change(made["S1"]))
    assert message in refusal(h36m.main, ["--archives", str(tmp_path / "S1.tgz"), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


WALKING = "S1/MyPoseFeatures/D3_Positions/Walking.cdf"
FLAT = motion("S1", "Walking").reshape(1, -1, 96)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda folder: cdf(folder, FLAT, variable="Angles"), "no variable 'Pose', only Angles"),
        (lambda folder: cdf(folder, FLAT[..., :64]), r"float32 of shape \([0-9]+, 64\), not numbers of shape"),
        (lambda folder: cdf(folder, FLAT.astype(np.int32), kind=4), "int32 of shape"),
        (lambda folder: cdf(folder, FLAT + np.float32(np.nan)), "is not finite at frame 0"),
        (lambda folder: cdf(folder, 1000 * FLAT), "has coordinates up to"),
        (lambda folder: cdf(folder, FLAT)[:700], "not a CDF file, or damaged"),
        (lambda folder: b"", "not a CDF file, or damaged"),
        (lambda folder: b"garbage" * 100, "not a CDF file, or damaged"),
    ],
)
def test_wrong_files_are_named(made, tmp_path, refusal, content, message):
    import re

    tgz(tmp_path / "S1.tgz", made["S1"] | {WALKING: content(tmp_path)})
    line = refusal(h36m.main, ["--archives", str(tmp_path / "S1.tgz"), "--out", str(tmp_path / "out"), "--jobs", "1"])
    assert re.search(f"S1.tgz: {WALKING}.*{message}", line)
    assert sorted(path.name for path in tmp_path.iterdir()) in (["S1.tgz"], ["S1.tgz", "made.cdf"])


def test_a_damaged_or_hostile_archive_is_one_line(made, archives, tmp_path, refusal):
    whole = (archives / "SubjectSpecific_1.tgz").read_bytes()
    (tmp_path / "cut.tgz").write_bytes(whole[: len(whole) // 2])
    tgz(tmp_path / "climbs.tgz", {"../../S1/MyPoseFeatures/D3_Positions/Walking.cdf": b""})
    for name, message in (("cut", "damaged or incomplete"), ("climbs", "leads out of the archive")):
        line = refusal(h36m.main, ["--archives", str(tmp_path / f"{name}.tgz"), "--out", str(tmp_path / "out")])
        assert message in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["climbs.tgz", "cut.tgz"]


class Bomb:
    def __reduce__(self):
        return os.mkdir, (os.environ["BOMB"],)


def test_a_pickle_that_calls_something_is_not_run(archives, tmp_path, monkeypatch, refusal):
    monkeypatch.setenv("BOMB", str(tmp_path / "exploded"))
    path = tmp_path / "data_2d_h36m_cpn_ft_h36m_dbb.npz"
    np.savez(path, positions_2d=np.array(Bomb(), object), metadata=METADATA)
    line = refusal(h36m.main, ["--archives", str(archives), "--keypoints", str(path), "--out", str(tmp_path / "out")])
    assert "the pickle names 'posix.mkdir'" in line
    assert not (tmp_path / "exploded").exists()


def command(archives, out, *options):
    return [sys.executable, "-m", "data_prep.h36m", "--archives", str(archives), "--out", str(out), *options]


def test_killed_half_way_and_run_again(archives, tmp_path):
    """A run that dies after the first subject leaves nothing under the name; the next one goes on from there."""
    out, parts = tmp_path / "out", tmp_path / ".out.parts"
    with subprocess.Popen(command(archives, out, "--jobs", "1"), cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        while not (parts / "S1.json").exists() and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert not out.exists()
    done = {path.name: path.stat().st_mtime_ns for path in (parts / "data").glob("*-S1.*")}
    (parts / "S9.draft").write_text("half")
    check_all(run(archives, out))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("*-S1.*")} == done != {}


def test_several_processes_write_the_same(archives, tmp_path):
    subprocess.run(command(archives, tmp_path / "out", "--jobs", "2"), cwd=ROOT, check=True, capture_output=True)
    check_all(tmp_path / "out")


def test_a_full_disk_is_one_line(archives, tmp_path):
    """A file may grow to 20 kB here: as if the disk were full half-way through the first subject."""
    program = (
        "import resource, signal, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); from data_prep import h36m; h36m.main(sys.argv[1:])"
    )
    arguments = command(archives, tmp_path / "out", "--jobs", "1")[3:]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_apache_beam_writes_the_same(archives, tmp_path):
    pytest.importorskip("apache_beam", reason="the extra `beam` is not installed")
    run(archives, tmp_path / "out", "--beam", "runner=DirectRunner")
    check_all(tmp_path / "out")


def test_without_apache_beam_the_option_says_what_to_install(archives, tmp_path, refusal, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam.options.pipeline_options", None)
    arguments = ["--archives", str(archives), "--out", str(tmp_path / "out"), "--beam", "runner=DirectRunner"]
    line = refusal(h36m.main, arguments)
    assert "pip install '.[beam]'" in line
