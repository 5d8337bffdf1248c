"""Train a lifter: `python -m jaxpose.train [PRESET] [--SETTING VALUE …]`.

Without arguments it trains the preset `quick` on the built-in data. Settings of a preset can be overridden one by
one; `--resume RUN` goes on with a run from its last checkpoint.
"""

import contextlib
import dataclasses
import functools
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import tyro
from jax.experimental.multihost_utils import sync_global_devices
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jaxpose import checkpoint, loop, results, tensorboard
from jaxpose.config import PRESETS, Config
from jaxpose.dataset import join, track_lengths, window_starts
from jaxpose.devices import join_cluster, keep_compiled, replicate
from jaxpose.errors import InputError, reported
from jaxpose.files import write_whole
from jaxpose.metrics import mpjpe
from jaxpose.runs import append_log, cut_log, new_run, read_log, read_settings, refuse_occupied, write_settings
from jaxpose.scoring import lift_tracks, score
from jaxpose.sources import load


@dataclasses.dataclass(frozen=True)
class Command:
    """What the command line says."""

    config: tyro.conf.OmitArgPrefixes[Config]
    out: Path | None = None
    """Folder of the run; without it, a new one under runs/."""
    resume: Path | None = None
    """Go on with this run, with its own settings."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    with reported():
        join_cluster()
        command, preset = parse(sys.argv[1:] if arguments is None else arguments)
        keep_compiled()
        if command.resume is None:
            if command.out is None and jax.process_count() > 1:
                raise InputError("several processes train one run; name its folder, which all of them see, with --out")
            train(command.config, command.out or new_run(preset))
        else:
            train(read_settings(command.resume)[0], command.resume, resume=True)


def parse(arguments: Sequence[str]) -> tuple[Command, str]:
    """The command line as a `Command`, and the name of its preset.

    Raises:
      InputError: the preset is unknown, or `--resume` comes with other settings.
    """
    named = bool(arguments) and not arguments[0].startswith("-")
    preset = arguments[0] if named else "quick"
    if preset not in PRESETS:
        raise InputError(f"there is no preset {preset!r}; choose one of {', '.join(PRESETS)}")
    default = Command(PRESETS[preset])
    command = tyro.cli(
        Command,
        default=default,
        args=arguments[named:],
        prog=f"python -m jaxpose.train [{'|'.join(PRESETS)}]",
        description=f"Train a lifter. Below are the settings of preset {preset}; any of them can be overridden.",
    )
    if command.resume is not None and dataclasses.replace(command, resume=None) != default:
        raise InputError("--resume takes its settings from the run; give no others beside it")
    return command, preset


def train(config: Config, run: Path, *, resume: bool = False) -> None:
    """Train, evaluate, and leave everything in the run's folder.

    Args:
      config: the settings.
      run: the folder to make, or to go on with.
      resume: go on from the last checkpoint, or from the start if there is none yet.

    Raises:
      InputError: the data cannot be used, the folder holds something already, the checkpoint does not fit, or the
        loss is no longer finite.
    """
    first = jax.process_index() == 0  # of several processes, the one that writes and prints
    console = Console(quiet=not first, markup=False)
    if not resume:
        refuse_occupied(run)
    console.print(f"Training on {device()}.")
    description, tracks = load(config.data, config.train_split)
    _, test_tracks = load(config.data, config.test_split)
    for purpose, split, some in (("train", config.train_split, tracks), ("test", config.test_split, test_tracks)):
        frames = track_lengths(some).sum()
        console.print(f"To {purpose}: {description.title}, {split}, {len(some)} tracks, {frames:,} frames.")
    if description.synthetic:
        console.print(results.SYNTHETIC, style="bold yellow")

    starts = window_starts(track_lengths(tracks), config.frames)
    recipe = loop.build_recipe(config, description, len(starts))
    data, test, starts = (replicate(arrays, recipe.mesh) for arrays in (join(tracks), join(test_tracks), starts))
    del tracks  # the joined frames are all that training needs; a second copy would double the memory
    lift = functools.partial(lift_tracks, recipe.model, data=test, description=description, mesh=recipe.mesh)
    state = loop.init(recipe, jax.random.key(config.seed))
    sync_global_devices("the folder was free")
    if first:
        write_settings(run, config, description)
    with checkpoint.open_checkpoints(run) as checkpoints, contextlib.ExitStack() as files:
        if resume and checkpoints.latest_step() is not None:
            state = checkpoint.restore(checkpoints, state)
        done = int(state.step)
        if first:
            cut_log(run, done)
            add_event = files.enter_context(tensorboard.open_events(run))
        until = min(config.steps or sys.maxsize, config.epochs * recipe.steps_per_epoch)
        calls = loop.run(state, recipe, data, starts, until=until, steps_per_call=config.log_every)
        predictions = None  # of the latest step, once an epoch has ended there
        for state, record in _shown(calls, done, until, recipe, console):
            predictions = lift(state.variables) if record["step"] % recipe.steps_per_epoch == 0 else None
            if predictions is not None:
                record["test_mpjpe"] = float(jnp.mean(mpjpe(predictions, test.poses)))
                console.print(
                    f"epoch {record['epoch']:.0f}: loss {1000 * record['loss']:.1f} mm, "
                    f"MPJPE of the test frames {1000 * record['test_mpjpe']:.1f} mm"
                )
                checkpoint.save(checkpoints, record["step"], state)
            if first:
                append_log(run, record)
                add_event(record)
        checkpoint.save(checkpoints, int(state.step), state)

    scores = score(lift(state.variables) if predictions is None else predictions, test.poses, test_tracks)
    if first:
        results.write(run, scores, description, config.test_split)
        from jaxpose import plots  # matplotlib takes 0.4 s, for which the first step should not wait

        figure = plots.training_curves(read_log(run), title=results.caption(description, config.test_split))
        write_whole(run / "curves.png", figure.savefig)
        tensorboard.add_image(run, run / "curves.png", int(state.step))
    results.show(console, scores, description, config.test_split)
    console.print(f"The run is in {run}", soft_wrap=True)


def device() -> str:
    """What JAX computes on, in words: a GPU where JAX finds one."""
    devices = jax.devices()
    cpu = devices[0].platform == "cpu"
    if len(devices) == 1:
        return f"{os.cpu_count()} CPU cores" if cpu else devices[0].device_kind
    return f"{len(devices)} × {'CPU' if cpu else devices[0].device_kind} in {jax.process_count()} processes"


def _shown(
    calls: Iterable[tuple[loop.State, dict[str, float]]], step: int, until: int, recipe: loop.Recipe, console: Console
) -> Iterator[tuple[loop.State, dict[str, float]]]:
    """Pass on what each call gives, and show the progress: rate, loss, learning rate and time left."""
    columns = (BarColumn(12), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console, speed_estimate_period=300) as progress:
        task = progress.add_task("compiling", total=until, completed=step)
        began = time.monotonic()
        for state, record in calls:
            frames = (record["step"] - step) * recipe.batch_size * recipe.frames
            speed = frames / (time.monotonic() - began)
            step = record["step"]
            numbers = f"loss {1000 * record['loss']:.1f} mm, lr {record['learning_rate']:.1e}"
            progress.update(task, completed=step, description=f"{numbers}, {speed:,.0f} frames/s")
            yield state, record
            began = time.monotonic()


if __name__ == "__main__":
    main()
