"""The tables of an evaluation hold the averages of the errors, and say of what data and protocol."""

import numpy as np
import pytest
from helpers.made_up import RUN, SETTING, made_up, smoothed
from helpers.samples import DESCRIPTION, make_track

from jaxpose.data.smoothing import choose_smoothing
from jaxpose.data.track import SYNTHETIC_NOTICE
from jaxpose.evaluation import comparability, evaluation_json, paper_tables, report_tables
from jaxpose.evaluation.averages import average
from jaxpose.evaluation.compare import EvaluatedRun, EvaluationSetting
from jaxpose.evaluation.protocol import VIDEOPOSE3D, Protocol
from jaxpose.evaluation.track_errors import BODY_STATISTICS, ground_truth
from jaxpose.skeleton import H36M_17, layout
from jaxpose.training.config import Config


def weighted(values, own):
    return np.average(values[own], weights=RUN.errors.frames[own])


def test_the_table_of_actions_has_the_interval_of_the_average():
    table = report_tables.actions_table(RUN, SETTING)
    values = RUN.errors.means["mpjpe"]
    assert [row[0] for row in table.rows] == [
        "Walking",
        "Eating",
        "Posing",
        "average",
        "95 % bootstrap confidence interval",
    ]
    assert table.rows[0][1] == f"{weighted(values, [0, 1]):.1f}"
    mean = np.mean([weighted(values, [0, 1]), weighted(values, [2, 3]), values[4]])
    assert table.rows[3][1] == f"{mean:.1f}"
    assert table.rows[4][1] == "–"
    assert any("where an action has one recording" in note and note.endswith(": Posing.") for note in table.notes)
    run = RUN._replace(errors=RUN.errors.take(RUN.errors.actions != "Posing"))
    table = report_tables.actions_table(run, SETTING)
    low, high = map(float, table.rows[3][1].split(" to "))
    assert low <= np.mean([weighted(values, [0, 1]), weighted(values, [2, 3])]) <= high
    assert not any("one recording" in note for note in table.notes)
    assert any("600 frames at 50 frames/s" in note for note in table.notes)


@pytest.mark.parametrize(("part", "labels"), [("subject", ["S9", "S11"]), ("camera", ["1", "2"])])
def test_parts_are_averaged_as_the_whole_is(part, labels):
    table = report_tables.group_table(RUN, SETTING, part)
    assert [row[0] for row in table.rows] == labels
    values = RUN.errors.means["p_mpjpe"]
    assert table.rows[0][:2] == (labels[0], "250")
    assert table.rows[0][3] == f"{values[[0, 2, 4]].mean():.1f}"
    assert table.rows[1][3] == f"{values[[1, 3]].mean():.1f}"


def test_joints_and_the_bones_that_end_there():
    table = report_tables.joints_table(RUN, SETTING)
    rows = {row[0]: row[1:] for row in table.rows}
    assert [*rows] == [*H36M_17.joints]
    assert rows["pelvis"][3:] == ("", "", "", "")
    assert rows["head"][5:] == ("", "")
    assert rows["left_knee"][5:] == rows["right_knee"][5:]
    bone = H36M_17.bones.index((4, 5))
    assert rows["left_knee"][3] == f"{average(RUN.errors, 'bone_length_std', over='actions')[bone]:.1f}"
    pair = [H36M_17.bones[a] for a, _ in H36M_17.bone_pairs].index((4, 5))
    assert rows["left_knee"][6] == f"{average(RUN.errors, 'ground_truth_symmetry_error', over='actions')[pair]:.1f}"
    assert rows["head"][0] == f"{average(RUN.errors, 'joint_mpjpe', over='actions')[10]:.1f}"


def test_a_skeleton_without_bones_has_no_constraints():
    points = layout("points", 17, (), ())
    means = RUN.errors.means | {key: np.zeros((5, 0)) for name in BODY_STATISTICS for key in (name, ground_truth(name))}
    run, setting = (
        RUN._replace(errors=RUN.errors._replace(means=means)),
        SETTING._replace(description=DESCRIPTION._replace(skeleton=points)),
    )
    tables = report_tables.all_tables([run], setting, ("joint",))
    assert tables["constraints"].rows == []
    assert "angles" not in tables
    assert evaluation_json.run_as_dict(run, setting)["constraints"] == {}


