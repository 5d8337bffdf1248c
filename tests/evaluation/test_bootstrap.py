"""Resamples stay within their action, their averages are those of a loop, and intervals are as wide as in theory."""

import numpy as np
import pytest
from helpers.made_up import made_up

from jaxpose.evaluation import averages, bootstrap
from jaxpose.evaluation.metric_records import PUBLISHED_KEYS
from jaxpose.evaluation.protocol import VIDEOPOSE3D

ACTIONS = np.asarray(["Walking", "Eating", "Walking", "Walking", "Eating", "Posing"])


def test_resamples_stay_within_their_action():
    counts = bootstrap.resample_counts(ACTIONS, resamples=500)
    for action in set(ACTIONS):
        assert (counts[:, action == ACTIONS].sum(-1) == (action == ACTIONS).sum()).all()
    assert (counts[:, ACTIONS == "Posing"] == 1).all()
    np.testing.assert_allclose(counts.mean(0), 1, atol=0.15)
    np.testing.assert_array_equal(counts, bootstrap.resample_counts(ACTIONS, resamples=500))
    assert (counts != bootstrap.resample_counts(ACTIONS, resamples=500, seed=1)).any()


@pytest.mark.parametrize("over", ["actions", "frames"])
def test_the_average_of_a_resample(over):
    errors = made_up(ACTIONS, frames=[10, 20, 30, 40, 50, 60])
    errors.means["mpjve"][1] = np.nan
    counts = bootstrap.resample_counts(ACTIONS, resamples=40)
    found = bootstrap.resampled_averages(errors, "mpjve", counts, over=over)
    for times, value in zip(counts.astype(int), found, strict=True):
        drawn = np.repeat(np.arange(6), times)
        drawn = drawn[drawn != 1]
        groups = [drawn[ACTIONS[drawn] == action] for action in set(ACTIONS)] if over == "actions" else [drawn]
        means = [np.average(errors.means["mpjve"][g], weights=errors.frames[g]) for g in groups if len(g)]
        assert value == pytest.approx(np.mean(means))


def test_the_resample_of_each_track_once_has_the_average_of_all():
    errors = made_up(ACTIONS, frames=[10, 20, 30, 40, 50, 60])
    (value,) = bootstrap.resampled_averages(errors, "mpjpe", np.ones((1, 6)), over="actions")
    assert value == pytest.approx(averages.average(errors, "mpjpe", over="actions"))


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution():
    errors = made_up(["Walking"] * 400)
    values = bootstrap.resampled_averages(errors, "mpjpe", bootstrap.resample_counts(errors.actions), over="actions")
    low, high = bootstrap.interval(values)
    error = errors.means["mpjpe"].std() / 20
    np.testing.assert_allclose(
        [low, high], errors.means["mpjpe"].mean() + 1.96 * error * np.array([-1, 1]), atol=error / 5
    )


def test_single_tracks_have_no_interval():
    errors = made_up(["Walking", "Eating", "Posing"])
    assert np.isnan(
        bootstrap.resampled_averages(errors, "mpjpe", bootstrap.resample_counts(errors.actions), over="actions")
    ).all()


def test_unknown_values_have_no_interval():
    assert np.isnan(bootstrap.interval(np.full(3, np.nan))).all()


def test_each_metric_has_an_interval_around_its_average():
    errors = made_up(ACTIONS)
    intervals = bootstrap.metric_intervals(errors, VIDEOPOSE3D)
    assert [*intervals] == [*PUBLISHED_KEYS]
    for metric, (low, high) in intervals.items():
        assert low < averages.average(errors, metric, over="actions") < high
