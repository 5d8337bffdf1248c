"""Checkpoints of the training state, by Orbax: written in the background, each whole or not at all, with checksums."""

import contextlib
import logging
import math
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from jax.experimental.multihost_utils import sync_global_devices
from orbax.checkpoint import checkpoint_managers as policies
from orbax.checkpoint.checkpoint_manager import DEFAULT_ITEM_NAME, METRIC_ITEM_NAME

from jaxpose.files.guarded_read import read_json
from jaxpose.runs import Which
from jaxpose.runs.checksums import find_damage, find_unreadable, write_checksums
from jaxpose.runtime.errors import InputError, warn


@contextlib.contextmanager
def open_checkpoints(run: Path, *, keep: int = 2, after: int | None = None) -> Iterator[ocp.CheckpointManager]:
    """Open the checkpoints of a run to write more, and wait at the end until the last one is written.

    Half-written checkpoints of a killed process are removed, and so are those that cannot be read safely.

    Args:
      run: the run's folder.
      keep: how many of the latest to keep, beside the best one if there are errors to choose by.
      after: remove the checkpoints of later steps.

    Yields:
      Orbax's manager; steps are its keys.

    Raises:
      InputError: a checkpoint cannot be written.
    """
    folder = (run / "checkpoints").absolute()
    if jax.process_index() == 0:
        for step in steps(run):
            if fault := find_unreadable(folder / str(step)):  # Orbax would wait for a pipe without end
                warn(f"{fault}; this checkpoint is removed")
            if fault or (after is not None and step > after):
                shutil.rmtree(folder / str(step))
    sync_global_devices("the checkpoints of later steps are removed")
    best = policies.BestN(get_metric_fn=_error_of, reverse=True, n=1)
    options = ocp.CheckpointManagerOptions(
        best_fn=_error_of,
        preservation_policy=policies.AnyPreservationPolicy([policies.LatestN(keep), best]),
        cleanup_tmp_directories=True,
        async_options=ocp.AsyncOptions(
            post_finalization_callback=lambda: write_checksums(folder),
            create_directories_asynchronously=False,  # a full disk then shows at once, not after a timeout
        ),
    )
    with _quiet_orbax():
        with _as_input_error(folder):
            folder.mkdir(parents=True, exist_ok=True)
            manager = ocp.CheckpointManager(folder, options=options, item_handlers=ocp.PyTreeCheckpointHandler())
        try:
            yield manager
        finally:
            with _as_input_error(folder):
                manager.close()


def save(checkpoints: ocp.CheckpointManager, step: int, state: object, error: float | None = None) -> None:
    """Save a state in the background, unless this step is saved already with the error given.

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
            if error is None or _read_error(Path(checkpoints.directory, str(step))) is not None:
                return
            checkpoints.wait_until_finished()
            checkpoints.delete(step)
        metrics = {"error": math.inf if error is None else error}  # without metrics, Orbax complains on stderr
        checkpoints.save(step, args=ocp.args.PyTreeSave(state), metrics=metrics)


def check(checkpoints: ocp.CheckpointManager) -> None:
    """Raise `InputError` if the checkpoint that is being written in the background has failed."""
    with _as_input_error(checkpoints.directory):
        checkpoints.check_for_errors()


def steps(run: Path) -> list[int]:
    """Return the steps of a run's checkpoints in ascending order, damaged ones included."""
    folder = run / "checkpoints"
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal()) if folder.is_dir() else []


