"""The metrics against loops in float64, their invariances, and their gradients at the singular points."""

import functools

import chex
import jax
import numpy as np
import pytest
from helpers import oracles
from helpers.pose_pairs import assert_gradients_agree, poses, singular_pairs, value_and_gradients
from hypothesis import given
from hypothesis import strategies as st

from jaxpose import metrics

pytestmark = pytest.mark.usefixtures("compiled_soon")
PER_FRAME = {"mpjpe": metrics.mpjpe, "p_mpjpe": metrics.p_mpjpe, "n_mpjpe": metrics.n_mpjpe}
ERRORS = PER_FRAME | {
    "mpjve": functools.partial(metrics.time_derivative_error, order=1),
    "mpjae": functools.partial(metrics.time_derivative_error, order=2),
}
SHARES = {"pck": metrics.pck, "auc": metrics.auc}
ALL = ERRORS | SHARES
COMPILED = {name: jax.jit(function) for name, function in ALL.items()}
seeds = st.integers(0, 2**31 - 1)


@jax.jit
def per_frame(predictions, targets):
    """All metrics of single frames, in one program."""
    return {name: function(predictions, targets) for name, function in (PER_FRAME | SHARES).items()}


@given(seed=seeds)
def test_errors_agree_with_a_float64_loop(seed):
    predictions, targets = poses(seed, 4), poses(seed + 1, 4)
    values = per_frame(np.float32(predictions), np.float32(targets))
    for name in PER_FRAME:
        expected = [getattr(oracles, name)(p, t) for p, t in zip(predictions, targets, strict=True)]
        np.testing.assert_allclose(values[name], expected, rtol=2e-5, err_msg=name)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_time_derivatives_agree_with_a_float64_loop(order):
    predictions, targets = poses(0, 9), poses(1, 9)
    function = jax.jit(functools.partial(metrics.time_derivative_error, order=order))
    errors = np.asarray(function(np.float32(predictions), np.float32(targets)))
    assert errors.shape == (9 - order,)
    np.testing.assert_allclose(errors.mean(), oracles.time_derivative_error(predictions, targets, order), rtol=1e-5)


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_a_track_too_short_for_a_difference_gives_an_empty_result(frames):
    track = jax.ShapeDtypeStruct((frames, 17, 3), np.float32)
    assert jax.eval_shape(ERRORS["mpjae"], track, track).shape == (0,)


@pytest.mark.parametrize("name", ERRORS)
def test_zero_for_a_perfect_prediction_and_only_then(name):
    pose, other = (np.float32(poses(seed, 5)) for seed in (3, 4))
    assert (np.asarray(COMPILED[name](pose, pose)) == 0).all()
    assert (np.asarray(COMPILED[name](other, pose)) > 1e-2).all()


pck = jax.jit(metrics.pck)


@given(seed=seeds, scale=st.floats(0.02, 0.3))
def test_shares_of_correct_joints_agree_with_a_float64_loop(seed, scale):
    targets = poses(seed, 4)
    predictions = targets + poses(seed + 1, 4, scale=scale)
    pair = [np.float32(x) for x in (predictions, targets)]
    frames = list(zip(predictions, targets, strict=True))
    np.testing.assert_allclose(pck(*pair, threshold=0.15), [oracles.pck(p, t, 150) for p, t in frames], rtol=1e-6)
    np.testing.assert_allclose(pck(*pair, threshold=0.08), [oracles.pck(p, t, 80) for p, t in frames], rtol=1e-6)
    values = per_frame(*pair)
    np.testing.assert_allclose(values["pck"], [oracles.pck(p, t, 150) for p, t in frames], rtol=1e-6)
    np.testing.assert_allclose(values["auc"], [oracles.auc(p, t) for p, t in frames], rtol=1e-6)


