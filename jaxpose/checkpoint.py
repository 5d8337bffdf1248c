"""Checkpoints of the training state, by Orbax: written in the background, each whole or not at all."""

import contextlib
import math
from collections.abc import Iterator
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

    Raises:
      InputError: what is there is damaged.
    """
    options = ocp.CheckpointManagerOptions(max_to_keep=keep)
    folder = (run / "checkpoints").absolute()
    _check_files(folder)
    with _damage(folder):
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
      InputError: there is none, it is damaged, or it belongs to another architecture.
    """
    step, folder = checkpoints.latest_step(), checkpoints.directory
    if step is None:
        raise InputError(f"{folder} holds no checkpoint; train first")
    with _damage(folder / str(step)):
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
    declared = sum(math.prod(leaf.shape) * 4 for leaf in jax.tree.leaves(like))
    stored = sum(path.stat().st_size for path in Path(folder, str(step)).rglob("*") if path.is_file())
    if declared > max(_FLOOR, _RATIO * stored):  # what is not in a file is filled in, however much it is
        raise InputError(
            f"checkpoint {folder / str(step)} declares {declared} bytes and holds {stored}; restore a copy"
        )
    restore_args = ocp.checkpoint_utils.construct_restore_args(like)
    with _damage(folder / str(step)):
        return checkpoints.restore(step, args=ocp.args.PyTreeRestore(like, restore_args, partial_restore=True))


_LARGEST_DESCRIPTION = 2**26  # bytes of any file but the arrays, which are in folders called d
_FLOOR = 2**24  # bytes that any checkpoint may restore to
_RATIO = 100  # times its size on disk that a larger one may: weights do not compress


def _check_files(folder: Path) -> None:
    """Refuse what Orbax would wait for or read without end: pipes, devices, descriptions of any size."""
    for path in folder.rglob("*"):
        if not path.is_dir() and not path.is_file():
            raise InputError(f"{path} is no file; restore a copy, or train again")
        if path.is_file() and path.parent.name != "d" and path.stat().st_size > _LARGEST_DESCRIPTION:
            raise InputError(f"{path} has more than {_LARGEST_DESCRIPTION} bytes; restore a copy, or train again")


@contextlib.contextmanager
def _damage(where: Path) -> Iterator[None]:
    """What Orbax, TensorStore and JSON raise for files that are missing, short or altered, as an input error."""
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{where} is damaged or incomplete ({reason:.200}); restore a copy, or train again") from error


def _shapes(tree: object) -> dict[str, tuple[int, ...]]:
    """Shape by path of every array; of the random key, which Orbax saves as its two words, none."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    named = {jax.tree_util.keystr(path, simple=True, separator="/"): tuple(leaf.shape) for path, leaf in leaves}
    return {name: shape for name, shape in named.items() if name != "key"}
