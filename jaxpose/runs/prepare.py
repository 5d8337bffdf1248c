"""Read the data of a training run and build its recipe: everything that a run needs in memory."""

import sys
from pathlib import Path
from typing import NamedTuple

import jax
from rich.console import Console

from jaxpose.data.load import load
from jaxpose.data.track import SYNTHETIC_NOTICE, Description, Track, track_lengths, track_name
from jaxpose.data.windows import PackedTracks, pack, window_starts
from jaxpose.evaluation.results_file import trained_on_notice
from jaxpose.runs.overlap import refuse_overlap, trained_subjects
from jaxpose.runs.precision import FALLBACK, supported
from jaxpose.runtime.devices import describe_devices, replicate
from jaxpose.runtime.progress import working
from jaxpose.training import setup
from jaxpose.training.config import Config
from jaxpose.training.step import Recipe


class Splits(NamedTuple):
    """The tracks of a run by purpose, on the host."""

    description: Description
    train: list[Track]
    held_out: dict[str, list[Track]]  # "test", and "validation" if there is one
    trained_on: tuple[str, ...]  # subjects of the test split that are trained on, if only in other recordings


class Job(NamedTuple):
    """What a run works with, all of it in memory."""

    config: Config
    run: Path | None  # its folder; None for a dry run
    recipe: Recipe
    description: Description
    data: PackedTracks  # to train on, on every device
    starts: jax.Array  # (W,) of its windows
    names: list[str]  # of its tracks
    test_tracks: list[Track]
    trained_on: tuple[str, ...]  # subjects of the test split, see `Splits`
    held_out: dict[str, PackedTracks]  # "test", and "validation" if there is one; on the host
    until: int  # the step to stop after
    console: Console


def read_splits(config: Config, console: Console) -> Splits:
    """Read the tracks of all splits, and print a line about each.

    Raises:
      InputError: the data cannot be used, or the splits share a recording (unless `config.allow_overlap`; test and
        validation split never may).
    """
    setup.check_names(config)  # before anything is read
    console.print(f"Training on {describe_devices()}.")
    first = jax.process_index() == 0
    with working("reading the data", shown=first):
        description, train = load(config.data, config.train_split)
    names = {"train": config.train_split, "test": config.test_split, "validation": config.validation_split}
    with working("reading the data to evaluate on", shown=first):
        held_out = {name: load(config.data, names[name])[1] for name in ("test", "validation") if names[name]}
    for purpose, tracks in ({"train": train} | held_out).items():
        heading = {"train": "Training", "test": "Test", "validation": "Validation"}[purpose]
        frames = track_lengths(tracks).sum()
        console.print(f"{heading}: {description.title}, {names[purpose]}, {len(tracks)} tracks, {frames:,} frames.")
    if description.synthetic:
        console.print(SYNTHETIC_NOTICE, style="bold yellow")
    refuse_overlap(config, description, train, held_out)
    trained_on = {
        purpose: trained_subjects(config, description, description, [track.subject for track in tracks])
        for purpose, tracks in held_out.items()
    }
    for purpose, subjects in trained_on.items():
        if subjects:
            console.print(f"--{purpose}-split {names[purpose]}: {trained_on_notice(subjects)}.", style="bold yellow")
    return Splits(description, train, held_out, trained_on["test"])


def prepare(config: Config, run: Path | None, splits: Splits, console: Console) -> Job:
    """Build the recipe, and put the training data on every device; the held-out data stay on the host.

    Raises:
      InputError: the settings do not fit the data or the devices.
    """
    starts = window_starts(track_lengths(splits.train), config.frames)
    computed = supported(config)
    if computed != config:
        console.print(FALLBACK, soft_wrap=True)
    recipe = setup.build_recipe(computed, splits.description, len(starts))
    data, starts = (replicate(arrays, recipe.mesh) for arrays in (pack(splits.train), starts))
    return Job(
        config=config,
        run=run,
        recipe=recipe,
        description=splits.description,
        data=data,
        starts=starts,
        names=[track_name(track) for track in splits.train],  # the tracks themselves would double the memory
        test_tracks=splits.held_out["test"],
        trained_on=splits.trained_on,
        held_out={purpose: jax.device_get(pack(tracks)) for purpose, tracks in splits.held_out.items()},
        until=min(config.steps or sys.maxsize, config.epochs * recipe.steps_per_epoch),
        console=console,
    )
