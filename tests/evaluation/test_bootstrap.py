"""Draws stay within their action, averages of draws are what a loop gives, and intervals are as wide as theory says."""

import numpy as np
import pytest
from helpers.made_up import made_up

from jaxpose.evaluation import averages, bootstrap

ACTIONS = np.asarray(["Walking", "Eating", "Walking", "Walking", "Eating", "Posing"])


def test_draws_stay_within_their_action():
    counts = bootstrap.draws(ACTIONS, resamples=500)
    for action in set(ACTIONS):
        assert (counts[:, action == ACTIONS].sum(-1) == (action == ACTIONS).sum()).all()
    assert (counts[:, ACTIONS == "Posing"] == 1).all()
    np.testing.assert_allclose(counts.mean(0), 1, atol=0.15)
    np.testing.assert_array_equal(counts, bootstrap.draws(ACTIONS, resamples=500))
    assert (counts != bootstrap.draws(ACTIONS, resamples=500, seed=1)).any()


@pytest.mark.parametrize("over", ["actions", "frames"])
def test_the_average_of_a_draw(over):
    of = made_up(ACTIONS, frames=[10, 20, 30, 40, 50, 60])
    of.means["mpjve"][1] = np.nan
    counts = bootstrap.draws(ACTIONS, resamples=40)
    found = bootstrap.distribution(of, "mpjve", counts, over=over)
    for draw, value in zip(counts.astype(int), found, strict=True):
        drawn = np.repeat(np.arange(6), draw)
        drawn = drawn[drawn != 1]
        groups = [drawn[ACTIONS[drawn] == action] for action in set(ACTIONS)] if over == "actions" else [drawn]
        means = [np.average(of.means["mpjve"][own], weights=of.frames[own]) for own in groups if len(own)]
        assert value == pytest.approx(np.mean(means))


def test_the_whole_is_the_draw_of_each_track_once():
    of = made_up(ACTIONS, frames=[10, 20, 30, 40, 50, 60])
    (value,) = bootstrap.distribution(of, "mpjpe", np.ones((1, 6)), over="actions")
    assert value == pytest.approx(averages.average(of, "mpjpe", over="actions"))


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution():
    of = made_up(["Walking"] * 400)
    values = bootstrap.distribution(of, "mpjpe", bootstrap.draws(of.actions), over="actions")
    low, high = bootstrap.interval(values)
    error = of.means["mpjpe"].std() / 20
    np.testing.assert_allclose([low, high], of.means["mpjpe"].mean() + 1.96 * error * np.array([-1, 1]), atol=error / 5)


def test_single_tracks_tell_no_spread():
    of = made_up(["Walking", "Eating", "Posing"])
    assert np.isnan(bootstrap.distribution(of, "mpjpe", bootstrap.draws(of.actions), over="actions")).all()


def test_no_interval_of_what_is_unknown():
    assert np.isnan(bootstrap.interval(np.full(3, np.nan))).all()
