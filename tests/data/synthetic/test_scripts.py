"""The tables against themselves: what a script names exists, and what a table says stays within what a body can do."""

import numpy as np
import pytest

from jaxpose.data.synthetic import scripts

COLUMNS = len(scripts.ANGLES)
ALL = [script for variants in scripts.SCRIPTS.values() for script in variants]


def cycle(name, phases):
    """A column of the gait cycle at phases of the right leg's stride, summed from its series."""
    constant, *waves = scripts.gait_series()[:, scripts.ANGLES.index(name)]
    cosines, sines = np.split(np.asarray(waves), 2)
    turns = 2 * np.pi * np.outer(phases, np.arange(1, scripts.HARMONICS + 1))
    return constant + np.cos(turns) @ cosines + np.sin(turns) @ sines


def test_every_posture_is_one_that_hinges_allow():
    offenders = []
    for description in sorted({posture for script in ALL for posture in script.postures}):
        angles, swing = scripts.posture_angles(description)
        assert angles.shape == swing.shape == (COLUMNS,)
        for hinge, (low, high) in scripts.HINGE_LIMITS.items():
            columns = [scripts.ANGLES.index(f"{side}_{hinge}") for side in ("right", "left")]
            moving = angles[scripts.ANGLES.index("legs_gait")] and hinge == "knee_flexion"  # the cycle bends it
            if not moving and (angles[columns] - swing[columns] < low).any():
                offenders.append(f"{description}: {hinge} below {low}")
            if (angles[columns] + swing[columns] > high).any():
                offenders.append(f"{description}: {hinge} above {high}")
    assert not offenders


def test_scripts_last_and_have_where_to_go():
    for script in ALL:
        assert len(script.postures) > 1
        assert min(script.move, script.hold, script.rhythm) > 0


def test_the_series_give_the_gait_cycle_again():
    phases = np.arange(20) / 20
    hip, knee, ankle = np.asarray(scripts._GAIT_CYCLE, float).T
    for name, values in (("hip_flexion", hip), ("knee_flexion", knee), ("foot_pitch", hip - knee + ankle)):
        np.testing.assert_allclose(cycle(f"right_{name}", phases), values, atol=2)


@pytest.mark.parametrize("name", ["hip_flexion", "knee_flexion", "shoulder_flexion"])
def test_the_left_side_is_half_a_stride_behind(name):
    phases = np.linspace(0, 1, 30)
    np.testing.assert_allclose(cycle(f"left_{name}", phases), cycle(f"right_{name}", phases + 0.5), atol=1e-4)


def test_every_column_has_one_gain():
    gain = scripts.gait_gain()
    np.testing.assert_array_equal(gain.sum(axis=0), np.ones(COLUMNS))
    assert {scripts.ANGLES[row] for row in np.flatnonzero(gain.any(axis=1))} == set(scripts.GAIT)


def test_tables_by_angle_serve_both_sides_and_know_every_name():
    variation = scripts.by_column(scripts.VARIATION, (0, 0, 0))
    assert variation.shape == (3, COLUMNS)
    sides = [[scripts.ANGLES.index(f"{side}_{name}") for name in scripts.ARM] for side in ("right", "left")]
    np.testing.assert_array_equal(variation[:, sides[0]], variation[:, sides[1]])
    assert {*scripts.VARIATION, *scripts.HINGE_LIMITS} <= {*scripts.ANGLES, *scripts.ARM, *scripts.LEG}
