"""Recordings are resampled with all their views; intervals are as wide as in theory, and cover what they should."""

import math

import numpy as np
import pytest
from helpers.made_up import made_up

from jaxpose.evaluation import averages, bootstrap
from jaxpose.evaluation.metric_records import PUBLISHED_KEYS
from jaxpose.evaluation.protocol import VIDEOPOSE3D

ACTIONS = np.asarray(["Walking", "Eating", "Walking", "Walking", "Eating", "Posing", "Posing"])
RECORDINGS = np.asarray(["a", "b", "a", "c", "d", "e", "e"])
"""Walking: one recording of two views and one of one; Eating: two of one view each; Posing: one of two views."""


def recorded(actions, recordings, views, *, random, spread=5.0, noise=1.0, offset=40.0):
    """Track errors whose camera views of a recording differ by little, and whose recordings differ by much."""
    names = [(action, f"S9/{action} {number}") for action in actions for number in range(recordings)]
    errors = made_up(
        [action for action, _ in names for _ in range(views)],
        recordings=[name for _, name in names for _ in range(views)],
    )
    centres = np.repeat(random.normal(offset, spread, len(names)), views)
    errors.means["mpjpe"] = centres + random.normal(scale=noise, size=len(centres))
    return errors


def interval_of(errors, *, resamples=1000, recordings=None, over="actions"):
    """The interval of the MPJPE, and with other `recordings` the one that takes these for the recordings."""
    if recordings is not None:
        errors = errors._replace(recordings=recordings)
    weights = bootstrap.resample_weights(errors.actions, errors.recordings, resamples=resamples)
    return bootstrap.interval(bootstrap.resampled_averages(errors, "mpjpe", weights, over=over))


def test_resamples_take_whole_recordings_of_their_action():
    weights = bootstrap.resample_weights(ACTIONS, RECORDINGS, resamples=500)
    np.testing.assert_array_equal(weights[:, 0], weights[:, 2])  # two views of one recording
    np.testing.assert_allclose(weights[:, 0] + weights[:, 3], 2)  # one of two is drawn, and counts twice
    np.testing.assert_allclose(weights[:, 1] + weights[:, 4], 2)
    assert (weights[:, 5:] == 1).all()
    np.testing.assert_allclose(weights.mean(0), 1, atol=0.15)
    assert abs(np.corrcoef(weights[:, 0], weights[:, 1])[0, 1]) < 0.15  # actions are drawn by themselves
    np.testing.assert_array_equal(weights, bootstrap.resample_weights(ACTIONS, RECORDINGS, resamples=500))
    assert (weights != bootstrap.resample_weights(ACTIONS, RECORDINGS, resamples=500, seed=1)).any()


@pytest.mark.parametrize("over", ["actions", "frames"])
def test_the_average_of_a_resample(over):
    """That of a loop over the recordings that were drawn."""
    actions, recordings = ACTIONS[:5], np.asarray(["a", "b", "a", "c", "d"])
    errors = made_up(actions, frames=[10, 20, 30, 40, 50], recordings=recordings.tolist())
    errors.means["mpjve"][0] = np.nan
    weights = bootstrap.resample_weights(actions, recordings, resamples=40)
    found = bootstrap.resampled_averages(errors, "mpjve", weights, over=over)
    for times, value in zip(weights.astype(int), found, strict=True):
        drawn = np.repeat(np.arange(5), times)
        drawn = drawn[drawn != 0]
        groups = [drawn[actions[drawn] == action] for action in set(actions)] if over == "actions" else [drawn]
        means = [np.average(errors.means["mpjve"][g], weights=errors.frames[g]) for g in groups if len(g)]
        assert value == pytest.approx(np.mean(means))


