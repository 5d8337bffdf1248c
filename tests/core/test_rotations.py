"""Group axioms, and agreement with matrices written out."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import oracles
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.rotations import (
    axis_angle_from_quaternion,
    quaternion_from_axis_angle,
    quaternion_from_matrix,
    quaternion_inverse,
    quaternion_multiply,
    quaternion_to_matrix,
    rotate,
    rotation_between,
)

pytestmark = pytest.mark.usefixtures("compiled_soon")
seeds = st.integers(0, 2**31 - 1)


def quaternions(seed, *shape):
    q = np.random.default_rng(seed).normal(size=(*shape, 4))
    return jnp.asarray(q / np.linalg.norm(q, axis=-1, keepdims=True), jnp.float32)


def points(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(*shape, 3)), jnp.float32)


@given(seeds)
def test_rotation_is_the_matrix_product(seed):
    q, v = quaternions(seed), points(seed)
    matrix = oracles.quaternion_matrix(np.asarray(q, np.float64))
    np.testing.assert_allclose(quaternion_to_matrix(q), matrix, atol=1e-6)
    np.testing.assert_allclose(rotate(q, v), matrix @ v, atol=1e-5)


@given(seeds)
def test_product_applies_the_right_factor_first(seed):
    p, q = quaternions(seed, 2)
    v = points(seed)
    np.testing.assert_allclose(rotate(quaternion_multiply(p, q), v), rotate(p, rotate(q, v)), atol=1e-5)


@given(seeds)
def test_inverse_undoes(seed):
    q, v = quaternions(seed), points(seed)
    np.testing.assert_allclose(rotate(quaternion_inverse(q), rotate(q, v)), v, atol=1e-5)
    np.testing.assert_allclose(quaternion_multiply(q, quaternion_inverse(q)), [1, 0, 0, 0], atol=1e-6)


def test_a_quarter_turn_about_z_takes_x_to_y():
    quarter = quaternion_from_axis_angle(jnp.asarray([0, 0, np.pi / 2]))
    np.testing.assert_allclose(rotate(quarter, jnp.asarray([1.0, 0, 0])), [0, 1, 0], atol=1e-6)


@given(seed=seeds, angle=st.floats(0, 3.1))
def test_logarithm_undoes_the_exponential(seed, angle):
    axis = np.asarray(points(seed))
    vector = jnp.asarray(axis / np.linalg.norm(axis) * angle, jnp.float32)
    q = quaternion_from_axis_angle(vector)
    np.testing.assert_allclose(jnp.linalg.norm(q), 1, rtol=1e-6)
    np.testing.assert_allclose(axis_angle_from_quaternion(q), vector, atol=2e-5)
    np.testing.assert_allclose(axis_angle_from_quaternion(-q), vector, atol=2e-5)


@pytest.mark.parametrize("size", [0.0, 1e-20, 1e-6, 1e-3, 1.9e-3, 2.1e-3])
def test_maps_are_smooth_through_the_identity(size, x64):
    vector = jnp.asarray([size, -size, 2 * size])
    q, angle = quaternion_from_axis_angle(vector), np.sqrt(6) * size
    np.testing.assert_allclose(q[0], np.cos(angle / 2), rtol=1e-13)
    np.testing.assert_allclose(q[1:], vector / 2 * np.sinc(angle / 2 / np.pi), rtol=1e-12)
    forward = jax.jacobian(quaternion_from_axis_angle)(vector)
    np.testing.assert_allclose(forward[1:], np.eye(3) / 2, atol=1e-5)
    chex.assert_tree_all_finite((forward, jax.jacobian(axis_angle_from_quaternion)(q)))


@given(seeds)
def test_a_matrix_gives_its_quaternion_back(seed):
    q = quaternions(seed)
    matrix = oracles.quaternion_matrix(np.asarray(q, np.float64))
    np.testing.assert_allclose(quaternion_from_matrix(jnp.float32(matrix)), q * jnp.sign(q[0]), atol=1e-6)


def test_half_turns_about_the_axes_have_quaternions_and_gradients():
    matrices = jnp.float32([np.diag(signs) for signs in ([1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1])])
    np.testing.assert_array_equal(quaternion_to_matrix(quaternion_from_matrix(matrices)), matrices)
    gradient = jax.jit(jax.grad(lambda m: jnp.sum(quaternion_from_matrix(m) * jnp.arange(1.0, 5))))
    chex.assert_tree_all_finite(gradient(matrices))


@given(seed=seeds, angle=st.floats(0, np.pi))
def test_a_swing_is_the_least_rotation(seed, angle):
    source, other = np.asarray(points(seed, 2), np.float64)
    axis = np.cross(source, other)
    axis /= np.linalg.norm(axis)
    expected = np.array([np.cos(angle / 2), *(np.sin(angle / 2) * axis)])  # about the normal of both
    target = 0.1 * oracles.quaternion_matrix(expected) @ source
    q = np.asarray(rotation_between(jnp.float32(source), jnp.float32(target)), np.float64)
    assert abs(np.linalg.norm(q) - 1) < 1e-6
    turned = oracles.quaternion_matrix(q) @ source / np.linalg.norm(source)
    np.testing.assert_allclose(turned, 10 * target / np.linalg.norm(source), atol=3e-6)
    assert abs(abs(q @ expected) - 1) < 1e-6 or np.pi - angle < 1e-4


def test_swings_of_opposed_parallel_and_missing_vectors():
    source = np.float32([[1, 0, 0], [0, -2, 0], [0, 0, 3], [1, 1, 1]])
    still = np.tile(np.float32([1, 0, 0, 0]), (4, 1))
    np.testing.assert_allclose(rotate(rotation_between(source, -source), source), -source, atol=1e-6)
    np.testing.assert_allclose(rotation_between(source, 5 * source), still, atol=1e-7)
    np.testing.assert_array_equal(rotation_between(source, 0 * source), still)
    np.testing.assert_array_equal(rotation_between(0 * source, source), still)
    targets = [source, -source, 0 * source, source + np.float32([0, 1e-5, 0]), -source + np.float32(1e-4)]
    sources, targets = np.tile(source, (5, 1)), np.concatenate(targets)
    gradient = jax.jit(jax.grad(lambda a, b: jnp.sum(rotation_between(a, b) * jnp.arange(1.0, 5)), argnums=(0, 1)))
    chex.assert_tree_all_finite(gradient(sources, targets))
    (turn, *_), step = np.array(gradient(source[[1, 3, 0]], source[[2, 0, 1]])), np.float32(1e-2)
    ends = [rotation_between(source[[1, 3, 0]] + way * step * turn, source[[2, 0, 1]]) for way in (1, -1)]
    rise = np.sum((ends[0] - ends[1]) * np.arange(1, 5))
    np.testing.assert_allclose(rise, 2 * step * np.sum(turn**2), rtol=1e-2)


def test_gradients_agree_with_finite_differences(x64):
    q, v = (jnp.asarray(x, jnp.float64) for x in (quaternions(0), points(0)))
    chex.assert_numerical_grads(jax.jit(rotate), (q, v), order=1)
    chex.assert_numerical_grads(jax.jit(quaternion_from_axis_angle), (v,), order=1)
    chex.assert_numerical_grads(jax.jit(quaternion_to_matrix), (q,), order=1)


def test_leading_axes_broadcast():
    q, v = quaternions(0, 5, 1), points(1, 7)
    assert rotate(q, v).shape == (5, 7, 3)
    np.testing.assert_allclose(rotate(q, v)[2, 3], rotate(q[2, 0], v[3]), atol=1e-6)
    assert quaternion_to_matrix(q).shape == (5, 1, 3, 3)


def test_wrong_sizes_are_refused():
    with pytest.raises(AssertionError):
        rotate(jnp.ones(3), jnp.ones(3))
    with pytest.raises(AssertionError):
        quaternion_multiply(jnp.ones(4), jnp.ones(3))
