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
    return ocp.CheckpointManager(folder, options=options, item_handlers=ocp.PyTreeCheckpointHandler())


def save(checkpoints: ocp.CheckpointManager, step: int, state: object) -> None:
    """Save a state in the background; a step that is saved already is left alone."""
    if step not in checkpoints.all_steps():
        checkpoints.save(step, args=ocp.args.PyTreeSave(state))


def load(run: Path, like: Tree) -> Tree:
    """The latest state of a run, or a part of it, for reading only.

    Args:
      run: the run's folder.
      like: see `restore`.

    Returns:
      What was saved.

    Raises:
      InputError: see `restore`.
    """
    if not (run / "checkpoints").is_dir():
        raise InputError(f"{run} holds no checkpoint; train first")
    with open_checkpoints(run) as checkpoints:
        return restore(checkpoints, like)


def restore(checkpoints: ocp.CheckpointManager, like: Tree) -> Tree:
    """The latest state, or a part of it.

    Args:
      checkpoints: of a run.
      like: a state, or a dict of some of its fields; nothing else is read. Its arrays say on which devices what was
        saved shall be, their values do not matter; where it has a `jax.ShapeDtypeStruct` it gets an array of NumPy.

    Returns:
      What was saved, in the structure of `like`.

    Raises:
      InputError: there is none, or it belongs to another architecture.
    """
    step, folder = checkpoints.latest_step(), checkpoints.directory
    if step is None:
        raise InputError(f"{folder} holds no checkpoint; train first")
    saved, wanted = _shapes(checkpoints.item_metadata(step).tree), _shapes(like)
    fields = {name.partition("/")[0] for name in wanted}
    names = wanted.keys() | {name for name in saved if name.partition("/")[0] in fields}
    for name in sorted(names, reverse=True):  # params before opt_state and batch_stats, whose shapes follow from them
        there, here = saved.get(name, "absent"), wanted.get(name, "absent")
        if there != here:
            raise InputError(
                f"checkpoint {folder / str(step)} is of another architecture than config.json describes: "
                f"{name} is {there} in the checkpoint, {here} in the model; undo the change to config.json"
            )
    restore_args = ocp.checkpoint_utils.construct_restore_args(like)
    return checkpoints.restore(step, args=ocp.args.PyTreeRestore(like, restore_args, partial_restore=True))


def _shapes(tree: object) -> dict[str, tuple[int, ...]]:
    """Shape by path of every array; of the random key, which Orbax saves as its two words, none."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    named = {jax.tree_util.keystr(path, simple=True, separator="/"): tuple(leaf.shape) for path, leaf in leaves}
    return {name: shape for name, shape in named.items() if name != "key"}
