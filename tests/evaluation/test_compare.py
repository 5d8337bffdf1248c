"""Differences are of paired recordings, marks are of corrected tests, and runs that differ in seed are one group."""

import dataclasses

import numpy as np
import pytest
from helpers.made_up import made_up, smoothed
from helpers.samples import DESCRIPTION
from scipy import stats

from jaxpose.data.smoothing import choose_smoothing
from jaxpose.evaluation import compare, significance
from jaxpose.evaluation.compare import EvaluatedRun, EvaluationSetting
from jaxpose.evaluation.metric_records import PUBLISHED_KEYS
from jaxpose.evaluation.protocol import VIDEOPOSE3D
from jaxpose.models.configs import TemporalConfig
from jaxpose.training.config import Config

ACTIONS = ["Walking"] * 8 + ["Eating"] * 8
SETTING = EvaluationSetting(DESCRIPTION, "S9", VIDEOPOSE3D, "sample motion")


def run(name, *, config=None, **kwargs):
    return EvaluatedRun(name, config or Config(), made_up(ACTIONS, **kwargs))


def test_a_constant_difference_has_an_interval_without_width():
    found = compare.differences([run("a"), run("b", offset=0.3)], VIDEOPOSE3D)["b"]
    for metric in PUBLISHED_KEYS:
        assert found[metric]["difference"] == pytest.approx(0.3)
        assert found[metric]["interval"] == pytest.approx([0.3, 0.3])
        assert found[metric]["significant"]


def test_tracks_that_differ_at_random_are_not_marked():
    found = compare.differences([run("a", seed=0), run("b", seed=1)], VIDEOPOSE3D)["b"]
    for metric in PUBLISHED_KEYS:
        low, high = found[metric]["interval"]
        assert low < found[metric]["difference"] < high
        assert not found[metric]["significant"]
    same = compare.differences([run("a"), run("b")], VIDEOPOSE3D)["b"]
    assert not any(same[metric]["significant"] for metric in PUBLISHED_KEYS)


def test_the_number_of_comparisons_is_corrected_for():
    """One run has a p-value; the same run among four others has that times up to 25, by Holm's method."""
    other, more = run("b", offset=2.0, seed=1), [run(f"c{seed}", seed=seed) for seed in range(2, 6)]
    alone = compare.differences([run("a"), other], VIDEOPOSE3D)["b"]
    together = compare.differences([run("a"), other, *more], VIDEOPOSE3D)
    tested = [values[metric]["p_value"] for values in together.values() for metric in PUBLISHED_KEYS]
    corrected = [values[metric]["corrected_p_value"] for values in together.values() for metric in PUBLISHED_KEYS]
    assert corrected == significance.holm(tested)
    for metric in PUBLISHED_KEYS:
        assert together["b"][metric]["p_value"] == alone[metric]["p_value"]
        assert together["b"][metric]["interval"] == alone[metric]["interval"]
        assert together["b"][metric]["corrected_p_value"] >= alone[metric]["corrected_p_value"]
    marked = [metric for metric in PUBLISHED_KEYS if together["b"][metric]["significant"]]
    assert {*marked} < {metric for metric in PUBLISHED_KEYS if alone[metric]["p_value"] < 0.05}


def test_views_of_one_recording_are_never_marked():
    """An action that is one recording, in four views that agree: no interval, no p-value, no mark."""
    actions = ["Walking"] * 4 + ["Eating"] * 4
    first, other = (
        EvaluatedRun(name, Config(), made_up(actions, offset=offset, recordings=actions))
        for name, offset in (("a", 0), ("b", 9))
    )
    found = compare.differences([first, other], VIDEOPOSE3D)["b"]["mpjpe"]
    assert found["difference"] == pytest.approx(9)
    assert np.isnan([*found["interval"], found["p_value"], found["corrected_p_value"]]).all()
    assert not found["significant"]
    table = compare.comparison_table([first, other], SETTING)
    assert (table.rows[2][1], table.rows[3][1]) == ("+9.0", "–")
    assert any("where an action has one recording" in note and "Walking, Eating" in note for note in table.notes)


