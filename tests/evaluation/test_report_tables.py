"""The tables and facts of an evaluation say what the measures are, and of what."""

import json

import numpy as np
import pytest
from helpers.made_up import made_up
from helpers.samples import DESCRIPTION

from jaxpose.data.track import SYNTHETIC_NOTICE
from jaxpose.evaluation import paper_tables, report_tables, results_file
from jaxpose.evaluation.averages import average
from jaxpose.evaluation.compare import Evaluated, Setting
from jaxpose.evaluation.protocol import VIDEOPOSE3D, Protocol
from jaxpose.evaluation.track_errors import METRICS
from jaxpose.skeleton import H36M_17, layout
from jaxpose.training.config import Config

ACTIONS = ["Walking", "Walking", "Eating", "Eating", "Posing"]
RUN = Evaluated(
    "run", Config(),
    made_up(ACTIONS, frames=[100, 300, 100, 100, 50], subjects=["S9", "S11", "S9", "S11", "S9"], cameras=list("12121")),
)  # fmt: skip
WHERE = Setting(DESCRIPTION, "S9+S11", VIDEOPOSE3D, "sample motion")


def weighted(values, own):
    return np.average(values[own], weights=RUN.measures.frames[own])


def test_the_table_of_actions_has_the_interval_of_the_average():
    table = report_tables.actions(RUN, WHERE)
    values = RUN.measures.means["mpjpe"]
    assert [row[0] for row in table.rows] == ["Walking", "Eating", "Posing", "average", "95 % interval"]
    assert table.rows[0][1] == f"{weighted(values, [0, 1]):.1f}"
    mean = np.mean([weighted(values, [0, 1]), weighted(values, [2, 3]), values[4]])
    assert table.rows[3][1] == f"{mean:.1f}"
    low, high = map(float, table.rows[4][1].split(" to "))
    assert low <= mean <= high
    assert any(note == "Of one track alone, whose spread nothing tells: Posing." for note in table.notes)
    assert any("650 frames at 50 frames/s" in note for note in table.notes)


@pytest.mark.parametrize(("part", "labels"), [("subject", ["S9", "S11"]), ("camera", ["1", "2"])])
def test_parts_are_averaged_as_the_whole_is(part, labels):
    table = report_tables.groups_of(RUN, WHERE, part)
    assert [row[0] for row in table.rows] == labels
    values = RUN.measures.means["p_mpjpe"]
    assert table.rows[0][:2] == (labels[0], "250")
    assert table.rows[0][3] == f"{values[[0, 2, 4]].mean():.1f}"
    assert table.rows[1][3] == f"{values[[1, 3]].mean():.1f}"


def test_joints_and_the_bones_that_end_there():
    table = report_tables.joints(RUN, WHERE)
    rows = {row[0]: row[1:] for row in table.rows}
    assert [*rows] == [*H36M_17.joints]
    assert rows["pelvis"][3:] == ("", "", "", "")
    assert rows["head"][5:] == ("", "")
    assert rows["left_knee"][5:] == rows["right_knee"][5:]
    bone = H36M_17.bones.index((4, 5))
    assert rows["left_knee"][3] == f"{average(RUN.measures, 'spread', over='actions')[bone]:.1f}"
    pair = [H36M_17.bones[a] for a, _ in H36M_17.bone_pairs].index((4, 5))
    assert rows["left_knee"][6] == f"{average(RUN.measures, 'true_gap', over='actions')[pair]:.1f}"
    assert rows["head"][0] == f"{average(RUN.measures, 'joints', over='actions')[10]:.1f}"


def test_angles_name_joint_and_range():
    table = report_tables.angles(RUN, WHERE)
    row = table.rows[[angle.name for angle in H36M_17.angles].index("left_shoulder")]
    share = average(RUN.measures, "outside", over="actions")[8]
    assert row[:4] == ("left_shoulder", "thorax", "0 to 135", f"{100 * share:.1f}")


def test_constraints_beside_the_truth():
    table = report_tables.constraints([RUN, RUN._replace(name="other")], WHERE)
    assert table.head == ("", "run", "other", "true")
    spread, gap, outside = table.rows
    assert spread[1] == f"{average(RUN.measures, 'spread', over='actions').mean():.1f}"
    assert gap[3] == f"{average(RUN.measures, 'true_gap', over='actions').mean():.1f}"
    assert outside[1] == f"{100 * average(RUN.measures, 'outside', over='actions').mean():.1f}"


def test_a_skeleton_without_bones_has_no_constraints():
    points = layout("points", 17, (), ())
    means = RUN.measures.means | {
        m + kind: np.zeros((5, 0)) for m in ("", "true_") for kind in report_tables.PLAUSIBILITY
    }
    run, where = (
        RUN._replace(measures=RUN.measures._replace(means=means)),
        WHERE._replace(description=DESCRIPTION._replace(skeleton=points)),
    )
    tables = report_tables.all_tables([run], where, ("joint",))
    assert tables["constraints"].rows == []
    assert "angles" not in tables
    assert report_tables.facts([run], where)["runs"]["run"]["constraints"] == {}


def test_published_rows_stand_beside_human36m_only():
    assert "paper_7" not in report_tables.all_tables([RUN], WHERE, ())
    assert report_tables.notice(WHERE) == (
        "Published rows (Tables 5 to 10 of the paper) are left out, not comparable: sample motion."
    )
    run = Evaluated("mine", Config(), made_up([*paper_tables.ACTIONS, *paper_tables.ACTIONS]))
    where = WHERE._replace(incomparable="")
    tables = report_tables.all_tables([run], where, ())
    assert {f"paper_{number}" for number in paper_tables.NUMBERS} < tables.keys()
    values = run.measures.means["mpjve"].reshape(2, 15).mean(0)
    assert tables["paper_9"].rows[-1] == ("mine", *(f"{value:.2f}" for value in values), f"{values.mean():.2f}")
    assert tables["paper_6"].rows[-1][1] == f"{values.mean():.2f}"
    assert tables["paper_9"].rows[:-1] == paper_tables.table("9").rows
    assert report_tables.notice(where) == ""


def test_facts_are_plain_and_complete():
    other = RUN._replace(name="other", measures=made_up(ACTIONS, seed=5))
    facts = json.loads(results_file.plain_json(report_tables.facts([RUN, other], WHERE)))
    assert facts["switches"]["s11_directions"] == "none"
    assert facts["runs"]["run"]["average"]["mpjpe"] == pytest.approx(average(RUN.measures, "mpjpe", over="actions"))
    assert set(facts["runs"]["run"]["average"]) == set(METRICS)
    assert facts["runs"]["run"]["per_second"]["mpjae"] == pytest.approx(2500 * facts["runs"]["run"]["average"]["mpjae"])
    assert [*facts["runs"]["run"]["cameras"]] == ["1", "2"]
    assert [*facts["runs"]["run"]["joints"]["mpjpe"]] == [*H36M_17.joints]
    assert facts["runs"]["other"]["pairs"]["left_knee/right_knee"].keys() == {"predicted", "true"}
    assert facts["differences_from"] == "run"
    assert facts["differences"]["other"]["mpjpe"]["interval"][0] <= facts["differences"]["other"]["mpjpe"]["difference"]


def test_made_up_data_and_another_protocol_say_so():
    where = Setting(DESCRIPTION._replace(synthetic=True), "S9", Protocol(every=5), "the motion is synthetic")
    for table in report_tables.all_tables([RUN], where, ("subject", "camera", "joint")).values():
        assert SYNTHETIC_NOTICE in table.title
    assert any("one frame of 5" in note for note in report_tables.actions(RUN, where).notes)
