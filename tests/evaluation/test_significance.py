"""P-values are those of an enumeration of all signs; Holm's correction is that of the closed test of all subsets."""

import itertools
import math

import numpy as np
import pytest
from helpers.made_up import made_up
from scipy import stats

from jaxpose.evaluation import averages, significance


def closed_bonferroni(p_values):
    """Corrected p-values by the closure principle (Marcus, Peritz & Gabriel 1976): the largest of all subsets."""
    count, corrected = len(p_values), [0.0] * len(p_values)
    for size in range(1, count + 1):
        for subset in itertools.combinations(range(count), size):
            p = min(1, size * min(p_values[index] for index in subset))
            for index in subset:
                corrected[index] = max(corrected[index], p)
    return corrected


@pytest.mark.parametrize("seed", range(5))
def test_holm_is_the_closed_test_of_bonferroni(seed):
    p_values = np.random.default_rng(seed).uniform(size=7) ** 4
    p_values[3] = p_values[5]  # a tie
    np.testing.assert_allclose(significance.holm(p_values), closed_bonferroni(p_values))


def test_holm_by_hand_and_without_a_test():
    """The largest is multiplied by 1, the next by 2, …; what was not tested is not counted."""
    corrected = significance.holm([0.04, math.nan, 0.01, 0.03])
    assert corrected == pytest.approx([0.06, math.nan, 0.03, 0.06], nan_ok=True)
    assert significance.holm([]) == []


@pytest.mark.parametrize("over", ["actions", "frames"])
def test_the_p_value_is_the_share_of_all_signs(over):
    """Seven recordings of one to three views: 128 ways to choose their signs, each with its average by a loop."""
    recordings = list("aabbbcdefg")
    actions = ["Walking"] * 6 + ["Eating"] * 4
    frames = [10, 20, 30, 10, 20, 30, 50, 10, 10, 20]
    first = made_up(actions, recordings=recordings, frames=frames)
    second = made_up(actions, recordings=recordings, frames=frames, seed=1, offset=4.0)
    differences = second.means["mpjpe"] - first.means["mpjpe"]
    found = []
    for signs in itertools.product([-1, 1], repeat=7):
        sign_of = dict(zip("abcdefg", signs, strict=True))
        flipped = first._replace(means={"d": differences * [sign_of[name] for name in recordings]})
        flipped = flipped._replace(weights={"d": first.frames})
        found.append(abs(averages.average(flipped, "d", over=over)))
    wanted = np.mean(np.asarray(found) >= found[-1] - 1e-9)
    p_value = significance.paired_p_value(second, first, "mpjpe", over=over)
    assert p_value == pytest.approx(wanted, abs=4 * np.sqrt(wanted / 2000) + 1 / 2000)
    assert p_value == significance.paired_p_value(first, second, "mpjpe", over=over)


def test_many_recordings_have_the_p_value_of_a_t_test():
    first = made_up(["Walking"] * 100)
    second = made_up(["Walking"] * 100, seed=1, offset=-0.5)
    wanted = stats.ttest_rel(second.means["mpjpe"], first.means["mpjpe"]).pvalue
    assert 0.005 < wanted < 0.2
    assert significance.paired_p_value(second, first, "mpjpe", over="frames") == pytest.approx(wanted, rel=0.2)


def test_three_recordings_are_never_significant():
    """Even if all agree: one of four choices of signs does. The bootstrap's interval would exclude zero."""
    names = ["a", "b", "c"] * 4
    first, second = (made_up(["Walking"] * 12, recordings=names, offset=offset) for offset in (0, 9))
    assert significance.paired_p_value(second, first, "mpjpe", over="actions") == pytest.approx(0.25, abs=0.05)


def test_no_more_than_5_percent_of_equal_runs_are_called_different():
    """Two runs that are equally good, in recordings of four views that agree which run does better."""
    random, names = np.random.default_rng(0), [str(recording) for recording in range(8) for _ in range(4)]
    errors, by_recording, by_view = made_up(["Walking"] * 32, recordings=names), 0, 0
    for _ in range(300):
        moved = errors.means["mpjpe"] + np.repeat(random.normal(size=8), 4) + random.normal(scale=0.2, size=32)
        other = errors._replace(means=errors.means | {"mpjpe": moved})
        by_recording += significance.paired_p_value(other, errors, "mpjpe", over="actions") < 0.05
        apart = other._replace(recordings=np.arange(32).astype(str))
        by_view += significance.paired_p_value(apart, errors, "mpjpe", over="actions") < 0.05
    assert by_recording / 300 < 0.08
    assert by_view / 300 > 0.2  # views taken as independent


def test_equal_runs_and_no_values():
    errors = made_up(["Walking"] * 9)
    assert significance.paired_p_value(errors, errors, "mpjpe", over="actions") == 1
    unknown = errors._replace(means=errors.means | {"mpjpe": np.full(9, np.nan)})
    assert math.isnan(significance.paired_p_value(unknown, errors, "mpjpe", over="actions"))
