"""The metrics against loops in float64, their invariances, and their gradients at the singular points."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxpose import metrics
from jaxpose.rotations import quaternion_from_axis_angle, rotate

PER_FRAME = {"mpjpe": metrics.mpjpe, "p_mpjpe": metrics.p_mpjpe, "n_mpjpe": metrics.n_mpjpe}
ALL = PER_FRAME | {
    "mpjve": lambda p, t: metrics.time_derivative_error(p, t, 1),
    "mpjae": lambda p, t: metrics.time_derivative_error(p, t, 2),
}
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


@pytest.mark.parametrize("name", ALL)
def test_zero_for_a_perfect_prediction_and_only_then(name):
    pose = jnp.asarray(poses(3, 5), jnp.float32)
    other = jnp.asarray(poses(4, 5), jnp.float32)
    np.testing.assert_allclose(ALL[name](pose, pose), 0, atol=1e-6)
    assert (ALL[name](other, pose) > 1e-2).all()


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
    aligned = metrics.align(prediction, target)
    assert jnp.sum((aligned - target) ** 2) <= jnp.sum((prediction - target) ** 2) * (1 + 1e-5)


@pytest.mark.parametrize("name", ALL)
def test_shapes_must_agree(name):
    with pytest.raises(AssertionError):
        ALL[name](jnp.zeros((5, 17, 3)), jnp.zeros((17, 3)))


def singular_pairs():
    """Predictions and targets where a careless gradient is not finite."""
    pose = poses(0, 4)
    square = np.zeros((4, 17, 3))
    square[:, 1:5] = [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]]  # two equal singular values, one zero
    cube = np.tile(np.concatenate([np.eye(3), -np.eye(3), np.zeros((11, 3))]), (4, 1, 1))  # three equal ones
    line = pose * [1, 0, 0]
    return {
        "perfect": (pose, pose),
        "collapsed prediction": (np.zeros_like(pose), pose),
        "collapsed target": (pose, np.zeros_like(pose)),
        "both collapsed": (np.zeros_like(pose), np.zeros_like(pose)),
        "mirrored": (pose * [-1, 1, 1], pose),
        "equal singular values": (square, square),
        "three equal singular values": (cube, cube),
        "mirrored with equal singular values": (cube * [-1, 1, 1], cube),
        "on a line": (line, pose),
        "on lines": (line, line),
        "still": (pose[:1].repeat(4, 0), pose[:1].repeat(4, 0)),
        "tiny": (pose * 1e-15, pose),
    }


@pytest.mark.parametrize("case", singular_pairs())
@pytest.mark.parametrize("name", ALL)
def test_gradients_are_finite_at_singular_points(name, case):
    prediction, target = (jnp.asarray(x, jnp.float32) for x in singular_pairs()[case])
    value, gradients = jax.value_and_grad(lambda p, t: ALL[name](p, t).sum(), argnums=(0, 1))(prediction, target)
    chex.assert_tree_all_finite((value, gradients))


@pytest.mark.parametrize("name", ALL)
def test_gradients_agree_with_finite_differences(name, x64):
    prediction, target = jnp.asarray(poses(0, 4)), jnp.asarray(poses(1, 4))
    chex.assert_numerical_grads(lambda p: ALL[name](p, target).sum(), (prediction,), order=1)


def test_p_mpjpe_gradient_for_a_mirrored_pose_agrees_with_finite_differences(x64):
    target = jnp.asarray(poses(1))
    prediction = target * jnp.asarray([-1.0, 1, 1]) + jnp.asarray(poses(2)) * 0.1
    chex.assert_numerical_grads(lambda p: metrics.p_mpjpe(p, target), (prediction,), order=1)


def test_p_mpjpe_gradient_at_equal_singular_values_agrees_with_finite_differences(x64):
    prediction, _ = singular_pairs()["three equal singular values"]
    target = jnp.asarray(prediction[0] + 0.1 * poses(5))
    chex.assert_numerical_grads(lambda p: metrics.p_mpjpe(p, target), (jnp.asarray(prediction[0]),), order=1)


@pytest.mark.parametrize("name", PER_FRAME)
def test_batch_shape_is_free(name):
    predictions, targets = (jnp.asarray(poses(s, 2, 3), jnp.float32) for s in (0, 1))
    whole = PER_FRAME[name](predictions, targets)
    mapped = jax.vmap(jax.vmap(PER_FRAME[name]))(predictions, targets)
    np.testing.assert_allclose(whole, mapped, rtol=1e-6)
