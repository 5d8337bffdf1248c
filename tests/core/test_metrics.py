"""The metrics against loops in float64, their invariances, and their gradients at the singular points."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import oracles
from hypothesis import given
from hypothesis import strategies as st

from jaxpose import alignment, metrics
from jaxpose.rotations import quaternion_from_axis_angle, rotate

PER_FRAME = {"mpjpe": metrics.mpjpe, "p_mpjpe": metrics.p_mpjpe, "n_mpjpe": metrics.n_mpjpe}
ERRORS = PER_FRAME | {
    "mpjve": lambda p, t: metrics.time_derivative_error(p, t, 1),
    "mpjae": lambda p, t: metrics.time_derivative_error(p, t, 2),
}
SHARES = {"pck": metrics.pck, "auc": metrics.auc}
ALL = ERRORS | SHARES
seeds = st.integers(0, 2**31 - 1)


def poses(seed, *shape, scale=0.5):
    return np.random.default_rng(seed).normal(size=(*shape, 17, 3)) * scale


@pytest.mark.parametrize("name", PER_FRAME)
@given(seed=seeds)
def test_agrees_with_a_float64_loop(name, seed):
    predictions, targets = poses(seed, 4), poses(seed + 1, 4)
    ours = PER_FRAME[name](jnp.asarray(predictions, jnp.float32), jnp.asarray(targets, jnp.float32))
    oracle = [getattr(oracles, name)(p, t) for p, t in zip(predictions, targets, strict=True)]
    np.testing.assert_allclose(ours, oracle, rtol=2e-5)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_time_derivative_agrees_with_a_float64_loop(order):
    predictions, targets = poses(0, 9), poses(1, 9)
    ours = metrics.time_derivative_error(*(jnp.asarray(x, jnp.float32) for x in (predictions, targets)), order)
    assert ours.shape == (9 - order,)
    np.testing.assert_allclose(ours.mean(), oracles.time_derivative_error(predictions, targets, order), rtol=1e-5)


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_a_track_too_short_for_a_difference_gives_an_empty_result(frames):
    assert metrics.time_derivative_error(*[jnp.zeros((frames, 17, 3))] * 2, 2).shape == (0,)


@pytest.mark.parametrize("name", ERRORS)
def test_zero_for_a_perfect_prediction_and_only_then(name):
    pose = jnp.asarray(poses(3, 5), jnp.float32)
    other = jnp.asarray(poses(4, 5), jnp.float32)
    assert (ERRORS[name](pose, pose) == 0).all()
    assert (ERRORS[name](other, pose) > 1e-2).all()


@given(seed=seeds, scale=st.floats(0.02, 0.3))
def test_shares_of_correct_joints_agree_with_a_float64_loop(seed, scale):
    targets = poses(seed, 4)
    predictions = targets + poses(seed + 1, 4, scale=scale)
    pair = [jnp.asarray(x, jnp.float32) for x in (predictions, targets)]
    frames = list(zip(predictions, targets, strict=True))
    np.testing.assert_allclose(metrics.pck(*pair), [oracles.pck(p, t, 150) for p, t in frames], rtol=1e-6)
    np.testing.assert_allclose(
        metrics.pck(*pair, threshold=0.08), [oracles.pck(p, t, 80) for p, t in frames], rtol=1e-6
    )
    np.testing.assert_allclose(metrics.auc(*pair), [oracles.auc(p, t) for p, t in frames], rtol=1e-6)


def test_a_joint_at_the_threshold_is_not_correct():
    pose = jnp.zeros((4, 3)).at[:, 0].set(jnp.asarray([0, 0.125, jnp.nextafter(0.125, 0), -0.2]))
    assert metrics.pck(pose, jnp.zeros((4, 3)), threshold=0.125) == 0.5


def test_a_perfect_prediction_has_30_of_31_points_of_the_curve():
    pose = jnp.asarray(poses(3), jnp.float32)
    assert metrics.pck(pose, pose) == 1
    np.testing.assert_allclose(metrics.auc(pose, pose), 30 / 31, rtol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_not_a_number_in_gives_not_a_number_out(name):
    pose = jnp.asarray(poses(3, 4), jnp.float32)
    assert jnp.isnan(ALL[name](pose.at[0, 5, 1].set(jnp.nan), pose)[0])


@given(seed=seeds, scale=st.floats(0.3, 3), angle=st.floats(-3, 3))
def test_p_mpjpe_ignores_similarity_transforms(seed, scale, angle):
    prediction, target = (jnp.asarray(poses(s), jnp.float32) for s in (seed, seed + 1))
    turn = quaternion_from_axis_angle(jnp.asarray([0.3, -0.5, 0.8]) * angle)
    moved = scale * rotate(turn, prediction) + jnp.asarray([0.1, 2.0, -1.0])
    np.testing.assert_allclose(metrics.p_mpjpe(moved, target), metrics.p_mpjpe(prediction, target), rtol=1e-4)


def test_p_mpjpe_does_not_forgive_a_mirror_image():
    target = jnp.asarray(poses(0), jnp.float32)
    assert metrics.p_mpjpe(target * jnp.asarray([-1.0, 1, 1]), target) > 0.1


@given(seed=seeds, scale=st.floats(0.1, 10))
def test_n_mpjpe_ignores_scale(seed, scale):
    prediction, target = (jnp.asarray(poses(s), jnp.float32) for s in (seed, seed + 1))
    np.testing.assert_allclose(
        metrics.n_mpjpe(scale * prediction, target), metrics.n_mpjpe(prediction, target), rtol=1e-4
    )


@given(seed=seeds)
def test_alignment_never_hurts_in_least_squares(seed):
    prediction, target = (jnp.asarray(poses(s), jnp.float32) for s in (seed, seed + 1))
    aligned, _ = alignment.align(prediction, target)
    assert jnp.sum((aligned - target) ** 2) <= jnp.sum((prediction - target) ** 2) * (1 + 1e-5)


@given(seed=seeds, scale=st.floats(0.3, 3), angle=st.floats(-3, 3))
def test_the_transform_agrees_with_a_float64_oracle(seed, scale, angle):
    target = poses(seed)
    turn = oracles.quaternion_matrix(np.asarray(quaternion_from_axis_angle(jnp.asarray([0.3, -0.5, 0.8]) * angle)))
    prediction = scale * target @ turn + [0.1, 2.0, -1.0] + 0.1 * poses(seed + 1)
    _, found = alignment.align(*(jnp.asarray(x, jnp.float32) for x in (prediction, target)))
    for ours, oracle in zip(found, oracles.similarity(prediction, target), strict=True):
        np.testing.assert_allclose(ours, oracle, rtol=1e-4, atol=3e-5)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_transform_is_proper_and_does_what_its_docstring_says(sign):
    targets, noise = (jnp.asarray(poses(seed, 2, 3), jnp.float32) for seed in (0, 1))
    predictions = (targets + 0.1 * noise) * jnp.asarray([sign, 1, 1]) + 2
    aligned, (scale, rotation, translation) = alignment.align(predictions, targets)
    moved = scale[..., None, None] * predictions @ rotation.mT + translation[..., None, :]
    np.testing.assert_allclose(moved, aligned, atol=5e-6)
    np.testing.assert_allclose(rotation @ rotation.mT, np.tile(np.eye(3), (2, 3, 1, 1)), atol=2e-6)
    np.testing.assert_allclose(jnp.linalg.det(rotation), np.ones((2, 3)), rtol=1e-5)


def test_a_collapsed_pose_is_moved_to_the_mean_of_its_target():
    target = jnp.asarray(poses(1), jnp.float32)
    aligned, found = alignment.align(jnp.full((17, 3), 0.5), target)
    assert found.scale == 0
    np.testing.assert_allclose(found.translation, target.mean(0), rtol=1e-6)
    np.testing.assert_allclose(aligned, jnp.broadcast_to(target.mean(0), (17, 3)), rtol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_shapes_must_agree(name):
    with pytest.raises(AssertionError):
        ALL[name](jnp.zeros((5, 17, 3)), jnp.zeros((17, 3)))


def singular_pairs():
    """Predictions and targets where a careless gradient is not finite, or not what finite differences say."""
    pose = poses(0, 4)
    square = np.zeros((4, 17, 3))
    square[:, 1:5] = [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]]  # two equal singular values, one zero
    cube = np.tile(np.concatenate([np.eye(3), -np.eye(3), np.zeros((11, 3))]), (4, 1, 1))  # three equal ones
    basis = np.linalg.qr(np.concatenate([cube[0], np.ones((17, 1))], axis=1))[0]
    noise = poses(5, 4) - basis @ (basis.T @ poses(5, 4))  # does not correlate with the cube: the values stay equal
    line = pose * [1, 0, 0]
    return {
        "generic": (pose, poses(1, 4)),
        "perfect": (pose, pose),
        "perfect but for a similarity": (pose, 2 * pose[..., [1, 2, 0]] + 0.3),
        "collapsed prediction": (np.zeros_like(pose), pose),
        "collapsed target": (pose, np.zeros_like(pose)),
        "both collapsed": (np.zeros_like(pose), np.zeros_like(pose)),
        "mirrored": (pose * [-1, 1, 1], pose),
        "equal singular values": (square, square),
        "three equal singular values": (cube, cube),
        "three equal singular values, imperfect": (cube, cube + noise),
        "mirrored with equal singular values": (cube * [-1, 1, 1], cube),
        "on a line": (line, pose),
        "on lines": (line, line),
        "still": (pose[:1].repeat(4, 0), pose[:1].repeat(4, 0)),
        "tiny": (pose * 1e-15, pose),
    }


def mixed_transform(predictions, targets):
    """One number that depends on every entry of the transform."""
    _, found = alignment.align(predictions, targets)
    return sum(jnp.sum(x * jnp.cos(jnp.arange(x.size)).reshape(x.shape)) for x in found)


FUNCTIONS = ALL | {"transform": mixed_transform}
EVERYWHERE = [(name, case) for name in ALL for case in singular_pairs()]
JUMPS = [("p_mpjpe", "mirrored with equal singular values"), ("p_mpjpe", "on a line")]  # of the rotation: no derivative
TRANSFORM = [("transform", case) for case in singular_pairs() if case != "tiny"]  # where float32 overflows on the way
SMOOTH = ("generic", "perfect", "mirrored", "three equal singular values, imperfect")


@functools.partial(jax.jit, static_argnames="name")
def value_and_gradients(name, *pair):
    return jax.value_and_grad(lambda *pair: FUNCTIONS[name](*pair).sum(), argnums=(0, 1))(*pair)


@functools.partial(jax.jit, static_argnames="name")
def central_differences(name, *pair, steps):
    """For each of the two arguments, the derivative along every coordinate."""

    def difference(argument, axis):
        up, down = (
            FUNCTIONS[name](*(x + sign * steps[i] * axis * (i == argument) for i, x in enumerate(pair))).sum()
            for sign in (1, -1)
        )
        return (up - down) / (2 * steps[argument])

    axes = jnp.eye(pair[0].size).reshape(-1, *pair[0].shape)
    return [jax.vmap(functools.partial(difference, i))(axes).reshape(x.shape) for i, x in enumerate(pair)]


@pytest.mark.parametrize(("name", "case"), EVERYWHERE + TRANSFORM)
def test_gradients_are_finite_at_singular_points(name, case):
    pair = [jnp.asarray(x, jnp.float32) for x in singular_pairs()[case]]
    chex.assert_tree_all_finite(value_and_gradients(name, *pair))


@pytest.mark.parametrize(
    ("name", "case"), [pair for pair in EVERYWHERE if pair not in JUMPS] + [("transform", case) for case in SMOOTH]
)
def test_gradients_agree_with_finite_differences(name, case, x64):
    """Also at a kink, such as a perfect prediction: central differences are zero there, as are the gradients."""
    pair = [jnp.asarray(x) for x in singular_pairs()[case]]
    sizes = [jnp.where(x.any(), jnp.abs(x).max(), 1) for x in pair]
    _, gradients = value_and_gradients(name, *pair)
    differences = central_differences(name, *pair, steps=[1e-6 * size for size in sizes])
    for gradient, difference, size in zip(gradients, differences, sizes, strict=True):
        np.testing.assert_allclose(gradient * size, difference * size, atol=1e-5)


@pytest.mark.parametrize("case", ["mirrored with equal singular values", "on a line"])
def test_the_gradient_along_a_jump_is_not_rounding_divided_by_rounding(case):
    turn = quaternion_from_axis_angle(
        jnp.asarray([0.3, -0.5, 0.8])
    )  # so that no sum of singular values is exactly zero
    prediction, target = (jnp.asarray(x, jnp.float32) for x in singular_pairs()[case])
    _, gradients = value_and_gradients("transform", rotate(turn, prediction), target)
    assert all(jnp.abs(gradient).max() < 10 for gradient in gradients)


@pytest.mark.parametrize("name", SHARES)
def test_shares_of_correct_joints_pull_nowhere(name):
    pair = [jnp.asarray(x, jnp.float32) for x in (poses(0, 4), poses(1, 4))]
    assert not any(gradient.any() for gradient in value_and_gradients(name, *pair)[1])


@pytest.mark.parametrize("name", PER_FRAME)
def test_batch_shape_is_free(name):
    predictions, targets = (jnp.asarray(poses(s, 2, 3), jnp.float32) for s in (0, 1))
    whole = PER_FRAME[name](predictions, targets)
    mapped = jax.vmap(jax.vmap(PER_FRAME[name]))(predictions, targets)
    np.testing.assert_allclose(whole, mapped, rtol=1e-6)


def test_no_product_of_the_alignment_is_rounded_on_a_gpu():
    pair = [jnp.asarray(poses(seed, 4), jnp.float32) for seed in (0, 1)]
    program = value_and_gradients.lower("p_mpjpe", *pair).as_text()
    products = [line for line in program.splitlines() if "dot_general" in line]
    assert products
    assert all("precision = [HIGHEST, HIGHEST]" in line for line in products)
