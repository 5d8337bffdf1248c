"""The tables against themselves: what a script names exists, and what a table says stays within what a body can do."""

import numpy as np
import pytest

from jaxpose.data.synthetic import scripts as actions

COLUMNS = len(actions.ANGLES)
SCRIPTS = [script for scripts in actions.ACTIONS.values() for script in scripts]


def cycle(name, phases):
    """A column of the gait cycle at phases of the right leg's stride, summed from its series."""
    constant, *waves = actions.gait_series()[:, actions.ANGLES.index(name)]
    cosines, sines = np.split(np.asarray(waves), 2)
    turns = 2 * np.pi * np.outer(phases, np.arange(1, actions.HARMONICS + 1))
    return constant + np.cos(turns) @ cosines + np.sin(turns) @ sines


@pytest.mark.parametrize("description", sorted({posture for script in SCRIPTS for posture in script.postures}))
def test_every_posture_is_one_that_hinges_allow(description):
    angles, swing = actions.posture(description)
    assert angles.shape == swing.shape == (COLUMNS,)
    for hinge, (low, high) in actions.LIMITS.items():
        columns = [actions.ANGLES.index(f"{side}_{hinge}") for side in ("right", "left")]
        moving = angles[actions.ANGLES.index("legs_gait")] and hinge == "knee_flexion"  # the cycle bends it
        assert moving or (angles[columns] - swing[columns] >= low).all()
        assert (angles[columns] + swing[columns] <= high).all()


def test_scripts_last_and_have_where_to_go():
    for script in SCRIPTS:
        assert len(script.postures) > 1
        assert min(script.move, script.hold, script.rhythm) > 0


def test_the_series_give_the_gait_cycle_again():
    phases = np.arange(20) / 20
    hip, knee, ankle = np.asarray(actions._GAIT_CYCLE, float).T
    for name, values in (("hip_flexion", hip), ("knee_flexion", knee), ("foot_pitch", hip - knee + ankle)):
        np.testing.assert_allclose(cycle(f"right_{name}", phases), values, atol=2)


@pytest.mark.parametrize("name", ["hip_flexion", "knee_flexion", "shoulder_flexion"])
def test_the_left_side_is_half_a_stride_behind(name):
    phases = np.linspace(0, 1, 30)
    np.testing.assert_allclose(cycle(f"left_{name}", phases), cycle(f"right_{name}", phases + 0.5), atol=1e-4)


def test_every_column_has_one_gain():
    gain = actions.gait_gain()
    np.testing.assert_array_equal(gain.sum(axis=0), np.ones(COLUMNS))
    assert {actions.ANGLES[row] for row in np.flatnonzero(gain.any(axis=1))} == set(actions.GAIT)


def test_tables_by_angle_serve_both_sides_and_know_every_name():
    variation = actions.by_column(actions.VARIATION, (0, 0, 0))
    assert variation.shape == (3, COLUMNS)
    sides = [[actions.ANGLES.index(f"{side}_{name}") for name in actions.ARM] for side in ("right", "left")]
    np.testing.assert_array_equal(variation[:, sides[0]], variation[:, sides[1]])
    assert {*actions.VARIATION, *actions.LIMITS} <= {*actions.ANGLES, *actions.ARM, *actions.LEG}
