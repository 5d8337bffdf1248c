"""The network of a run or of a lifter file: what predicting, fine-tuning and exporting begin with."""

import os
from pathlib import Path

import jax
import jax.numpy as jnp

from jaxpose.data.track import Description
from jaxpose.runs import Which
from jaxpose.runs.folder import read_settings
from jaxpose.runs.lifter_file import SavedLifter, is_lifter_file, read_lifter_file
from jaxpose.runtime.errors import InputError
from jaxpose.training import setup
from jaxpose.training.config import Config
from jaxpose.weights import NAME, find_weights


def load_saved(run: Path, which: Which = "last") -> SavedLifter:
    """Read the network of a run or of a lifter file.

    Args:
      run: the run's folder, or the file.
      which: the last checkpoint, or the best on the run's validation split; a file has only one.

    Raises:
      InputError: it is neither, its content cannot be used, or the best checkpoint of a file is asked for.
    """
    if os.path.isfile(run):
        if which != "last":
            raise InputError(f"{run} is a file, which has one state of the network; remove --checkpoint {which}")
        return _read_file(run)
    from jaxpose.runs import checkpoint  # imports Orbax, which a file does not need

    config, description = read_settings(run)
    shapes = setup.variable_shapes(setup.build_model(config, description), description)
    variables = checkpoint.load(run, {"step": jax.ShapeDtypeStruct((), jnp.int32), **shapes}, which)
    return SavedLifter(run, config, description, int(variables.pop("step")), variables)


def saved_settings(run: Path) -> tuple[Config, Description]:
    """Read the settings of a run or of a lifter file, and the description of the data it was trained on.

    Raises:
      InputError: it is neither, or its content cannot be used.
    """
    if os.path.isfile(run):
        lifter = _read_file(run)
        return lifter.config, lifter.description
    return read_settings(run)


def is_run(path: Path) -> bool:
    """True for what is meant as a run, or as a lifter file, whatever the state of its content."""
    return os.path.isfile(path / "config.json") or is_lifter_file(path)


def _read_file(run: Path) -> SavedLifter:
    """Read a lifter file; of another file, which may be named by mistake, the message says that it is none."""
    if not is_lifter_file(run):
        raise InputError(
            f"{run} is not a run: it is neither a run's folder nor a lifter file; name one of these, or if it was one, "
            "copy or download it again"
        )
    return read_lifter_file(run)


def initial_run(init: str) -> Path:
    """Where the setting `init` points to: a run or a lifter file, or for "weights" the one that comes with jaxpose.

    Raises:
      InputError: jaxpose comes without weights in this version.
    """
    return find_weights() if init == NAME else Path(init)
