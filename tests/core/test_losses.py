"""The constraint losses against loops over named joints in float64, with masks, and at their singular points."""

import itertools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.samples import make_track
from hypothesis import given
from hypothesis import strategies as st

from jaxpose import losses
from jaxpose.cameras import Camera
from jaxpose.kinematics import range_of_motion_violation
from jaxpose.rotations import quaternion_from_axis_angle, rotate
from jaxpose.skeleton import COCO_17, H36M_17, HUMANEVA_15, Skeleton

PAPER = ("angle", "distance", "symmetry", "range_of_motion", "velocity", "acceleration", "angular_acceleration")
seeds = st.integers(0, 2**31 - 1)
each_term = pytest.mark.parametrize("name", losses.QUANTITIES)
skeletons = pytest.mark.parametrize("skeleton", [H36M_17, COCO_17, HUMANEVA_15], ids=lambda s: s.name)


def tracks(seed, skeleton=H36M_17, frames=6, scale=0.3):
    random = np.random.default_rng(seed)
    targets = random.normal(size=(frames, skeleton.num_joints, 3)) * scale
    return targets + 0.05 * random.normal(size=targets.shape), targets


def interior_angle(pose, triple):
    a, b = pose[triple[0]] - pose[triple[1]], pose[triple[2]] - pose[triple[1]]
    return np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def length(pose, child, skeleton):
    return np.linalg.norm(pose[child] - pose[skeleton.parents[child]])


def quantity(name, track, skeleton):
    """n of equation (1) for a track, in SI units, written out."""
    children = [joint for joint, parent in enumerate(skeleton.parents) if parent >= 0]
    angles = np.array([[interior_angle(pose, angle.joints) for angle in skeleton.angles] for pose in track])
    lengths = np.array([[length(pose, child, skeleton) for child in children] for pose in track])
    if name == "angle":
        return angles
    if name == "distance":
        return lengths
    if name == "symmetry":
        pairs = [(a, b) for a, b in zip(skeleton.left, skeleton.right, strict=True) if a in children and b in children]
        return np.array([[length(pose, a, skeleton) - length(pose, b, skeleton) for a, b in pairs] for pose in track])
    if name == "range_of_motion":
        low, high = np.deg2rad([angle.range_deg for angle in skeleton.angles]).T
        return np.where(angles < low, angles - low, np.where(angles > high, angles - high, 0))
    if name == "velocity":
        return np.array([after - before for before, after in itertools.pairwise(track)])
    if name == "acceleration":
        return np.array([a - 2 * b + c for a, b, c in zip(track, track[1:], track[2:], strict=False)])
    if name == "angular_acceleration":
        return np.array([a - 2 * b + c for a, b, c in zip(angles, angles[1:], angles[2:], strict=False)])
    if name == "consistency":
        return np.array([after - before for before, after in itertools.pairwise(lengths)])
    if name == "ratio":
        return np.array([frame / frame.mean() for frame in lengths])
    raise NotImplementedError(name)


@skeletons
@each_term
@given(seed=seeds)
def test_agrees_with_a_float64_loop(name, skeleton, seed):
    predictions, targets = tracks(seed, skeleton)
    difference = quantity(name, predictions, skeleton) - quantity(name, targets, skeleton)
    expected = (difference / losses.QUANTITIES[name].unit) ** 2
    expected = expected.sum(-1) if expected.ndim == 3 else expected
    ours = losses.term(name, jnp.asarray(predictions, jnp.float32), jnp.asarray(targets, jnp.float32), skeleton)
    np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-3)


def test_the_seven_terms_of_the_paper_are_there():
    assert set(PAPER) <= set(losses.QUANTITIES)
    orders = {name: losses.QUANTITIES[name].order for name in PAPER}
    assert orders == dict.fromkeys(PAPER, 0) | {"velocity": 1, "acceleration": 2, "angular_acceleration": 2}


