"""Rotations: group axioms, agreement with float64 matrices, and gradients."""

import chex
import jax
import numpy as np
import pytest
from helpers import oracles
from helpers.derivatives import assert_derivatives_agree
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from jaxpose import rotations

pytestmark = pytest.mark.usefixtures("compiled_soon")
seeds = st.integers(0, 2**31 - 1)
IDENTITY = np.float32([1, 0, 0, 0])

axis_angle_from_quaternion = jax.jit(rotations.axis_angle_from_quaternion)
quaternion_from_axis_angle = jax.jit(rotations.quaternion_from_axis_angle)
quaternion_from_matrix = jax.jit(rotations.quaternion_from_matrix)
quaternion_inverse = jax.jit(rotations.quaternion_inverse)
quaternion_multiply = jax.jit(rotations.quaternion_multiply)
quaternion_to_matrix = jax.jit(rotations.quaternion_to_matrix)
rotate = jax.jit(rotations.rotate)
rotation_between = jax.jit(rotations.rotation_between)


def quaternions(seed, *shape):
    q = np.random.default_rng(seed).normal(size=(*shape, 4))
    return (q / np.linalg.norm(q, axis=-1, keepdims=True)).astype(np.float32)


def points(seed, *shape):
    return np.random.default_rng(seed).normal(size=(*shape, 3)).astype(np.float32)


@given(seeds)
def test_rotation_is_the_matrix_product(seed):
    q, v = quaternions(seed), points(seed)
    matrix = oracles.quaternion_matrix(q.astype(np.float64))
    np.testing.assert_allclose(quaternion_to_matrix(q), matrix, atol=1e-6)
    np.testing.assert_allclose(rotate(q, v), matrix @ v, atol=1e-5)


@given(seeds)
def test_product_applies_the_right_factor_first(seed):
    p, q = quaternions(seed, 2)
    v = points(seed)
    np.testing.assert_allclose(rotate(quaternion_multiply(p, q), v), rotate(p, rotate(q, v)), atol=1e-5)


@given(seeds)
def test_inverse_undoes_a_rotation(seed):
    q, v = quaternions(seed), points(seed)
    np.testing.assert_allclose(rotate(quaternion_inverse(q), rotate(q, v)), v, atol=1e-5)
    np.testing.assert_allclose(quaternion_multiply(q, quaternion_inverse(q)), IDENTITY, atol=1e-6)


def test_a_quarter_turn_about_z_takes_x_to_y():
    quarter = quaternion_from_axis_angle(np.float32([0, 0, np.pi / 2]))
    np.testing.assert_allclose(rotate(quarter, np.float32([1, 0, 0])), [0, 1, 0], atol=1e-6)


@given(seed=seeds, angle=st.floats(0, 3.1))
def test_logarithm_undoes_the_exponential(seed, angle):
    axis = points(seed)
    vector = (axis / np.linalg.norm(axis) * angle).astype(np.float32)
    q = np.asarray(quaternion_from_axis_angle(vector))
    np.testing.assert_allclose(np.linalg.norm(q), 1, rtol=1e-6)
    np.testing.assert_allclose(axis_angle_from_quaternion(q), vector, atol=2e-5)
    np.testing.assert_allclose(axis_angle_from_quaternion(-q), vector, atol=2e-5)


@jax.jit
def exponential_and_jacobians(vector):
    q = rotations.quaternion_from_axis_angle(vector)
    forward = jax.jacobian(rotations.quaternion_from_axis_angle)(vector)
    return q, forward, jax.jacobian(rotations.axis_angle_from_quaternion)(q)


@pytest.mark.parametrize("size", [0.0, 1e-20, 1e-6, 1e-3, 1.9e-3, 2.1e-3])
def test_maps_are_smooth_through_the_identity(size, x64):
    vector = np.array([size, -size, 2 * size])
    q, forward, backward = map(np.asarray, exponential_and_jacobians(vector))
    angle = np.sqrt(6) * size
    np.testing.assert_allclose(q[0], np.cos(angle / 2), rtol=1e-13)
    np.testing.assert_allclose(q[1:], vector / 2 * np.sinc(angle / 2 / np.pi), rtol=1e-12)
    np.testing.assert_allclose(forward[1:], np.eye(3) / 2, atol=1e-5)
    chex.assert_tree_all_finite((forward, backward))


@given(seeds)
def test_a_matrix_gives_its_quaternion_back(seed):
    q = quaternions(seed)
    matrix = oracles.quaternion_matrix(q.astype(np.float64))
    np.testing.assert_allclose(quaternion_from_matrix(np.float32(matrix)), q * np.sign(q[0]), atol=1e-6)


def test_half_turns_about_the_axes_have_quaternions_and_gradients():
    matrices = np.float32([np.diag(signs) for signs in ([1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1])])
    np.testing.assert_array_equal(quaternion_to_matrix(quaternion_from_matrix(matrices)), matrices)
    weights = np.arange(1.0, 5, dtype=np.float32)
    gradient = jax.jit(jax.grad(lambda m: (rotations.quaternion_from_matrix(m) * weights).sum()))
    chex.assert_tree_all_finite(gradient(matrices))


