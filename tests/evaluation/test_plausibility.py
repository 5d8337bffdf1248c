"""Plausibility is the mean of body statistics over bones, pairs and angles, beside the ground truth."""

from helpers.made_up import made_up
from helpers.samples import DESCRIPTION

from jaxpose.evaluation import plausibility
from jaxpose.evaluation.averages import average
from jaxpose.evaluation.compare import EvaluatedRun, EvaluationSetting
from jaxpose.evaluation.protocol import VIDEOPOSE3D
from jaxpose.skeleton import H36M_17
from jaxpose.training.config import Config

RUN = EvaluatedRun("run", Config(), made_up(["Walking", "Walking", "Eating"], frames=[100, 300, 100]))
SETTING = EvaluationSetting(DESCRIPTION, "S9", VIDEOPOSE3D, "sample motion")


def mean(name):
    return average(RUN.errors, name, over="actions").mean()


def test_the_means_of_every_statistic():
    found = plausibility.plausibility(RUN, SETTING)
    assert [*found] == [*plausibility.PLAUSIBILITY]
    assert found["bone_length_std"] == {
        "predicted": mean("bone_length_std"), "ground_truth": mean("ground_truth_bone_length_std"),
    }  # fmt: skip
    assert found["rom_violation_rate"]["predicted"] == 100 * mean("rom_violation_rate")


def test_runs_stand_beside_the_ground_truth():
    table = plausibility.constraints_table([RUN, RUN._replace(name="other")], SETTING)
    assert table.header == ("", "run", "other", "ground truth")
    deviation, symmetry, outside = table.rows
    assert deviation[:2] == ("bone-length SD, mm", f"{mean('bone_length_std'):.1f}")
    assert symmetry[3] == f"{mean('ground_truth_symmetry_error'):.1f}"
    assert outside[1] == f"{100 * mean('rom_violation_rate'):.1f}"


def test_angles_have_their_joint_and_range():
    table = plausibility.angles_table(RUN, SETTING)
    index = [angle.name for angle in H36M_17.angles].index("left_shoulder")
    share, truth = (
        100 * average(RUN.errors, name, over="actions")[index]
        for name in ("rom_violation_rate", "ground_truth_rom_violation_rate")
    )
    assert table.rows[index] == ("left_shoulder", "thorax", "0 to 135", f"{share:.1f}", f"{truth:.1f}")
