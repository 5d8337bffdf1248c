"""What smoothing filters make of a run's predictions: rows beside the plain ones."""

from collections.abc import Callable, Sequence

import numpy as np

from jaxpose.data.smoothing import Smoothing, smooth_tracks
from jaxpose.data.track import Track
from jaxpose.evaluation.compare import EvaluatedRun
from jaxpose.evaluation.track_errors import TrackErrors


def smoothed_runs(
    run: EvaluatedRun,
    predictions: np.ndarray,
    tracks: Sequence[Track],
    smoothings: Sequence[Smoothing],
    measure: Callable[[np.ndarray], TrackErrors],
) -> list[EvaluatedRun]:
    """Evaluate the predictions of a run once for each filter.

    Args:
      run: the plain one.
      predictions: (F, J, 3) metres, the tracks end to end, as they are.
      tracks: as they were lifted, chunks one by one; a filter does not look beyond the ends of a track.
      smoothings: the filters.
      measure: of predictions like these to their errors.

    Returns:
      The run with the errors of its smoothed predictions for each filter, by a name that says which.
    """
    return [
        run._replace(
            name=f"{run.name}, {smoothing}",
            errors=measure(smooth_tracks(predictions, tracks, smoothing)),
            smoothing=smoothing,
        )
        for smoothing in smoothings
    ]
