"""Load tracks from a prepared data set on disk, or from the built-in generator."""

from pathlib import Path

import numpy as np

from jaxpose.data import store
from jaxpose.data.track import Description, Track, person_extent
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17

SYNTHETIC = "synthetic"
"""The name of the built-in data, instead of a folder."""

_EXTENT_STRIDE = 25  # every so many frames, the size of the person is measured


def load(data: str, split: str) -> tuple[Description, list[Track]]:
    """Load the tracks of a split and the description of the data set.

    Args:
      data: a prepared data set's folder, or "synthetic".
      split: subjects joined by +; for a prepared data set any TFDS split arithmetic.

    Returns:
      The description, and at least one track.

    Raises:
      InputError: there is no such data set or split, or a track breaks the data contract.
    """
    if data != SYNTHETIC:
        return _measured(*store.read_tracks(Path(data), split))
    from jaxpose.data.synthetic import generate  # here, as only the built-in data needs it

    subjects = split.split("+")
    if unknown := [subject for subject in subjects if subject not in generate.SUBJECTS]:
        known = ", ".join(generate.SUBJECTS)
        raise InputError(f"the built-in data has no split {unknown[0]!r}; it has {known}: join them with '+'")
    description = Description("synthetic motion", True, H36M_17, H36M_17, 2, generate.SUBJECTS)
    return _measured(description, generate.tracks(0, subjects))


def _measured(description: Description, tracks: list[Track]) -> tuple[Description, list[Track]]:
    """Add the frame rate, if it is the same for all tracks, and the size of people to a description."""
    rates = {track.fps for track in tracks}
    filmed = [track for track in tracks if len(track.keypoints_2d)]
    sizes = [person_extent(track.keypoints_2d[::_EXTENT_STRIDE]) / track.width for track in filmed]
    size = float(np.median(sizes)) if sizes else None
    return description._replace(fps=rates.pop() if len(rates) == 1 else None, extent=size), tracks
