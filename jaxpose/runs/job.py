"""The job that fills a run: read data, train, log, evaluate after each epoch, save, write the results."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np
from jax.experimental.multihost_utils import sync_global_devices
from rich.console import Console

from jaxpose.evaluation import results_file
from jaxpose.evaluation.averages import score
from jaxpose.evaluation.predict_tracks import predict_tracks
from jaxpose.files.atomic import atomic_write
from jaxpose.runs import checkpoint, profiler, tensorboard
from jaxpose.runs.checksums import find_damage
from jaxpose.runs.evaluations import EVALUATIONS
from jaxpose.runs.folder import make_folder, read_settings, refuse_missing_data, refuse_occupied, write_settings
from jaxpose.runs.lock import locked
from jaxpose.runs.log import append_log, cut_log, read_log
from jaxpose.runs.prepare import Job, prepare, read_splits
from jaxpose.runs.progress import loss_text, show_progress
from jaxpose.runs.warm_start import start_from
from jaxpose.runtime import signals
from jaxpose.runtime.devices import max_over_processes
from jaxpose.runtime.errors import InputError, StopError
from jaxpose.training import loop, nan_report, setup
from jaxpose.training.config import Config
from jaxpose.training.state import State, from_checkpoint, to_checkpoint

SECONDS = 0.25
"""About how long a call of training steps may take. Two are queued, and a signal waits for both."""

STOPPING = "Finishing the step and saving it; a second Ctrl-C ends the training at once, without saving."
"""What is printed as soon as a signal comes."""


def train(config: Config, run: Path, *, resume: bool = False, debug_nans: bool = False, profile: int = 0) -> None:
    """Train, evaluate, and leave everything in the run's folder.

    Args:
      config: the settings; those of a run that is resumed, or new ones.
      run: the folder to make, or to resume.
      resume: continue from the last checkpoint, or from the start if there is none yet; do nothing if the run is
        complete.
      debug_nans: name the operation when a step is not finite.
      profile: steps of which to write a trace, soon after the first; none by default.

    Raises:
      InputError: the data cannot be used, the folder holds something already or is in use, the checkpoint does not
        fit or cannot be written, or a step is not finite.
      StopError: a signal came; the last step is saved.
    """
    first = jax.process_index() == 0  # of several processes, the one that writes and prints
    with contextlib.ExitStack() as stack:
        console = Console(quiet=not first, markup=False)
        if resume:
            stack.enter_context(locked(run))
            saved, described = read_settings(run)
            if config == saved and is_complete(run, config):
                console.print(_completed(run), soft_wrap=True)
                return
            if config.data == saved.data:
                refuse_missing_data(run, saved, described, "--data DIR --change")
        else:
            refuse_occupied(run)
        job = prepare(config, run, read_splits(config, console), console)
        state = setup.init(job.recipe, jax.random.key(config.seed))
        begun = resume and bool(checkpoint.steps(run))
        if not begun:
            state = setup.fit_collections(state, job.recipe, job.data)
        if not begun and config.init is not None:
            state, notes = start_from(config, state, job.recipe)
            console.print("\n".join(notes), soft_wrap=True)
        sync_global_devices("the folder was free")
        if not resume:
            if first:
                make_folder(run)
            sync_global_devices("the folder is there")
            stack.enter_context(locked(run))
        if begun:
            state = from_checkpoint(checkpoint.load(run, to_checkpoint(state), optional=("sums",)))
        if resume:
            console.print(_resumed(int(state.step), job.until))
        if first:
            write_settings(run, config, job.description)
        state, predictions = _train(job, state, debug_nans=debug_nans, profile=profile)
        if predictions is None:
            predictions = _predict(job, state, "test")
        scores = score(predictions, job.held_out["test"].poses, job.test_tracks)
        if first:
            results_file.write_results(run, scores, job.description, config.test_split, job.trained_on)
            _draw_curves(job, int(state.step))
    results_file.show_results(console, scores, job.description, _title_of_test_split(job))
    console.print(f"The run is in {run}", soft_wrap=True)


def is_complete(run: Path, config: Config) -> bool:
    """True if all steps of these settings are done and saved, and the results of the last one are written."""
    log, saved = read_log(run), checkpoint.steps(run)
    if not log or not saved or log[-1].get("step") != saved[-1]:
        return False
    last = run / "checkpoints" / str(saved[-1])
    results = [run / name for name in ("results.json", "results.md", "curves.png")]
    return (
        (log[-1].get("epoch", 0) >= config.epochs or (config.steps is not None and saved[-1] >= config.steps))
        and all(path.exists() and path.stat().st_mtime_ns >= last.stat().st_mtime_ns for path in results)
        and not find_damage(last)
    )


def _completed(run: Path) -> str:
    """A line about a run in which nothing is left to do."""
    return (
        f"{run} is complete: all {checkpoint.steps(run)[-1]:,} steps are done, and the results are in "
        f"{run / 'results.md'}. To train it further, add --epochs or --steps, and --change."
    )


def _resumed(step: int, until: int) -> str:
    """A line about where a resumed run stands."""
    if step >= until:
        return f"All {until:,} steps are done already; evaluating again."
    return f"Resuming at step {step:,} of {until:,}." if step else "There is no checkpoint yet; starting at step 0."


def _train(job: Job, state: State, *, debug_nans: bool, profile: int) -> tuple[State, np.ndarray | None]:
    """Train to the end, log and save.

    A checkpoint holds all of the next log record but what is evaluated at the end of an epoch. If the run stops before
    that record is written, it is made again from the checkpoint, and evaluated again.

    Returns:
      The last state, and the predictions for the test frames (F, J, 3) if the last call ended with an epoch.

    Raises:
      StopError: a signal came; the last step is saved.
    """
    config, recipe, done = job.config, job.recipe, int(state.step)
    record_open = bool(state.sums) and int(state.sums["steps"]) > 0  # the record of the last steps may not be logged
    predictions, saved = None, time.monotonic()
    with (
        signals.deferred_signals(STOPPING) as signalled,
        _explain_nans(job, debug_nans=debug_nans),
        checkpoint.open_checkpoints(job.run, keep=config.keep, after=done) as checkpoints,
        _open_log(job, done - 1 if record_open else done) as add_to_log,
        show_progress(job, done) as show,
        profiler.trace_steps(job.run, done, profile if jax.process_index() == 0 else 0) as trace,
    ):

        def stop_number() -> int:
            """The number of the signal that any process has received, or 0."""
            return max_over_processes(signalled())[0]

        def abandon_if_signalled() -> None:
            """Raise `_AbandonedError` after a signal."""
            if stop_number():
                raise _AbandonedError

        def needs_state(step: int) -> bool:
            """True if the state after this step is evaluated or saved."""
            due = time.monotonic() - saved >= 60 * config.save_minutes
            return any(max_over_processes(signalled(), int(due))) or step % recipe.steps_per_epoch == 0

        def after_call(state: State | None, step: int, record: dict[str, float] | None) -> None:
            nonlocal predictions, saved
            show(step, record)
            trace(step)
            stop = 0 if state is None else stop_number()
            error, predictions = None, None
            if step % recipe.steps_per_epoch == 0:
                try:
                    abandon_if_signalled()
                    predictions, error = _evaluate(job, state, record, abandon_if_signalled)
                    show(step, None)
                except _AbandonedError:
                    stop, record = stop_number(), None  # the record is made again when the run goes on
            if record is not None:
                add_to_log(record)
            checkpoint.check(checkpoints)
            if state is not None:
                checkpoint.save(checkpoints, step, to_checkpoint(state), error)
                saved = time.monotonic()
                stop = stop or stop_number()  # a signal may have come since
            if stop:
                job.console.print(f"Stopping after step {step:,} of {job.until:,}; saving.")
                raise StopError(stop, f"step {step} is done and saved; continue with --resume {job.run}")

        if record_open and loop.record_ends(done, recipe, until=job.until, log_every=config.log_every):
            after_call(state, done, loop.record(done, state.sums, recipe))
        state = loop.run(
            state,
            recipe,
            job.data,
            job.starts,
            until=job.until,
            log_every=config.log_every,
            seconds=SECONDS,
            needs_state=needs_state,
            after_call=after_call,
        )
    return state, predictions


@contextlib.contextmanager
def _open_log(job: Job, done: int) -> Iterator[Callable[[dict[str, float]], None]]:
    """Remove the records after a step, and give the function that adds others, to `metrics.jsonl` and TensorBoard.

    Of several processes the first one writes.
    """
    if jax.process_index():
        yield lambda record: None
        return
    cut_log(job.run, done)
    with tensorboard.open_events(job.run) as add_event:

        def add(record: dict[str, float]) -> None:
            append_log(job.run, record)
            add_event(record)

        yield add


class _AbandonedError(Exception):
    """A signal came during the evaluation at the end of an epoch, which nobody waits for."""


def _predict(job: Job, state: State, purpose: str, before_batch: Callable[[], None] = lambda: None) -> np.ndarray:
    """Predict held-out frames (F, J, 3)."""
    data, recipe = job.held_out[purpose], job.recipe
    return predict_tracks(recipe.model, state.variables, data, job.description, recipe.mesh, before_batch=before_batch)


def _evaluate(
    job: Job, state: State, record: dict[str, float], before_batch: Callable[[], None]
) -> tuple[np.ndarray, float | None]:
    """Add the results of all `EVALUATIONS` at the end of an epoch to its record, and print the errors.

    Args:
      job: of the run.
      state: after the epoch.
      record: of the log, that ends with the epoch.
      before_batch: called before each batch of windows; what it raises ends the evaluation.

    Returns:
      The predictions for the test frames, and the error by which the best checkpoint is chosen, if one is chosen.
    """
    predictions = {purpose: _predict(job, state, purpose, before_batch) for purpose in job.held_out}
    for evaluate in EVALUATIONS.values():
        record |= {name: float(value) for name, value in evaluate(job, predictions).items()}
    errors = ", ".join(f"{purpose} MPJPE {1000 * record[f'{purpose}_mpjpe']:.1f} mm" for purpose in job.held_out)
    job.console.print(f"epoch {record['epoch']:.0f}: {loss_text(record['loss'], job.config)}, {errors}")
    return predictions["test"], record.get("validation_mpjpe")


def _title_of_test_split(job: Job) -> str:
    """The test split, and a notice if it was trained on."""
    return results_file.split_with_notice(job.config.test_split, results_file.trained_on_notice(job.trained_on))


def _draw_curves(job: Job, step: int) -> None:
    """Draw the training curves, `curves.png`, and show them in TensorBoard too."""
    from jaxpose.evaluation.training_figure import training_figure

    figure = training_figure(read_log(job.run), job.config, job.description, job.trained_on)
    atomic_write(job.run / "curves.png", figure.savefig)
    tensorboard.add_image(job.run, job.run / "curves.png", step)


@contextlib.contextmanager
def _explain_nans(job: Job, *, debug_nans: bool) -> Iterator[None]:
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
