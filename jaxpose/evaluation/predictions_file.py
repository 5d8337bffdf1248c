"""The npz file of predicted tracks that `jaxpose.evaluate --save` writes; NumPy opens it without unpickling."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxpose.data.track import Description, Track, title_with_notice, track_lengths, track_name
from jaxpose.files.atomic import atomic_write

SPACE = "camera: x right, y down, z forward; relative to the root, whose own prediction is kept"


def save_predictions(path: Path, predictions: np.ndarray, tracks: Sequence[Track], description: Description) -> None:
    """Write predictions by name of track.

    The file holds an array (T, J, 3) float32 for each track, under a name such as "S9/Walking/55011271"; `tracks`,
    these names in order; `fps` (N,) of each track; `joints`, the names of the J joints; and `units`, `space` and `data`
    as text.

    Args:
      path: of the file.
      predictions: (F, J, 3) metres, the tracks end to end.
      tracks: N, which name the predictions and say how long each is.
      description: of the data.

    Raises:
      InputError: the file cannot be written.
    """
    ends = np.cumsum(track_lengths(tracks))
    by_name = dict(zip(map(track_name, tracks), np.split(predictions, ends[:-1]), strict=True))
    metadata = {
        "tracks": np.asarray([*by_name]),
        "fps": np.asarray([track.fps for track in tracks]),
        "joints": np.asarray(description.skeleton.joints),
        "units": np.asarray("metres"),
        "space": np.asarray(SPACE),
        "data": np.asarray(title_with_notice(description)),
    }
    atomic_write(path, lambda temporary: np.savez(temporary, **metadata, **by_name))
