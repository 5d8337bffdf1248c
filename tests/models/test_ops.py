"""Array operations of the temporal stack: dropout, rounded products, and derivatives of the convolution."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.derivatives import assert_derivatives_agree

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


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("width", [1, 3, 5])
def test_the_convolution_of_a_run_is_the_sum_of_its_taps_with_its_derivatives(width):
    random = np.random.default_rng(7)
    x, kernel = random.normal(size=(2, 12, 3)), random.normal(size=(width, 3, 4))
    run, shorter = ops.FrameSet(1, 12, 12), ops.FrameSet(1, 14 - 2 * width, 14 - 2 * width)
    reading = ops.Reading(width, 2, width // 2, run, shorter)
    convolve = functools.partial(ops.convolve, reading=reading, precision="float32")
    expected = sum(x[:, 2 * tap : 2 * tap + shorter.length] @ kernel[tap] for tap in range(width))
    np.testing.assert_allclose(jax.jit(convolve)(x, kernel), expected, atol=1e-12)
    np.testing.assert_allclose(
        jax.jit(ops.sum_of_taps, static_argnums=(2, 3))(x, kernel, reading, "float32"), expected, atol=1e-12
    )
    assert_derivatives_agree(convolve, x, kernel)
