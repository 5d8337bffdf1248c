"""The command that prepares MPI-INF-3DHP: tracks against float64, and files that are wrong."""

import re
import shutil

import h5py
import numpy as np
import pytest
import scipy.io
from helpers import oracles
from helpers.captures import CALIBRATION
from helpers.matlab_files import cells

from data_prep import mpi_inf_3dhp
from data_prep.formats import skeletool
from data_prep.mpi_inf_3dhp import _VIDEO_FRAMES
from jaxpose.data import store
from jaxpose.skeleton import H36M_17

# Two cameras as S1/Seq1/camera.calibration has them.
LENSES = ((1497.693, 1497.103, 1024.704, 1051.394), (1495.217, 1495.52, 1030.519, 1052.626))
TO_CAMERA = (
    ([[0.9650164, 0.00488022, 0.262144], [-0.004488356, -0.9993728, 0.0351275], [0.262151, -0.03507521, -0.9643893]],
     [-562.8666, 1398.138, 3852.623]),
    ([[0.6050639, -0.02184232, 0.7958773], [-0.22647, -0.9630526, 0.1457429], [0.7632883, -0.2684261, -0.587655]],
     [-1429.856, 738.1779, 4897.966]),
)  # fmt: skip

# Where the 17 joints of Human3.6M are, as the literature lists them.
OF_28 = [4, 23, 24, 25, 18, 19, 20, 3, 5, 6, 7, 9, 10, 11, 14, 15, 16]
OF_17 = [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]


def world(frames, joints, seed):
    """A person in the studio, (T, J, 3) millimetres, y up."""
    random = np.random.default_rng(seed)
    body = random.uniform([-400, 0, -400], [400, 1700, 400], (joints, 3))
    return body + random.normal(scale=30, size=(frames, joints, 3))


def seen(positions, number):
    turn, shift = TO_CAMERA[number]
    return positions @ np.transpose(turn) + shift


def projected(points, lens):
    fx, fy, cx, cy = lens
    return np.stack([fx * points[..., 0] / points[..., 2] + cx, fy * points[..., 1] / points[..., 2] + cy], axis=-1)


def rows(frames):
    return frames.reshape(len(frames), -1)


def annot(frames, seed):
    """The variables of an annot.mat of two cameras."""
    poses = [seen(world(frames, 28, seed), number) for number in (0, 1)]
    return {
        "annot2": cells(*(rows(projected(pose, lens)) for pose, lens in zip(poses, LENSES, strict=True))),
        "annot3": cells(*map(rows, poses)),
        "univ_annot3": cells(*(rows(0.9 * pose) for pose in poses)),
        "cameras": np.arange(2, dtype=np.uint8)[None],
        "frames": np.arange(frames, dtype=np.uint16)[:, None],
    }


def annot_data(frames, lens, seed):
    """The variables of an annot_data.mat, in the order of HDF5."""
    poses = seen(world(frames, 17, seed), 0)[:, None]
    return {
        "annot2": projected(poses, lens),
        "annot3": poses,
        "univ_annot3": 0.9 * poses,
        "valid_frame": np.ones((frames, 1)),
    }


FRAMES = {"S1/Seq1": 8, "S1/Seq2": 7, "S5/Seq1": 6}
STUDIO, OUTDOORS = (1500.1723, 1500.8324, 1017.3873, 1043.032), (1683.9835, 1672.5937, 939.8575, 560.1407)


def save(folder, **changed):
    """The folder of the data set; variables of S1/Seq1 may be changed, or removed with None."""
    for seed, (name, frames) in enumerate(FRAMES.items()):
        (folder / name).mkdir(parents=True)
        content = annot(frames, seed) | (changed if name == "S1/Seq1" else {})
        content = {key: value for key, value in content.items() if value is not None}
        scipy.io.savemat(folder / name / "annot.mat", content, do_compression=True)
        (folder / name / "camera.calibration").write_text(CALIBRATION)
    return folder


def save_test_set(folder):
    for subject, lens, seed in (("TS1", STUDIO, 7), ("TS6", OUTDOORS, 8)):
        (folder / subject).mkdir(parents=True)
        with h5py.File(folder / subject / "annot_data.mat", "w") as file:
            for name, value in annot_data(5, lens, seed).items():
                file[name] = value
    return folder


def run(folders, *options):
    out = folders[0].parent / "out"
    mpi_inf_3dhp.main([*map(str, folders), "--cameras", "0", "1", "--jobs", "1", "--out", str(out), *options])
    return out


