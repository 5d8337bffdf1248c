"""A trained run, opened to lift tracks: what every command that looks at a run begins with."""

from pathlib import Path
from typing import NamedTuple

import flax.linen as nn
import numpy as np
import optax
from jax.sharding import Mesh

from jaxpose.data.load import load
from jaxpose.data.track import Description, Track
from jaxpose.data.windows import PackedTracks, pack
from jaxpose.evaluation.predict_tracks import predict_tracks
from jaxpose.runs import Which, checkpoint
from jaxpose.runs.folder import read_settings
from jaxpose.runtime.devices import data_mesh, replicate
from jaxpose.runtime.errors import InputError
from jaxpose.training import setup
from jaxpose.training.config import Config


class TrainedModel(NamedTuple):
    """A run's network, on every device."""

    run: Path
    config: Config
    description: Description  # of the data it was trained on
    model: nn.Module
    variables: dict[str, optax.Params]
    mesh: Mesh

    def join(self, tracks: list[Track]) -> PackedTracks:
        """The tracks end to end, on every device; see `windows.pack`."""
        return replicate(pack(tracks), self.mesh)

    def lift(self, frames: PackedTracks, *, mirrored: bool = True) -> np.ndarray:
        """(F, J, 3) metres, every frame of joined tracks; see `predict_tracks.predict_tracks`."""
        return predict_tracks(self.model, self.variables, frames, self.description, self.mesh, mirrored=mirrored)


def open_run(run: Path, which: Which = "last") -> TrainedModel:
    """The network of one of a run's checkpoints.

    Args:
      run: the run's folder.
      which: the last, or the best on the run's validation split.

    Raises:
      InputError: there is no such run, or its checkpoint cannot be used.
    """
    config, description = read_settings(run)
    model, mesh = setup.build_model(config, description), data_mesh()
    variables = replicate(checkpoint.load(run, setup.variable_shapes(model, description), which), mesh)
    return TrainedModel(run, config, description, model, variables, mesh)


def load_fitting(
    lifter: TrainedModel, data: str | None = None, split: str | None = None
) -> tuple[Description, list[Track], str]:
    """Tracks that a run can lift.

    Args:
      lifter: the run.
      data: a data set of the same joints and keypoints; None for the one that the run was trained on.
      split: subjects of it; None for the run's test split.

    Returns:
      What the data set says about itself, at least one track, and the split.

    Raises:
      InputError: there is no such data set or split, or its joints or keypoints are others than the run's.
    """
    data, split = data or lifter.config.data, split or lifter.config.test_split
    description, tracks = load(data, split)
    for field in ("skeleton", "layout", "channels"):
        here, there = getattr(description, field), getattr(lifter.description, field)
        if here != there:
            names = [getattr(value, "name", value) for value in (here, there)]
            raise InputError(f"{data} has {field} {names[0]}, but {lifter.run} was trained on {names[1]}")
    return description, tracks, split
