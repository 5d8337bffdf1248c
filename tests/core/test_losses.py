"""Constraint losses against loops over joints in float64, with masks, and at their singular points."""

import functools
import itertools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import oracles
from helpers.derivatives import assert_derivatives_agree
from helpers.samples import make_track
from hypothesis import given
from hypothesis import strategies as st

from jaxpose import losses
from jaxpose.cameras import Camera
from jaxpose.kinematics import range_of_motion_violation
from jaxpose.skeleton import COCO_17, H36M_17, HUMANEVA_15, Angle, Skeleton

pytestmark = pytest.mark.usefixtures("compiled_soon")

PAPER = ("angle", "distance", "symmetry", "range_of_motion", "velocity", "acceleration", "angular_acceleration")
seeds = st.integers(0, 2**31 - 1)
each_term = pytest.mark.parametrize("name", losses.QUANTITIES)
EQUAL_WEIGHTS = dict.fromkeys(losses.QUANTITIES, 1.0)
skeletons = pytest.mark.parametrize("skeleton", [H36M_17, COCO_17, HUMANEVA_15], ids=lambda s: s.name)


@functools.partial(jax.jit, static_argnames="skeleton")
def terms(predictions, targets, skeleton=H36M_17):
    """All terms by name, in one program."""
    return {name: losses.term(name, predictions, targets, skeleton) for name in losses.QUANTITIES}


joint_aware = jax.jit(losses.joint_aware, static_argnames="skeleton")
speed_limit = jax.jit(losses.speed_limit, static_argnames=("skeleton", "fps"))


def tracks(seed, skeleton=H36M_17, frames=6, scale=0.3):
    """Predictions and targets in float64."""
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
    widths = {"coco_17": [(5, 6), (11, 12)]}.get(skeleton.name, [])
    angles = np.array([[interior_angle(pose, angle.joints) for angle in skeleton.angles] for pose in track])
    lengths = np.array([
        [length(pose, child, skeleton) for child in children] + [np.linalg.norm(pose[a] - pose[b]) for a, b in widths]
        for pose in track
    ])  # fmt: skip
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
    if name == "pose":
        return track
    raise NotImplementedError(name)


@skeletons
@given(seed=seeds)
def test_terms_agree_with_a_float64_loop(skeleton, seed):
    predictions, targets = tracks(seed, skeleton)
    values = terms(np.float32(predictions), np.float32(targets), skeleton)
    for name in losses.QUANTITIES:
        difference = quantity(name, predictions, skeleton) - quantity(name, targets, skeleton)
        expected = (difference / losses.QUANTITIES[name].unit) ** 2
        expected = expected.sum(-1) if expected.ndim == 3 else expected
        np.testing.assert_allclose(values[name], expected, rtol=1e-3, atol=1e-3, err_msg=name)


def test_the_seven_terms_of_the_paper_are_there():
    assert set(PAPER) <= set(losses.QUANTITIES)
    orders = {name: losses.QUANTITIES[name].order for name in PAPER}
    assert orders == dict.fromkeys(PAPER, 0) | {"velocity": 1, "acceleration": 2, "angular_acceleration": 2}


@each_term
def test_one_pose_is_a_track_of_one_frame(name):
    pose = jax.ShapeDtypeStruct((1, 17, 3), np.float32)
    rows = jax.eval_shape(functools.partial(losses.term, name, skeleton=H36M_17), pose, pose).shape[0]
    assert rows == (losses.QUANTITIES[name].order == 0)


def test_zero_for_a_perfect_prediction_only():
    predictions, targets = map(np.float32, tracks(1))
    perfect, other = terms(targets, targets), terms(predictions, targets)
    for name in losses.QUANTITIES:
        assert np.max(perfect[name]) < 1e-9, name
        assert np.mean(other[name]) > 1e-2, name