def test_tracks_against_float64(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(_VIDEO_FRAMES, "S5", (4, 4))  # its video ends before its annotations
    out = run([save(tmp_path / "train"), save_test_set(tmp_path / "test")])
    shown = capsys.readouterr().out
    assert shown.startswith("25 frames per second are assumed of TS1 to TS6, whose frame rate is not published\n")
    assert shown.endswith(f"wrote {out}\n")
    description = store.read_description(out)
    assert (description.title, description.synthetic, description.channels) == ("MPI-INF-3DHP", False, 2)
    assert (description.skeleton, description.layout) == (H36M_17, H36M_17)
    assert description.splits == ("S1", "S5", "TS1", "TS6")
    expected = [
        (subject, sequence, str(number), fps, frames, seed)
        for subject, sequence, fps, frames, seed in (
            ("S1", "Seq1", 25, 8, 0),
            ("S1", "Seq2", 50, 7, 1),
            ("S5", "Seq1", 50, 4, 2),
        )
        for number in (0, 1)
    ]
    _, found = store.read_tracks(out, "S1+S5")
    for track, (subject, sequence, camera, fps, frames, seed) in zip(found, expected, strict=True):
        assert track[:4] == (subject, sequence, camera, fps)
        number = int(camera)
        positions = world(FRAMES[f"{subject}/{sequence}"], 28, seed)[:frames, OF_28]
        np.testing.assert_allclose(track.positions_3d, seen(positions, number) / 1000, rtol=1e-5)
        np.testing.assert_allclose(track.keypoints_2d, projected(seen(positions, number), LENSES[number]), rtol=1e-5)
        assert (track.width, track.height) == (2048, 2048)
        np.testing.assert_allclose(track.intrinsics, [*LENSES[number], 0, 0, 0, 0, 0], rtol=1e-6)
        # Back in the world: y up has become z up, the handedness is kept.
        turn = oracles.quaternion_matrix(track.orientation.astype(np.float64))
        x, y, z = np.moveaxis(positions / 1000, -1, 0)
        back = track.positions_3d @ turn.T + track.translation
        np.testing.assert_allclose(back, np.stack([x, -z, y], axis=-1), atol=1e-4)
    assert 1.3 < found[0].translation[2] < 1.6  # chest high
    _, found = store.read_tracks(out, "TS1+TS6")
    sizes = (("TS1", STUDIO, 7, 2048, 2048), ("TS6", OUTDOORS, 8, 1920, 1080))
    for track, (subject, lens, seed, width, height) in zip(found, sizes, strict=True):
        assert (*track[:4], track.width, track.height) == (subject, "Test", "0", 25.0, width, height)
        positions = seen(world(5, 17, seed)[:, OF_17], 0)
        np.testing.assert_allclose(track.positions_3d, positions / 1000, rtol=1e-5)
        np.testing.assert_allclose(track.keypoints_2d, projected(positions, lens), rtol=1e-5)
        np.testing.assert_allclose(track.intrinsics[:4], lens, rtol=1e-6)


def test_universal_poses(tmp_path):
    out = run([save(tmp_path / "train"), save_test_set(tmp_path / "test")], "--universal")
    assert store.read_description(out).title == "MPI-INF-3DHP, universal poses"
    (first, *_), (test, *_) = (store.read_tracks(out, split)[1] for split in ("S1", "TS1"))
    positions = seen(world(8, 28, 0)[:, OF_28], 0)
    np.testing.assert_allclose(first.positions_3d, 0.9 * positions / 1000, rtol=1e-5)
    np.testing.assert_allclose(first.keypoints_2d, projected(positions, LENSES[0]), rtol=1e-5)
    np.testing.assert_allclose(test.positions_3d, 0.9 * seen(world(5, 17, 7)[:, OF_17], 0) / 1000, rtol=1e-5)


def test_cameras_in_another_order_are_doubtful(tmp_path, capsys):
    """The keypoints of one camera with the poses of the other; where they are right, nothing is said of them."""
    for number, order in enumerate(([0, 1], [1, 0])):
        files = save(
            tmp_path / str(number) / "train", annot2=cells(*(annot(8, 0)["annot2"].flat[view] for view in order))
        )
        for path in (files / "S1/Seq2", files / "S5"):
            shutil.rmtree(path)
        run([files])
        found = re.findall(r"doubtful, S1: keypoints are (\d+) pixels from the projected", capsys.readouterr().out)
        assert [int(pixels) > 50 for pixels in found] == [True] * number


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"annot3": cells(*(rows(seen(world(8, 28, 0), number)) / 1000 for number in (0, 1)))},
            "S1/Seq1/0: the box around the person has a diagonal of 0.00",  # metres
        ),
        ({"annot3": None}, "S1/Seq1/annot.mat: has no variable 'annot3', only 'annot2', 'univ_annot3'"),
        ({"annot2": np.zeros((8, 56))}, "annot.mat: 'annot2' is not a cell array of numbers"),
        ({"annot3": annot(8, 0)["annot2"]}, "annot.mat: camera 0: annot3 has shape (8, 56), not (frames, 28 · 3)"),
        ({"annot2": cells(np.zeros((8, 56)))}, "annot.mat: camera 1 has no annotations or no calibration; remove it"),
        ({"annot2": annot(7, 0)["annot2"]}, "S1/Seq1/0: 8 frames of positions_3d and 7 of keypoints_2d"),
        ({"annot3": cells(np.full((8, 84), np.nan), np.ones((8, 84)))}, "S1/Seq1/0: positions_3d are not finite"),
        ({"annot3": cells(np.zeros((0, 84)), np.ones((8, 84)))}, "annot3 has shape (0, 84), not"),
    ],
)
def test_wrong_annotations(tmp_path, refusal, changed, message):
    save(tmp_path / "train", **changed)
    assert message in refusal(lambda options: run([tmp_path / "train"], *options), [])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("2048 2048", "2048", "camera.calibration: camera 0: 'size' must be 2 numbers; download it again"),
        ("intrinsic", "intrinsics", "camera 0: 'intrinsic' must be 16 numbers"),
        ("0.9650164", "O.965", "camera 0: 'extrinsic' must be 16 numbers"),
        ("0.9650164", "nan", "camera 0: 'extrinsic' must be 16 numbers"),
        ("0.9650164", "0.9", "camera 0: the name must be a number, extrinsic rigid, and radial 0"),
        ("radial      0", "radial      0.1", "camera 0: the name must be a number, extrinsic rigid, and radial 0"),
        ("name          0", "name          first", "camera first: the name must be a number, extrinsic rigid"),
        (CALIBRATION, "", "annot.mat: camera 0 has no annotations or no calibration; remove it from --cameras"),
    ],
)
def test_wrong_calibrations(tmp_path, refusal, before, after, message):
    path = save(tmp_path / "train") / "S1/Seq1/camera.calibration"
    path.write_text(CALIBRATION.replace(before, after, 1))
    assert message in refusal(lambda options: run([tmp_path / "train"], *options), [])