def test_rotations_by_about_half_a_turn_have_rotation_vectors_of_that_angle():
    """Half turns about the axes and others, the same 1e-7 away, and angles just below π; gradients there too."""
    rng = np.random.default_rng(0)
    axes = np.concatenate([np.eye(3), rng.normal(size=(40, 3))])
    vectors = axes / np.linalg.norm(axes, axis=1, keepdims=True) * np.pi
    matrices = Rotation.from_rotvec(np.concatenate([vectors, vectors * (1 - 1e-6), vectors * (1 - 1e-4)])).as_matrix()
    matrices = np.concatenate([matrices, matrices + 1e-7 * rng.choice([-1, 1], matrices.shape)]).astype(np.float32)

    def logarithm(matrix):
        return rotations.axis_angle_from_quaternion(rotations.quaternion_from_matrix(matrix))

    def back(matrix):
        return rotations.quaternion_to_matrix(rotations.quaternion_from_axis_angle(logarithm(matrix)))

    @jax.jit
    def all_of(matrices):
        return logarithm(matrices), back(matrices), jax.vmap(jax.jacrev(logarithm))(matrices)

    turned, again, gradients = jax.device_get(all_of(matrices))
    angles = np.linalg.norm(turned, axis=1)
    np.testing.assert_allclose(angles, Rotation.from_matrix(matrices).magnitude(), atol=2e-6)
    np.testing.assert_allclose(angles[:3], np.pi, atol=1e-6)
    np.testing.assert_allclose(again, matrices, atol=1e-6)
    chex.assert_tree_all_finite(gradients)


@given(seed=seeds, angle=st.floats(0, np.pi))
def test_rotation_between_is_the_smallest_rotation(seed, angle):
    source, other = points(seed, 2).astype(np.float64)
    axis = np.cross(source, other)
    axis /= np.linalg.norm(axis)
    expected = np.array([np.cos(angle / 2), *(np.sin(angle / 2) * axis)])  # about the normal of both
    target = 0.1 * oracles.quaternion_matrix(expected) @ source
    q = np.asarray(rotation_between(np.float32(source), np.float32(target)), np.float64)
    assert abs(np.linalg.norm(q) - 1) < 1e-6
    rotated = oracles.quaternion_matrix(q) @ source / np.linalg.norm(source)
    np.testing.assert_allclose(rotated, 10 * target / np.linalg.norm(source), atol=3e-6)
    assert abs(abs(q @ expected) - 1) < 1e-6 or np.pi - angle < 1e-4


def test_rotation_between_opposite_parallel_and_zero_vectors():
    source = np.float32([[1, 0, 0], [0, -2, 0], [0, 0, 3], [1, 1, 1]])
    identity = np.tile(IDENTITY, (4, 1))
    np.testing.assert_allclose(rotate(rotation_between(source, -source), source), -source, atol=1e-6)
    np.testing.assert_allclose(rotation_between(source, 5 * source), identity, atol=1e-7)
    np.testing.assert_array_equal(rotation_between(source, 0 * source), identity)
    np.testing.assert_array_equal(rotation_between(0 * source, source), identity)
    targets = [source, -source, 0 * source, source + np.float32([0, 1e-5, 0]), -source + np.float32(1e-4)]
    sources, targets = np.tile(source, (5, 1)), np.concatenate(targets)
    weights = np.arange(1.0, 5, dtype=np.float32)
    gradient = jax.jit(jax.grad(lambda a, b: (rotations.rotation_between(a, b) * weights).sum(), argnums=(0, 1)))
    chex.assert_tree_all_finite(gradient(sources, targets))


def test_gradients_agree_with_finite_differences(x64):
    q, v = quaternions(0), points(0)
    assert_derivatives_agree(rotations.rotate, q, v)
    assert_derivatives_agree(rotations.quaternion_from_axis_angle, v)
    assert_derivatives_agree(rotations.quaternion_to_matrix, q)
    assert_derivatives_agree(rotations.rotation_between, points(1, 5), points(2, 5))


def test_leading_axes_broadcast():
    q, v = quaternions(0, 5, 1), points(1, 7)
    rotated = np.asarray(rotate(q, v))
    assert rotated.shape == (5, 7, 3)
    np.testing.assert_allclose(rotated[2, 3], rotate(q[2, 0], v[3]), atol=1e-6)
    assert jax.eval_shape(rotations.quaternion_to_matrix, q).shape == (5, 1, 3, 3)


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match=r"`q` has shape \(3,\), but axis -1 must have size 4"):
        rotations.rotate(np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match=r"`q` has shape \(3,\), but axis -1 must have size 4"):
        rotations.quaternion_multiply(np.ones(4), np.ones(3))