@given(seed=seeds, angle=st.floats(-3, 3))
def test_terms_of_the_skeleton_ignore_rigid_motion(seed, angle):
    targets = tracks(seed)[1]
    axis = np.array([0.3, -0.5, 0.8]) / np.linalg.norm([0.3, -0.5, 0.8])
    rotation = oracles.quaternion_matrix([np.cos(angle / 2), *(np.sin(angle / 2) * axis)])
    values = terms(np.float32(targets @ rotation.T + [0.3, 1.0, -2.0]), np.float32(targets))
    for name in set(losses.QUANTITIES) - {"pose", "velocity", "acceleration"}:
        np.testing.assert_allclose(values[name], 0, atol=1e-2, err_msg=name)


def test_a_constant_error_has_no_velocity_and_no_acceleration():
    targets = np.float32(tracks(2)[1])
    values = terms(targets + np.float32(0.5), targets)
    for name in ("velocity", "acceleration"):
        np.testing.assert_allclose(values[name], 0, atol=1e-6)


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


@jax.jit
def values_and_gradients(predictions, targets):
    """Of the sum of every term, with respect to predictions and targets."""

    def total(predictions, targets, name):
        return losses.term(name, predictions, targets, H36M_17).sum()

    derivatives = jax.value_and_grad(total, argnums=(0, 1))
    return {name: derivatives(predictions, targets, name) for name in losses.QUANTITIES}


@pytest.mark.parametrize("case", singular_tracks())
def test_gradients_are_finite_at_singular_points(case):
    for name, derivatives in values_and_gradients(*map(np.float32, singular_tracks()[case])).items():
        assert all(np.isfinite(values).all() for values in jax.tree.leaves(derivatives)), name


def test_gradients_agree_with_finite_differences(x64):
    predictions, targets = tracks(5, frames=4)

    def means(predictions):
        """Of every term, in its quantity's own squared units."""
        values = [
            quantity.unit**2 * losses.term(name, predictions, targets, H36M_17).mean()
            for name, quantity in losses.QUANTITIES.items()
        ]
        return jnp.stack(values)

    assert_derivatives_agree(means, predictions, rtol=1e-4)


def batch(seed=0, size=3):
    pairs = [tracks(seed + index) for index in range(size)]
    return tuple(np.float32(np.stack(side)) for side in zip(*pairs, strict=True))


def terms_of_batch(predictions, targets):
    """All terms by name, (B, T - order, E)."""
    rows = [terms(p, t) for p, t in zip(predictions, targets, strict=True)]
    return {name: np.stack([row[name] for row in rows]) for name in losses.QUANTITIES}


def pseudo_huber(squares):
    return 2 * (np.sqrt(1 + squares) - 1)


def test_the_total_is_the_weighted_sum_of_its_parts():
    predictions, targets = batch()
    weights = {name: 0.5 + index for index, name in enumerate(losses.QUANTITIES)}
    total, parts = joint_aware(predictions, targets, weights, H36M_17)
    assert set(parts) == {"position", *weights}
    np.testing.assert_allclose(parts["position"], np.linalg.norm(predictions - targets, axis=-1).mean(), rtol=1e-6)
    squares = terms_of_batch(predictions, targets)
    for name in weights:
        np.testing.assert_allclose(parts[name], pseudo_huber(squares[name]).mean(), rtol=1e-4)
    weighted = parts["position"] + 1e-3 * sum(weight * parts[name] for name, weight in weights.items())
    np.testing.assert_allclose(total, weighted, rtol=1e-6)


def test_without_weights_the_loss_is_the_position_loss():
    total, parts = joint_aware(*batch(), {}, H36M_17)
    assert total == parts["position"]


def test_an_error_far_above_its_unit_costs_in_proportion():
    """An error twice as large costs twice as much, not four times."""
    predictions, targets = batch()
    far, farther = (
        joint_aware(targets + np.float32(1e3 * factor) * (predictions - targets), targets, EQUAL_WEIGHTS, H36M_17)[1]
        for factor in (1, 2)
    )
    for name in ("distance", "symmetry", "velocity", "acceleration", "consistency"):
        np.testing.assert_allclose(farther[name] / far[name], 2, rtol=0.05, err_msg=name)


