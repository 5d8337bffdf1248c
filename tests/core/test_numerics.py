"""Guarded operations: values against NumPy, gradients against finite differences, and both at the singular points."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.derivatives import assert_derivatives_agree
from hypothesis import given
from hypothesis import strategies as st

from jaxpose import numerics

safe_norm = jax.jit(numerics.safe_norm, static_argnames=("axis", "keepdims"))
safe_normalize, safe_divide = jax.jit(numerics.safe_normalize), jax.jit(numerics.safe_divide)
safe_angle = jax.jit(numerics.safe_angle)
angle_and_gradients = jax.jit(jax.value_and_grad(numerics.safe_angle, argnums=(0, 1)))
vectors = st.lists(st.floats(-100, 100, width=32), min_size=3, max_size=3).map(np.float32)


@given(vectors)
def test_norm_agrees_with_numpy(v):
    np.testing.assert_allclose(safe_norm(v), np.linalg.norm(v.astype(np.float64)), rtol=1e-5, atol=1e-18)


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 1), (-2, -1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_norm_takes_any_axis(axis, keepdims):
    x = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    x[2] = 0
    norm = safe_norm(x, axis=axis, keepdims=keepdims)
    np.testing.assert_allclose(norm, np.linalg.norm(x, axis=axis, keepdims=keepdims), rtol=1e-6)


def test_each_row_is_guarded_by_itself():
    np.testing.assert_allclose(safe_norm(np.float32([[3, 4], [0, 0]])), [5, 0])


def test_norm_and_direction_of_a_zero_vector_are_zero_with_zero_gradient():
    derivatives = jax.jit(jax.grad(numerics.safe_norm)), jax.jit(jax.jacobian(numerics.safe_normalize))
    for x in np.float32([[0, 0, 0], [1e-30, 0, 0], [1e-20, 1e-20, 0], [-0.0, 0, 0]]):
        assert safe_norm(x) == 0
        np.testing.assert_array_equal(safe_normalize(x), np.zeros(3))
        np.testing.assert_array_equal(derivatives[0](x), np.zeros(3))
        np.testing.assert_array_equal(derivatives[1](x), np.zeros((3, 3)))


@given(vectors.filter(lambda v: np.linalg.norm(v) > 1e-3))
def test_normalize_keeps_direction(v):
    unit = np.asarray(safe_normalize(v))
    np.testing.assert_allclose(np.linalg.norm(unit), 1, rtol=1e-5)
    np.testing.assert_allclose(unit * np.linalg.norm(v), v, rtol=1e-4, atol=1e-5)


def test_division_by_zero_is_zero_with_zero_gradient():
    value, gradient = jax.jit(jax.value_and_grad(numerics.safe_divide, argnums=(0, 1)))(2.0, 0.0)
    assert (value, *gradient) == (0, 0, 0)
    np.testing.assert_allclose(safe_divide(np.float32([1, 2]), np.float32([4, 0])), [0.25, 0])
    assert safe_divide(1.0, -4.0) == -0.25


@given(vectors.filter(lambda v: np.linalg.norm(v) > 1e-2), vectors.filter(lambda v: np.linalg.norm(v) > 1e-2))
def test_angle_agrees_with_the_law_of_cosines(u, v):
    a, b, c = (np.linalg.norm(x.astype(np.float64)) for x in (u, v, u.astype(np.float64) - v))
    cosine = np.clip((a * a + b * b - c * c) / (2 * a * b), -1, 1)
    np.testing.assert_allclose(safe_angle(u, v), np.arccos(cosine), atol=1e-3)


@pytest.mark.parametrize("degrees", [0.001, 0.1, 1, 90, 179, 179.9, 179.999])
def test_angle_is_accurate_near_both_ends(degrees):
    angle = np.deg2rad(degrees)
    v = np.float32([np.cos(angle), np.sin(angle), 0])
    np.testing.assert_allclose(safe_angle(np.float32([2, 0, 0]), 3 * v), angle, atol=3e-7)


@pytest.mark.parametrize("scale", [1e-18, 1e-9, 1.0, 1e9, 1e15])
def test_angle_does_not_depend_on_length(scale):
    u, v = np.float32([1, 2, 3]), np.float32([-2, 0.5, 1])
    value, gradients = angle_and_gradients(np.float32(scale) * u, v)
    np.testing.assert_allclose(value, safe_angle(u, v), rtol=1e-5)
    chex.assert_tree_all_finite(gradients)


@pytest.mark.parametrize(
    ("u", "v", "angle"),
    [
        ([1, 0, 0], [2, 0, 0], 0),
        ([1, 0, 0], [-2, 0, 0], np.pi),
        ([0, 0, 0], [1, 0, 0], 0),
        ([0, 0, 0], [0, 0, 0], 0),
        ([1e-25, 0, 0], [0, 1, 0], 0),
    ],
)
def test_angle_at_its_singular_points(u, v, angle):
    value, gradients = angle_and_gradients(np.float32(u), np.float32(v))
    np.testing.assert_allclose(value, angle, atol=1e-6)
    np.testing.assert_array_equal(gradients, np.zeros((2, 3)))


def test_nan_in_gives_nan_out():
    broken = np.float32([np.nan, 1, 0])
    for value in (safe_norm(broken), safe_normalize(broken), safe_divide(broken, broken), safe_angle(broken, broken)):
        assert np.isnan(value).any()


def test_gradients_agree_with_finite_differences(x64):
    u, v = np.array([0.3, -0.2, 0.9]), np.array([-0.5, 0.4, 0.1])
    assert_derivatives_agree(numerics.safe_angle, u, v)
    assert_derivatives_agree(numerics.safe_norm, u)
    assert_derivatives_agree(numerics.safe_normalize, u)
    assert_derivatives_agree(numerics.safe_divide, u, v)


@pytest.mark.parametrize("function", [numerics.safe_norm, numerics.safe_normalize, numerics.as_floating])
def test_half_precision_and_integers_become_float32_and_float64_stays(function, x64):
    for dtype, result in ((jnp.float16, "float32"), (jnp.int16, "float32"), (jnp.float64, "float64")):
        assert jax.eval_shape(function, jax.ShapeDtypeStruct((3,), dtype)).dtype == result


def test_float64_stays_float64(x64):
    x = jax.ShapeDtypeStruct((3,), jnp.float64)
    for function in (numerics.safe_divide, numerics.safe_angle):
        assert jax.eval_shape(function, x, x).dtype == jnp.float64
