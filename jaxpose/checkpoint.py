"""Checkpoints of the training state, by Orbax: written in the background, each whole or not at all."""

from pathlib import Path
from typing import TypeVar

import jax
import orbax.checkpoint as ocp

from jaxpose.errors import InputError

Tree = TypeVar("Tree")


def open_checkpoints(run: Path, *, keep: int = 2) -> ocp.CheckpointManager:
    """The checkpoints of a run, a context manager that waits for the last one to be on disk.

    Args:
      run: the run's folder.
      keep: how many of the latest to keep.

    Returns:
      Orbax's manager; steps are its keys.
    """
    options = ocp.CheckpointManagerOptions(max_to_keep=keep)
    folder = (run / "checkpoints").absolute()
    return ocp.CheckpointManager(folder, options=options, item_handlers=ocp.StandardCheckpointHandler())


def save(checkpoints: ocp.CheckpointManager, step: int, state: object) -> None:
    """Save a state in the background; a step that is saved already is left alone."""
    if step not in checkpoints.all_steps():
        checkpoints.save(step, args=ocp.args.StandardSave(state))


def load(run: Path, like: Tree) -> Tree:
    """The latest state of a run, for reading only.

    Args:
      run: the run's folder.
      like: see `restore`.

    Returns:
      The state that was saved.

    Raises:
      InputError: see `restore`.
    """
    if not (run / "checkpoints").is_dir():
        raise InputError(f"{run} holds no checkpoint; train first")
    with open_checkpoints(run) as checkpoints:
        return restore(checkpoints, like)


def restore(checkpoints: ocp.CheckpointManager, like: Tree) -> Tree:
    """The latest state.

    Args:
      checkpoints: of a run.
      like: a state of the same structure, shapes, types and devices; its values do not matter.

    Returns:
      The state that was saved.

    Raises:
      InputError: there is none, or it belongs to another architecture.
    """
    step, folder = checkpoints.latest_step(), checkpoints.directory
    if step is None:
        raise InputError(f"{folder} holds no checkpoint; train first")
    saved, wanted = _shapes(checkpoints.item_metadata(step).tree), _shapes(like)
    for name in sorted(saved.keys() | wanted.keys()):
        there, here = saved.get(name, "absent"), wanted.get(name, "absent")
        if there != here:
            raise InputError(
                f"checkpoint {folder / str(step)} is of another architecture than config.json describes: "
                f"{name} is {there} in the checkpoint, {here} in the model; undo the change to config.json"
            )
    abstract = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), like)
    return checkpoints.restore(step, args=ocp.args.StandardRestore(abstract))


def _shapes(tree: object) -> dict[str, tuple[int, ...]]:
    """Shape by path of every weight and statistic; optimiser state follows from them."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    named = {jax.tree_util.keystr(path, simple=True, separator="/"): leaf.shape for path, leaf in leaves}
    return {name: tuple(shape) for name, shape in named.items() if name.startswith(("params/", "batch_stats/"))}