def test_the_table_of_differences():
    table = compare.comparison_table([run("a"), run("b", offset=-0.3), run("c", seed=1)], SETTING)
    assert [row[0] for row in table.rows] == [
        "a",
        "b",
        "  difference",
        "  95 % bootstrap confidence interval",
        "c",
        "  difference",
        "  95 % bootstrap confidence interval",
    ]
    assert table.rows[2][1:] == ("-0.3*", "-0.3*", "-0.3*", "-0.30*", "-0.30*")
    assert table.rows[3][4] == "-0.30 to -0.30"
    assert [table.rows[row][0] for row in table.rules] == ["b", "c"]
    assert any("95 % bootstrap confidence intervals" in note for note in table.notes)


def test_seeds_of_equal_settings_are_grouped_and_tested():
    seeds = [Config(seed=seed) for seed in (3, 4, 5)]
    wide = [dataclasses.replace(config, model=TemporalConfig(channels=2048)) for config in seeds]
    runs = [run(f"a{number}", config=config, offset=0.1 * number) for number, config in enumerate(seeds)]
    runs += [run(f"b{number}", config=config, offset=9 + 0.1 * number) for number, config in enumerate(wide)]
    table = compare.seeds_table([runs[0], runs[3], *runs[1:3], *runs[4:]], SETTING)
    assert [row[0] for row in table.rows] == ["a0, a1, a2", "b0, b1, b2"]
    mean = np.mean([np.mean(r.errors.means["mpjpe"]) for r in runs[:3]])
    assert table.rows[0][1] == f"{mean:.1f} ± 0.1"
    assert table.rows[1][1] == f"{mean + 9:.1f} ± 0.1*"
    assert 5 * stats.ttest_ind([0, 0.1, 0.2], [9, 9.1, 9.2], equal_var=False).pvalue < 0.05  # of five metrics


def test_marks_of_seeds_are_corrected_too():
    """A difference that one test calls significant, and five tests do not."""
    wide = Config(model=TemporalConfig(channels=2048))
    offsets = {"a": (0, 0.1, 0.2), "b": (0.24, 0.34, 0.44)}
    runs = [
        run(f"{name}{seed}", config=dataclasses.replace(config, seed=seed), offset=offset)
        for name, config in (("a", Config()), ("b", wide))
        for seed, offset in enumerate(offsets[name])
    ]
    assert 0.01 < stats.ttest_ind(*offsets.values(), equal_var=False).pvalue < 0.05
    assert not any("*" in cell for row in compare.seeds_table(runs, SETTING).rows for cell in row)


def test_a_single_seed_has_no_deviation_and_no_mark():
    other = dataclasses.replace(Config(), model=TemporalConfig(channels=2048))
    table = compare.seeds_table([run("a"), run("b", seed=2), run("c", config=other, offset=50)], SETTING)
    assert "±" in table.rows[0][1]
    assert "±" not in table.rows[1][1]
    assert "*" not in table.rows[1][1]
    assert compare.seeds_table([run("a"), run("c", config=other)], SETTING) is None


def test_predictions_from_files_are_no_seeds():
    files = [run(name)._replace(config=None) for name in "ab"]
    assert compare.seeds_table(files, SETTING) is None
    assert len(compare.seeds_table([run("c"), run("d"), *files], SETTING).rows) == 3


def test_seeds_are_of_one_filter():
    plain = [run(f"a{seed}", config=Config(seed=seed), seed=seed) for seed in range(2)]
    filters = [choose_smoothing(text) for text in ("savgol", "savgol:5")]
    assert compare.seeds_table([plain[0], *(smoothed(plain[0], each) for each in filters)], SETTING) is None
    runs = [each for one in plain for each in (one, *(smoothed(one, smoothing) for smoothing in filters))]
    assert [row[0] for row in compare.seeds_table(runs, SETTING).rows] == [
        "a0, a1", "a0, savgol 3.6 Hz, a1, savgol 3.6 Hz", "a0, savgol 5 Hz, a1, savgol 5 Hz"
    ]  # fmt: skip
