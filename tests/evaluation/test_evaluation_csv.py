"""The CSV file has every number of `evaluation.json` once, in a row that says all about it."""

import csv
import io
import math

import numpy as np
import pytest
from helpers import made_up as numbers
from helpers.made_up import SETTING, made_up

from jaxpose.evaluation.evaluation_csv import evaluation_csv
from jaxpose.evaluation.evaluation_json import evaluation_as_dict
from jaxpose.evaluation.metric_records import PUBLISHED

RUN = numbers.RUN._replace(errors=numbers.RUN.errors.take(np.arange(4)))  # two recordings of each action
OTHER = RUN._replace(name='comma, "quote"', errors=made_up(numbers.ACTIONS[:4], seed=5))
DATA = evaluation_as_dict([RUN, OTHER], SETTING)
ROWS = [*csv.DictReader(io.StringIO(evaluation_csv(DATA, PUBLISHED), newline=""))]


def find(run, group, name, metric):
    (row,) = [
        row for row in ROWS if (row["run"], row["group"], row["name"], row["metric"]) == (run, group, name, metric)
    ]
    return row


def test_columns_and_plain_numbers():
    assert [*ROWS[0]] == ["run", "group", "name", "metric", "value", "low", "high", "unit", "trained_on"]
    for row in ROWS:
        assert math.isfinite(float(row["value"]))
        assert [bool(row["low"]), bool(row["high"])] in ([True, True], [False, False])
        assert row["unit"]
        assert row["name"] == row["name"].strip()
    assert len({(row["run"], row["group"], row["name"], row["metric"]) for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("run", [RUN, OTHER])
def test_every_number_is_there(run):
    scores = DATA["runs"][run.name]
    for group, field in (("action", "actions"), ("subject", "subjects"), ("camera", "cameras")):
        for name, values in scores[field].items():
            for key, value in values.items():
                assert float(find(run.name, group, name, key)["value"]) == value
    for key, by_joint in scores["joints"].items():
        for joint, value in by_joint.items():
            assert float(find(run.name, "joint", joint, key)["value"]) == value
    for key, value in scores["average"].items():
        row = find(run.name, "all", "average", key)
        assert [float(row[column]) for column in ("value", "low", "high")] == [value, *scores["intervals"][key]]
    assert find(run.name, "all", "average", "frames")["value"] == str(scores["frames"])


def test_statistics_of_the_body_are_in_their_units_beside_the_ground_truth():
    constraints = DATA["runs"]["run"]["constraints"]
    for statistic, values in constraints.items():
        assert float(find("run", "all", "average", statistic)["value"]) == values["predicted"]
        assert float(find("ground truth", "all", "average", statistic)["value"]) == values["ground_truth"]
    angle = find("run", "angle", "left_knee", "rom_violation_rate")
    assert angle["unit"] == "% of frames"
    assert float(angle["value"]) == pytest.approx(100 * DATA["runs"]["run"]["angles"]["left_knee"]["predicted"])
    assert find("run", "pair", "left_knee/right_knee", "symmetry_error")["unit"] == "mm"


def test_a_difference_names_both_runs():
    row, found = find(OTHER.name, "difference", "run", "p_mpjpe"), DATA["differences"][OTHER.name]["p_mpjpe"]
    assert [float(row[column]) for column in ("value", "low", "high")] == [found["difference"], *found["interval"]]


def test_subjects_that_were_trained_on_are_in_each_row_of_the_run():
    runs = [RUN._replace(trained_on=("S9", "S11")), OTHER]
    rows = [*csv.DictReader(io.StringIO(evaluation_csv(evaluation_as_dict(runs, SETTING), PUBLISHED), newline=""))]
    assert {(row["run"], row["trained_on"]) for row in rows} == {
        ("run", "S9+S11"), (OTHER.name, ""), ("ground truth", ""),
    }  # fmt: skip


def test_what_is_not_defined_is_an_empty_cell():
    alone = RUN._replace(errors=made_up(["Walking"]))  # one track has no interval
    text = evaluation_csv(evaluation_as_dict([alone], SETTING), PUBLISHED)
    row = next(row for row in csv.DictReader(io.StringIO(text)) if row["metric"] == "mpjpe")
    assert (row["low"], row["high"]) == ("", "")
    assert "nan" not in text.lower().replace("range", "")
