"""The state is a pytree that says which of its parts the model takes."""

import jax
import numpy as np

from jaxpose.training.state import State


def test_the_state_is_a_pytree_whose_variables_the_model_takes():
    state = State(np.int32(3), {"w": np.ones(2)}, {"mean": np.zeros(1)}, opt_state=(), key=jax.random.key(0))
    assert state.variables == {"params": state.params, "batch_stats": state.batch_stats}
    assert state.sums == {}
    doubled = jax.tree.map(lambda leaf: leaf * 2, state.replace(key=()))
    assert doubled.step == 6
    np.testing.assert_array_equal(doubled.params["w"], 2)
