"""Array operations of the temporal stack: convolutions at selected frames, matrix products, dropout."""

import functools
import math
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

Precision = Literal["float32", "tf32", "bfloat16"]
"""Of matrix products; `matmul` defines them."""


class FrameSet(NamedTuple):
    """The frames in a layer's array: `clusters` runs of `length` consecutive frames, with starts `spacing` apart."""

    clusters: int
    spacing: int
    length: int


class Reading(NamedTuple):
    """The frames that a convolution reads and computes: `width` taps, `dilation` frames apart, from input to output."""

    width: int
    dilation: int
    residual: int  # index of the tap at the output frame itself
    input: FrameSet
    output: FrameSet


def read_tap(x: jax.Array, reading: Reading, tap: int) -> jax.Array:
    """Select the input frames of one tap, without a gather: (B, input frames, C) to (B, output frames, C)."""
    batch, _, channels = x.shape
    runs = _runs_of_tap(reading, tap)
    x = x[:, runs.first : runs.first + runs.count * runs.spacing]
    x = x.reshape(batch, runs.count, runs.spacing, channels)[:, :, runs.start : runs.start + runs.length]
    return x.reshape(batch, runs.count * runs.length, channels)


class _Runs(NamedTuple):
    """Input frames of a tap: from frame `first` on, `length` frames beginning at `start` of every `spacing`."""

    first: int
    count: int
    spacing: int
    start: int
    length: int


def _runs_of_tap(reading: Reading, tap: int) -> _Runs:
    """Where the frames of a tap lie in the input of a `receptive_plan`."""
    source, target = reading.input, reading.output
    if source.clusters > 1:  # the taps of an output cluster are neighbours
        return _Runs(0, target.clusters, reading.width * target.length, tap * target.length, target.length)
    start = tap * reading.dilation
    if target.clusters == 1:
        return _Runs(start, 1, target.length, 0, target.length)
    # The input has `length - dilation` frames more than whole spacings: they are left out before or behind.
    first = min(start, target.length - reading.dilation)
    return _Runs(first, target.clusters, target.spacing, start - first, target.length)


def matmul(x: jax.Array, kernel: jax.Array, precision: Precision) -> jax.Array:
    """Matrix product (..., C) @ (C, F) of float32 arrays, in float32.

    `float32` multiplies in IEEE single precision on every device; `tf32` lets a GPU's tensor cores round the factors
    to 10 bits of mantissa; `bfloat16` rounds the factors to 7 bits, forwards and backwards, and sums in float32.
    """
    # Two axes: XLA multiplies a transposed matrix in place, but first copies a transposed array with more axes.
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])  # -1 is ambiguous for an empty batch
    if precision == "bfloat16":
        rows = _rounded_product(rows, kernel)
    else:
        rows = jnp.matmul(rows, kernel, precision=_lax_precision(precision))
    return rows.reshape(*x.shape[:-1], kernel.shape[-1])


def _lax_precision(precision: Precision) -> jax.lax.Precision | None:
    """JAX's name of the precision of a product of float32 arrays."""
    return jax.lax.Precision.HIGHEST if precision == "float32" else None


@jax.custom_vjp
def _rounded_product(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """(M, C) @ (C, F) with factors rounded to bfloat16; JAX's own derivative would not round the gradient."""
    return _rounded_product_forward(x, kernel)[0]


def _rounded_product_forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    x, kernel = x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    return jnp.matmul(x, kernel, preferred_element_type=jnp.float32), (x, kernel)


def _rounded_product_backward(factors: tuple[jax.Array, jax.Array], g: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = factors
    g = g.astype(jnp.bfloat16)

    def kernel_gradient(x: jax.Array, g: jax.Array) -> jax.Array:
        return jnp.matmul(x.T, g, preferred_element_type=jnp.float32)

    def kernel_gradient_on_cpu(x: jax.Array, g: jax.Array) -> jax.Array:
        # XLA has no CPU kernel for bfloat16 with a transposed first factor; float32 gives the same sums.
        return jnp.matmul(x.T.astype(jnp.float32), g.astype(jnp.float32), precision=jax.lax.Precision.HIGHEST)

    return (
        jnp.matmul(g, kernel.T, preferred_element_type=jnp.float32),
        jax.lax.platform_dependent(x, g, cpu=kernel_gradient_on_cpu, default=kernel_gradient),
    )


_rounded_product.defvjp(_rounded_product_forward, _rounded_product_backward)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def convolve(x: jax.Array, kernel: jax.Array, reading: Reading, precision: Precision) -> jax.Array:
    """Dilated convolution of a run of consecutive frames to another: `sum_of_taps`, on a CPU by XLA's convolution.

    On a CPU, XLA's convolution is faster forwards, because it copies no taps (415 against 387 GFLOP/s,
    experiments/benchmarks/README.md). Its derivatives take 15 to 25 times as long as those of the matrix products,
    which therefore give the derivative.
    """

    def xla_convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
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
    return jax.lax.platform_dependent(x, kernel, cpu=xla_convolution, default=products)


@convolve.defjvp
def _convolve_jvp(
    reading: Reading,
    precision: Precision,
    primals: tuple[jax.Array, jax.Array],
    tangents: tuple[jax.Array, jax.Array],
) -> tuple[jax.Array, jax.Array]:
    (x, kernel), (dx, dkernel) = primals, tangents
    tangent = sum_of_taps(dx, kernel, reading, precision) + sum_of_taps(x, dkernel, reading, precision)
    return convolve(x, kernel, reading, precision), tangent


def sum_of_taps(x: jax.Array, kernel: jax.Array, reading: Reading, precision: Precision) -> jax.Array:
    """Convolution as a matrix product for each tap: (B, input frames, C), (width, C, F) to (B, output frames, F)."""
    return sum(matmul(read_tap(x, reading, tap), kernel[tap], precision) for tap in range(reading.width))


def dropout(key: jax.Array, x: jax.Array, rate: float) -> jax.Array:
    """Dropout: set a share `rate` of the elements to zero and scale up the others.

    A random byte decides each element if the rate is a multiple of 1/256, such as the published 0.25: a quarter of the
    random bits of a uniform float. Other rates take 32 bits, and are met to within 2⁻³².

    Args:
      key: random key.
      x: (..., C) activations.
      rate: share to drop, in [0, 1).

    Returns:
      (..., C), with the expectation of `x`.
    """
    levels = 256 if float(256 * rate).is_integer() else 2**32
    threshold = min(round(rate * levels), levels - 1)
    if levels == 256:
        words = jax.random.bits(key, (*x.shape[:-1], -(-x.shape[-1] // 4)), "uint32")
        random = jax.lax.bitcast_convert_type(words, jnp.uint8)
        random = random.reshape(*x.shape[:-1], 4 * words.shape[-1])[..., : x.shape[-1]]
    else:
        random = jax.random.bits(key, x.shape, "uint32")
    return jnp.where(random >= jnp.asarray(threshold, random.dtype), x * (levels / (levels - threshold)), 0)