def test_missing_and_damaged_files(tmp_path, refusal):
    def refused(*folders):
        return refusal(lambda options: run([tmp_path / folder for folder in folders], *options), [])

    assert "no S1/Seq1/annot.mat, no TS1/annot_data.mat in it; name the folder" in refused("nothing")
    save(tmp_path / "train"), save(tmp_path / "copy"), save_test_set(tmp_path / "test")
    assert "are the same sequence; name one of the folders" in refused("train", "copy")
    (tmp_path / "copy/S1/Seq1/camera.calibration").unlink()
    assert "camera.calibration: No such file or directory; download it again" in refused("copy")
    for path in (tmp_path / "train/S1/Seq2/annot.mat", tmp_path / "test/TS1/annot_data.mat"):
        path.write_bytes(path.read_bytes()[:3000])
        assert f"{path}: cannot be read as a MAT-file" in refused(path.relative_to(tmp_path).parts[0])
    with h5py.File(tmp_path / "test/TS1/annot_data.mat", "w") as file:
        for name, value in annot_data(5, STUDIO, 7).items():
            file[name] = value[:, 0]
    assert "annot_data.mat: annot3 has shape (5, 17, 3), not (frames, 17 · 3)" in refused("test")


def test_the_studio_of_the_test_set_is_that_of_camera_8():
    """Whose calibration is published in another form: as matrices, not as place, axes and lengths on the sensor."""
    turn = np.array(
        [
            [0.000575281, 0.06160985, -0.9981001],
            [0.2082146, -0.9762325, -0.06013997],
            [-0.978083, -0.2077844, -0.01338968],
        ]
    )
    place = -turn.T @ [221.3543, 659.87, 3644.688]
    other = skeletool.camera((1500.172, 1500.837, 1017.38, 1043.06), turn, place, 2048, 2048)
    found = mpi_inf_3dhp.test_cameras()["TS1"]
    np.testing.assert_allclose(found.orientation, other.orientation, atol=1e-5)
    np.testing.assert_allclose(found.translation, other.translation, atol=1e-3)
    np.testing.assert_allclose(found.intrinsics, other.intrinsics, atol=0.05)
    for name, camera in mpi_inf_3dhp.test_cameras().items():
        upright = oracles.quaternion_matrix(camera.orientation)[:, 1]  # of the image's vertical axis, in the world
        assert upright[2] < -0.95, name
        assert 1 < camera.translation[2] < 1.5


def test_joints_that_are_mapped_are_called_alike():
    for joints, places in ((mpi_inf_3dhp._JOINTS_28, OF_28), (mpi_inf_3dhp._JOINTS_17, OF_17)):
        for joint, place in zip(H36M_17.joints, places, strict=True):
            assert joints[place] in (joint, {"thorax": "neck", "neck": "head", "head": "head_top"}.get(joint))
