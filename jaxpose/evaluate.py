"""Evaluate a run: `python -m jaxpose.evaluate RUN [--data DIR] [--split S9+S11]`."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import tyro
from rich.console import Console

from jaxpose import results
from jaxpose.devices import keep_compiled
from jaxpose.errors import reported
from jaxpose.lifter import load_fitting, open_run
from jaxpose.scoring import score


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
    own = data is None and split is None
    lifter = open_run(run)
    description, tracks, split = load_fitting(lifter, data, split)
    frames = lifter.join(tracks)
    scores = score(lifter.lift(frames), frames.poses, tracks)
    if own:
        results.write(run, scores, description, split)
    results.show(Console(), scores, description, split)


if __name__ == "__main__":
    main()
