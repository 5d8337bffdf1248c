"""The training state: everything that a step changes and a checkpoint holds."""

import flax.struct
import jax
import optax


class State(flax.struct.PyTreeNode):
    """Everything that a step changes and a checkpoint holds."""

    step: jax.Array  # () int32, steps taken
    params: optax.Params
    batch_stats: optax.Params
    opt_state: optax.OptState
    key: jax.Array  # of the run; every random choice is folded from it and the step or epoch
    # Sums of what a step returns (loss, terms, …) over the steps since the last log record, and their number, `steps`.
    # They are part of the state because a run that is killed in the middle of a record and resumed must log the same
    # mean, to the bit, as one that was never stopped.
    sums: dict[str, jax.Array] = flax.struct.field(default_factory=dict)

    @property
    def variables(self) -> dict[str, optax.Params]:
        """Parameters and batch statistics, as `model.apply` takes them."""
        return {"params": self.params, "batch_stats": self.batch_stats}
