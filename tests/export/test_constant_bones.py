"""Constant bones: lengths against medians of NumPy, directions kept; then all formats have the same positions."""

import csv
import io
import json
import zipfile

import numpy as np
import pytest
from helpers.bvh import evaluated

from jaxpose.export import writers
from jaxpose.export.constant_bones import constant_bones, constant_lengths, distances_from_constant_bones
from jaxpose.export.motion import Motion, upright, y_up
from jaxpose.skeleton import COCO_17, H36M_17

pytestmark = pytest.mark.usefixtures("compiled_soon")
FRAMES = 25


@pytest.fixture(scope="module")
def motion():
    """A body whose bones change from frame to frame."""
    random = np.random.default_rng(0)
    poses = random.normal(size=(1, 17, 3)) + 0.2 * random.normal(size=(FRAMES, 17, 3))
    return Motion("ann", np.float32(poses), H36M_17, 25.0, start=7)


def test_every_bone_has_its_median_length_and_its_direction(motion):
    found = constant_bones(motion).positions
    pairs = dict(zip(H36M_17.left + H36M_17.right, H36M_17.right + H36M_17.left, strict=True))
    before = {child: motion.positions[:, child] - motion.positions[:, parent] for parent, child in H36M_17.bones}
    medians = {child: np.median(np.linalg.norm(bones, axis=1)) for child, bones in before.items()}
    for (parent, child), length in zip(H36M_17.bones, constant_lengths(motion.positions, H36M_17), strict=True):
        wanted = (medians[child] + medians[pairs.get(child, child)]) / 2
        assert length == pytest.approx(wanted, rel=1e-5)
        direction = before[child] / np.linalg.norm(before[child], axis=1, keepdims=True)
        np.testing.assert_allclose(found[:, child] - found[:, parent], wanted * direction, atol=2e-6)
    np.testing.assert_array_equal(found[:, 0], motion.positions[:, 0])
    assert found.dtype == np.float32
    again = constant_bones(constant_bones(motion)).positions
    np.testing.assert_allclose(again, found, atol=2e-6)


def test_distances_are_those_of_the_joints(motion):
    wanted = np.linalg.norm(constant_bones(motion).positions - motion.positions, axis=-1)
    np.testing.assert_allclose(distances_from_constant_bones(motion), wanted, atol=1e-6)


def test_a_bone_without_length_points_where_it_did_before(motion):
    hand, elbow = H36M_17.index("left_wrist"), H36M_17.index("left_elbow")
    poses = motion.positions.copy()
    poses[[0, 5, 6], hand] = poses[[0, 5, 6], elbow]
    found = constant_bones(motion._replace(positions=poses)).positions
    bones = found[:, hand] - found[:, elbow]
    np.testing.assert_allclose(np.linalg.norm(bones, axis=1), np.linalg.norm(bones[1]), rtol=1e-5)
    np.testing.assert_allclose(bones[[0, 5, 6]], bones[[1, 4, 4]], atol=1e-6)


def test_several_trees_keep_their_roots():
    poses = np.random.default_rng(1).normal(size=(4, 17, 3)).astype(np.float32)
    found = constant_bones(Motion("1", poses, COCO_17, 50.0)).positions
    roots = [joint for joint, parent in enumerate(COCO_17.parents) if parent < 0]
    np.testing.assert_array_equal(found[:, roots], poses[:, roots])


def test_links_have_a_length_but_move_no_joint():
    """The widths of shoulders and hips are not bones of the tree: a shin keeps its direction and its length."""
    positions = np.random.default_rng(0).normal(size=(6, 17, 3)).astype(np.float32)
    changed = constant_bones(Motion("1", positions, COCO_17, 50.0)).positions
    for parent, child in COCO_17.tree_bones:
        before, after = positions[:, child] - positions[:, parent], changed[:, child] - changed[:, parent]
        lengths = np.linalg.norm(after, axis=-1)
        np.testing.assert_allclose(lengths, lengths[0], rtol=1e-4)
        directions = before / np.linalg.norm(before, axis=-1, keepdims=True)
        np.testing.assert_allclose(after, lengths[:, None] * directions, atol=1e-5)


def read(file):
    """Positions (T, 17, 3) of a file in the axes and the unit that it has."""
    content = file.read_bytes()
    if file.suffix == ".npz":
        with np.load(file) as archive:
            return archive["positions_0"]
    if file.suffix == ".json":
        return np.array(json.loads(content)["people"][0]["positions"])
    if file.suffix == ".csv":
        rows = list(csv.reader(io.StringIO(content.decode())))[1:]
        return np.array([row[4:7] for row in rows], float).reshape(-1, 17, 3)
    if file.suffix == ".trc":
        rows = content.decode().splitlines()[6:]
        return np.array([row.split("\t")[2:] for row in rows], float).reshape(-1, 17, 3)
    found = evaluated(content.decode())
    return np.stack([found[joint] for joint in H36M_17.joints], axis=1)


@pytest.mark.parametrize("unit", ["m", "cm"])
def test_all_formats_agree(motion, tmp_path, unit):
    """To the digits that they write: 0.1 mm in text for all people, hundredths of a millimetre in BVH."""
    motion = upright(constant_bones(motion))
    for suffix, tolerance in {".npz": 1e-6, ".json": 6e-5, ".csv": 6e-5, ".trc": 1e-6, ".bvh": 1e-5}.items():
        scale = {"m": 1, "cm": 100}[unit] if suffix != ".trc" else 1000
        (file,) = writers.write_motions(tmp_path / f"a{suffix}", [motion], None if suffix == ".trc" else unit)[:1]
        wanted = y_up(motion) if suffix in (".trc", ".bvh") else motion.positions
        np.testing.assert_allclose(read(file) / scale, wanted, atol=tolerance, err_msg=suffix)


@pytest.mark.filterwarnings("ignore:No analog data")
def test_openpose_and_c3d_agree_too(motion, tmp_path):
    motion = upright(constant_bones(motion))
    (file,) = writers.write_motions(tmp_path / "a.zip", [motion], "cm")
    with zipfile.ZipFile(file) as archive:
        frames = [json.loads(archive.read(name)) for name in sorted(archive.namelist())]
    assert frames[0]["units"] == "cm"
    hips = [frame["people"][0]["pose_keypoints_3d"][32:35] for frame in frames]  # the ninth keypoint
    np.testing.assert_allclose(np.array(hips) / 100, motion.positions[:, 0], atol=1e-6)
    c3d = pytest.importorskip("c3d")
    (file,) = writers.write_motions(tmp_path / "a.c3d", [motion])
    with file.open("rb") as handle:
        points = [points[:, :3] for _, points, _ in c3d.Reader(handle).read_frames()]
    np.testing.assert_allclose(np.array(points) / 1000, motion.positions, atol=1e-6)
