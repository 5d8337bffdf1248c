"""The folder that a run leaves: its settings, what its data is, and its log.

`config.json`, `data.json` and `metrics.jsonl` are read and written here; the checkpoints are `checkpoint`'s, the
results `results`'s.
"""

import dataclasses
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from jaxpose.data.track import Description, description_from_dict
from jaxpose.files.atomic import atomic_write_text
from jaxpose.files.guarded_read import read_json
from jaxpose.runtime.errors import InputError
from jaxpose.training.config import Config


def new_run(preset: str, runs: Path = Path("runs")) -> Path:
    """The first folder `runs/PRESET-1`, `runs/PRESET-2`, … that does not exist yet."""
    number = 1
    while (runs / f"{preset}-{number}").exists():
        number += 1
    return runs / f"{preset}-{number}"


_HALF = re.compile(r"\.(lock|owner\.json|[a-z.]+-\w{8})|data\.json")
"""What is left by a process that was killed before the run had its `config.json`, and of files half-written."""


def refuse_occupied(run: Path) -> None:
    """Raise `InputError` if the folder holds something, other than a run that was killed before it began."""
    occupied = os.path.exists(run)  # unlike Path.exists, no error for a place that one may not look into
    if occupied and (not run.is_dir() or not all(_HALF.fullmatch(path.name) for path in run.iterdir())):
        raise InputError(f"{run} already exists; name another folder with --out, or go on with --resume {run}")


def make_folder(run: Path) -> None:
    """Make the run's folder, unless it is there.

    Raises:
      InputError: the folder cannot be made.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{run} cannot be made ({error.strerror}); choose another folder with --out") from error


def write_settings(run: Path, config: Config, description: Description) -> None:
    """Make the run's folder, with `config.json` and `data.json`, and clear it of what is half-written.

    Raises:
      InputError: the folder cannot be made.
    """
    make_folder(run)
    for leftover in run.glob(".*-*"):
        if _HALF.fullmatch(leftover.name):
            shutil.rmtree(leftover, ignore_errors=True)
    data = description._asdict() | {
        "skeleton": description.skeleton.to_dict(),
        "layout": description.layout.to_dict(),
    }
    atomic_write_text(run / "data.json", json.dumps(data, indent=2) + "\n")
    atomic_write_text(run / "config.json", json.dumps(dataclasses.asdict(config), indent=2) + "\n")  # now it is a run


def read_settings(run: Path) -> tuple[Config, Description]:
    """The settings of a run, and the description of the data it was trained on.

    Raises:
      InputError: the folder holds no run, or one of its files is not what `write_settings` writes.
    """
    settings, data = _read_json(run / "config.json"), _read_json(run / "data.json")
    try:
        ramp = settings.get("ramp", Config.ramp)  # which runs of older versions do not name
        config = Config(**settings | {"filter_widths": tuple(settings["filter_widths"]), "ramp": tuple(ramp)})
    except (InputError, KeyError, TypeError) as error:
        raise InputError(
            f"{run / 'config.json'} does not hold the settings of a run: {error}; undo the change to it"
        ) from error
    try:
        return config, description_from_dict(data)
    except ValueError as error:
        raise InputError(f"{run / 'data.json'} does not describe a data set: {error}; undo the change to it") from error


def _read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a run."""
    try:
        content = read_json(path)
    except FileNotFoundError:
        raise InputError(f"{path.parent} holds no run: there is no {path.name}") from None
    except ValueError as error:
        raise InputError(f"{path} cannot be read: {error}; restore it, or train again") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} does not hold a JSON object; restore it, or train again")
    return content
