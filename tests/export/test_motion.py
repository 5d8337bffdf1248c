"""Axes of a motion, and names that break nothing."""

import string

import jax
import numpy as np
import pytest
from helpers import oracles
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.cameras import Camera, world_to_camera
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.export.motion import (
    LEVEL_CAMERA,
    Motion,
    camera_orientation,
    filled_mask,
    safe_names,
    upright,
    y_up,
    z_up,
)
from jaxpose.skeleton import H36M_17, HUMANEVA_15


def motion(**fields):
    positions = np.random.default_rng(0).normal(size=(4, 15, 3)).astype(np.float32)
    return Motion("1", positions, HUMANEVA_15, 50.0)._replace(**fields)


def test_what_is_up_for_a_level_camera_is_up():
    down, forward = np.zeros((2, 1, 15, 3), np.float32)
    down[..., 1], forward[..., 2] = 1, 1
    for found in (z_up, lambda m: upright(m).positions + np.array([0, 0, m.positions[0, 0] @ [0, -1, 0]])):
        np.testing.assert_allclose(found(motion(positions=down))[0, 0], [0, 0, -1], atol=1e-6)
        np.testing.assert_allclose(found(motion(positions=forward))[0, 0], [0, 1, 0], atol=1e-6)
    np.testing.assert_array_equal(y_up(motion(positions=down))[0, 0], [0, -1, 0])
    np.testing.assert_array_equal(y_up(motion(positions=forward))[0, 0], [0, 0, -1])
    np.testing.assert_allclose(oracles.quaternion_matrix(LEVEL_CAMERA) @ [0, 1, 0], [0, 0, -1], atol=1e-6)


@pytest.mark.parametrize("camera", ["54138969", "55011271"])
def test_upright_undoes_the_camera_and_stands_on_the_floor(camera):
    orientation = np.asarray(H36M_CAMERAS["S1"][camera].orientation)
    seen = motion()
    found = upright(seen, orientation)
    world = seen.positions @ oracles.quaternion_matrix(orientation.astype(np.float64)).T
    assert (found.space, found.positions.dtype, found.name) == ("world", np.float32, seen.name)
    assert found.positions[..., 2].min() == pytest.approx(0, abs=1e-6)
    moved = found.positions - world
    np.testing.assert_allclose(moved, np.broadcast_to(moved[0, 0], moved.shape), atol=1e-6)
    np.testing.assert_allclose(moved[0, 0, :2], 0, atol=1e-6)
    np.testing.assert_array_equal(z_up(found), found.positions)
    with pytest.raises(ValueError, match="motion '1' is in world space"):
        upright(found)


to_camera = jax.jit(world_to_camera)


@pytest.mark.parametrize(("pitch", "roll"), [(0, 0), (20, 0), (20, -35)])
def test_a_tilted_camera_is_set_upright(pitch, roll):
    """What a camera that looks down sees of people on a floor is people on a floor again."""
    people = np.random.default_rng(0).uniform([-1, -1, 0], [1, 1, 2], (6, 17, 3)).astype(np.float32)
    people[..., 2] -= people[..., 2].min()
    orientation = camera_orientation(pitch, roll)
    seen = np.asarray(to_camera(people, Camera(orientation, np.float32([0, 0, 1.5]), None, 9, 9)))
    found = upright(Motion("ann", seen, H36M_17, 50.0), orientation)
    np.testing.assert_allclose(found.positions, people, atol=1e-5)
    ahead = np.asarray(to_camera(np.float32([0, np.cos(np.radians(pitch)), -np.sin(np.radians(pitch))]),
                                       Camera(orientation, np.zeros(3, np.float32), None, 9, 9)))  # fmt: skip
    np.testing.assert_allclose(ahead, [0, 0, 1], atol=1e-6)


def test_a_camera_that_is_turned_clockwise_sees_up_to_the_left():
    turned = Camera(camera_orientation(0, 90), np.zeros(3, np.float32), None, 9, 9)
    np.testing.assert_allclose(to_camera(np.float32([0, 0, 1]), turned), [-1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(to_camera(np.float32([0, 1, 0]), turned), [0, 0, 1], atol=1e-6)


def test_axes_stay_right_handed():
    for turned in (z_up, y_up):
        for space in ("camera", "world"):
            axes = motion(positions=np.eye(3, dtype=np.float32)[None], space=space)
            assert np.linalg.det(turned(axes)[0]) == pytest.approx(1)


def test_filled_joints():
    assert not filled_mask(motion()).any()
    some = np.random.default_rng(1).random((4, 15)) < 0.5
    np.testing.assert_array_equal(filled_mask(motion(filled=some)), some)


@given(st.lists(st.text() | st.text(string.punctuation + "aA\n\t\0", max_size=4), max_size=8))
def test_plain_names_are_different_and_harmless(names):
    found = safe_names(names)
    assert len({name.casefold() for name in found}) == len(names)
    for name in found:
        assert name
        assert not set(name) & set("/\\:\0\n\r\t \"',;{}<>|*?")
        assert len(name) < 50


def test_plain_names_keep_what_is_plain():
    assert safe_names(["left_hip", "7", "a.b-c", "Šárka"]) == ["left_hip", "7", "a.b-c", "Šárka"]
    assert safe_names(["a/b", "a b", "A_b", "", "\n"]) == ["a_b", "a_b-2", "A_b-3", "_", "_-2"]