@each_term
def test_one_pose_is_a_track_of_one_frame(name):
    pose = jnp.asarray(tracks(0)[0][:1], jnp.float32)
    assert losses.term(name, pose, pose + 0.1, H36M_17).shape[0] == (losses.QUANTITIES[name].order == 0)


@each_term
def test_zero_for_a_perfect_prediction_only(name):
    predictions, targets = (jnp.asarray(x, jnp.float32) for x in tracks(1))
    assert (losses.term(name, targets, targets, H36M_17) < 1e-9).all()
    assert losses.term(name, predictions, targets, H36M_17).mean() > 1e-2


@pytest.mark.parametrize("name", sorted(set(losses.QUANTITIES) - {"velocity", "acceleration"}))
@given(seed=seeds, angle=st.floats(-3, 3))
def test_a_body_may_turn_and_move(name, seed, angle):
    """Constraints of the skeleton do not see where the person stands or faces."""
    targets = jnp.asarray(tracks(seed)[1], jnp.float32)
    turn = quaternion_from_axis_angle(jnp.asarray([0.3, -0.5, 0.8]) * angle)
    moved = rotate(turn, targets) + jnp.asarray([0.3, 1.0, -2.0])
    np.testing.assert_allclose(losses.term(name, moved, targets, H36M_17), 0, atol=1e-2)


@pytest.mark.parametrize("name", ["velocity", "acceleration"])
def test_a_constant_error_has_no_motion(name):
    targets = jnp.asarray(tracks(2)[1], jnp.float32)
    np.testing.assert_allclose(losses.term(name, targets + 0.5, targets, H36M_17), 0, atol=1e-6)


def singular_tracks():
    targets = tracks(0, frames=4)[1]
    straight = targets.copy()
    straight[:, 1:4] = [[0.1, 0, 0], [0.1, -0.4, 0], [0.1, -0.8, 0]]
    return {
        "perfect": (targets, targets),
        "collapsed": (np.zeros_like(targets), targets),
        "both collapsed": (np.zeros_like(targets), np.zeros_like(targets)),
        "coincident joints": (targets * (np.arange(17) != 3)[:, None], targets),
        "straight limb": (straight, targets),
        "straight limbs": (straight, straight),
        "still": (targets[:1].repeat(4, 0), targets[:1].repeat(4, 0)),
        "tiny": (targets * 1e-15, targets),
        "huge": (targets * 1e4, targets),
    }


@pytest.mark.parametrize("case", singular_tracks())
@each_term
def test_gradients_are_finite_at_singular_points(name, case):
    predictions, targets = (jnp.asarray(x, jnp.float32) for x in singular_tracks()[case])
    value, gradients = jax.value_and_grad(lambda p, t: losses.term(name, p, t, H36M_17).sum(), argnums=(0, 1))(
        predictions, targets
    )
    chex.assert_tree_all_finite((value, gradients))


@each_term
def test_gradients_agree_with_finite_differences(name, x64):
    predictions, targets = (jnp.asarray(x) for x in tracks(5, frames=4))
    scale = losses.QUANTITIES[name].unit ** 2
    mean = jax.jit(lambda p: scale * losses.term(name, p, targets, H36M_17).mean())
    chex.assert_numerical_grads(mean, (predictions,), order=1, rtol=1e-3, atol=1e-6)


def batch(seed=0, size=3):
    pairs = [tracks(seed + index) for index in range(size)]
    return tuple(jnp.asarray(np.stack(side), jnp.float32) for side in zip(*pairs, strict=True))


