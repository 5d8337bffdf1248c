"""BVH files, read back by the project's own reader and by an evaluator that shares nothing with it."""

import jax
import numpy as np
import pytest
from helpers import oracles
from helpers.bvh import evaluated
from helpers.standing import standing
from scipy.spatial.transform import Rotation

from data_prep import bvh
from data_prep.formats import bvh as bvh_file
from jaxpose.data.faces import add_face
from jaxpose.export.bvh import continuous_euler_zxy, describe_differences, encode_bvh, mean_skeleton
from jaxpose.export.motion import Motion, y_up
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import BODY_22, COCO_17, H36M_17, Skeleton

pytestmark = pytest.mark.usefixtures("compiled_soon")
FRAMES = 30
BENT = Skeleton("bent", ("a b", "{", "é  d"), (-1, 0, 1))


@pytest.fixture(scope="module")
def motion():
    """A body with bones of constant length that turns and swings its limbs, in camera space."""
    random = np.random.default_rng(0)
    offsets = random.normal(size=(17, 3)) * 0.3
    for left, right in zip(H36M_17.left, H36M_17.right, strict=True):
        offsets[right] = offsets[left] * [-1, 1, 1]
    time = np.linspace(0, 1, FRAMES)[:, None, None]
    vectors = np.sin(2 * np.pi * (time + random.uniform(size=(1, 17, 3))))
    vectors[:, 0] = time[:, 0] * [0, 9, 0]  # a turn and a half
    turns = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_quat()[:, [3, 0, 1, 2]].reshape(FRAMES, 17, 4)
    frames = zip(turns, np.linspace([0, 0, 4], [2, 1, 5], FRAMES), strict=True)
    poses = [oracles.forward_kinematics(turn, offsets, root, H36M_17.parents) for turn, root in frames]
    return Motion("1", np.array(poses, np.float32), H36M_17, 29.97)


def test_positions_come_back(motion):
    text = encode_bvh(motion).decode()
    capture = bvh_file.read(text.encode(), "walk.bvh")
    assert capture.fps == 29.97
    names = [joint.name for joint in capture.joints]
    own = bvh_file.forward_kinematics(capture)[:, [names.index(joint) for joint in H36M_17.joints]]
    np.testing.assert_allclose(own, y_up(motion), atol=1e-4)
    independent = evaluated(text)
    np.testing.assert_allclose(np.stack([independent[j] for j in H36M_17.joints], axis=1), own, atol=1e-5)
    prepared = bvh.world_17(capture, {joint: [joint] for joint in H36M_17.joints}, 1.0, "y", "walk.bvh")
    np.testing.assert_allclose(prepared[..., 2], -motion.positions[..., 1], atol=1e-4)  # what is up stays up
    assert np.abs(np.diff(capture.motion, axis=0)).max() <= 180


def test_the_rest_pose_is_a_t_pose_of_median_bones(motion):
    joints = {joint.name: joint for joint in bvh_file.read(encode_bvh(motion), "walk.bvh").joints}
    length = {
        H36M_17.joints[child]: np.linalg.norm(motion.positions[0, child] - motion.positions[0, parent])
        for parent, child in H36M_17.bones
    }
    for name, direction in (
        ("left_elbow", [1, 0, 0]), ("right_wrist", [-1, 0, 0]), ("left_hip", [1, 0, 0]), ("right_hip", [-1, 0, 0]),
        ("left_ankle", [0, -1, 0]), ("right_knee", [0, -1, 0]), ("thorax", [0, 1, 0]), ("head", [0, 1, 0]),
    ):  # fmt: skip
        np.testing.assert_allclose(joints[name].offset, length[name] * np.array(direction), atol=2e-6)
        assert len(joints[name].channels) == 3
    assert joints["pelvis"].channels == (0, 1, 2, 5, 3, 4)  # x, y, z, then about z, x, y
    np.testing.assert_array_equal(joints["thorax_to_left_shoulder"].offset, 0)
    np.testing.assert_allclose(joints["left_wrist_end"].offset, joints["left_wrist"].offset / 10, atol=1e-6)