@jax.jit
def masked_losses(predictions, targets, visible):
    """The joint-aware loss with one term at a time, by its name: ((loss, parts), gradient)."""

    def total(predictions, name):
        return losses.joint_aware(predictions, targets, {name: 1.0}, H36M_17, visible)

    return {name: jax.value_and_grad(total, has_aux=True)(predictions, name) for name in losses.QUANTITIES}


def test_invisible_joints_do_not_count():
    """Neither the value, even of a NaN, nor its gradient; the rest gives the mean."""
    predictions, targets = batch()
    hidden = np.zeros(targets.shape[:3], bool)
    hidden[0, 2, 5] = hidden[1, :, 13] = hidden[2, 4:] = True
    broken = np.where(hidden[..., None], np.float32(np.nan), targets)
    moved = np.where(hidden[..., None], predictions + np.float32(7), predictions)
    results, of_moved = masked_losses(predictions, broken, ~hidden), masked_losses(moved, targets, ~hidden)
    all_squares = terms_of_batch(predictions, targets)
    for name, ((value, parts), gradient) in results.items():
        chex.assert_tree_all_finite((value, parts, gradient))
        assert (np.asarray(gradient)[hidden] == 0).all(), name
        assert of_moved[name][0][0] == value, name
        valid_values, squares = [], all_squares[name]
        order, joints = losses.QUANTITIES[name].order, losses.QUANTITIES[name].joints(H36M_17)
        for (track, frame, element), square in np.ndenumerate(squares):
            if not hidden[track, frame : frame + order + 1][:, joints[element]].any():
                valid_values.append(pseudo_huber(square))
        assert 0 < len(valid_values) < squares.size
        np.testing.assert_allclose(parts[name], np.mean(valid_values), rtol=1e-4, err_msg=name)


def test_a_batch_without_visible_joints_costs_nothing():
    predictions, targets = batch()
    for name, ((loss, _), gradient) in masked_losses(predictions, targets, np.zeros(targets.shape[:3], bool)).items():
        assert loss == 0, name
        assert (np.asarray(gradient) == 0).all(), name


def test_elements_depend_on_their_joints_only():
    predictions, targets = map(np.float32, tracks(3, frames=3))
    jacobians = jax.jit(jax.jacobian(terms))(predictions, targets)
    for name in losses.QUANTITIES:
        depends = np.abs(np.asarray(jacobians[name])).sum((0, 2, 4)) > 0
        for element, joints in enumerate(losses.QUANTITIES[name].joints(H36M_17)):
            assert set(np.flatnonzero(depends[element])) <= set(joints), name


def test_a_skeleton_without_pairs_or_angles_has_empty_terms():
    points = Skeleton("points", ("a", "b", "c"), (-1, 0, 1))
    track = np.random.default_rng(0).normal(size=(2, 4, 3, 3)).astype(np.float32)
    total, parts = joint_aware(track, track + np.float32(0.1), EQUAL_WEIGHTS, points)
    assert parts["symmetry"] == parts["angle"] == parts["range_of_motion"] == 0
    assert np.isfinite(total)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"`predictions` \(2, 17, 3\) and `targets` \(3, 17, 3\) differ"):
        losses.term("angle", np.zeros((2, 17, 3)), np.zeros((3, 17, 3)), H36M_17)
    with pytest.raises(ValueError, match=r"shape \(2, 16, 3\), but poses are .* with J = 17 for h36m_17"):
        losses.joint_aware(np.zeros((2, 16, 3)), np.zeros((2, 16, 3)), {}, H36M_17)
    for shape in ((4, 51), (17, 3), (4, 3, 17)):
        with pytest.raises(ValueError, match=r"poses are \(..., T, J, 3\)"):
            losses.constraints(np.zeros(shape), np.zeros(shape), {"angle": 1.0}, H36M_17)
        with pytest.raises(ValueError, match=r"poses are \(..., T, J, 3\)"):
            speed_limit(np.zeros(shape), H36M_17, fps=50)


