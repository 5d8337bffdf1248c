"""Each layer against NumPy in float64, and its derivatives against its values."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxpose.models import layers, ops


def test_batch_norm_follows_the_published_conventions():
    x = np.random.default_rng(3).normal(2, 3, (6, 5, 4)).astype(np.float32)
    norm = layers.BatchNorm()
    variables = norm.init(jax.random.key(0), x, train=False, momentum=0.1)
    y, updated = norm.apply(variables, x, train=True, momentum=0.1, mutable=["batch_stats"])
    flat = x.reshape(-1, 4).astype(np.float64)
    np.testing.assert_allclose(y.reshape(-1, 4), (flat - flat.mean(0)) / np.sqrt(flat.var(0) + 1e-5), atol=1e-5)
    np.testing.assert_allclose(updated["batch_stats"]["mean"], 0.1 * flat.mean(0), rtol=1e-5)
    np.testing.assert_allclose(updated["batch_stats"]["var"], 0.9 + 0.1 * flat.var(0, ddof=1), rtol=1e-5)


@pytest.mark.parametrize("rate", [0.25, 0.5])
def test_dropout_keeps_the_share_and_the_mean(rate):
    y = ops.dropout(jax.random.key(0), jnp.ones((400, 250)), rate)
    kept = float(jnp.mean(y > 0))
    assert abs(kept - (1 - rate)) < 4 * math.sqrt(rate * (1 - rate) / y.size)
    np.testing.assert_allclose(jnp.unique(y), [0, 1 / (1 - rate)], rtol=1e-6)
    assert not (ops.dropout(jax.random.key(1), jnp.ones((400, 250)), rate) == y).all()


def test_bfloat16_rounds_the_factors_of_every_product_and_nothing_else():
    random = np.random.default_rng(6)
    x, kernel, g = (random.normal(size=size).astype(np.float32) for size in ((4, 3, 50), (50, 20), (4, 3, 20)))
    y, pull_back = jax.vjp(functools.partial(ops.matmul, precision="bfloat16"), x, kernel)
    dx, dkernel = pull_back(g)
    x, kernel, g = (np.asarray(jnp.asarray(a, jnp.bfloat16), np.float64) for a in (x, kernel, g))
    np.testing.assert_allclose(y, x @ kernel, atol=1e-5)
    np.testing.assert_allclose(dx, g @ kernel.T, atol=1e-5)
    np.testing.assert_allclose(dkernel, np.einsum("btc,btf->cf", x, g), atol=1e-5)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("width", [1, 3, 5])
def test_derivatives_of_a_whole_run_are_those_of_its_values(width):
    random = np.random.default_rng(7)
    x, kernel = random.normal(size=(2, 12, 3)), random.normal(size=(width, 3, 4))
    run, shorter = ops.FrameSet(1, 12, 12), ops.FrameSet(1, 14 - 2 * width, 14 - 2 * width)
    reading = ops.Reading(width, 2, width // 2, run, shorter)
    slide = functools.partial(ops.convolve, reading=reading, precision="float32")
    np.testing.assert_allclose(slide(x, kernel), ops.sum_of_taps(x, kernel, reading, "float32"), atol=1e-12)
    check_grads(slide, (x, kernel), order=1, modes=("fwd", "rev"))