def test_the_total_is_the_weighted_sum_of_its_parts():
    predictions, targets = batch()
    weights = {name: 0.5 + index for index, name in enumerate(losses.QUANTITIES)}
    total, parts = losses.joint_aware(predictions, targets, weights, H36M_17)
    assert set(parts) == {"position", *weights}
    np.testing.assert_allclose(parts["position"], np.linalg.norm(predictions - targets, axis=-1).mean(), rtol=1e-6)
    for name in weights:
        squares = np.stack([losses.term(name, p, t, H36M_17) for p, t in zip(predictions, targets, strict=True)])
        np.testing.assert_allclose(parts[name], (2 * (np.sqrt(1 + squares) - 1)).mean(), rtol=1e-4)
    summed = parts["position"] + 1e-3 * sum(weight * parts[name] for name, weight in weights.items())
    np.testing.assert_allclose(total, summed, rtol=1e-6)


def test_no_weights_leave_the_position_loss():
    total, parts = losses.joint_aware(*batch(), {}, H36M_17)
    assert total == parts["position"]


@pytest.mark.parametrize("name", ["distance", "symmetry", "velocity", "acceleration", "consistency"])
def test_far_beyond_its_unit_an_error_costs_in_proportion(name):
    """Twice as large an error costs twice as much, not four times."""
    predictions, targets = batch()
    far, farther = (
        losses.joint_aware(targets + 1e3 * share * (predictions - targets), targets, {name: 1.0}, H36M_17)[1][name]
        for share in (1, 2)
    )
    np.testing.assert_allclose(farther / far, 2, rtol=0.05)


@each_term
def test_what_is_not_visible_does_not_count(name):
    """Neither its value, were it NaN, nor its gradient; what is left is the mean over the rest."""
    predictions, targets = batch()
    hidden = np.zeros(targets.shape[:3], bool)
    hidden[0, 2, 5] = hidden[1, :, 13] = hidden[2, 4:] = True
    broken = jnp.where(hidden[..., None], jnp.nan, targets)

    def total(predictions, targets):
        return losses.joint_aware(predictions, targets, {name: 1.0}, H36M_17, ~hidden)

    (value, parts), gradient = jax.value_and_grad(total, has_aux=True)(predictions, broken)
    assert jnp.isfinite(value)
    chex.assert_tree_all_finite((parts, gradient))
    assert (gradient[hidden] == 0).all()
    moved = jnp.where(hidden[..., None], predictions + 7, predictions)
    np.testing.assert_allclose(total(moved, targets)[0], value, rtol=1e-6)  # of two programs

    kept = []
    for p, t, h in zip(predictions, targets, hidden, strict=True):
        squares = np.asarray(losses.term(name, p, t, H36M_17))
        order, joints = losses.QUANTITIES[name].order, losses.QUANTITIES[name].joints(H36M_17)
        for (frame, element), square in np.ndenumerate(squares):
            if not h[frame : frame + order + 1][:, joints[element]].any():
                kept.append(2 * (np.sqrt(1 + square) - 1))
    assert 0 < len(kept) < sum(losses.term(name, p, t, H36M_17).size for p, t in zip(predictions, targets, strict=True))
    np.testing.assert_allclose(parts[name], np.mean(kept), rtol=1e-4)


def test_nothing_visible_costs_nothing():
    predictions, targets = batch()
    weights = dict.fromkeys(losses.QUANTITIES, 1.0)
    total, gradient = jax.value_and_grad(
        lambda p: losses.joint_aware(p, targets, weights, H36M_17, jnp.zeros(p.shape[:3], bool))[0]
    )(predictions)
    assert total == 0
    assert (gradient == 0).all()


@each_term
def test_the_joints_of_an_element_are_those_it_depends_on(name):
    predictions, targets = (jnp.asarray(x, jnp.float32) for x in tracks(3, frames=3))
    jacobian = jax.jacobian(lambda p: losses.term(name, p, targets, H36M_17))(predictions)
    depends = np.abs(np.asarray(jacobian)).sum((0, 2, 4)) > 0
    for element, joints in enumerate(losses.QUANTITIES[name].joints(H36M_17)):
        assert set(np.flatnonzero(depends[element])) <= set(joints)


