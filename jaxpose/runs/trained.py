"""A trained run, opened to predict tracks: what every command that looks at a run begins with."""

import os
from pathlib import Path
from typing import NamedTuple

import chex
import numpy as np
from jax.sharding import Mesh

from jaxpose.data.load import load
from jaxpose.data.track import Description, Track
from jaxpose.data.windows import PackedTracks
from jaxpose.evaluation.predict_tracks import predict_tracks
from jaxpose.models.lifter import Lifter
from jaxpose.runs import Which
from jaxpose.runs.folder import refuse_missing_data
from jaxpose.runs.precision import supported
from jaxpose.runs.saved import load_saved
from jaxpose.runtime.devices import data_mesh, replicate
from jaxpose.runtime.errors import InputError
from jaxpose.training import setup
from jaxpose.training.config import Config


class TrainedModel(NamedTuple):
    """The network of a run or of a lifter file, on every device."""

    run: Path  # the folder or the file
    config: Config
    description: Description  # of the data it was trained on
    model: Lifter
    variables: dict[str, chex.ArrayTree]
    mesh: Mesh

    def lift(self, frames: PackedTracks, *, mirrored: bool = True) -> np.ndarray:
        """Predict every frame of tracks from `jaxpose.data.windows.pack`, (F, J, 3) metres; see `predict_tracks`."""
        return predict_tracks(self.model, self.variables, frames, self.description, self.mesh, mirrored=mirrored)


def open_run(run: str | os.PathLike[str], which: Which = "last") -> TrainedModel:
    """Open the network of one of a run's checkpoints, or of a lifter file.

    Args:
      run: the run's folder, or a file that `lifter_file.write_lifter_file` has written.
      which: the last checkpoint, or the best on the run's validation split; a file has only one.

    Raises:
      InputError: it is neither, or its content cannot be used.
    """
    lifter, mesh = load_saved(Path(run), which), data_mesh()
    model = setup.build_model(supported(lifter.config), lifter.description)
    variables = replicate(lifter.variables, mesh)
    return TrainedModel(lifter.run, lifter.config, lifter.description, model, variables, mesh)


def load_fitting(
    lifter: TrainedModel, data: str | None = None, split: str | None = None
) -> tuple[Description, list[Track], str]:
    """Load tracks of the skeleton and keypoints that a run was trained on.

    Args:
      lifter: the run.
      data: a data set of the same joints and keypoints; None for the one that the run was trained on.
      split: subjects of it; None for the run's test split.

    Returns:
      The description of the data set, at least one track, and the split.

    Raises:
      InputError: there is no such data set or split, or its joints or keypoints are not those of the run.
    """
    if data is None:
        refuse_missing_data(lifter.run, lifter.config, lifter.description)
    data, split = data or lifter.config.data, split or lifter.config.test_split
    description, tracks = load(data, split)
    check_fits(lifter, description, data)
    return description, tracks, split


def check_fits(lifter: TrainedModel, description: Description, data: str) -> None:
    """Raise `InputError` if the skeleton or keypoints of a data set, named `data`, are not those of the run."""
    for field in ("skeleton", "layout", "channels"):
        given, trained = getattr(description, field), getattr(lifter.description, field)
        if given != trained:
            names = [getattr(value, "name", value) for value in (given, trained)]
            raise InputError(f"{data} has {field} {names[0]}, but {lifter.run} was trained on {names[1]}")
