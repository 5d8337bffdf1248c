"""Where tracks come from: a prepared data set on disk, or the built-in generator."""

from pathlib import Path

from jaxpose import prepared, synthetic
from jaxpose.dataset import Description, Track
from jaxpose.errors import InputError
from jaxpose.skeleton import H36M_17

SYNTHETIC = "synthetic"
"""The name of the built-in data, in place of a folder."""


def load(data: str, split: str) -> tuple[Description, list[Track]]:
    """The tracks of a split, and what the data set says about itself.

    Args:
      data: a prepared data set's folder, or "synthetic".
      split: subjects joined by +; for a prepared data set any TFDS split arithmetic.

    Returns:
      The description, and at least one track.

    Raises:
      InputError: there is no such data set or split, or a track breaks the data contract.
    """
    if data != SYNTHETIC:
        return _with_rate(*prepared.read(Path(data), split))
    subjects = split.split("+")
    if unknown := [subject for subject in subjects if subject not in synthetic.SUBJECTS]:
        known = ", ".join(synthetic.SUBJECTS)
        raise InputError(f"the built-in data has no split {unknown[0]!r}; it has {known}: join them with +")
    description = Description("synthetic motion", True, H36M_17, H36M_17, 2, synthetic.SUBJECTS)
    return _with_rate(description, synthetic.tracks(0, subjects))


def _with_rate(description: Description, tracks: list[Track]) -> tuple[Description, list[Track]]:
    """The description with the frame rate, if all tracks have one: a lifter is for tracks of that rate."""
    rates = {track.fps for track in tracks}
    return description._replace(fps=rates.pop() if len(rates) == 1 else None), tracks