def test_a_joint_at_the_threshold_is_not_correct():
    pose = np.zeros((4, 3), np.float32)
    pose[:, 0] = [0, 0.125, np.nextafter(np.float32(0.125), np.float32(0)), -0.2]
    assert pck(pose, np.zeros_like(pose), threshold=0.125) == 0.5


def test_a_perfect_prediction_has_30_of_31_points_of_the_curve():
    pose = np.float32(poses(3, 4))
    values = per_frame(pose, pose)
    np.testing.assert_array_equal(values["pck"], 1)
    np.testing.assert_allclose(values["auc"], 30 / 31, rtol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_not_a_number_in_gives_not_a_number_out(name):
    pose = np.float32(poses(3, 5))
    broken = pose.copy()
    broken[0, 5, 1] = np.nan
    assert np.isnan(np.asarray(COMPILED[name](broken, pose))[0])


@given(seed=seeds, scale=st.floats(0.3, 3), angle=st.floats(-3, 3))
def test_p_mpjpe_ignores_similarity_transforms(seed, scale, angle):
    prediction, target = poses(seed, 4), np.float32(poses(seed + 1, 4))
    axis = np.array([0.3, -0.5, 0.8]) / np.linalg.norm([0.3, -0.5, 0.8])
    rotation = oracles.quaternion_matrix([np.cos(angle / 2), *(np.sin(angle / 2) * axis)])
    moved = np.float32(scale * prediction @ rotation.T + [0.1, 2.0, -1.0])
    expected = per_frame(np.float32(prediction), target)["p_mpjpe"]
    np.testing.assert_allclose(per_frame(moved, target)["p_mpjpe"], expected, rtol=1e-4)


def test_p_mpjpe_does_not_forgive_a_mirror_image():
    target = np.float32(poses(0, 4))
    assert (np.asarray(per_frame(target * np.float32([-1, 1, 1]), target)["p_mpjpe"]) > 0.1).all()


@given(seed=seeds, scale=st.floats(0.1, 10))
def test_n_mpjpe_ignores_scale(seed, scale):
    prediction, target = (np.float32(poses(s, 4)) for s in (seed, seed + 1))
    expected = per_frame(prediction, target)["n_mpjpe"]
    np.testing.assert_allclose(per_frame(np.float32(scale) * prediction, target)["n_mpjpe"], expected, rtol=1e-4)


@pytest.mark.parametrize("name", ALL)
def test_shapes_must_agree(name):
    with pytest.raises(ValueError, match=r"the shapes of `predictions` .* and `targets` .* differ"):
        ALL[name](np.zeros((5, 17, 3)), np.zeros((17, 3)))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("shape", [(5, 3, 17), (5, 51), (51,)])
def test_what_cannot_be_poses_is_refused(name, shape):
    """While it is traced, too."""
    array = jax.ShapeDtypeStruct(shape, np.float32)
    with pytest.raises(ValueError, match=r"`predictions` has shape .*, but poses are \(..., (T, )?J, 3\)"):
        jax.eval_shape(ALL[name], array, array)


@jax.jit
def masked(predictions, targets, visible):
    """All metrics with a mask, and the gradients of their sums over the frames that have one."""

    def total(predictions, name):
        values = ALL[name](predictions, targets, visible=visible)
        return jax.numpy.nansum(values), values

    return {name: jax.grad(total, has_aux=True)(predictions, name) for name in ALL}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("kind", [bool, np.float32])
def test_hidden_joints_do_not_count(name, kind):
    """A metric is that of the visible joints alone, whatever the others are; a frame without any has none."""
    random = np.random.default_rng(0)
    predictions, targets = (np.float32(poses(seed, 2, 6)) for seed in (0, 1))
    visible = np.broadcast_to(random.uniform(size=17) < 0.7, (2, 6, 17)).copy()
    shown = visible[0, 0]
    visible[1, 5] = False
    hidden = ~visible[..., None]
    broken = np.where(hidden, np.float32(np.nan), predictions), np.where(hidden, np.float32(np.nan), targets)
    gradient, values = masked(*broken, visible.astype(kind))[name]
    expected = np.array(COMPILED[name](predictions[..., shown, :], targets[..., shown, :]))
    gone = {"mpjve": slice(4, None), "mpjae": slice(3, None)}.get(name, slice(5, None))
    np.testing.assert_allclose(np.asarray(values)[0], expected[0], rtol=1e-4)
    assert np.isnan(np.asarray(values)[1, gone]).all()
    np.testing.assert_allclose(np.asarray(values)[1, : gone.start], expected[1, : gone.start], rtol=1e-4)
    assert np.isfinite(gradient).all()
    assert (np.asarray(gradient)[~visible] == 0).all()


@pytest.mark.parametrize("name", ["mpjpe", "p_mpjpe", "n_mpjpe", "pck"])
def test_a_weight_of_two_is_a_joint_that_occurs_twice(name):
    predictions, targets = (np.float32(poses(seed, 2, 6)) for seed in (0, 1))
    weights = np.where(np.arange(17) % 3 == 0, np.float32(1), np.float32(0.5))
    twice = np.repeat(np.arange(17), np.where(np.arange(17) % 3 == 0, 2, 1))
    _, values = masked(predictions, targets, np.broadcast_to(weights, (2, 6, 17)))[name]
    expected = COMPILED[name](predictions[..., twice, :], targets[..., twice, :])
    np.testing.assert_allclose(values, expected, rtol=1e-4)


def test_time_is_the_axis_before_the_joints():
    predictions, targets = poses(0, 3, 9), poses(1, 3, 9)
    errors = np.asarray(COMPILED["mpjae"](np.float32(predictions), np.float32(targets)))
    assert errors.shape == (3, 7)
    expected = [oracles.time_derivative_error(p, t, 2) for p, t in zip(predictions, targets, strict=True)]
    np.testing.assert_allclose(errors.mean(axis=1), expected, rtol=1e-5)


EVERYWHERE = [(name, case) for name in ALL for case in singular_pairs()]
DISCONTINUOUS = [("p_mpjpe", "mirrored with equal singular values"), ("p_mpjpe", "on a line")]  # no derivative


@pytest.mark.parametrize(("name", "case"), EVERYWHERE)
def test_gradients_are_finite_at_singular_points(name, case):
    chex.assert_tree_all_finite(value_and_gradients(ALL[name], *map(np.float32, singular_pairs()[case])))


@pytest.mark.parametrize(("name", "case"), [pair for pair in EVERYWHERE if pair not in DISCONTINUOUS])
def test_gradients_agree_with_finite_differences(name, case, x64):
    """Also at a kink, such as a perfect prediction: central differences are zero there, as are the gradients."""
    assert_gradients_agree(ALL[name], singular_pairs()[case])


@pytest.mark.parametrize("name", SHARES)
def test_shares_of_correct_joints_have_zero_gradients(name):
    pair = [np.float32(x) for x in (poses(0, 4), poses(1, 4))]
    assert not any(np.asarray(gradient).any() for gradient in value_and_gradients(ALL[name], *pair)[1])


def test_batch_shape_is_free():
    predictions, targets = (np.float32(poses(s, 2, 3)) for s in (0, 1))
    whole, mapped = per_frame(predictions, targets), jax.jit(jax.vmap(jax.vmap(per_frame)))(predictions, targets)
    for name in PER_FRAME:
        np.testing.assert_allclose(whole[name], mapped[name], rtol=1e-6, err_msg=name)


def test_no_product_of_p_mpjpe_is_rounded_on_a_gpu():
    pair = [np.float32(poses(seed, 4)) for seed in (0, 1)]
    program = value_and_gradients.lower(metrics.p_mpjpe, *pair).as_text()
    products = [line for line in program.splitlines() if "dot_general" in line]
    assert products
    assert all("precision = [HIGHEST, HIGHEST]" in line for line in products)
