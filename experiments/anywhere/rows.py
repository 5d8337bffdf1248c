"""Train and measure the fixed-camera recipe, each augmentation alone, and all of them together.

    jaxpose prepare anywhere …/allasfamc_38_subjects.zip --out anywhere
    python -m experiments.anywhere.rows --data anywhere --out runs/rows --seeds 0 1 2

All rows have the same people, network, seeds and number of steps. A run that is complete is kept, one that is not is
resumed: the same command goes on where it was ended. Then `experiments.anywhere` measures them all.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import tyro

from experiments.anywhere import __main__ as anywhere
from jaxpose.data.store import read_description
from jaxpose.runs import job
from jaxpose.runs.folder import read_settings
from jaxpose.runtime.command import run_command
from jaxpose.runtime.devices import keep_compiled
from jaxpose.runtime.errors import InputError
from jaxpose.training.config import PRESETS, Config

PRESET = PRESETS["anywhere"]
ALL = dataclasses.replace(PRESET, model=dataclasses.replace(PRESET.model, channels=256), epochs=3)
"""The last row: the preset with a smaller network, for three epochs."""

IMAGE = dataclasses.replace(ALL.model, aim=0)
"""The network without an aimed camera, which lifts the image as it is."""


def settings_of_rows() -> dict[str, Config]:
    """The settings of every row, by its label."""
    fixed = dataclasses.replace(ALL, model=IMAGE, augment=("mirror",), frame_rates=None)
    aimed = dataclasses.replace(fixed, model=ALL.model)
    rows = {"fixed cameras": fixed, "aim": aimed}
    for name in ALL.augment:
        if name != "mirror":  # the focal length matters to a network that aims the camera, and to no other
            rows[name] = dataclasses.replace(aimed if name == "lens" else fixed, augment=("mirror", name))
    rows["frame rates"] = dataclasses.replace(fixed, frame_rates=ALL.frame_rates)
    return rows | {"aim, camera": dataclasses.replace(aimed, augment=("mirror", "camera")), "all": ALL}


ROWS = settings_of_rows()

CURVES = ("fixed cameras", "all")
"""The rows that are also measured by kind of motion and in curves."""

SYNTHETIC_VALIDATION = "X11"
"""The synthetic person of `data_prep.anywhere` on whom settings are chosen."""


@dataclasses.dataclass(frozen=True)
class Command:
    """Options of the experiment."""

    data: str
    """A data set of `data_prep.anywhere`."""
    out: Path
    """Folder of the runs, and of the tables: anywhere.md, anywhere.png, anywhere.json."""
    rows: Annotated[tuple[str, ...], tyro.conf.arg(metavar=f"{{{','.join(ROWS)}}}")] = tuple(ROWS)
    """Rows to train."""
    seeds: tuple[int, ...] = (0,)
    """Seeds to train each row from."""
    steps: int | None = None
    """Steps of each run, for a short try."""
    trials: Path | None = None
    """As for experiments.anywhere."""
    detections: Path | None = None
    """As for experiments.anywhere."""
    quick: bool = False
    """As for experiments.anywhere."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run_command(Command, run, arguments, prog="python -m experiments.anywhere.rows", description=__doc__)


def run(command: Command) -> None:
    """Train what is not trained yet, and measure.

    Raises:
      InputError: a row is unknown, or the data or a folder cannot be used.
    """
    if unknown := set(command.rows) - set(ROWS):
        raise InputError(f"there is no row {min(unknown)!r}; choose from {', '.join(ROWS)}")
    keep_compiled()
    trained = []
    for label, config, folder in runs_of(command):
        job.train(config, folder, resume=_is_begun(folder, config))
        trained.append(f"{label}={folder}")
    anywhere.run(
        anywhere.Command(
            tuple(trained),
            command.out,
            data=command.data,
            trials=command.trials,
            detections=command.detections,
            quick=command.quick,
            curves=tuple(label for label in CURVES if label in command.rows),
        )
    )


def runs_of(command: Command) -> Iterator[tuple[str, Config, Path]]:
    """Label, settings and folder of every run, all rows with one seed before the next seed."""
    held_out = f"{anywhere.TEST}+{anywhere.VALIDATION}+{SYNTHETIC_VALIDATION}".split("+")
    subjects = read_description(Path(command.data)).splits
    train = "+".join(subject for subject in subjects if subject not in held_out)
    for seed in command.seeds:
        for label in command.rows:
            config = dataclasses.replace(
                ROWS[label],
                data=command.data,
                train_split=train,
                test_split=anywhere.VALIDATION,
                steps=command.steps,
                seed=seed,
            )
            yield label, config, command.out / f"{label.replace(', ', '-').replace(' ', '-')}-{seed}"


def _is_begun(folder: Path, config: Config) -> bool:
    """True if the folder has a run of these settings.

    Raises:
      InputError: it has a run of others.
    """
    if not folder.exists():
        return False
    saved, _ = read_settings(folder)
    if dataclasses.replace(saved, data=config.data) != config:
        raise InputError(f"{folder} is a run of other settings; remove it, or name another folder with --out")
    return True


if __name__ == "__main__":
    main()
