"""The job that fills a run: read data, train, log, evaluate after each epoch, save, write the results."""

import contextlib
import itertools
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.multihost_utils import sync_global_devices
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jaxpose.data.load import load
from jaxpose.data.track import SYNTHETIC_NOTICE, Description, Track, track_lengths, track_name
from jaxpose.data.windows import PackedTracks, pack, window_starts
from jaxpose.evaluation import results_file
from jaxpose.evaluation.averages import score
from jaxpose.evaluation.predict_tracks import predict_tracks
from jaxpose.files.atomic import atomic_write
from jaxpose.metrics import mpjpe
from jaxpose.runs import checkpoint, tensorboard
from jaxpose.runs.folder import make_folder, refuse_occupied, write_settings
from jaxpose.runs.lock import locked
from jaxpose.runs.log import append_log, cut_log, read_log
from jaxpose.runtime import signals
from jaxpose.runtime.devices import describe_devices, max_over_processes, replicate
from jaxpose.runtime.errors import InputError, StopError
from jaxpose.training import loop, nan_report, setup
from jaxpose.training.config import Config
from jaxpose.training.state import State
from jaxpose.training.step import Recipe

SECONDS = 1.0
"""About how long a compiled call may take: a signal waits for the step in progress and at most this long."""


class Job(NamedTuple):
    """What a run works with, all of it in memory."""

    config: Config
    run: Path
    recipe: Recipe
    description: Description
    data: PackedTracks  # to train on
    starts: jax.Array  # (W,) of its windows
    names: list[str]  # of its tracks
    test_tracks: list[Track]
    held_out: dict[str, PackedTracks]  # "test", and "validation" if there is one
    until: int  # the step to stop after
    console: Console


def train(config: Config, run: Path, *, resume: bool = False, debug_nans: bool = False) -> None:
    """Train, evaluate, and leave everything in the run's folder.

    Args:
      config: the settings; those of a run that is resumed, or new ones.
      run: the folder to make, or to go on with.
      resume: go on from the last checkpoint, or from the start if there is none yet.
      debug_nans: name the operation when a step is not finite.

    Raises:
      InputError: the data cannot be used, the folder holds something already or is in use, the checkpoint does not
        fit or cannot be written, or a step is not finite.
      StopError: a signal came; the last step is saved.
    """
    first = jax.process_index() == 0  # of several processes, the one that writes and prints
    with contextlib.ExitStack() as stack:
        if resume:
            stack.enter_context(locked(run))
        else:
            refuse_occupied(run)
        job = _prepare(config, run, Console(quiet=not first, markup=False))
        state = setup.init(job.recipe, jax.random.key(config.seed))
        sync_global_devices("the folder was free")
        if not resume:
            if first:
                make_folder(run)
            sync_global_devices("the folder is there")
            stack.enter_context(locked(run))
        if resume and checkpoint.steps(run):
            state = checkpoint.load(run, state, optional=("sums",))
        if first:
            write_settings(run, config, job.description)
        predictions, step = _train(job, state, debug_nans=debug_nans)
        scores = score(predictions, job.held_out["test"].poses, job.test_tracks)
        if first:
            results_file.write(run, scores, job.description, config.test_split)
            from jaxpose.visualization import figures

            figure = figures.training_curves(
                read_log(run), title=results_file.caption(job.description, config.test_split)
            )
            atomic_write(run / "curves.png", figure.savefig)
            tensorboard.add_image(run, run / "curves.png", step)
    results_file.show(job.console, scores, job.description, config.test_split)
    job.console.print(f"The run is in {run}", soft_wrap=True)


def _prepare(config: Config, run: Path, console: Console) -> Job:
    """Read the data, put them on every device, and say what they are."""
    console.print(f"Training on {describe_devices()}.")
    description, tracks = load(config.data, config.train_split)
    splits = {"train": config.train_split, "test": config.test_split, "validation": config.validation_split}
    held_out = {purpose: load(config.data, split)[1] for purpose, split in list(splits.items())[1:] if split}
    for purpose, some in ({"train": tracks} | held_out).items():
        verb = {"validation": "choose by"}.get(purpose, purpose)
        frames = track_lengths(some).sum()
        console.print(f"To {verb}: {description.title}, {splits[purpose]}, {len(some)} tracks, {frames:,} frames.")
    if description.synthetic:
        console.print(SYNTHETIC_NOTICE, style="bold yellow")
    tested = {track_name(track) for track in held_out["test"]}
    if shared := [track_name(track) for track in held_out.get("validation", ()) if track_name(track) in tested]:
        raise InputError(
            f"--validation-split {config.validation_split} holds {shared[0]} ({len(shared)} tracks) of --test-split "
            f"{config.test_split}; what is chosen by the test split is not tested: choose other subjects"
        )
    starts = window_starts(track_lengths(tracks), config.frames)
    recipe = setup.build_recipe(config, description, len(starts))
    joined = {purpose: replicate(pack(some), recipe.mesh) for purpose, some in held_out.items()}
    data, starts = (replicate(arrays, recipe.mesh) for arrays in (pack(tracks), starts))
    # Of the tracks to train on the joined frames are all that is needed; a second copy would double the memory.
    names, tests = [track_name(track) for track in tracks], held_out["test"]
    until = min(config.steps or sys.maxsize, config.epochs * recipe.steps_per_epoch)
    return Job(config, run, recipe, description, data, starts, names, tests, joined, until, console)