def test_the_resample_of_each_track_once_has_the_average_of_all():
    errors = made_up(ACTIONS[:5], frames=[10, 20, 30, 40, 50])
    (value,) = bootstrap.resampled_averages(errors, "mpjpe", np.ones((1, 5)), over="actions")
    assert value == pytest.approx(averages.average(errors, "mpjpe", over="actions"))


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution():
    errors = made_up(["Walking"] * 400)
    error = errors.means["mpjpe"].std(ddof=1) / 20
    wanted = errors.means["mpjpe"].mean() + 1.96 * error * np.array([-1, 1])
    np.testing.assert_allclose(interval_of(errors, resamples=2000), wanted, atol=error / 5)


@pytest.mark.parametrize("count", [2, 4])
def test_the_variance_is_unbiased_for_few_recordings(count):
    """In theory, the mean over the actions of the usual estimate, s² / n, over the number of actions."""
    errors = recorded("abcdefgh", count, 1, random=np.random.default_rng(0))
    weights = bootstrap.resample_weights(errors.actions, errors.recordings, resamples=20_000)
    found = bootstrap.resampled_averages(errors, "mpjpe", weights, over="actions").var()
    wanted = (errors.means["mpjpe"].reshape(8, count).var(-1, ddof=1) / count).mean() / 8
    assert found == pytest.approx(wanted, rel=0.04)


@pytest.mark.parametrize("over", ["actions", "frames"])
def test_views_of_a_recording_do_not_narrow_the_interval(over):
    """With equal views, four of each recording give the interval of one; taken as independent, half its width."""
    errors = recorded(["Walking"], 40, 4, random=np.random.default_rng(0), noise=0.0)
    width = np.diff(interval_of(errors, over=over))
    one_view = errors.take(np.arange(0, 160, 4))
    assert width == pytest.approx(np.diff(interval_of(one_view, over=over)), rel=1e-6)
    independent = np.arange(160).astype(str)
    assert np.diff(interval_of(errors, recordings=independent, over=over)) == pytest.approx(width / 2, rel=0.15)


def test_95_percent_of_the_intervals_cover_the_true_mean():
    """Of simulated data like Human3.6M's: four recordings an action, four views each, which are alike."""
    random, by_recording, by_view = np.random.default_rng(1), 0, 0
    for _ in range(300):
        errors = recorded("abcdefghijklmno", 4, 4, random=random)
        low, high = interval_of(errors, resamples=400)
        by_recording += low < 40 < high
        low, high = interval_of(errors, resamples=400, recordings=np.arange(240).astype(str))
        by_view += low < 40 < high
    assert 0.91 < by_recording / 300 < 0.98
    assert by_view / 300 < 0.8  # what resampling camera views promises and does not keep


def test_one_recording_of_an_action_has_no_interval():
    """However many views it has; the action is named."""
    errors = made_up(ACTIONS, recordings=RECORDINGS.tolist())
    assert bootstrap.single_recordings(errors, "mpjpe") == ["Posing"]
    assert np.isnan(interval_of(errors)).all()
    (sentence,) = bootstrap.why_no_interval(errors)
    assert sentence.startswith("No 95 % bootstrap confidence interval where an action has one recording")
    assert sentence.endswith(": Posing.")
    others = errors.take(errors.actions != "Posing")
    assert np.isfinite(interval_of(others)).all()
    assert bootstrap.why_no_interval(others) == ()


def test_a_recording_without_a_value_does_not_count():
    """Such as one too short for an acceleration: with it, the other recording of the action is alone."""
    errors = made_up(["Walking", "Walking"])
    errors.means["mpjae"][0] = np.nan
    intervals = bootstrap.metric_intervals(errors, VIDEOPOSE3D)
    assert [key for key, ends in intervals.items() if math.isnan(ends[0])] == ["mpjae"]


def test_unknown_values_have_no_interval():
    assert np.isnan(bootstrap.interval(np.full(3, np.nan))).all()


def test_each_metric_has_an_interval_around_its_average():
    errors = made_up(ACTIONS[:5])
    intervals = bootstrap.metric_intervals(errors, VIDEOPOSE3D)
    assert [*intervals] == [*PUBLISHED_KEYS]
    for metric, (low, high) in intervals.items():
        assert low < averages.average(errors, metric, over="actions") < high
