"""Human3.6M's motion capture on disk: every form gives the same poses; what is missing, wrong or forged is named."""

import io
import itertools
import zipfile

import h5py
import numpy as np
import pytest
import scipy.io
from helpers.h36m_files import FILES, KEPT, SUBJECTS, cdf, expected_poses, literature_name, motion, nested, tgz

from data_prep.human36m import mocap_files
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.runtime.errors import InputError


def read(path):
    """The poses in a folder or a file by subject and action."""
    inventory = mocap_files.find_recordings(path)
    return {
        (subject, action): poses
        for subject, files in inventory.files.items()
        for action, poses in mocap_files.read_poses(subject, files).items()
    }


def test_the_names_of_all_files():
    assert {subject: {literature_name(name) for name in FILES[subject]} for subject in FILES} == {
        subject: set(mocap_files.expected_actions(subject)) for subject in FILES
    }
    assert all(len(set(mocap_files.expected_actions(subject))) == 30 for subject in H36M_CAMERAS)
    assert {"Discussion 2", "Discussion 3", "Photo", "Photo 2"} <= set(mocap_files.expected_actions("S5"))
    assert {"Phoning 3", "Phoning 2", "Greeting 2", "Greeting"} <= set(mocap_files.expected_actions("S11"))


@pytest.mark.parametrize("name", ["WalkingDog 1", "WalkDog_1", "WalkDog 1"])
def test_a_name_in_the_literature(name):
    assert mocap_files.canonical_action(name) == "WalkDog 1"


def as_tree(made, folder):
    for path, content in itertools.chain.from_iterable(files.items() for files in made.values()):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def as_matlab_tree(made, folder):
    for subject in SUBJECTS:
        (folder / f"{subject}/MyPoseFeatures/D3_Positions").mkdir(parents=True)
        for name in FILES[subject]:
            cell = np.empty((1, 1), object)
            cell[0, 0] = motion(subject, name).reshape(-1, 96)
            scipy.io.savemat(folder / f"{subject}/MyPoseFeatures/D3_Positions/{name}.cdf.mat", {"data": cell})
    return folder


def as_baseline_zip(made, folder):
    with zipfile.ZipFile(folder / "h36m.zip", "w") as archive:
        for subject, name in itertools.chain.from_iterable(((s, name) for name in FILES[s]) for s in SUBJECTS):
            stream = io.BytesIO()
            with h5py.File(stream, "w") as file:
                file["3D_positions"] = motion(subject, name).reshape(-1, 96).T
            archive.writestr(f"h36m/{subject}/MyPoses/3D_positions/{name}.h5", stream.getvalue())
    return folder / "h36m.zip"


def as_npz(made, folder):
    poses = {(s, literature_name(name)): motion(s, name) / 1000 for s in SUBJECTS for name in FILES[s]}
    np.savez_compressed(folder / "data_3d_h36m.npz", positions_3d=nested(poses))
    return folder


@pytest.mark.parametrize("form", [None, as_tree, as_matlab_tree, as_baseline_zip, as_npz])
def test_every_form_gives_the_same(made, archives, tmp_path, form):
    poses = read(archives if form is None else form(made, tmp_path))
    expected = expected_poses()
    assert poses.keys() == expected.keys()
    for recording, world in expected.items():
        assert poses[recording].dtype == np.float32
        np.testing.assert_allclose(poses[recording], world, rtol=1e-6)


def test_missing_recordings_are_listed(made, tmp_path):
    files = dict(made["S9"])
    del files["S9/MyPoseFeatures/D3_Positions/Sitting 1.cdf"], files["S9/MyPoseFeatures/D3_Positions/Photo.cdf"]
    inventory = mocap_files.find_recordings(tgz(tmp_path / "S9.tgz", files))
    assert inventory.missing == {"S9": ("Sitting 1", "Photo")}
    assert len(inventory.files["S9"]) == 28


def test_recordings_that_exist_twice_or_are_unknown_are_remarked(made, tmp_path):
    walking = "S1/MyPoseFeatures/D3_Positions/Walking.cdf"
    unknown = "S1/MyPoseFeatures/D3_Positions/Flying.cdf"
    tgz(tmp_path / "a.tgz", {walking: made["S1"][walking]})
    tgz(tmp_path / "b.tgz", {walking: b"", unknown: b""})
    inventory = mocap_files.find_recordings(tmp_path)
    assert inventory.files["S1"]["Walking"] == (tmp_path / "a.tgz", walking)
    assert inventory.remarks == (
        f"{walking} exists twice: {tmp_path / 'a.tgz'}: {walking} is used",
        f"{unknown} is not one of the recordings of S1: left out",
    )


def renamed(files, kind, camera=""):
    return {path.replace("D3_Positions", kind).replace(".cdf", f"{camera}.cdf"): files[path] for path in files}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda files: renamed(files, "D3_Positions_mono", ".54138969"),
            r"D3_Positions_mono of S1 \(poses in camera space\) are not used; D3_Positions are needed",
        ),
        (lambda files: renamed(files, "D3_Positions_mono_universal", ".54138969"), "poses of an average skeleton"),
        (lambda files: renamed(files, "D2_Positions", ".54138969"), "projections in pixels"),
        (lambda files: {"notes.txt": b"hello"}, "no poses of Human3.6M in it; name the folder"),
    ],
)
def test_wrong_kinds_are_named(made, tmp_path, change, message):
    tgz(tmp_path / "S1.tgz", change(made["S1"]))
    with pytest.raises(InputError, match=message):
        mocap_files.find_recordings(tmp_path / "S1.tgz")


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
def test_wrong_files_are_named(tmp_path, content, message):
    tgz(tmp_path / "S1.tgz", {WALKING: content(tmp_path)})
    with pytest.raises(InputError, match=f"S1.tgz: {WALKING}.*{message}"):
        read(tmp_path / "S1.tgz")
    assert sorted(path.name for path in tmp_path.iterdir()) in (["S1.tgz"], ["S1.tgz", "made.cdf"])


def test_a_damaged_or_forged_archive_is_named(archives, tmp_path):
    whole = (archives / "SubjectSpecific_1.tgz").read_bytes()
    (tmp_path / "cut.tgz").write_bytes(whole[: len(whole) // 2])
    tgz(tmp_path / "climbs.tgz", {"../../S1/MyPoseFeatures/D3_Positions/Walking.cdf": b""})
    for name, message in (("cut", "damaged or incomplete"), ("climbs", "leads out of the archive")):
        with pytest.raises(InputError, match=f"{name}.tgz: .*{message}"):
            mocap_files.find_recordings(tmp_path / f"{name}.tgz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["climbs.tgz", "cut.tgz"]


def test_an_archive_that_has_gone_is_named(made, tmp_path):
    inventory = mocap_files.find_recordings(tgz(tmp_path / "S1.tgz", made["S1"]))
    tgz(tmp_path / "S1.tgz", {path: made["S1"][path] for path in made["S1"] if path != WALKING})
    with pytest.raises(InputError, match=f"S1.tgz: {WALKING} no longer exists; restore it"):
        mocap_files.read_poses("S1", inventory.files["S1"])


def test_joints_that_are_not_used_may_be_nan(tmp_path):
    poses = np.array(motion("S1", "Walking"))
    poses[:, [joint for joint in range(32) if joint not in KEPT]] = np.nan
    tgz(tmp_path / "S1.tgz", {WALKING: cdf(tmp_path, poses.reshape(1, -1, 96))})
    assert np.isfinite(read(tmp_path / "S1.tgz")["S1", "Walking"]).all()
