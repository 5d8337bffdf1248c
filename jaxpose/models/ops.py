"""Array operations of the temporal stack: the frames that a convolution reads, matrix products, dropout."""

import functools
import math
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

Precision = Literal["float32", "tf32", "bfloat16"]


class FrameSet(NamedTuple):
    """The frames that a layer's array holds: `clusters` runs of `length` consecutive frames, `spacing` apart."""

    clusters: int
    spacing: int
    length: int


class Reading(NamedTuple):
    """How one convolution reads its input: `width` taps, `dilation` frames apart, to give `output`."""

    width: int
    dilation: int
    residual: int  # the tap that is the output frame itself
    input: FrameSet
    output: FrameSet


def read_tap(x: jax.Array, reading: Reading, tap: int) -> jax.Array:
    """The frames that one tap sees: (B, input frames, C) to (B, output frames, C), without a gather."""
    batch, _, channels = x.shape
    source, target = reading.input, reading.output
    if source.clusters > 1:  # the clusters of every tap stand side by side
        taps = x.reshape(batch, target.clusters, reading.width, target.length, channels)
        return taps[:, :, tap].reshape(batch, target.clusters * target.length, channels)
    start = tap * reading.dilation
    if target.length == 1:  # a strided read
        stop = start + (target.clusters - 1) * target.spacing + 1
        return jax.lax.slice_in_dim(x, start, stop, target.spacing, axis=1)
    # The first `length` of every `spacing` frames: the last cluster is padded to a whole spacing, then cut again.
    x = x[:, start : start + target.clusters * target.spacing]
    missing = target.clusters * target.spacing - x.shape[1]
    x = jnp.pad(x, ((0, 0), (0, missing), (0, 0))).reshape(batch, target.clusters, target.spacing, channels)
    return x[:, :, : target.length].reshape(batch, target.clusters * target.length, channels)


def matmul(x: jax.Array, kernel: jax.Array, precision: Precision) -> jax.Array:
    """Matrix product (..., C) @ (C, F) of float32 arrays, in float32.

    `float32` multiplies in IEEE single precision, on every device; `tf32` lets a GPU's tensor cores round the factors
    to 10 bits of mantissa; `bfloat16` rounds the factors to 7 bits, forwards and backwards, and sums in float32.
    """
    # As two axes: XLA multiplies a transposed matrix as it lies, but copies a transposed array of more axes first.
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])  # not -1, which no empty batch can tell
    if precision == "bfloat16":
        rows = _rounded_product(rows, kernel)
    else:
        rows = jnp.matmul(rows, kernel, precision=_lax_precision(precision))
    return rows.reshape(*x.shape[:-1], kernel.shape[-1])


def _lax_precision(precision: Precision) -> jax.lax.Precision | None:
    """What JAX calls the precision of a product of float32 arrays."""
    return jax.lax.Precision.HIGHEST if precision == "float32" else None


@jax.custom_vjp
def _rounded_product(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """(M, C) @ (C, F), the factors rounded to bfloat16; JAX's own derivative would not round the gradient."""
    return _rounded_product_forward(x, kernel)[0]


def _rounded_product_forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    x, kernel = x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    return jnp.matmul(x, kernel, preferred_element_type=jnp.float32), (x, kernel)


def _rounded_product_backward(factors: tuple[jax.Array, jax.Array], g: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = factors
    g = g.astype(jnp.bfloat16)

    def of_weights(x: jax.Array, g: jax.Array) -> jax.Array:
        return jnp.matmul(x.T, g, preferred_element_type=jnp.float32)

    def of_weights_on_cpu(x: jax.Array, g: jax.Array) -> jax.Array:
        # XLA has no CPU kernel for bfloat16 where the first factor is transposed; float32 gives the same sums.
        return jnp.matmul(x.T.astype(jnp.float32), g.astype(jnp.float32), precision=jax.lax.Precision.HIGHEST)

    return (
        jnp.matmul(g, kernel.T, preferred_element_type=jnp.float32),
        jax.lax.platform_dependent(x, g, cpu=of_weights_on_cpu, default=of_weights),
    )


_rounded_product.defvjp(_rounded_product_forward, _rounded_product_backward)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def convolve(x: jax.Array, kernel: jax.Array, reading: Reading, precision: Precision) -> jax.Array:
    """`_sum_of_taps` where a run of frames gives a run of frames.

    On a CPU, XLA's own convolution is the faster form of it, as it copies no taps; its derivatives are many times
    slower than those of the products, which therefore serve for the derivative.
    """

    def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            window_strides=(1,),
            padding="VALID",
            rhs_dilation=(reading.dilation,),
            dimension_numbers=("NWC", "WIO", "NWC"),
            precision=_lax_precision(precision),
        )

    products = functools.partial(sum_of_taps, reading=reading, precision=precision)
    return jax.lax.platform_dependent(x, kernel, cpu=convolve, default=products)


@convolve.defjvp
def _slide_jvp(
    reading: Reading,
    precision: Precision,
    primals: tuple[jax.Array, jax.Array],
    tangents: tuple[jax.Array, jax.Array],
) -> tuple[jax.Array, jax.Array]:
    (x, kernel), (dx, dkernel) = primals, tangents
    tangent = sum_of_taps(dx, kernel, reading, precision) + sum_of_taps(x, dkernel, reading, precision)
    return convolve(x, kernel, reading, precision), tangent


def sum_of_taps(x: jax.Array, kernel: jax.Array, reading: Reading, precision: Precision) -> jax.Array:
    """(B, input frames, C) and (width, C, F) to (B, output frames, F): one matrix product for each tap."""
    return sum(matmul(read_tap(x, reading, tap), kernel[tap], precision) for tap in range(reading.width))


def dropout(key: jax.Array, x: jax.Array, rate: float) -> jax.Array:
    """Dropout: zero a share `rate` of the elements and scale up the rest.

    A random byte decides each element, a quarter of the random bits that a uniform float takes; the rate is
    therefore rounded to a multiple of 1/256, and 0.25 is exact.

    Args:
      key: random key.
      x: (..., C) activations.
      rate: share to drop, in [0, 1).

    Returns:
      (..., C), with the expectation of `x`.
    """
    threshold = round(rate * 256)
    words = jax.random.bits(key, (*x.shape[:-1], -(-x.shape[-1] // 4)), "uint32")
    octets = jax.lax.bitcast_convert_type(words, jnp.uint8)
    octets = octets.reshape(*x.shape[:-1], 4 * words.shape[-1])[..., : x.shape[-1]]
    return jnp.where(octets >= threshold, x * (256 / (256 - threshold)), 0)
