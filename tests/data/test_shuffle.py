"""A random order of which any part can be computed by itself: a permutation, and as random as NumPy's."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from jaxpose.data.shuffle import ROUNDS, shuffled

pytestmark = pytest.mark.usefixtures("compiled_soon")

shuffle = jax.jit(shuffled)


def swapped_or_not(offsets, salts, sample, count):
    """The order in Python's integers, one sample at a time."""
    for offset, salt in zip(offsets.tolist(), salts.tolist(), strict=True):
        partner = (offset - sample) % count
        bits = max(sample, partner) ^ salt
        bits = (bits ^ (bits >> 16)) * 0x85EBCA6B % 2**32
        bits = (bits ^ (bits >> 13)) * 0xC2B2AE35 % 2**32
        sample = partner if (bits ^ (bits >> 16)) >> 31 else sample
    return sample


@pytest.mark.parametrize("count", [1, 2, 3, 94, 1024, 2**31 - 1])
def test_it_swaps_pairs_or_not(count):
    key = jax.random.key(count)
    positions = np.random.default_rng(0).integers(0, count, 20, np.int32)
    offset_key, bit_key = jax.random.split(key)
    offsets, salts = jax.random.randint(offset_key, (ROUNDS,), 0, count), jax.random.bits(bit_key, (ROUNDS,))
    expected = [swapped_or_not(offsets, salts, position, count) for position in positions.tolist()]
    found = shuffle(key, positions, count)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.int32


@given(count=st.integers(1, 3000), seed=st.integers(0, 2**31))
def test_every_sample_comes_once(count, seed):
    positions = np.arange(3000, dtype=np.int32).clip(max=count - 1)
    order = np.asarray(shuffle(jax.random.key(seed), positions, count))[:count]
    np.testing.assert_array_equal(np.sort(order), np.arange(count))


def test_the_order_is_random():
    """Where a sample is, what follows it, and what a batch has of each part of the data: as in a fair shuffle."""
    count, batch = 200_000, 1000
    first, second = (np.asarray(shuffle(jax.random.key(seed), np.arange(count), count), np.int64) for seed in (0, 1))
    for pair in ((first, np.arange(count)), (first[:-1], first[1:]), (first, second)):
        assert abs(np.corrcoef(*pair)[0, 1]) < 5 / np.sqrt(count)
    steps = np.diff(first) % count
    near = (steps <= 10) | (steps >= count - 10)
    assert abs(near.sum() - 20) < 5 * np.sqrt(20)  # of 200,000 pairs, 1 in 10,000
    parts = np.stack([np.bincount(seen // 2000, minlength=100) for seen in first.reshape(-1, batch)])
    assert parts.var() == pytest.approx(10 * 0.99 * (1 - batch / count), rel=0.05)  # multivariate hypergeometric
    places = np.asarray([shuffle(jax.random.key(seed), np.int32([0]), 8)[0] for seed in range(800)])
    assert stats.chisquare(np.bincount(places, minlength=8)).pvalue > 1e-4
