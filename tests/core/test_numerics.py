"""Values against NumPy, gradients against finite differences, and both at the singular points."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.numerics import safe_angle, safe_divide, safe_norm, safe_normalize

vectors = st.lists(st.floats(-100, 100, width=32), min_size=3, max_size=3).map(lambda v: np.asarray(v, np.float32))


@given(vectors)
def test_norm_agrees_with_numpy(v):
    np.testing.assert_allclose(safe_norm(v), np.linalg.norm(v.astype(np.float64)), rtol=1e-5, atol=1e-18)


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 1), (-2, -1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_norm_takes_any_axis(axis, keepdims):
    x = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    x[2] = 0
    np.testing.assert_allclose(
        safe_norm(x, axis=axis, keepdims=keepdims), np.linalg.norm(x, axis=axis, keepdims=keepdims), rtol=1e-6
    )


def test_each_row_is_guarded_by_itself():
    np.testing.assert_allclose(safe_norm(jnp.asarray([[3.0, 4.0], [0.0, 0.0]])), [5, 0])


@pytest.mark.parametrize("x", [[0.0, 0, 0], [1e-30, 0, 0], [1e-20, 1e-20, 0], [-0.0, 0, 0]])
def test_norm_and_direction_of_nothing_are_zero_with_zero_gradient(x):
    x = jnp.asarray(x)
    assert safe_norm(x) == 0
    np.testing.assert_array_equal(jax.grad(safe_norm)(x), jnp.zeros(3))
    np.testing.assert_array_equal(safe_normalize(x), jnp.zeros(3))
    np.testing.assert_array_equal(jax.jacobian(safe_normalize)(x), jnp.zeros((3, 3)))


@given(vectors.filter(lambda v: np.linalg.norm(v) > 1e-3))
def test_normalize_keeps_direction(v):
    unit = safe_normalize(v)
    np.testing.assert_allclose(np.linalg.norm(unit), 1, rtol=1e-5)
    np.testing.assert_allclose(unit * np.linalg.norm(v), v, rtol=1e-4, atol=1e-5)


def test_division_by_zero_is_zero_with_zero_gradient():
    value, gradient = jax.value_and_grad(safe_divide, argnums=(0, 1))(2.0, 0.0)
    assert (value, *gradient) == (0, 0, 0)
    np.testing.assert_allclose(safe_divide(jnp.asarray([1.0, 2.0]), jnp.asarray([4.0, 0.0])), [0.25, 0])
    assert safe_divide(1.0, -4.0) == -0.25


@given(vectors.filter(lambda v: np.linalg.norm(v) > 1e-2), vectors.filter(lambda v: np.linalg.norm(v) > 1e-2))
def test_angle_agrees_with_the_law_of_cosines(u, v):
    a, b, c = (np.linalg.norm(x.astype(np.float64)) for x in (u, v, u.astype(np.float64) - v))
    cosine = np.clip((a * a + b * b - c * c) / (2 * a * b), -1, 1)
    np.testing.assert_allclose(safe_angle(u, v), np.arccos(cosine), atol=1e-3)


@pytest.mark.parametrize("degrees", [0.001, 0.1, 1, 90, 179, 179.9, 179.999])
def test_angle_is_accurate_near_both_ends(degrees):
    angle = np.deg2rad(degrees)
    v = jnp.asarray([np.cos(angle), np.sin(angle), 0], jnp.float32)
    np.testing.assert_allclose(safe_angle(jnp.asarray([2.0, 0, 0]), 3 * v), angle, atol=3e-7)


@pytest.mark.parametrize("scale", [1e-18, 1e-9, 1.0, 1e9, 1e15])
def test_angle_does_not_depend_on_length(scale):
    u, v = jnp.asarray([1.0, 2, 3]), jnp.asarray([-2.0, 0.5, 1])
    np.testing.assert_allclose(safe_angle(scale * u, v), safe_angle(u, v), rtol=1e-5)
    chex.assert_tree_all_finite(jax.grad(safe_angle, argnums=(0, 1))(scale * u, v))


@pytest.mark.parametrize(
    ("u", "v", "angle"),
    [
        ([1.0, 0, 0], [2.0, 0, 0], 0),
        ([1.0, 0, 0], [-2.0, 0, 0], np.pi),
        ([0.0, 0, 0], [1.0, 0, 0], 0),
        ([0.0, 0, 0], [0.0, 0, 0], 0),
        ([1e-25, 0, 0], [0.0, 1, 0], 0),
    ],
)
def test_angle_at_its_singular_points(u, v, angle):
    value, gradient = jax.value_and_grad(safe_angle, argnums=(0, 1))(jnp.asarray(u), jnp.asarray(v))
    np.testing.assert_allclose(value, angle, atol=1e-6)
    np.testing.assert_array_equal(gradient, np.zeros((2, 3)))


@pytest.mark.parametrize(
    "function", [safe_norm, safe_normalize, lambda x: safe_divide(x, x), lambda x: safe_angle(x, x)]
)
def test_broken_input_is_not_hidden(function):
    assert jnp.isnan(function(jnp.asarray([jnp.nan, 1, 0]))).any()


def test_gradients_agree_with_finite_differences(x64):
    u, v = jnp.asarray([0.3, -0.2, 0.9]), jnp.asarray([-0.5, 0.4, 0.1])
    chex.assert_numerical_grads(jax.jit(safe_angle), (u, v), order=1)
    chex.assert_numerical_grads(jax.jit(safe_norm), (u,), order=1)
    chex.assert_numerical_grads(jax.jit(safe_normalize), (u,), order=1)
    chex.assert_numerical_grads(jax.jit(safe_divide), (u, v), order=1)


def test_float64_stays_float64(x64):
    for value in (safe_norm(jnp.ones(3)), safe_divide(jnp.ones(3), jnp.ones(3)), safe_angle(jnp.ones(3), jnp.ones(3))):
        assert value.dtype == jnp.float64
