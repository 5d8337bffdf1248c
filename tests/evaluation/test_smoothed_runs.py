"""A run is evaluated once more for each filter, and each track is smoothed by itself."""

import numpy as np
from helpers.made_up import RUN
from helpers.samples import make_track

from jaxpose.data.smoothing import SMOOTHERS, choose_smoothings
from jaxpose.evaluation.smoothed_runs import smoothed_runs


def test_each_filter_is_a_run_with_the_errors_of_its_poses():
    tracks = [make_track(frames=20), make_track(frames=12, seed=1)._replace(fps=25.0)]
    predictions = np.concatenate([track.positions_3d for track in tracks])
    measured = []

    def measure(poses):
        measured.append(poses)
        return RUN.errors._replace(means={"number": len(measured)})

    filters = choose_smoothings(("one-euro:2", "butterworth"))
    found = smoothed_runs(RUN._replace(trained_on=("S9",)), predictions, tracks, filters, measure)
    assert [run.name for run in found] == ["run, one-euro 2 Hz", "run, butterworth 4 Hz"]
    assert [run.errors.means["number"] for run in found] == [1, 2]
    assert [(run.config, run.trained_on, run.smoothing) for run in found] == [
        (RUN.config, ("S9",), smoothing) for smoothing in filters
    ]
    for poses, (name, cutoff) in zip(measured, [("one-euro", 2), ("butterworth", 4)], strict=True):
        expected = [SMOOTHERS[name].smooth(track.positions_3d, track.fps, cutoff) for track in tracks]
        np.testing.assert_array_equal(poses, np.concatenate(expected))


def test_without_filters_there_is_nothing():
    assert smoothed_runs(RUN, np.zeros((4, 17, 3)), [make_track(frames=4)], (), None) == []
