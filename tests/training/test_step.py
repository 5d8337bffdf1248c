"""One step: what it changes, that it changes nothing if it is not finite, and what streams and objectives do in it."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.samples import DESCRIPTION, make_track

from jaxpose.data.windows import gather_windows, pack
from jaxpose.models.configs import TemporalConfig
from jaxpose.skeleton import H36M_17
from jaxpose.training import objectives, setup
from jaxpose.training.config import Config
from jaxpose.training.step import Objective, Stream, train_step
from jaxpose.training.streams import take_windows

pytestmark = pytest.mark.usefixtures("compiled_soon")
CONFIG = Config(model=TemporalConfig(filter_widths=(3,), channels=8), batch_size=16)
step = jax.jit(train_step, static_argnames="recipe")


@functools.cache
def problem():
    """Recipe, state and batch, all on the host."""
    recipe = setup.build_recipe(CONFIG, DESCRIPTION, 40)
    windows = jax.jit(gather_windows, static_argnums=(2, 3))(pack([make_track()]), jnp.arange(16), 1, (1, 1))
    return recipe, setup.init(recipe, jax.random.key(0)), {"windows": jax.device_get(windows)}


def leaves(state):
    return jax.tree.leaves(jax.device_get(state.replace(key=jax.random.key_data(state.key))))


def norm(tree):
    """Euclidean norm of all numbers of a tree, in float64."""
    return math.sqrt(sum(float((np.float64(leaf) ** 2).sum()) for leaf in jax.tree.leaves(jax.device_get(tree))))


def test_a_finite_step_moves_everything():
    recipe, state, batch = problem()
    after, values = step(state, batch, recipe)
    assert after.step == 1
    assert np.isfinite(values["loss"])
    for before, now in ((state.params, after.params), (state.collections, after.collections)):
        for a, b in zip(*map(jax.tree.leaves, jax.device_get((before, now))), strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            assert np.any(a != b)


def test_the_gradient_norm_is_that_of_all_parameters():
    recipe, state, batch = problem()
    after, values = step(state, batch, recipe)
    # After one step the first moments are the gradient, times 1 - β.
    assert values["gradient_norm"] == pytest.approx(norm(after.opt_state[0].mean) / 0.1, rel=1e-5)


def test_the_other_norms_are_of_the_change_and_of_the_parameters_after_it():
    recipe, state, batch = problem()
    after, values = step(state, batch, recipe)
    change = jax.tree.map(lambda new, old: np.float64(new) - np.float64(old), after.params, state.params)
    assert values["update_norm"] == pytest.approx(norm(change), rel=1e-4)
    assert values["parameter_norm"] == pytest.approx(norm(after.params), rel=1e-6)
    assert values["update_norm"] < values["parameter_norm"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
@pytest.mark.parametrize("field", ["keypoints", "poses"])
def test_a_step_that_is_not_finite_changes_nothing(field, value):
    recipe, state, batch = problem()
    array = getattr(batch["windows"], field).copy()
    array[3, 0, 2] = value
    after, values = step(state, {"windows": batch["windows"].replace(**{field: array})}, recipe)
    for before, now in zip(leaves(state), leaves(after), strict=True):
        np.testing.assert_array_equal(before, now)
    assert set(values) == set(recipe.logged)
    assert values["update_norm"] == 0
    assert values["parameter_norm"] == pytest.approx(norm(state.params), rel=1e-6)


def test_a_gradient_whose_square_overflows_is_not_finite():
    recipe, state, batch = problem()
    steep = objectives.position(lambda prediction, targets: 1e25 * objectives.mpjpe_loss(prediction, targets))
    after, values = step(state, batch, recipe._replace(objectives=(steep,)))
    assert np.isfinite(values["loss"])
    assert after.step == 0


def batch_moments(params, windows):
    """Mean and variance of the first layer's outputs, of a whole batch, in float64."""
    outputs = np.float64(windows.keypoints).reshape(16, 1, -1) @ np.float64(params["expand"]["kernel"]).reshape(-1, 8)
    return outputs.mean(axis=(0, 1)), outputs.var(axis=(0, 1), ddof=1)


def test_batch_statistics_follow_the_momentum_of_the_step():
    recipe, state, batch = problem()
    late = state.replace(step=jnp.asarray(7 * recipe.steps_per_epoch + 3, jnp.int32))
    stepped, _ = step(late, batch, recipe)
    mean, variance = batch_moments(state.params, batch["windows"])
    momentum = 0.1 * 100 ** (-7 / 80)
    statistics = stepped.collections["batch_stats"]["expand_norm"]
    np.testing.assert_allclose(statistics["mean"], momentum * mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(statistics["var"], (1 - momentum) + momentum * variance, rtol=1e-5)


def test_objectives_add_up_and_the_network_trains_on_every_stream_in_turn():
    """A second stream in training mode: its own dropout, and statistics that go on where the first stream's end."""
    recipe, state, batch = problem()
    model = CONFIG.model.build(H36M_17, H36M_17, 2).clone(dropout=0.5)

    def value(prediction, windows, weight):
        error = objectives.mse_loss(prediction, windows.poses)
        return weight * error, {"second": error}

    second = Objective("second", "more", True, lambda progress: 0.25 * (1 + progress.step), value, ("second",))
    both = recipe._replace(
        model=model,
        streams=(*recipe.streams, Stream("more", take_windows, 16, 1)),
        objectives=(objectives.position(objectives.mse_loss), second),
    )
    other = jax.tree.map(lambda field: field[::-1] * (2 if field.dtype == np.float32 else 1), batch["windows"])
    after, values = step(state.replace(step=jnp.int32(1)), batch | {"more": other}, both)
    assert both.logged == ("loss", "position", "second", "gradient_norm", "update_norm", "parameter_norm")
    assert set(values) == {*both.logged}
    values = {name: float(value) for name, value in values.items()}
    assert values["loss"] == pytest.approx(values["position"] + 0.5 * values["second"], rel=1e-6)
    first, then = (batch_moments(state.params, windows)[0] for windows in (batch["windows"], other))
    mean = after.collections["batch_stats"]["expand_norm"]["mean"]
    np.testing.assert_allclose(mean, 0.9 * 0.1 * first + 0.1 * then, rtol=1e-4, atol=1e-6)
    _, twice = step(state, batch | {"more": batch["windows"]}, both)
    assert twice["position"] != twice["second"]  # one and the same batch, other dropout
    _, alike = step(state, batch | {"more": batch["windows"]}, both._replace(model=model.clone(dropout=0.0)))
    assert alike["position"] == alike["second"]


def test_objectives_of_one_stream_and_mode_share_one_pass_through_the_network():
    recipe, state, batch = problem()

    def value(prediction, windows, weight):
        size = jnp.mean(prediction.poses**2)
        return weight * size, {"size": size}

    size = Objective("size", "windows", True, objectives.constant, value, ("size",))
    both = recipe._replace(objectives=(*recipe.objectives, size))
    after, values = step(state, batch, both)
    plain, alone = step(state, batch, recipe)
    np.testing.assert_allclose(values["position"], alone["position"], rtol=1e-6)  # the same dropout
    statistics = [each.collections["batch_stats"]["expand_norm"]["mean"] for each in (after, plain)]
    np.testing.assert_allclose(*statistics, rtol=1e-5)  # updated once
    text = [step.lower(state, batch, each).as_text() for each in (both, recipe)]
    assert text[0].count("dot_general") == text[1].count("dot_general")
