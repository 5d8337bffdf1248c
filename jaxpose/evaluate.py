"""Evaluate a run: `python -m jaxpose.evaluate RUN [--data DIR] [--split S9+S11]`."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import tyro
from rich.console import Console

from jaxpose import checkpoint, loop, results
from jaxpose.dataset import join
from jaxpose.devices import data_mesh, keep_compiled, replicate
from jaxpose.errors import InputError, reported
from jaxpose.runs import read_settings
from jaxpose.scoring import lift_tracks, score
from jaxpose.sources import load


@dataclasses.dataclass(frozen=True)
class Command:
    """What the command line says."""

    run: tyro.conf.Positional[Path]
    """The run's folder."""
    data: str | None = None
    """Evaluate on this data set; without it, on the one that the run was trained on."""
    split: str | None = None
    """Evaluate on these subjects; without it, on the run's test split."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    with reported():
        command = tyro.cli(Command, args=arguments, prog="python -m jaxpose.evaluate", description=__doc__)
        keep_compiled()
        evaluate(command.run, data=command.data, split=command.split)


def evaluate(run: Path, *, data: str | None = None, split: str | None = None) -> None:
    """Score the last checkpoint of a run and print the table; on its own test split, write it too.

    Args:
      run: the run's folder.
      data: another data set than the run's own; its joints must be the same.
      split: another split than the run's test split.

    Raises:
      InputError: there is no such run or data, or they do not fit each other.
    """
    config, trained_on = read_settings(run)
    own = data is None and split is None
    split = split or config.test_split
    description, tracks = load(data or config.data, split)
    for field in ("skeleton", "layout", "channels"):
        here, there = getattr(description, field), getattr(trained_on, field)
        if here != there:
            names = [getattr(value, "name", value) for value in (here, there)]
            raise InputError(f"{data or config.data} has {field} {names[0]}, but {run} was trained on {names[1]}")
    model, mesh = loop.build_model(config, description), data_mesh()
    shapes = loop.variable_shapes(model, description)
    variables, frames = replicate((checkpoint.load(run, shapes), join(tracks)), mesh)
    predictions = lift_tracks(model, variables, frames, description, mesh)
    scores = score(predictions, frames.poses, tracks)
    if own:
        results.write(run, scores, description, split)
    results.show(Console(), scores, description, split)


if __name__ == "__main__":
    main()