def test_unknown_names_are_listed():
    track = np.zeros((1, 4, 17, 3), np.float32)
    message = r"no quantity 'angles'; did you mean 'angle'[?] Known: angle, distance, symmetry"
    for call in (
        lambda: joint_aware(track, track, {"angles": 1.0}, H36M_17),
        lambda: losses.constraints(track, track, {"angles": 1.0}, H36M_17),
        lambda: losses.term("angles", track, track, H36M_17),
        lambda: losses.validity_mask("angles", track[..., 0] == 0, H36M_17),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="`weights` is of type list, not a mapping"):
        losses.constraints(track, track, ["angle"], H36M_17)
    with pytest.raises(TypeError, match=r"`skeleton` is 'h36m_17', not a jaxpose.skeleton.Skeleton"):
        losses.term("angle", track, track, "h36m_17")


@pytest.mark.parametrize("shape", [(3, 6), (3, 6, 16), (2, 3, 6, 17)])
def test_masks_must_fit(shape):
    with pytest.raises(ValueError, match=r"`visible` has shape .* does not broadcast against the joints \(3, 6, 17\)"):
        losses.joint_aware(*batch(), {"angle": 1.0}, H36M_17, np.ones(shape))


def test_leading_axes_are_free():
    """A batch is that of its tracks, never differenced itself; one track needs no batch."""
    predictions, targets = batch(size=4)
    deep = terms(*(x.reshape(2, 2, 6, 17, 3) for x in (predictions, targets)))
    for name, values in terms_of_batch(predictions, targets).items():
        np.testing.assert_allclose(deep[name].reshape(values.shape), values, rtol=1e-5, atol=1e-7, err_msg=name)
    fast = np.asarray(speed_limit(predictions, H36M_17, fps=500))
    assert fast.shape == (4, 5, 10)
    np.testing.assert_allclose(fast[2], speed_limit(predictions[2], H36M_17, fps=500), rtol=1e-5, atol=1e-3)
    (one, _), (same, _) = (joint_aware(p, t, EQUAL_WEIGHTS, H36M_17)
                           for p, t in ((predictions[0], targets[0]), (predictions[:1], targets[:1])))  # fmt: skip
    np.testing.assert_allclose(one, same, rtol=1e-6)


def test_weights_weigh_numerator_and_denominator():
    """Equal weights change nothing; others give the weighted mean, in which a value counts as its least joint."""
    predictions, targets = batch()
    random = np.random.default_rng(0)
    weights = random.uniform(0.1, 1, targets.shape[:3]).astype(np.float32)
    weights[0, 2, 5] = 0
    whole, even, uneven = (
        masked_losses(predictions, targets, mask)
        for mask in (np.ones(weights.shape, bool), np.full(weights.shape, np.float32(0.9)), weights)
    )
    squares = terms_of_batch(predictions, targets)
    errors = np.linalg.norm(np.float64(predictions) - targets, axis=-1)
    for name, ((value, parts), gradient) in uneven.items():
        np.testing.assert_allclose(even[name][0][0], whole[name][0][0], rtol=1e-5, err_msg=name)
        order, joints = losses.QUANTITIES[name].order, losses.QUANTITIES[name].joints(H36M_17)
        of_values = np.array([
            weights[track, frame : frame + order + 1][:, joints[element]].min()
            for track, frame, element in np.ndindex(squares[name].shape)
        ]).reshape(squares[name].shape)  # fmt: skip
        expected = np.average(pseudo_huber(np.float64(squares[name])), weights=of_values)
        np.testing.assert_allclose(parts[name], expected, rtol=1e-4, err_msg=name)
        np.testing.assert_allclose(parts["position"], np.average(errors, weights=weights), rtol=1e-5)
        assert np.isfinite(value)
        assert (np.asarray(gradient)[0, 2, 5] == 0).all()


def test_ranges_that_admit_everything_are_named():
    free = Skeleton("arm", ["a", "b", "c"], [-1, 0, 1], angles=[Angle("elbow", ["a", "b", "c"])])
    track = np.random.default_rng(0).normal(size=(4, 3, 3)).astype(np.float32)
    with pytest.warns(
        UserWarning, match="all ranges of motion of skeleton arm are 0° to 180°, so that range_of_motion"
    ):
        values = losses.term("range_of_motion", track, track + 1, free)
    np.testing.assert_array_equal(values, 0)


