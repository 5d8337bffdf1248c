"""`evaluation.json` has all numbers of an evaluation, unrounded."""

import json

import pytest
from helpers.made_up import ACTIONS, RUN, SETTING, made_up

from jaxpose.evaluation import evaluation_json
from jaxpose.evaluation.averages import average
from jaxpose.evaluation.metric_records import PUBLISHED_KEYS
from jaxpose.evaluation.results_file import json_text
from jaxpose.skeleton import H36M_17


def test_every_number_is_there():
    other = RUN._replace(name="other", errors=made_up(ACTIONS, seed=5))
    facts = json.loads(json_text(evaluation_json.evaluation_as_dict([RUN, other], SETTING)))
    assert facts["switches"]["s11_directions"] == "none"
    assert facts["runs"]["run"]["average"]["mpjpe"] == pytest.approx(average(RUN.errors, "mpjpe", over="actions"))
    assert set(facts["runs"]["run"]["average"]) == set(PUBLISHED_KEYS)
    assert facts["runs"]["run"]["per_second"]["mpjae"] == pytest.approx(2500 * facts["runs"]["run"]["average"]["mpjae"])
    assert [*facts["runs"]["run"]["cameras"]] == ["1", "2"]
    assert [*facts["runs"]["run"]["joints"]["mpjpe"]] == [*H36M_17.joints]
    assert facts["runs"]["other"]["pairs"]["left_knee/right_knee"].keys() == {"predicted", "ground_truth"}
    assert facts["differences_from"] == "run"
    assert facts["differences"]["other"]["mpjpe"]["interval"] == [None, None]  # Posing is one recording
    assert facts["bootstrap"]["intervals"] == "95 % bootstrap confidence interval"


def test_differences_have_their_intervals_and_p_values():
    run, other = (RUN._replace(name=f"run{seed}", errors=made_up(ACTIONS[:4], seed=seed)) for seed in (0, 1))
    facts = json.loads(json_text(evaluation_json.evaluation_as_dict([run, other], SETTING)))
    found = facts["differences"]["run1"]["mpjpe"]
    assert found["interval"][0] <= found["difference"] <= found["interval"][1]
    assert 0 < found["p_value"] <= found["corrected_p_value"] <= 1
    assert found["significant"] is False
    assert facts["runs"]["run0"]["intervals"]["mpjpe"][0] < facts["runs"]["run0"]["average"]["mpjpe"]


def test_a_single_run_has_no_differences():
    data = evaluation_json.evaluation_as_dict([RUN], SETTING)
    assert "differences" not in data
    assert data["published_rows"].endswith("not comparable: sample motion.")
    assert "protocol" not in data["runs"]["run"]
    assert data["runs"]["run"]["smoothing"] is None
    assert data["protocol"].startswith("Protocol (VideoPose3D's)")
