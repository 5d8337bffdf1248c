"""Checks of shapes and names: what is refused, and that the message says what was given and what is wanted."""

import re

import jax
import numpy as np
import pytest

from jaxpose import shapes
from jaxpose.skeleton import H36M_17


@pytest.mark.parametrize("shape", [(17, 3), (5, 17, 3), (0, 17, 3), (2, 5, 17, 3)])
def test_poses_are_accepted(shape):
    shapes.require_poses(np.zeros(shape), "x", H36M_17)
    if len(shape) > 2:
        shapes.require_tracks(np.zeros(shape), "x", H36M_17)


@pytest.mark.parametrize("shape", [(), (3,), (51,), (5, 51), (5, 3, 17), (5, 17, 2), (5, 16, 3)])
def test_other_shapes_are_named(shape):
    message = (
        rf"`x` has shape {shape}, but poses are (..., J, 3): coordinates on axis -1, joints on axis -2, with J = 17"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        shapes.require_poses(np.zeros(shape), "x", H36M_17)


def test_a_track_has_time():
    with pytest.raises(
        ValueError, match=r"`x` has shape \(17, 3\), but poses are \(..., T, J, 3\): .* time on axis -3"
    ):
        shapes.require_tracks(np.zeros((17, 3)), "x")


def test_shapes_are_refused_while_a_program_is_traced():
    with pytest.raises(ValueError, match=r"`x` has shape \(5, 51\)"):
        jax.jit(lambda x: shapes.require_poses(x, "x"))(np.zeros((5, 51)))


def test_axes_matrices_and_skeletons():
    shapes.require_axis(np.zeros((5, 4)), "q", -1, 4)
    shapes.require_matrix(np.zeros((5, 3, 3)), "m")
    shapes.require_skeleton(None)
    shapes.require_rank(np.zeros((5, 17, 2)), "k", "(T, K, C)")
    with pytest.raises(ValueError, match=r"`k` has shape \(5, 17\), but is to be \(T, K, C\)"):
        shapes.require_rank(np.zeros((5, 17)), "k", "(T, K, C)")
    with pytest.raises(ValueError, match=r"`q` has shape \(4, 5\), but axis -1 must have size 4"):
        shapes.require_axis(np.zeros((4, 5)), "q", -1, 4)
    with pytest.raises(ValueError, match=r"`q` has shape \(4,\), but axis -2 must have size 17"):
        shapes.require_axis(np.zeros(4), "q", -2, 17)
    with pytest.raises(ValueError, match=r"`m` has shape \(3,\), but matrices are \(..., 3, 3\)"):
        shapes.require_matrix(np.zeros(3), "m")
    with pytest.raises(TypeError, match=r"`skeleton` is \[1, 2\], not a jaxpose.skeleton.Skeleton"):
        shapes.require_poses(np.zeros((17, 3)), "x", [1, 2])


def test_different_shapes_are_named():
    shapes.require_same_shape({"a": np.zeros((2, 3)), "b": np.ones((2, 3))})
    with pytest.raises(ValueError, match=r"the shapes of `a` \(2, 3\) and `b` \(3, 2\) differ; they must be the same"):
        shapes.require_same_shape({"a": np.zeros((2, 3)), "b": np.zeros((3, 2))})


def test_known_names_are_listed():
    shapes.require_known("angle", {"angle": 1}, "quantity")
    with pytest.raises(ValueError, match=r"no quantity 'angels'; did you mean 'angle'[?] Known: angle, distance"):
        shapes.require_known("angels", ["angle", "distance"], "quantity")
    with pytest.raises(ValueError, match="no quantity 7; known: angle, distance"):
        shapes.require_known(7, ["angle", "distance"], "quantity")
