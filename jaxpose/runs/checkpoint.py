"""Checkpoints of the training state, by Orbax: written in the background, each whole or not at all, with checksums."""

import contextlib
import functools
import logging
import math
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import jax
import orbax.checkpoint as ocp
from jax.experimental.multihost_utils import sync_global_devices
from orbax.checkpoint import checkpoint_managers as policies

from jaxpose.files.guarded_read import read_json
from jaxpose.runs import Which
from jaxpose.runs.checksums import check_files, find_damage, write_checksums
from jaxpose.runtime.errors import InputError, warn

Tree = TypeVar("Tree")


@contextlib.contextmanager
def open_checkpoints(run: Path, *, keep: int = 2, after: int | None = None) -> Iterator[ocp.CheckpointManager]:
    """The checkpoints of a run, to write more; at the end the last one is waited for.

    What a process that was killed has left half-written is removed.

    Args:
      run: the run's folder.
      keep: how many of the latest to keep, beside the best one if there are scores.
      after: forget the checkpoints of later steps.

    Returns:
      Orbax's manager; steps are its keys.

    Raises:
      InputError: a checkpoint cannot be written.
    """
    folder = (run / "checkpoints").absolute()
    if jax.process_index() == 0:
        _remove_partials(folder)
        for step in steps(run):
            if after is not None and step > after:
                shutil.rmtree(folder / str(step))
    sync_global_devices("the checkpoints are swept")
    best = policies.BestN(get_metric_fn=_of_metrics, reverse=True, n=1)
    options = ocp.CheckpointManagerOptions(
        best_fn=_of_metrics,
        preservation_policy=policies.AnyPreservationPolicy([policies.LatestN(keep), best]),
        async_options=ocp.AsyncOptions(
            post_finalization_callback=lambda: write_checksums(folder),
            create_directories_asynchronously=False,  # a full disk then shows at once, not after a timeout
        ),
    )
    _silence_orbax()
    with _as_input_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
        manager = ocp.CheckpointManager(folder, options=options, item_handlers=ocp.PyTreeCheckpointHandler())
    try:
        yield manager
    finally:
        with _as_input_error(folder):
            manager.close()


def save(checkpoints: ocp.CheckpointManager, step: int, state: object, error: float | None = None) -> None:
    """Save a state in the background; a step that is saved already, with its error if it has one, is left alone.

    Args:
      checkpoints: of a run.
      step: of the state.
      state: may be donated as soon as this returns.
      error: on the validation split, by which the best checkpoint is chosen.

    Raises:
      InputError: this checkpoint, or the one before, cannot be written.
    """
    with _as_input_error(checkpoints.directory):
        if step in checkpoints.all_steps():
            if error is None or _error(Path(checkpoints.directory, str(step))) is not None:
                return
            checkpoints.wait_until_finished()
            checkpoints.delete(step)
        metrics = {"error": math.inf if error is None else error}  # without any, Orbax complains on stderr
        checkpoints.save(step, args=ocp.args.PyTreeSave(state), metrics=metrics)


def check(checkpoints: ocp.CheckpointManager) -> None:
    """Raise `InputError` if what is being written in the background cannot be."""
    with _as_input_error(checkpoints.directory):
        checkpoints.check_for_errors()


def steps(run: Path) -> list[int]:
    """The steps of which a run holds checkpoints, damaged ones too."""
    folder = run / "checkpoints"
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal()) if folder.is_dir() else []


def load(run: Path, like: Tree, which: Which = "last", *, optional: tuple[str, ...] = ()) -> Tree:
    """A state of a run, or a part of it. A damaged checkpoint is named on stderr, and the next good one is taken.

    Args:
      run: the run's folder.
      like: a state, or a dict of some of its fields; nothing else is read. Its arrays say on which devices what was
        saved shall be, their values do not matter; where it has a `jax.ShapeDtypeStruct` it gets an array of NumPy.
      which: the last checkpoint, or the best.
      optional: fields that stay as they are in `like` if the checkpoint has others in their place, or none.

    Returns:
      What was saved, in the structure of `like`.

    Raises:
      InputError: there is no checkpoint, none that can be read, or it belongs to another architecture.
    """
    _silence_orbax()
    folders = [(run / "checkpoints" / str(step)).absolute() for step in reversed(steps(run))]
    if not folders:
        raise InputError(f"{run} holds no checkpoint; train first")
    if which == "best":
        folders = sorted((folder for folder in folders if _error(folder) is not None), key=_error)
        if not folders:
            raise InputError(f"{run} has no best checkpoint; train with --validation-split, or take the last one")
    damage = []
    for folder in folders:
        check_files(folder)
        try:
            if not (fault := find_damage(folder)):
                return _restore(folder, like, optional)
        except InputError:
            raise
        except Exception as error:  # Orbax raises many kinds for files that are not as it left them
            fault = f"{folder} cannot be read ({' '.join(str(error).split())[:200]})"
        damage.append(fault)
        if folder != folders[-1]:
            warn(f"{fault}; going back to an earlier checkpoint")
    raise InputError(f"{damage[-1]}, and {run} holds no good checkpoint; copy the run again, or train again")


