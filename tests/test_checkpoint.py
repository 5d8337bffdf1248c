"""What is restored is what was saved, and what does not fit is refused."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from samples import DESCRIPTION, make_track

from jaxpose import checkpoint, loop
from jaxpose.config import Config
from jaxpose.dataset import join
from jaxpose.errors import InputError


def state_of(seed=0, **settings):
    config = Config(**{"filter_widths": (3,), "channels": 8, "batch_size": 4} | settings)
    data = join([make_track(frames=10)])
    recipe = loop.build_recipe(config, DESCRIPTION, 10)
    return recipe, data, loop.init(recipe, jax.random.key(seed))


def test_round_trip_into_a_differently_seeded_state(tmp_path):
    _, _, state = state_of(seed=1)
    with checkpoint.open_checkpoints(tmp_path) as checkpoints:
        checkpoint.save(checkpoints, 3, state)
    with checkpoint.open_checkpoints(tmp_path) as checkpoints:
        restored = checkpoint.restore(checkpoints, state_of(seed=2)[2])
    chex.assert_trees_all_equal(restored, state)
    assert jax.random.key_data(restored.key).tolist() == jax.random.key_data(state.key).tolist()


def test_some_fields_alone_are_restored_to_the_host(tmp_path):
    _, _, state = state_of()
    with checkpoint.open_checkpoints(tmp_path) as checkpoints:
        checkpoint.save(checkpoints, 3, state)
    shapes = jax.eval_shape(lambda: state.variables)
    loaded = checkpoint.load(tmp_path, shapes)
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(loaded))
    chex.assert_trees_all_equal(loaded, state.variables)


def test_what_is_saved_survives_the_donation_of_the_state(tmp_path):
    recipe, data, state = state_of()
    expected = jax.tree.map(jnp.copy, state)
    with checkpoint.open_checkpoints(tmp_path) as checkpoints:
        checkpoint.save(checkpoints, 0, state)
        for _ in loop.run(state, recipe, data, jnp.arange(10), until=20, steps_per_call=20):
            pass
    with checkpoint.open_checkpoints(tmp_path) as checkpoints:
        chex.assert_trees_all_equal(checkpoint.restore(checkpoints, expected), expected)


def test_the_latest_are_kept_and_a_step_is_saved_once(tmp_path):
    _, _, state = state_of()
    with checkpoint.open_checkpoints(tmp_path) as checkpoints:
        for step in (1, 2, 3, 3):
            checkpoint.save(checkpoints, step, state)
        checkpoints.wait_until_finished()
        assert list(checkpoints.all_steps()) == [2, 3]


def test_nothing_to_restore_is_said(tmp_path):
    with (
        checkpoint.open_checkpoints(tmp_path) as checkpoints,
        pytest.raises(InputError, match="holds no checkpoint; train first"),
    ):
        checkpoint.restore(checkpoints, state_of()[2])


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"channels": 16}, r"params/shrink/kernel is \(8, 51\) in the checkpoint, \(16, 51\) in the model"),
        ({"filter_widths": (5,)}, r"params/expand/kernel is \(3, 34, 8\) in the checkpoint, \(5, 34, 8\) in the model"),
        ({"filter_widths": (3, 3)}, r"params/pointwise_norm_1/scale is absent in the checkpoint"),
    ],
)
def test_another_architecture_is_refused(tmp_path, settings, named):
    with checkpoint.open_checkpoints(tmp_path) as checkpoints:
        checkpoint.save(checkpoints, 1, state_of()[2])
    other = state_of(**settings)[2]
    for like in (other, other.variables):
        with pytest.raises(InputError, match=f"is of another architecture than config.json describes: {named}"):
            checkpoint.load(tmp_path, like)


def test_a_state_is_not_made_of_weights_alone(tmp_path):
    _, _, state = state_of()
    with checkpoint.open_checkpoints(tmp_path) as checkpoints:
        checkpoint.save(checkpoints, 1, state.variables)
    with pytest.raises(InputError, match="step is absent in the checkpoint"):
        checkpoint.load(tmp_path, state)