def test_no_joint_is_drawn_without_length(motion):
    """Blender draws a bone from a joint to its child, or to the mean of its children, and warns if it has no length."""
    joints = bvh_file.read(encode_bvh(motion), "walk.bvh").joints
    names = [joint.name for joint in joints]
    assert "pelvis_to_spine" not in names
    assert "thorax_to_neck" not in names
    assert names.count("pelvis_to_left_hip") == names.count("thorax_to_right_shoulder") == 1
    for index, joint in enumerate(joints):
        if children := [np.array(child.offset) for child in joints if child.parent == index]:
            assert np.linalg.norm(np.mean(children, axis=0)) > 0.01, joint.name


@pytest.mark.parametrize(("unit", "scale"), [("cm", 100), ("mm", 1000)])
def test_units_are_those_of_offsets_and_of_the_root(motion, unit, scale):
    found, metres = (evaluated(encode_bvh(motion, each).decode()) for each in (unit, "m"))
    for joint, positions in metres.items():
        np.testing.assert_allclose(found[joint] / scale, positions, atol=3e-5)


def test_how_far_the_joints_are_from_the_motion_is_told(motion):
    """As measured in the file."""
    random = np.random.default_rng(1)
    moved = motion._replace(positions=motion.positions + random.normal(0, 0.05, (FRAMES, 17, 3)).astype(np.float32))
    moved = moved._replace(start=3)
    found = evaluated(encode_bvh(moved).decode())
    distances = 1000 * np.linalg.norm(np.stack([found[j] for j in H36M_17.joints], axis=1) - y_up(moved), axis=-1)
    frame, joint = np.unravel_index(distances.argmax(), distances.shape)
    assert describe_differences([motion, moved]) == (
        f"BVH has constant bone lengths: joints are {distances.mean() / 2:.1f} mm from the lifted poses on average, "
        f"{distances.max():.1f} mm at most ({H36M_17.joints[joint]} in frame {frame + 3} of track 1); "
        "lift with --constant-bones (constant_bones=True) to have the same bones in every format"
    )
    assert describe_differences([motion]).endswith("and so have the lifted poses: joints are where they are")


def test_bones_that_change_are_of_median_length_and_point_where_they_did(motion):
    random = np.random.default_rng(1)
    swollen = motion.positions * random.uniform(0.8, 1.2, (FRAMES, 1, 1)).astype(np.float32)
    found = evaluated(encode_bvh(motion._replace(positions=swollen, space="world")).decode())
    wanted = y_up(motion._replace(positions=swollen, space="world"))
    lengths = np.linalg.norm(mean_skeleton(wanted, H36M_17), axis=-1)
    for parent, child in H36M_17.bones:
        bones = wanted[:, child] - wanted[:, parent]
        size = np.linalg.norm(bones, axis=-1, keepdims=True)
        assert lengths[child] == pytest.approx(np.median(size), rel=1e-5)
        have = found[H36M_17.joints[child]] - found[H36M_17.joints[parent]]
        np.testing.assert_allclose(have, bones / size * lengths[child], atol=1e-4)


def test_other_skeletons_rest_as_in_their_first_frame_and_names_are_made_plain():
    positions = np.random.default_rng(2).normal(size=(3, 3, 3)).astype(np.float32)
    text = encode_bvh(Motion("1", positions, BENT, 50.0)).decode()
    capture = bvh_file.read(text.encode(), "bent.bvh")
    assert [joint.name for joint in capture.joints] == ["a_b", "_", "é_d", "é_d_end"]
    np.testing.assert_allclose(capture.motion[0, 3:], 0, atol=1e-3)
    first = bvh_file.forward_kinematics(capture)[0, :3]
    bones, wanted = np.diff(first, axis=0), np.diff(y_up(Motion("1", positions, BENT, 50.0))[0], axis=0)
    np.testing.assert_allclose(np.cross(bones, wanted), 0, atol=1e-4)


def test_one_joint_in_one_frame():
    motion = Motion("1", np.float32([[[1, 2, 3]]]), Skeleton("point", ("a",), (-1,)), 50.0)
    capture = bvh_file.read(encode_bvh(motion), "point.bvh")
    np.testing.assert_allclose(capture.motion, [[1, -2, -3, 0, 0, 0]], atol=1e-6)


