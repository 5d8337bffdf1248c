"""A random order of many samples of which any part can be computed by itself: no list, no sorting."""

import functools

import jax
import jax.numpy as jnp

ROUNDS = 32
"""Of swaps. A round parts two neighbours with a probability of 1/2, so that one pair of four billion stays together."""


def shuffled(key: jax.Array, positions: jax.Array, count: int) -> jax.Array:
    """Samples at some positions of a random order, a permutation of 0 to count - 1 that depends on the key alone.

    The shuffle is "swap or not": each round draws a number k, and pairs every sample i with the sample k - i (modulo
    the count); a random bit of the pair says whether the two are swapped. Each round is a permutation, for any count.
    Time and memory are in proportion to the number of positions, however many samples there are. Source: Hoang, Morris,
    Rogaway, "An Enciphering Scheme Based on a Card Shuffle", CRYPTO 2012.

    Args:
      key: random key of the order.
      positions: integers from 0 to count - 1, of any shape.
      count: of samples, at least 1 and below 2³¹.

    Returns:
      int32, of the shape of the positions; positions in sequence up to the count give every sample once.
    """
    offset_key, bit_key = jax.random.split(key)
    offsets = jax.random.randint(offset_key, (ROUNDS,), 0, count, jnp.int32)
    salts = jax.random.bits(bit_key, (ROUNDS,))

    def swap_or_not(round: int, sample: jax.Array) -> jax.Array:
        partner = offsets[round] - sample
        partner = jnp.where(partner < 0, partner + count, partner)
        pair = jnp.maximum(sample, partner).astype(jnp.uint32)
        return jnp.where(_mix(pair ^ salts[round]) >> 31, partner, sample)

    # On a CPU, a loop: the rounds one after another would be merged into whatever is gathered by the samples, and
    # computed again for every number of it. On a GPU, a loop would start kernels for every round.
    rounds = functools.partial(jax.lax.fori_loop, 0, ROUNDS, swap_or_not)
    unrolled = functools.partial(rounds, unroll=True)
    return jax.lax.platform_dependent(positions.astype(jnp.int32), cpu=rounds, default=unrolled)


def _mix(bits: jax.Array) -> jax.Array:
    """Scramble 32 bits, so that each depends on all: the finalizer of MurmurHash3, a public-domain hash."""
    bits = (bits ^ (bits >> 16)) * jnp.uint32(0x85EBCA6B)
    bits = (bits ^ (bits >> 13)) * jnp.uint32(0xC2B2AE35)
    return bits ^ (bits >> 16)