def test_a_skeleton_without_pairs_or_angles_has_empty_terms():
    points = Skeleton("points", ("a", "b", "c"), (-1, 0, 1))
    track = jnp.asarray(np.random.default_rng(0).normal(size=(2, 4, 3, 3)), jnp.float32)
    total, parts = losses.joint_aware(track, track + 0.1, dict.fromkeys(losses.QUANTITIES, 1.0), points)
    assert parts["symmetry"] == parts["angle"] == parts["range_of_motion"] == 0
    assert jnp.isfinite(total)


def test_shapes_must_agree():
    with pytest.raises(AssertionError):
        losses.term("angle", jnp.zeros((2, 17, 3)), jnp.zeros((3, 17, 3)), H36M_17)
    with pytest.raises(AssertionError):
        losses.joint_aware(jnp.zeros((2, 16, 3)), jnp.zeros((2, 16, 3)), {}, H36M_17)


def test_the_true_pose_reprojects_onto_its_keypoints():
    track = make_track(frames=5)
    camera = Camera(track.orientation, track.translation, track.intrinsics, track.width, track.height)
    np.testing.assert_allclose(losses.reprojection(track.positions_3d, track.keypoints_2d, camera), 0, atol=1e-3)
    shifted = losses.reprojection(track.positions_3d, track.keypoints_2d + np.float32([3, 4]), camera)
    np.testing.assert_allclose(shifted, 25, rtol=1e-3)
    behind = jnp.asarray(track.positions_3d) * jnp.asarray([1, 1, 0])
    gradient = jax.grad(lambda p: losses.reprojection(p, track.keypoints_2d, camera).sum())(behind)
    chex.assert_tree_all_finite(gradient)


def test_only_joints_faster_than_people_are_penalised():
    """An elbow that bends by 60 degrees in a frame does 3000 degrees a second, 600 more than ever measured."""
    pose = np.random.default_rng(0).normal(size=(17, 3)) * 0.3
    elbow = H36M_17.index("left_elbow")
    pose[elbow - 1], pose[elbow], pose[elbow + 1] = (0, 0, 0), (0.3, 0, 0), (0.6, 0, 0)
    bent = pose.copy()
    bent[elbow + 1] = [0.3 + 0.3 * np.cos(np.pi / 3), 0.3 * np.sin(np.pi / 3), 0]
    excess = losses.speed_limit(jnp.asarray([pose, bent], jnp.float32), H36M_17, fps=50)
    names = [angle.name for angle in H36M_17.angles]
    expected = np.zeros((1, len(names)))
    expected[0, names.index("left_elbow")] = np.deg2rad(600) ** 2
    np.testing.assert_allclose(excess, expected, rtol=1e-3)
    assert (losses.speed_limit(jnp.asarray([pose, bent], jnp.float32), H36M_17, fps=25) == 0).all()


def test_fitted_limits_admit_their_share():
    poses = jnp.asarray(np.random.default_rng(0).normal(size=(4000, 17, 3)), jnp.float32)
    fitted = losses.fit_limits(poses, H36M_17, share=0.9)
    assert [angle.joints for angle in fitted.angles] == [angle.joints for angle in H36M_17.angles]
    low, high = np.deg2rad([angle.range_deg for angle in fitted.angles]).T
    angles = np.stack([[interior_angle(pose, angle.joints) for angle in H36M_17.angles] for pose in np.asarray(poses)])
    np.testing.assert_allclose(((low <= angles) & (angles <= high)).mean(0), 0.9, atol=0.002)
    np.testing.assert_allclose((angles < low).mean(0), 0.05, atol=0.002)
    everything = losses.fit_limits(poses, H36M_17, share=1.0)
    assert losses.term("range_of_motion", poses[:50], poses[:50] * 0, everything).shape == (50, 10)
    np.testing.assert_allclose(range_of_motion_violation(poses, everything), 0, atol=1e-4)
