"""The state is a pytree that says which of its parts the model takes, and what a checkpoint of it holds."""

import jax
import numpy as np

from jaxpose.training.state import State, from_checkpoint, to_checkpoint


def state_of(**collections):
    return State(np.int32(3), {"w": np.ones(2)}, collections, opt_state=(np.zeros(2),), key=jax.random.key(0))


def test_the_state_is_a_pytree_whose_variables_the_model_takes():
    state = state_of(batch_stats={"mean": np.zeros(1)}, memory={"last": np.ones(3)})
    assert state.variables == {"params": state.params, **state.collections}
    assert state.sums == {}
    doubled = jax.tree.map(lambda leaf: leaf * 2, state.replace(key=()))
    assert doubled.step == 6
    np.testing.assert_array_equal(doubled.params["w"], 2)
    np.testing.assert_array_equal(doubled.collections["memory"]["last"], 2)


def test_a_checkpoint_has_the_variables_beside_the_other_fields():
    for state in (state_of(), state_of(batch_stats={"mean": np.zeros(1)}, memory={"last": np.ones(3)})):
        saved = to_checkpoint(state)
        assert saved.keys() == {"step", "opt_state", "key", "sums", "params", *state.collections}
        assert saved | state.variables == saved
        again = from_checkpoint(saved)
        assert jax.tree.structure(again) == jax.tree.structure(state)
        for one, other in zip(jax.tree.leaves(again), jax.tree.leaves(state), strict=True):
            assert one is other
