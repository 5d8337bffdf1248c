"""The folder of a run, and its settings `config.json` and data description `data.json`; README.md lists its files."""

import dataclasses
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from jaxpose.data.load import SYNTHETIC
from jaxpose.data.track import Description, description_from_dict
from jaxpose.files.atomic import atomic_write_text
from jaxpose.files.guarded_read import read_json
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.versions import versions
from jaxpose.skeleton import is_printable_line
from jaxpose.training.config import Config, from_dict, to_dict

DATA_FROM_RUN, VERSIONS = "data_from_run", "versions"
"""What `config.json` has beside the settings: the path to the data from the run's folder, and what wrote the file."""


def new_run(preset: str, runs: Path = Path("runs")) -> Path:
    """Return the first of `runs/PRESET-1`, `runs/PRESET-2`, … that does not exist."""
    number = 1
    while (runs / f"{preset}-{number}").exists():
        number += 1
    return runs / f"{preset}-{number}"


_LEFTOVER = re.compile(r"\.(lock|owner\.json|[a-z.]+-\w{8})|data\.json")
"""Files of a process that was killed before the run had its `config.json`, and the folders of half-written files."""


def refuse_occupied(run: Path) -> None:
    """Raise `InputError` if the folder has files in it, other than those of a run that was killed before it began."""
    occupied = os.path.exists(run)  # unlike Path.exists, no error for a folder that one may not look into
    if occupied and (not run.is_dir() or not all(_LEFTOVER.fullmatch(path.name) for path in run.iterdir())):
        raise InputError(f"{run} already exists; name another folder with --out, or continue with --resume {run}")


def make_folder(run: Path) -> None:
    """Create the run's folder, unless it exists.

    Raises:
      InputError: the folder cannot be created.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{run} cannot be created ({error.strerror}); choose another folder with --out") from error


def write_settings(run: Path, config: Config, description: Description) -> None:
    """Write `data.json` and `config.json` into the run's folder, which is created, and remove half-written files.

    The path of the data is written as an absolute one, with that from the run's folder beside it.

    Raises:
      InputError: the folder cannot be created, or a file cannot be written.
    """
    make_folder(run)
    for path in run.glob(".*-*"):
        if _LEFTOVER.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)
    atomic_write_text(run / "data.json", json.dumps(description_to_dict(description), indent=2) + "\n")
    settings = to_dict(config) | {"data": absolute_data(config.data)}
    if config.data != SYNTHETIC:
        settings[DATA_FROM_RUN] = os.path.relpath(os.path.realpath(config.data), os.path.realpath(run))
    settings[VERSIONS] = versions()
    atomic_write_text(run / "config.json", json.dumps(settings, indent=2) + "\n")  # now it is a run


def description_to_dict(description: Description) -> dict[str, Any]:
    """The JSON object that `description_from_dict` reads."""
    skeletons = {"skeleton": description.skeleton.to_dict(), "layout": description.layout.to_dict()}
    return description._asdict() | skeletons


def absolute_data(data: str) -> str:
    """The absolute path of a data set, or "synthetic"; as it is if the absolute one could not be a setting."""
    path = data if data == SYNTHETIC else os.path.abspath(data)
    return path if is_printable_line(path) else data


def read_settings(run: Path) -> tuple[Config, Description]:
    """Read the settings of a run, and the description of the data it was trained on.

    The path of the data is the absolute one that was written; or, if nothing is there, that which is as far from the
    run's folder as it was then, because the run was moved together with its data.

    Raises:
      InputError: the folder is not a run, or one of its files is not what `write_settings` writes.
    """
    settings, data = _read_object(run / "config.json"), _read_object(run / "data.json")
    beside = {name: settings.pop(name, None) for name in (DATA_FROM_RUN, VERSIONS)}
    config = parse_config(settings, str(run / "config.json"), "undo the change to it")
    config = _with_data_found(config, run, beside[DATA_FROM_RUN])
    try:
        return config, description_from_dict(data)
    except ValueError as error:
        raise InputError(f"{run / 'data.json'} does not describe a data set: {error}; undo the change to it") from error


def parse_config(settings: Any, where: str, remedy: str) -> Config:
    """Make settings from the JSON object that holds them.

    Args:
      settings: as `training.config.to_dict` makes them.
      where: they come from, for messages.
      remedy: for settings that cannot be used.

    Raises:
      InputError: they are not settings, or of an unknown network.
    """
    try:
        return from_dict(settings)
    except KeyError as error:
        raise InputError(
            f"{where} is of a network {error!s:.60}, which is not known; --plugin FILE adds those that a file defines"
        ) from error
    except (InputError, TypeError, AttributeError) as error:
        raise InputError(f"{where} does not hold the settings of a run: {error}; {remedy}") from error


def _with_data_found(config: Config, run: Path, from_run: object) -> Config:
    """Replace the path of data that are not there by the one from the run's folder, if they are there."""
    if config.data == SYNTHETIC or os.path.exists(config.data) or not isinstance(from_run, str) or "\0" in from_run:
        return config
    moved = os.path.normpath(os.path.join(os.path.realpath(run), from_run))
    return dataclasses.replace(config, data=moved) if os.path.isdir(moved) else config


def refuse_missing_data(run: Path, config: Config, description: Description, option: str = "--data DIR") -> None:
    """Check that the data that a run was trained on are where its settings say.

    Args:
      run: the run's folder, or a lifter file.
      config: its settings, as read.
      description: of its data, as read.
      option: how to name another folder.

    Raises:
      InputError: they are not; the message says what they are, where they were, and how to name another folder.
    """
    if config.data != SYNTHETIC and os.path.isfile(run):
        raise InputError(
            f"{run} comes without the data that it was trained on, {description.title}; name a data set of the same "
            f"joints and keypoints with {option}"
        )
    if config.data != SYNTHETIC and not os.path.exists(config.data):
        raise InputError(
            f"{run} was trained on {description.title}, in the folder {config.data}, which is not there; name the "
            f"folder where these data are now with {option}"
        )


def _read_object(path: Path) -> dict[str, Any]:
    """Read the JSON object in a file of a run."""
    try:
        content = read_json(path)
    except FileNotFoundError:
        raise InputError(f"{path.parent} is not a run: it has no {path.name}; name the folder of a run") from None
    except ValueError as error:
        raise InputError(f"{path} cannot be read: {error}; restore it, or train again") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} does not hold a JSON object; restore it, or train again")
    return content