def test_published_rows_stand_beside_human36m_only():
    assert "paper_7" not in report_tables.all_tables([RUN], SETTING, ())
    assert report_tables.published_rows_note(SETTING) == (
        "Published rows (Tables 5 to 10 of the joint-aware paper) are not comparable: sample motion."
    )
    run = EvaluatedRun("mine", Config(), made_up([*paper_tables.ACTIONS, *paper_tables.ACTIONS]))
    setting = SETTING._replace(incomparable="")
    tables = report_tables.all_tables([run], setting, ())
    assert {f"paper_{number}" for number in paper_tables.NUMBERS} < tables.keys()
    values = run.errors.means["mpjve"].reshape(2, 15).mean(0)
    assert tables["paper_9"].rows[-1] == ("mine", *(f"{value:.2f}" for value in values), f"{values.mean():.2f}")
    assert tables["paper_6"].rows[-1][1] == f"{values.mean():.2f}"
    assert tables["paper_9"].rows[:-1] == paper_tables.paper_table("9").rows
    assert report_tables.published_rows_note(setting) == ""


def test_runs_that_were_trained_on_the_split_stand_without_published_rows():
    runs = [RUN._replace(trained_on=("S9", "S11")), RUN._replace(name="other")]
    setting = report_tables.evaluation_setting(DESCRIPTION, "S9+S11", [make_track()], VIDEOPOSE3D, runs)
    assert setting.notice == "TRAINED ON S9, S11 by run: these are not errors of unseen people"
    human36m = {"subjects": ("S9", "S11"), "actions": paper_tables.ACTIONS, "frames": 543_344, "rates": (50.0,)}
    scored = comparability.ScoredFrames(**human36m)
    assert comparability.why_incomparable(DESCRIPTION, scored, VIDEOPOSE3D) == ""
    assert comparability.why_incomparable(DESCRIPTION, scored, VIDEOPOSE3D, ["S9"]) == (
        "these subjects were trained on: S9"
    )
    for table in report_tables.all_tables(runs, setting, ("subject", "camera", "joint")).values():
        assert setting.notice in table.title
    clean = report_tables.evaluation_setting(DESCRIPTION, "S9", [make_track()], VIDEOPOSE3D, [RUN])
    assert clean.notice == ""
    assert "TRAINED" not in report_tables.actions_table(RUN, clean).title


def test_smoothed_rows_name_their_filter_and_a_note_explains_it_once():
    """What was trained on, and that poses are from a file, is said of the plain rows."""
    plain = [RUN._replace(trained_on=("S9",)), RUN._replace(name="poses.npz", config=None)]
    filters = [choose_smoothing(text) for text in ("savgol", "one-euro:2")]
    runs = [each for run in plain for each in (run, *(smoothed(run, smoothing) for smoothing in filters))]
    setting = report_tables.evaluation_setting(DESCRIPTION, "S9", [make_track()], VIDEOPOSE3D, runs)
    assert setting.notice == "TRAINED ON S9 by run: these are not errors of unseen people"
    tables = report_tables.all_tables(runs, setting, ("joint",))
    names = ["run", "run, savgol 3.6 Hz", "run, one-euro 2 Hz"]
    names += [name.replace("run", "poses.npz") for name in names]
    assert [row[0] for row in tables["comparison"].rows if row[0][0] != " "] == names
    assert [tables[f"actions_{number}"].title.split(":")[0] for number in range(1, 7)] == names
    notes = [note for table in tables.values() for note in table.notes]
    (note,) = (note for note in notes if "smoothed in time" in note)
    assert note.count("savgol 3.6 Hz: Savitzky-Golay") == note.count("one-euro 2 Hz: One-Euro") == 1
    assert [note for note in notes if note.startswith("poses.npz")] == [f"poses.npz: {report_tables.FILES_NOTE}"]
    alone = report_tables.evaluation_setting(DESCRIPTION, "S9", [make_track()], VIDEOPOSE3D, runs[:3])
    assert alone.notice == "TRAINED ON S9: these are not errors of unseen people"


def test_made_up_data_and_another_protocol_say_so():
    setting = EvaluationSetting(
        DESCRIPTION._replace(synthetic=True), "S9", Protocol(every=5), "the motion is synthetic"
    )
    for table in report_tables.all_tables([RUN], setting, ("subject", "camera", "joint")).values():
        assert SYNTHETIC_NOTICE in table.title
    assert any("one frame of 5" in note for note in report_tables.actions_table(RUN, setting).notes)
