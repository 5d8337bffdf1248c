"""Array operations of the networks: dropout, rounded products, and derivatives written by hand."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.derivatives import assert_same_values_and_gradients

from jaxpose.models import ops

dropout = jax.jit(ops.dropout, static_argnames="rate")


@pytest.mark.parametrize("rate", [0.0, 0.001, 0.1, 0.25, 0.5, 0.75, 0.999])
def test_dropout_drops_its_share_and_keeps_the_mean(rate):
    x = np.ones((400, 250), np.float32)
    first, second = (np.asarray(dropout(jax.random.key(seed), x, rate)) for seed in (0, 1))
    dropped = np.mean(first == 0)
    assert abs(dropped - rate) <= 4 * math.sqrt(rate * (1 - rate) / x.size)
    assert (dropped > 0) == (rate > 0)
    np.testing.assert_allclose(np.unique(first[first > 0]), 1 / (1 - rate), rtol=1e-6)
    assert rate == 0 or (first != second).any()


@pytest.mark.parametrize(("rate", "kept"), [(0.25, "fb17bbfe73efd76ffe"), (0.5, "bb06813c71cf554dde")])
def test_dropout_at_a_multiple_of_a_256th_keeps_its_bits(rate, kept):
    """Trained numbers depend on them."""
    y = np.asarray(dropout(jax.random.key(0), np.ones((4, 18), np.float32), rate))
    assert np.packbits(y > 0).tobytes().hex() == kept


def test_bfloat16_rounds_the_factors_of_every_product_and_nothing_else():
    random = np.random.default_rng(6)
    x, kernel, g = (random.normal(size=size).astype(np.float32) for size in ((4, 3, 50), (50, 20), (4, 3, 20)))

    @jax.jit
    def product_and_gradients(x, kernel, g):
        y, pull_back = jax.vjp(functools.partial(ops.matmul, precision="bfloat16"), x, kernel)
        return y, *pull_back(g)

    y, dx, dkernel = product_and_gradients(x, kernel, g)
    x, kernel, g = (np.float64(a.astype(jnp.bfloat16)) for a in (x, kernel, g))
    np.testing.assert_allclose(y, x @ kernel, atol=1e-5)
    np.testing.assert_allclose(dx, g @ kernel.T, atol=1e-5)
    np.testing.assert_allclose(dkernel, np.einsum("btc,btf->cf", x, g), atol=1e-5)


def normalised_by_its_own(x, scale, bias):
    """BatchNorm and ReLU as they are defined."""
    mean = jnp.mean(x, axis=(0, 1))
    return jax.nn.relu((x - mean) / jnp.sqrt(jnp.mean((x - mean) ** 2, axis=(0, 1)) + 1e-5) * scale + bias)


def batch_normalised(x, scale, bias):
    fixed = jax.lax.stop_gradient(x)
    mean, var = jnp.mean(fixed, axis=(0, 1)), jnp.var(fixed, axis=(0, 1))
    return ops.batch_normalised_relu(x, mean, jax.lax.rsqrt(var + 1e-5), scale, bias)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("shape", [(3, 4, 6), (1, 1, 6)])
def test_the_derivative_of_batch_norm_has_that_of_the_statistics(shape):
    """Also where a column does not vary, where the scale is zero, and of a single row."""
    random = np.random.default_rng(9)
    x, scale, bias = random.normal(2, 3, shape), random.normal(size=6), random.normal(size=6)
    x[..., 0], scale[1], bias[2] = 5, 0, 0
    x[..., 3], scale[3], bias[3] = -7, 0, 0
    assert_same_values_and_gradients(batch_normalised, normalised_by_its_own, x, scale, bias)


def test_the_derivative_of_batch_norm_is_as_exact_in_float32_as_jax_s_own():
    """Against float64; columns far from zero, of large and small numbers, and one that does not vary."""
    random = np.random.default_rng(10)
    x = random.normal(size=(8, 50, 4)) * [1, 1e3, 1e-3, 0] + [30, 0, 0, 7]
    scale, bias, g = random.normal(size=4), random.normal(size=4), random.normal(size=x.shape)

    def gradients(function, dtype):
        arguments = [np.float32(values).astype(dtype) for values in (x, scale, bias, g)]
        return jax.device_get(jax.jit(lambda *a: jax.vjp(function, *a[:-1])[1](a[-1]))(*arguments))

    ours, plain = gradients(batch_normalised, np.float32), gradients(normalised_by_its_own, np.float32)
    with jax.enable_x64(True):
        exact = gradients(normalised_by_its_own, np.float64)
    for one, other, true in zip(ours, plain, exact, strict=True):
        axes = tuple(range(one.ndim - 1))
        errors = [np.max(np.abs(np.float64(values) - true), axis=axes) for values in (one, other)]
        assert (errors[0] <= 2 * errors[1] + 1e-6 * np.max(np.abs(true), axis=axes)).all()