def load(run: Path, like: dict[str, Any], which: Which = "last", *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """Restore a state of a run, or a part of it; a damaged checkpoint is named on stderr and the next good one taken.

    Args:
      run: the run's folder.
      like: fields of a checkpoint, as of `state.to_checkpoint`; nothing else is read. Its arrays give the devices on
        which the restored ones are put, their values do not matter; for a `jax.ShapeDtypeStruct` a NumPy array is
        restored.
      which: the last checkpoint, or the best.
      optional: fields that keep their value in `like` if the checkpoint does not have the same arrays in them.

    Returns:
      The saved values, in the structure of `like`.

    Raises:
      InputError: there is no checkpoint, none can be read, or the checkpoint is of another architecture.
    """
    folders = [(run / "checkpoints" / str(step)).absolute() for step in reversed(steps(run))]
    if not folders:
        raise InputError(f"{run} has no checkpoint; train first")
    if which == "best":
        folders = sorted((folder for folder in folders if _read_error(folder) is not None), key=_read_error)
        if not folders:
            raise InputError(f"{run} has no best checkpoint; train with --validation-split, or use the last checkpoint")
    with _quiet_orbax(), warnings.catch_warnings(action="ignore", category=UserWarning):  # Orbax 0.11 warns of NumPy
        for folder in folders:
            fault = find_unreadable(folder) or find_damage(folder)
            if not fault:
                try:
                    return _restore(folder, like, optional)
                except InputError:
                    raise
                except Exception as error:  # Orbax raises many kinds for files that it did not write
                    time.sleep(_LATE_MESSAGES)
                    fault = f"{folder} cannot be read ({' '.join(str(error).split())[:200]})"
            if folder != folders[-1]:
                warn(f"{fault}; going back to an earlier checkpoint")
    raise InputError(f"{fault}, and {run} has no other checkpoint to use; copy the run again, or train again")


def _restore(folder: Path, like: dict[str, Any], optional: tuple[str, ...]) -> dict[str, Any]:
    """Read one checkpoint."""
    handler, item = ocp.PyTreeCheckpointHandler(), folder / DEFAULT_ITEM_NAME
    saved, wanted = _shapes(handler.metadata(item).tree), _shapes(like)
    kept = {field: like[field] for field in optional if saved.get(field, {}).keys() != wanted.get(field, {}).keys()}
    for field in sorted(wanted.keys() - kept.keys(), reverse=True):  # params first: the shapes of the others follow
        _check_shapes(folder, saved.get(field, {}), wanted[field])
    like = {field: value for field, value in like.items() if field not in kept}
    _check_size(folder, like)
    args = ocp.checkpoint_utils.construct_restore_args(like)
    state = handler.restore(item, args=ocp.args.PyTreeRestore(like, args, partial_restore=True))
    return state | kept


def _shapes(tree: object) -> dict[str, dict[str, tuple[int, ...]]]:
    """Shapes of all arrays by field and path, without the random key, which Orbax saves as two words."""
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        shapes.setdefault(name.partition("/")[0], {})[name] = tuple(leaf.shape)
    shapes.pop("key", None)
    return shapes


def _check_shapes(folder: Path, saved: dict[str, tuple[int, ...]], wanted: dict[str, tuple[int, ...]]) -> None:
    """Raise `InputError` for the first array whose shape in the checkpoint is not that of the model."""
    for name in sorted(saved.keys() | wanted.keys(), reverse=True):
        shapes = saved.get(name, "absent"), wanted.get(name, "absent")
        if shapes[0] != shapes[1]:
            raise InputError(
                f"checkpoint {folder} is of another architecture than config.json describes: {name} is {shapes[0]} in "
                f"the checkpoint, {shapes[1]} in the model; undo the change to config.json"
            )


_FLOOR = 2**24  # bytes that any checkpoint may restore to

_RATIO = 100  # times its size on disk that a larger one may restore to: weights do not compress


def _check_size(folder: Path, like: object) -> None:
    """Raise `InputError` for arrays far larger than the files: TensorStore fills in whatever is not stored."""
    declared = sum(math.prod(leaf.shape) * 4 for leaf in jax.tree.leaves(like))
    stored = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if declared > max(_FLOOR, _RATIO * stored):
        raise InputError(f"checkpoint {folder} declares {declared} bytes and holds {stored}; restore a copy")


def _read_error(folder: Path) -> float | None:
    """Read the error on the validation split of a checkpoint; None if it has none."""
    try:
        error = float(_error_of(read_json(folder / METRIC_ITEM_NAME / METRIC_ITEM_NAME)))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return error if math.isfinite(error) else None


def _error_of(metrics: dict[str, float]) -> float:
    return metrics["error"]


_LATE_MESSAGES = 1.0
"""Seconds for which threads of TensorStore still complain after a failure, to an event loop that Orbax has closed."""


@contextlib.contextmanager
def _quiet_orbax() -> Iterator[None]:
    """Keep Orbax's messages off stderr: advice to save less often, and the tracebacks of what it also raises.

    Everything is restored at the end, but for an error: then Orbax's threads and abandoned tasks complain until the
    process ends, and their messages, no others, are kept off until then.
    """
    loggers = [logging.getLogger(name) for name in ("absl", "asyncio")]
    show = sys.unraisablehook

    def is_not_of_orbax(record: logging.LogRecord) -> bool:
        files = [frame.filename for frame in traceback.extract_tb(record.exc_info[2])] if record.exc_info else []
        return not any("orbax" in text for text in (record.pathname, record.getMessage(), *files))

    def show_others(unraisable: Any) -> None:
        if str(unraisable.exc_value) != "Event loop is closed":
            show(unraisable)

    for logger in loggers:
        logger.addFilter(is_not_of_orbax)
    sys.unraisablehook = show_others
    yield
    sys.unraisablehook = show
    for logger in loggers:
        logger.removeFilter(is_not_of_orbax)


@contextlib.contextmanager
def _as_input_error(folder: Path) -> Iterator[None]:
    """Raise an `InputError` for what Orbax raises where it cannot write, for example on a full disk."""
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        for known in ("No space left on device", "Disk quota exceeded", "File too large"):
            reason = known if known in reason else reason
        raise InputError(
            f"no checkpoint can be written in {folder} ({reason[:200]}); the checkpoints that are there are whole: "
            f"make room, and continue with --resume {Path(folder).parent}"
        ) from error