def _restore(folder: Path, like: Tree, optional: tuple[str, ...]) -> Tree:
    """What one checkpoint holds."""
    handler = ocp.PyTreeCheckpointHandler()
    saved, wanted = _shapes(handler.metadata(folder / "default").tree), _shapes(like)
    kept = {
        field: getattr(like, field)
        for field in optional
        if {name for name in saved if _field(name) == field} != {name for name in wanted if _field(name) == field}
    }
    fields = {_field(name) for name in wanted} - set(kept)
    names = {name for name in wanted.keys() | saved.keys() if _field(name) in fields}
    for name in sorted(names, reverse=True):  # params before opt_state and batch_stats, whose shapes follow
        there, here = saved.get(name, "absent"), wanted.get(name, "absent")
        if there != here:
            raise InputError(
                f"checkpoint {folder} is of another architecture than config.json describes: "
                f"{name} is {there} in the checkpoint, {here} in the model; undo the change to config.json"
            )
    like = like.replace(**{field: {} for field in kept}) if kept else like
    declared = sum(math.prod(leaf.shape) * 4 for leaf in jax.tree.leaves(like))
    stored = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if declared > max(_FLOOR, _RATIO * stored):  # what is not in a file is filled in, however much it is
        raise InputError(f"checkpoint {folder} declares {declared} bytes and holds {stored}; restore a copy")
    args = ocp.checkpoint_utils.construct_restore_args(like)
    state = handler.restore(folder / "default", args=ocp.args.PyTreeRestore(like, args, partial_restore=True))
    return state.replace(**kept) if kept else state


_FLOOR = 2**24  # bytes that any checkpoint may restore to

_RATIO = 100  # times its size on disk that a larger one may: weights do not compress


def _field(name: str) -> str:
    """The first part of the path of an array."""
    return name.partition("/")[0]


def _shapes(tree: object) -> dict[str, tuple[int, ...]]:
    """Shape by path of every array; of the random key, which Orbax saves as its two words, none."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    named = {jax.tree_util.keystr(path, simple=True, separator="/"): tuple(leaf.shape) for path, leaf in leaves}
    return {name: shape for name, shape in named.items() if name != "key"}


def _error(folder: Path) -> float | None:
    """The error on the validation split of a checkpoint, if it has one that can be read."""
    try:
        error = float(_of_metrics(read_json(folder / "metrics" / "metrics")))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return error if math.isfinite(error) else None


def _of_metrics(metrics: dict[str, float]) -> float:
    return metrics["error"]


def _remove_partials(folder: Path) -> None:
    """Remove what is half-written."""
    for leftover in folder.glob("*.orbax-checkpoint-tmp*"):
        shutil.rmtree(leftover, ignore_errors=True)


@functools.cache
def _silence_orbax() -> None:
    """Have Orbax print nothing: advice to save less often, the traces of what it also raises, and of its threads then.

    Where a file cannot be read or written, threads of TensorStore's answer a loop that Orbax has closed by then.
    """
    for name in ("absl", "asyncio"):
        logging.getLogger(name).addFilter(lambda record: "orbax" not in f"{record.pathname} {record.getMessage()}")
    show = sys.unraisablehook

    def show_others(unraisable: Any) -> None:
        if str(unraisable.exc_value) != "Event loop is closed":
            show(unraisable)

    sys.unraisablehook = show_others


@contextlib.contextmanager
def _as_input_error(folder: Path) -> Iterator[None]:
    """Turn what Orbax raises where it cannot write, a full disk for example, into an `InputError`."""
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        _remove_partials(Path(folder))
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        for known in ("No space left on device", "Disk quota exceeded", "File too large"):
            reason = known if known in reason else reason
        raise InputError(
            f"no checkpoint can be written in {folder} ({reason[:200]}); those that are there are whole: make room, "
            f"and go on with --resume {Path(folder).parent}"
        ) from error
