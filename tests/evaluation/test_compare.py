"""Differences are of paired tracks, marks follow from intervals, and runs that differ in the seed are one group."""

import dataclasses

import numpy as np
import pytest
from helpers.made_up import made_up
from helpers.samples import DESCRIPTION
from scipy import stats

from jaxpose.evaluation import compare
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
    found = compare.differences(run("b", offset=0.3), run("a"), VIDEOPOSE3D)
    for metric in PUBLISHED_KEYS:
        assert found[metric]["difference"] == pytest.approx(0.3)
        assert found[metric]["interval"] == pytest.approx([0.3, 0.3])
        assert found[metric]["exceeds"]


def test_tracks_that_differ_at_random_are_not_marked():
    found = compare.differences(run("b", seed=1), run("a", seed=0), VIDEOPOSE3D)
    for metric in PUBLISHED_KEYS:
        low, high = found[metric]["interval"]
        assert low < found[metric]["difference"] < high
        assert found[metric]["exceeds"] == (low > 0 or high < 0)
    assert not found["mpjpe"]["exceeds"]
    same = compare.differences(run("b"), run("a"), VIDEOPOSE3D)
    assert not any(same[metric]["exceeds"] for metric in PUBLISHED_KEYS)


def test_single_tracks_are_never_marked():
    one, other = (EvaluatedRun(n, Config(), made_up(["Walking", "Eating"], offset=o)) for n, o in (("a", 0), ("b", 9)))
    found = compare.differences(other, one, VIDEOPOSE3D)["mpjpe"]
    assert found["difference"] == pytest.approx(9)
    assert not found["exceeds"]
    assert compare.comparison_table([one, other], SETTING).rows[3][1] == "–"


def test_the_table_of_differences():
    table = compare.comparison_table([run("a"), run("b", offset=-0.3), run("c", seed=1)], SETTING)
    assert [row[0] for row in table.rows] == [
        "a",
        "b",
        "  difference",
        "  its interval",
        "c",
        "  difference",
        "  its interval",
    ]
    assert table.rows[2][1:] == ("-0.3*", "-0.3*", "-0.3*", "-0.30*", "-0.30*")
    assert table.rows[3][4] == "-0.30 to -0.30"
    assert [table.rows[row][0] for row in table.summary_rows] == ["a", "b", "c"]
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
    assert stats.ttest_ind([0, 0.1, 0.2], [9, 9.1, 9.2], equal_var=False).pvalue < 0.05


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
