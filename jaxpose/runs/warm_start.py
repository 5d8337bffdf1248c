"""Start a training from the weights of another run: all that fit, by name and shape."""

from pathlib import Path

import jax
import jax.numpy as jnp

from jaxpose.runs import checkpoint
from jaxpose.runs.folder import read_settings
from jaxpose.runtime.errors import InputError
from jaxpose.training import setup
from jaxpose.training.state import State


def start_from(run: Path, state: State) -> tuple[State, list[str]]:
    """Replace parameters and collections of a state by those of a run's last checkpoint, where the shapes agree.

    The optimiser starts anew: its moments belong to another loss.

    Args:
      run: the folder of the run to start from.
      state: as initialised.

    Returns:
      The state; and notes for the user, which name every array that was not taken.

    Raises:
      InputError: the folder is not a run with a checkpoint, or no array fits.
    """
    config, description = read_settings(run)
    shapes = setup.variable_shapes(setup.build_model(config, description), description)
    given = _by_name(checkpoint.load(run, shapes))
    leaves, structure = jax.tree_util.tree_flatten_with_path(state.variables)
    taken, notes = [], []
    for path, leaf in leaves:
        name = _name(path)
        other = given.pop(name, None)
        fits = other is not None and other.shape == leaf.shape and other.dtype == leaf.dtype
        taken.append(jax.device_put(jnp.asarray(other), leaf.sharding) if fits else leaf)
        if not fits:
            why = f"is {other.shape} there and {leaf.shape} here" if other is not None else "is not there"
            notes.append(f"  {name} {why}; it starts anew")
    notes += [f"  {name} {array.shape} is not needed" for name, array in given.items()]
    fitting = len(leaves) - sum("starts anew" in note for note in notes)
    if not fitting:
        raise InputError(
            f"--init {run} has no weights that fit: it is a {config.model.kind} network of other sizes; choose the "
            "settings of that run, which are in its config.json"
        )
    variables = dict(jax.tree.unflatten(structure, taken))
    notes.insert(0, f"{fitting} of {len(leaves)} arrays of weights are those of {run}, its step {_last(run)}.")
    return state.replace(params=variables.pop("params"), collections=variables), notes


def _last(run: Path) -> int:
    """The step of the last checkpoint."""
    return checkpoint.steps(run)[-1]


def _by_name(tree: dict) -> dict[str, jax.Array]:
    """Arrays by their path."""
    return {_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def _name(path: tuple) -> str:
    """A path as text, such as params/expand/kernel."""
    return jax.tree_util.keystr(path, simple=True, separator="/")
