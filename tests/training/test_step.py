"""One step: what it changes, and that it changes nothing if it is not finite."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.samples import DESCRIPTION, make_track

from jaxpose.data.windows import pack, take_windows
from jaxpose.training import setup
from jaxpose.training.config import Config
from jaxpose.training.step import Batch, train_step

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture(scope="module")
def problem():
    """Recipe, state, batch and step, all on the host but the step."""
    recipe = setup.build_recipe(Config(filter_widths=(3,), channels=8, batch_size=16), DESCRIPTION, 40)
    gather = jax.jit(take_windows, static_argnums=(2, 3))
    windows = gather(pack([make_track()]), jnp.arange(16), 1, (1, 1))
    batch = Batch(*map(np.asarray, windows))
    return recipe, setup.init(recipe, jax.random.key(0)), batch, jax.jit(train_step, static_argnames="recipe")


def leaves(state):
    return jax.tree.leaves(jax.device_get(state.replace(key=jax.random.key_data(state.key))))


def test_a_finite_step_moves_everything(problem):
    recipe, state, batch, step = problem
    after, values = step(state, batch, recipe)
    assert after.step == 1
    assert np.isfinite(values["loss"])
    for before, now in ((state.params, after.params), (state.batch_stats, after.batch_stats)):
        for a, b in zip(*map(jax.tree.leaves, jax.device_get((before, now))), strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            assert np.any(a != b)


def test_the_gradient_norm_is_that_of_all_parameters(problem):
    recipe, state, batch, step = problem
    after, values = step(state, batch, recipe)
    # After one step the first moments are the gradient, times 1 - β.
    moments = [np.asarray(leaf, np.float64) / 0.1 for leaf in jax.tree.leaves(after.opt_state[0].mean)]
    assert values["gradient_norm"] == pytest.approx(np.sqrt(sum((moment**2).sum() for moment in moments)), rel=1e-5)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
@pytest.mark.parametrize("field", ["keypoints", "poses"])
def test_a_step_that_is_not_finite_changes_nothing(problem, field, value):
    recipe, state, batch, step = problem
    array = getattr(batch, field).copy()
    array[3, 0, 2] = value
    after, values = step(state, batch._replace(**{field: array}), recipe)
    for before, now in zip(leaves(state), leaves(after), strict=True):
        np.testing.assert_array_equal(before, now)
    assert set(values) == set(recipe.logged)


def test_a_gradient_whose_square_overflows_is_not_finite(problem):
    recipe, state, batch, step = problem
    steep = recipe._replace(loss=lambda p, t: 1e25 * setup.position_loss(p, t))
    after, values = step(state, batch, steep)
    assert np.isfinite(values["loss"])
    assert after.step == 0


def test_batch_statistics_follow_the_momentum_of_the_step(problem):
    recipe, state, batch, step = problem
    stepped, _ = step(state, batch, recipe._replace(momentum=lambda step: 1.0))
    kernel = np.asarray(state.params["expand"]["kernel"], np.float64).reshape(-1, 8)
    outputs = np.float64(batch.keypoints).reshape(16, 1, -1) @ kernel
    statistics = stepped.batch_stats["expand_norm"]
    np.testing.assert_allclose(statistics["mean"], outputs.mean(axis=(0, 1)), atol=1e-5)
    np.testing.assert_allclose(statistics["var"], outputs.var(axis=(0, 1), ddof=1), rtol=1e-3, atol=1e-6)
