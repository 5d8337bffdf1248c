"""Position error against motion error, for every method and every strength of smoothing.

    python -m experiments.frontier baseline=RUN baseline=RUN joint-aware=RUN --out DIR
    python -m experiments.frontier baseline=RUN joint-aware=RUN --detector white 0.95 bursts --fps 25 50 100 --out DIR

The tracks of a split are lifted, and the predictions are scored as they are and through each filter at several
cut-offs. Means and sample standard deviations are over the runs of a label. Beside them stand a constant pose, which
predicts no motion at all, and the true poses behind a filter, which a lifter without errors would give.
"""

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console

from experiments.frontier.detectors import PREPARED, Condition, see
from experiments.frontier.figure import STYLES, draw
from experiments.frontier.measured import as_json, measure, table
from experiments.labelled_runs import open_runs
from jaxpose.data.smoothing import SMOOTHERS, Smoothing
from jaxpose.data.track import title_with_notice
from jaxpose.files.atomic import atomic_write, atomic_write_text
from jaxpose.runs.trained import check_fits, load_fitting
from jaxpose.runtime import tables
from jaxpose.runtime.command import run_command
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.progress import working


@dataclasses.dataclass(frozen=True)
class Command:
    """Options of the experiment."""

    runs: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="LABEL=RUN ...")]
    """Runs, or lifter files, each with the label of its method. Runs of one label are those of several seeds."""
    out: Path
    """Folder of frontier.json with all numbers, and of frontier.png."""
    data: str | None = None
    """Data set to lift; by default, that of the first run."""
    split: str | None = None
    """Subjects of it; by default, the first run's test split."""
    detector: tuple[Literal["prepared", "white", "0.8", "0.95", "bursts"], ...] = (PREPARED,)
    """What makes the keypoints. "prepared": the data's own. The others project the true poses and add noise of 3 to 8
    pixels by kind of joint: white, or with this correlation of consecutive frames at 50 frames/s; "bursts" is 0.8 and
    has limbs far off, and left and right of arms or legs exchanged, for some frames."""
    fps: tuple[float, ...] = ()
    """Frame rates to which the true poses are resampled before they are projected; by default, that of the track.
    Networks see the frames as they are. Prepared keypoints keep their rate."""
    cutoffs: tuple[float, ...] = (1.5, 2.0, 2.5, 3.0, 3.6, 4.5, 6.0, 8.0)
    """Hz, of savgol and butterworth."""
    one_euro_cutoffs: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0)
    """Hz, of one-euro, for a joint at rest."""
    seed: int = 0
    """Of the noise."""

    def __post_init__(self) -> None:
        """Raise `InputError` for arguments that cannot be used."""
        for name in ("detector", "cutoffs", "one_euro_cutoffs"):
            if not getattr(self, name):
                raise InputError(f"--{name.replace('_', '-')} is empty; name at least one")
        for name in ("fps", "cutoffs", "one_euro_cutoffs"):
            if not all(0 < value < math.inf for value in getattr(self, name)):
                raise InputError(f"--{name.replace('_', '-')} must be numbers above 0")
        if self.fps and set(self.detector) == {PREPARED}:
            raise InputError("--fps changes the rate of projected keypoints; name a --detector that makes some")
        if self.seed < 0:
            raise InputError(f"--seed is {self.seed}; it must be at least 0")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run_command(Command, run, arguments, prog="python -m experiments.frontier", description=__doc__)


def run(command: Command) -> None:
    """Measure, print the tables and write the files.

    Raises:
      InputError: a run or the data cannot be used, or they do not fit each other; or the folder cannot be made.
    """
    runs = open_runs(command.runs)
    try:
        command.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{command.out} cannot be made ({error.strerror}); name another folder with --out") from error
    first = next(iter(runs.values()))[0]
    with working("reading the data"):
        description, tracks, split = load_fitting(first, command.data, command.split)
    for lifter in (lifter for of in runs.values() for lifter in of):
        check_fits(lifter, description, command.data or first.config.data)
    smoothings = [Smoothing(SMOOTHERS[name], hertz) for name in STYLES for hertz in cutoffs_of(name, command)]
    measured = []
    for condition in conditions_of(command):
        seen = see(tracks, description, condition, command.seed)
        measured.append(measure(condition, seen, runs, smoothings))

    data = f"{title_with_notice(description)}, {split}"
    console = Console()
    for shown in tables.deduplicate_notes(table(of, data) for of in measured):
        tables.show(console, shown)
    figure = draw(measured, list(runs), f"{data}: each point is a method behind a filter of one cut-off")
    numbers = {
        "data": data,
        "seed": command.seed,
        "runs": {label: [str(lifter.run) for lifter in of] for label, of in runs.items()},
        "conditions": list(map(as_json, measured)),
    }
    atomic_write_text(command.out / "frontier.json", json.dumps(numbers, indent=1) + "\n")
    atomic_write(command.out / "frontier.png", lambda path: figure.savefig(path, dpi=110))
    console.print(f"wrote {command.out}/frontier.json and frontier.png", soft_wrap=True, highlight=False)


def conditions_of(command: Command) -> list[Condition]:
    """All detectors at all frame rates; the prepared keypoints once, at their own."""
    return [
        Condition(detector, fps)
        for detector in dict.fromkeys(command.detector)
        for fps in ((None,) if detector == PREPARED else dict.fromkeys(command.fps or (None,)))
    ]


def cutoffs_of(name: str, command: Command) -> list[float]:
    """The cut-offs of a filter in Hz, each once, from the strongest smoothing to the weakest."""
    return sorted({*(command.one_euro_cutoffs if name == "one-euro" else command.cutoffs)})


if __name__ == "__main__":
    main()
