"""One step: what it changes, and that it changes nothing if it is not finite."""

import chex
import jax
import jax.numpy as jnp
import pytest
from helpers.samples import DESCRIPTION, make_track

from jaxpose.data.windows import pack, take_windows
from jaxpose.training import setup
from jaxpose.training.config import Config
from jaxpose.training.step import train_step

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture(scope="module")
def problem():
    recipe = setup.build_recipe(Config(filter_widths=(3,), channels=8, batch_size=16), DESCRIPTION, 40)
    step = jax.jit(train_step, static_argnames="recipe")
    return (
        recipe,
        setup.init(recipe, jax.random.key(0)),
        take_windows(pack([make_track()]), jnp.arange(16), 1, (1, 1)),
        step,
    )


def test_a_finite_step_moves_everything(problem):
    recipe, state, (keypoints, poses), step = problem
    after, parts = step(state, keypoints, poses, recipe)
    assert after.step == 1
    assert jnp.isfinite(parts["loss"])
    for before, now in ((state.params, after.params), (state.batch_stats, after.batch_stats)):
        chex.assert_trees_all_equal_shapes_and_dtypes(before, now)
        assert all(jnp.any(a != b) for a, b in zip(*map(jax.tree.leaves, (before, now)), strict=True))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
@pytest.mark.parametrize("array", [0, 1])
def test_a_step_that_is_not_finite_changes_nothing(problem, array, value):
    recipe, state, batch, step = problem
    batch = [x.at[3, 0, 2].set(value) if place == array else x for place, x in enumerate(batch)]
    after, parts = step(state, *batch, recipe)
    chex.assert_trees_all_equal(after.replace(key=()), state.replace(key=()))
    assert set(parts) == {"loss", "position"}


def test_a_gradient_whose_square_overflows_is_not_finite(problem):
    recipe, state, batch, step = problem
    steep = recipe._replace(loss=lambda p, t: 1e25 * setup.position_loss(p, t))
    after, parts = step(state, *batch, steep)
    assert jnp.isfinite(parts["loss"])
    assert after.step == 0
