"""The training state: everything that a step changes and a checkpoint holds."""

from typing import Any

import chex
import flax.struct
import jax
import optax

from jaxpose.models.lifter import Collections


class State(flax.struct.PyTreeNode):
    """Everything that a step changes and a checkpoint holds."""

    step: jax.Array  # () int32, steps taken
    params: optax.Params
    collections: Collections  # the network's other variables, such as BatchNorm's statistics
    opt_state: optax.OptState
    key: jax.Array  # of the run; every random choice is folded from it and the step or epoch
    # Sums of what a step returns (loss, terms, …) over the steps since the last log record, and their number, `steps`.
    # They are part of the state because a run that is killed in the middle of a record and resumed must log the same
    # mean, to the bit, as one that was never stopped.
    sums: dict[str, jax.Array] = flax.struct.field(default_factory=dict)

    @property
    def variables(self) -> dict[str, chex.ArrayTree]:
        """Parameters and collections, as `model.apply` takes them."""
        return {"params": self.params, **self.collections}


FIELDS = ("step", "opt_state", "key", "sums")
"""Of a checkpoint, beside the variables of the network."""


def to_checkpoint(state: State) -> dict[str, Any]:
    """The state as a checkpoint holds it: the variables of the network lie beside the other fields."""
    return {field: getattr(state, field) for field in FIELDS} | state.variables


def from_checkpoint(saved: dict[str, Any]) -> State:
    """The inverse of `to_checkpoint`."""
    collections = {name: value for name, value in saved.items() if name not in (*FIELDS, "params")}
    return State(**{field: saved[field] for field in (*FIELDS, "params")}, collections=collections)