def _train(job: Job, state: State, *, debug_nans: bool) -> tuple[np.ndarray, int]:
    """Train to the end, log and save; what the network then predicts for the test frames (F, J, 3), and the last step.

    A checkpoint holds all of the log's next line but the errors on the test and validation frames. If the run stops
    before that line is written, it is made again from the checkpoint, and the errors computed again.
    """
    config, recipe, console = job.config, job.recipe, job.console
    first, done = jax.process_index() == 0, int(state.step)
    pending = bool(state.sums) and int(state.sums["steps"]) > 0
    if first:
        cut_log(job.run, done - 1 if pending else done)
    calls = loop.run(
        state, recipe, job.data, job.starts, until=job.until, steps_per_call=config.log_every, seconds=SECONDS
    )
    if pending and loop.record_ends(done, recipe, until=job.until, steps_per_record=config.log_every):
        calls = itertools.chain([(state, loop.record(state, recipe))], calls)
    predictions, stop, saved = None, 0, time.monotonic()
    with (
        signals.deferred_signals() as signalled,
        contextlib.ExitStack() as files,
        _explained(job, debug_nans=debug_nans),
        checkpoint.open_checkpoints(job.run, keep=config.keep, after=done) as checkpoints,
    ):
        add_event = files.enter_context(tensorboard.open_events(job.run)) if first else None
        for state, record in _shown(calls, done, job.until, recipe, console):
            step, error, predictions = int(state.step), None, None
            stop, due = max_over_processes(signalled(), int(time.monotonic() - saved >= 60 * config.save_minutes))
            ended = record is not None and step % recipe.steps_per_epoch == 0
            if record is not None and not (ended and stop):  # a signal does not wait for an evaluation
                if ended:
                    predictions, error = _evaluate(job, state, record)
                if first:
                    append_log(job.run, record)
                    add_event(record)
            checkpoint.check(checkpoints)
            if ended or stop or due or step == job.until:
                checkpoint.save(checkpoints, step, state, error)
                saved = time.monotonic()
            if stop:
                console.print(f"Stopping after step {step:,} of {job.until:,}; saving.")
                break
    if stop:
        raise StopError(stop, f"step {step} is done and saved; go on with --resume {job.run}")
    return _lift(job, state, "test") if predictions is None else predictions, int(state.step)


def _lift(job: Job, state: State, purpose: str) -> np.ndarray:
    """What the network predicts for held-out frames (F, J, 3)."""
    return predict_tracks(job.recipe.model, state.variables, job.held_out[purpose], job.description, job.recipe.mesh)


def _evaluate(job: Job, state: State, record: dict[str, float]) -> tuple[np.ndarray, float | None]:
    """Add the errors at the end of an epoch to its record, and print them.

    Returns:
      The predictions for the test frames, and the error by which the best checkpoint is chosen, if one is chosen.
    """
    predictions = {purpose: _lift(job, state, purpose) for purpose in job.held_out}
    for purpose, frames in job.held_out.items():
        record[f"{purpose}_mpjpe"] = float(jnp.mean(mpjpe(predictions[purpose], frames.poses)))
    errors = ", ".join(f"of the {key} frames {1000 * record[f'{key}_mpjpe']:.1f} mm" for key in job.held_out)
    job.console.print(f"epoch {record['epoch']:.0f}: loss {1000 * record['loss']:.1f} mm, MPJPE {errors}")
    return predictions["test"], record.get("validation_mpjpe")


@contextlib.contextmanager
def _explained(job: Job, *, debug_nans: bool) -> Iterator[None]:
    """Say why a step was not finite, and leave its batch in the run's folder."""
    try:
        yield
    except loop.NotFiniteError as error:
        state, recipe, batch = nan_report.batch_of(error.state, job.recipe, job.data, job.starts, job.names)
        reasons = nan_report.explain(state, recipe, batch)
        if debug_nans:
            reasons += f"; {nan_report.operation(state, recipe, batch)}"
        else:
            reasons += "; --debug-nans, also beside --resume, finds the operation"
        file = job.run / f"not-finite-{error.step + 1}.npz"
        if jax.process_index() == 0:
            atomic_write(file, lambda path: np.savez(path, **nan_report.arrays(state, batch)))
        steps = checkpoint.steps(job.run)
        last = f"the last good checkpoint is that of step {steps[-1]}" if steps else "there is no checkpoint yet"
        raise InputError(f"{error}: {reasons}; the batch is in {file}; {last}") from None


def _shown(
    calls: Iterable[tuple[State, dict[str, float] | None]], step: int, until: int, recipe: Recipe, console: Console
) -> Iterator[tuple[State, dict[str, float] | None]]:
    """Pass on what each call gives, and show the progress: rate, loss, learning rate and time left."""
    columns = (BarColumn(12), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console, speed_estimate_period=300) as progress:
        task = progress.add_task("compiling", total=until, completed=step)
        numbers, began = "", time.monotonic()
        for state, record in calls:
            last, step = step, int(state.step)
            speed = (step - last) * recipe.batch_size * recipe.frames / (time.monotonic() - began)
            if record is not None:
                numbers = f"loss {1000 * record['loss']:.1f} mm, lr {record['learning_rate']:.1e}, "
            progress.update(task, completed=step, description=f"{numbers}{speed:,.0f} frames/s")
            yield state, record
            began = time.monotonic()