def test_the_true_pose_reprojects_onto_its_keypoints():
    track = make_track(frames=5)
    camera = Camera(track.orientation, track.translation, track.intrinsics, track.width, track.height)
    reprojection = jax.jit(losses.reprojection)
    np.testing.assert_allclose(reprojection(track.positions_3d, track.keypoints_2d, camera), 0, atol=1e-3)
    shifted = reprojection(track.positions_3d, track.keypoints_2d + np.float32([3, 4]), camera)
    np.testing.assert_allclose(shifted, 25, rtol=1e-3)
    in_camera_plane = track.positions_3d * np.float32([1, 1, 0])
    gradient = jax.jit(jax.grad(lambda p: losses.reprojection(p, track.keypoints_2d, camera).sum()))
    chex.assert_tree_all_finite(gradient(in_camera_plane))


def test_only_joints_faster_than_people_are_penalised():
    """An elbow that bends by 60° in a frame has 3000° per second at 50 frames per second, 600 above its limit."""
    pose = np.random.default_rng(0).normal(size=(17, 3)) * 0.3
    elbow = H36M_17.index("left_elbow")
    pose[elbow - 1], pose[elbow], pose[elbow + 1] = (0, 0, 0), (0.3, 0, 0), (0.6, 0, 0)
    bent = pose.copy()
    bent[elbow + 1] = [0.3 + 0.3 * np.cos(np.pi / 3), 0.3 * np.sin(np.pi / 3), 0]
    names = [angle.name for angle in H36M_17.angles]
    expected = np.zeros((1, len(names)))
    expected[0, names.index("left_elbow")] = np.deg2rad(600) ** 2
    excess = speed_limit(np.float32([pose, bent]), H36M_17, fps=50)
    np.testing.assert_allclose(excess, expected, rtol=1e-3)
    assert (np.asarray(speed_limit(np.float32([pose, bent]), H36M_17, fps=25)) == 0).all()


def test_fitted_limits_admit_their_share():
    poses = np.random.default_rng(0).normal(size=(4000, 17, 3)).astype(np.float32)
    fitted = losses.fit_limits(poses, H36M_17, share=0.9)
    assert [angle.joints for angle in fitted.angles] == [angle.joints for angle in H36M_17.angles]
    low, high = np.deg2rad([angle.range_deg for angle in fitted.angles]).T
    angles = np.stack([[interior_angle(pose, angle.joints) for angle in H36M_17.angles] for pose in poses])
    np.testing.assert_allclose(((low <= angles) & (angles <= high)).mean(0), 0.9, atol=0.002)
    np.testing.assert_allclose((angles < low).mean(0), 0.05, atol=0.002)
    everything = losses.fit_limits(poses, H36M_17, share=1.0)
    shape = jax.eval_shape(lambda p: losses.term("range_of_motion", p, p, everything), poses[:50]).shape
    assert shape == (50, 10)
    violation = jax.jit(range_of_motion_violation, static_argnames="skeleton")(poses, everything)
    np.testing.assert_allclose(violation, 0, atol=1e-4)


def test_limits_need_poses():
    with pytest.raises(ValueError, match="cannot fit ranges of motion without poses; `positions` is empty"):
        losses.fit_limits(np.zeros((0, 17, 3), np.float32), H36M_17)


def test_limits_of_poses_that_do_not_determine_them():
    poses = np.random.default_rng(0).normal(size=(5, 17, 3)).astype(np.float32)
    broken = poses.copy()
    broken[3, 2] = np.nan
    with pytest.raises(ValueError, match="1 of 5 poses have angles that are not finite, the first at index 3"):
        losses.fit_limits(broken, H36M_17)
    with pytest.raises(ValueError, match=r"the angle neck is \d+.\d° in all poses"):
        losses.fit_limits(poses[:1], H36M_17)
    with pytest.raises(TypeError, match=r"static under jit.* call it outside of jit"):
        jax.jit(lambda p: losses.fit_limits(p, H36M_17) and p)(poses)
    with pytest.raises(ValueError, match=r"`positions` has shape \(5, 51\)"):
        losses.fit_limits(poses.reshape(5, 51), H36M_17)
