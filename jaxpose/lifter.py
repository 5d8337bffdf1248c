"""A trained run, opened to lift tracks: what every command that looks at a run begins with."""

from pathlib import Path
from typing import NamedTuple

import flax.linen as nn
import numpy as np
import optax
from jax.sharding import Mesh

from jaxpose import checkpoint, loop
from jaxpose.config import Config
from jaxpose.dataset import Description, Frames, Track, join
from jaxpose.devices import data_mesh, replicate
from jaxpose.errors import InputError
from jaxpose.runs import read_settings
from jaxpose.scoring import lift_tracks
from jaxpose.sources import load


class Lifter(NamedTuple):
    """A run's network, on every device."""

    run: Path
    config: Config
    description: Description  # of the data it was trained on
    model: nn.Module
    variables: dict[str, optax.Params]
    mesh: Mesh

    def join(self, tracks: list[Track]) -> Frames:
        """The tracks end to end, on every device; see `dataset.join`."""
        return replicate(join(tracks), self.mesh)

    def lift(self, frames: Frames, *, mirrored: bool = True) -> np.ndarray:
        """(F, J, 3) metres, every frame of joined tracks; see `scoring.lift_tracks`."""
        return lift_tracks(self.model, self.variables, frames, self.description, self.mesh, mirrored=mirrored)


def open_run(run: Path, which: checkpoint.Which = "last") -> Lifter:
    """The network of one of a run's checkpoints.

    Args:
      run: the run's folder.
      which: the last, or the best on the run's validation split.

    Raises:
      InputError: there is no such run, or its checkpoint cannot be used.
    """
    config, description = read_settings(run)
    model, mesh = loop.build_model(config, description), data_mesh()
    variables = replicate(checkpoint.load(run, loop.variable_shapes(model, description), which), mesh)
    return Lifter(run, config, description, model, variables, mesh)


def load_fitting(
    lifter: Lifter, data: str | None = None, split: str | None = None
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
