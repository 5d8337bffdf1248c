"""The convolution of four outputs at a time against its sum of taps."""

from fractions import Fraction

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxpose.models import winograd

convolve_in_fours = jax.jit(winograd.convolve_in_fours, static_argnums=(2, 3))


def sum_of_taps(x, kernel, dilation=1):
    frames = x.shape[1] - 2 * dilation
    return sum(x[:, tap * dilation : tap * dilation + frames] @ kernel[tap] for tap in range(3))


def test_the_matrices_are_the_identity_of_a_filter_of_three_taps():
    """In fractions: each product of an input and a tap is in the one output, once, or in none."""
    inputs, taps, outputs = (
        [[Fraction(value).limit_denominator(24) for value in row] for row in matrix]
        for matrix in (winograd.INPUTS, winograd.TAPS, winograd.OUTPUTS)
    )
    for output in range(4):
        for i in range(6):
            for tap in range(3):
                total = sum(outputs[output][p] * inputs[p][i] * taps[p][tap] for p in range(6))
                assert total == (i == output + tap)


@pytest.mark.usefixtures("x64")
@settings(max_examples=12)
@given(st.integers(0, 2), st.integers(0, 3), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_it_is_the_sum_of_the_taps(batch, blocks, dilation, seed):
    random = np.random.default_rng(seed)
    x, kernel = random.normal(size=(batch, (4 * blocks + 2) * dilation, 3)), random.normal(size=(3, 3, 2))
    y = convolve_in_fours(x, kernel, dilation, "float32")
    np.testing.assert_allclose(y, sum_of_taps(x, kernel, dilation), rtol=1e-9, atol=1e-12)


def test_it_is_almost_as_exact_in_float32():
    """Of 1024 channels that are all positive, as after ReLU: at most three times the error of the sum of taps."""
    random = np.random.default_rng(14)
    x = np.maximum(random.normal(1, 1, size=(1, 26, 1024)), 0).astype(np.float32)
    kernel = random.uniform(-1 / 55, 1 / 55, size=(3, 1024, 64)).astype(np.float32)
    exact = sum_of_taps(x.astype(np.float64), kernel.astype(np.float64))
    ours = convolve_in_fours(x, kernel, 1, "float32")
    errors = [
        np.sqrt(np.mean((np.asarray(y, np.float64) - exact) ** 2)) for y in (ours, jax.jit(sum_of_taps)(x, kernel))
    ]
    assert errors[0] < 3 * errors[1], errors
    assert errors[0] < 1e-6 * np.std(exact)