def test_several_trees_are_refused():
    motion = Motion("1", np.zeros((1, 17, 3), np.float32), COCO_17, 50.0)
    with pytest.raises(InputError, match="coco_17 is several trees, a BVH file holds one; choose another format"):
        encode_bvh(motion)


def quaternions(rotations):
    """(w, x, y, z)."""
    return np.roll(rotations.as_quat(), 1, axis=-1)


@pytest.mark.parametrize("tilt", [0.0, 80.0, 90.0, 100.0, -90.0])
def test_euler_angles_are_those_of_the_matrices_and_continuous(tilt):
    time = np.linspace(0, 1, 60)
    smooth = np.stack([30 * np.sin(9 * time), tilt * np.sin(7 * time), 900 * time], axis=-1)
    rotations = Rotation.from_euler("ZXY", smooth, degrees=True)
    found = np.rad2deg(continuous_euler_zxy(quaternions(rotations)[:, None])[:, 0])
    again = Rotation.from_euler("ZXY", found, degrees=True)
    np.testing.assert_allclose(again.as_matrix(), rotations.as_matrix(), atol=1e-12)
    if abs(tilt) < 90:
        np.testing.assert_allclose(found, smooth, atol=1e-9)
    assert np.abs(np.diff(found, axis=0)).max() < 1.01 * np.abs(np.diff(smooth, axis=0)).max()


def test_euler_angles_where_two_axes_are_one():
    for angles in ([20, 90, 30], [-150, -90, 70], [0, 90, 0], [180, 0, 180]):
        rotation = Rotation.from_euler("ZXY", angles, degrees=True)
        again = Rotation.from_euler("ZXY", continuous_euler_zxy(quaternions(rotation)[None])[0])
        np.testing.assert_allclose(again.as_matrix(), rotation.as_matrix(), atol=1e-9)


def test_the_head_turns_as_one_with_the_face():
    """A head that is turned by 40 degrees on still shoulders turns the neck; the joints of the face hardly move."""
    frames = 25
    body = standing()
    names = [{"neck": "upper_neck"}.get(joint, joint) for joint in H36M_17.joints]
    pose = np.array(jax.jit(add_face)(np.float32([body[name] for name in names])))
    poses = np.repeat(pose[None], frames, axis=0)
    neck, face = BODY_22.index("neck"), slice(H36M_17.num_joints, None)
    angles = np.radians(np.linspace(-40, 40, frames))
    for frame, angle in enumerate(angles):  # about the vertical, on which the head is above the neck
        turn = Rotation.from_rotvec([0, angle, 0]).as_matrix()
        poses[frame, face] = (pose[face] - pose[neck]) @ turn.T + pose[neck]
    motion = Motion("1", poses, BODY_22, 30.0)
    text = encode_bvh(motion).decode()
    own = evaluated(text)
    np.testing.assert_allclose(np.stack([own[joint] for joint in BODY_22.joints], axis=1), y_up(motion), atol=1e-4)
    capture = bvh_file.read(text.encode(), "head.bvh")
    assert "neck_to_nose" in {joint.name for joint in capture.joints}
    heading, *_ = text.split("MOTION\n")
    order = [line.split()[1] for line in heading.splitlines() if line.split()[0] in ("ROOT", "JOINT")]
    rows = np.array([line.split() for line in text.splitlines()[-frames:]], float)[:, 3:].reshape(frames, -1, 3)
    local = dict(zip(order, rows.transpose(1, 0, 2), strict=True))
    turned = np.ptp(Rotation.from_euler("ZXY", local["neck"], degrees=True).as_rotvec(degrees=True)[:, 1])
    assert 70 < turned < 90
    for joint in ("nose", "left_eye", "right_ear"):
        small = Rotation.from_euler("ZXY", local[f"neck_to_{joint}"], degrees=True).magnitude()
        assert np.degrees(small).max() < 15
        assert np.degrees(np.ptp(small)) < 8
