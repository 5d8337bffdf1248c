"""The training state: everything that a step changes and a checkpoint holds."""

import flax.struct
import jax
import optax


class State(flax.struct.PyTreeNode):
    """All that a step changes, and all that a checkpoint holds."""

    step: jax.Array  # () int32, steps taken
    params: optax.Params
    batch_stats: optax.Params
    opt_state: optax.OptState
    key: jax.Array  # of the run; every random choice is folded from it and the step or epoch
    # Of the loss and its parts over the steps since the last record, and how many these are, `steps`.
    sums: dict[str, jax.Array] = flax.struct.field(default_factory=dict)

    @property
    def variables(self) -> dict[str, optax.Params]:
        """What the model needs to predict."""
        return {"params": self.params, "batch_stats": self.batch_stats}
