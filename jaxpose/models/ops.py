"""Array operations of the temporal stack: convolutions at selected frames, matrix products, BatchNorm, dropout."""

import functools
import math
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxpose.models.memory import after

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


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def with_residual(x: jax.Array, reading: Reading) -> tuple[jax.Array, jax.Array]:
    """`x` (B, input frames, C) and its frames at the output, which go around a convolution (B, output frames, C).

    The gradient of the residual is added to that of `x` in its place. JAX by itself pads it with zeros to the size of
    `x`, a whole array more at the time when most memory is used.
    """
    return x, read_tap(x, reading, reading.residual)


def _with_residual_forward(x: jax.Array, reading: Reading) -> tuple[tuple[jax.Array, jax.Array], None]:
    return with_residual(x, reading), None


def _with_residual_backward(reading: Reading, _: None, gradients: tuple[jax.Array, jax.Array]) -> tuple[jax.Array]:
    g, residual = gradients
    batch, frames, channels = g.shape
    runs = _runs_of_tap(reading, reading.residual)
    residual = residual.reshape(batch, runs.count, runs.length, channels)
    if runs.count * runs.spacing == frames:  # one addition in a view of `g`
        views = _added_at(g.reshape(batch, runs.count, runs.spacing, channels), residual, (0, 0, runs.start, 0))
        return (views.reshape(g.shape),)
    for run in range(runs.count):
        g = _added_at(g, residual[:, run], (0, runs.first + run * runs.spacing + runs.start, 0))
    return (g,)


def _added_at(x: jax.Array, y: jax.Array, corner: tuple[int, ...]) -> jax.Array:
    """Add an array to a part of another, from a corner on: XLA does it in place if `x` is not used again."""
    return jax.lax.dynamic_update_slice(x, jax.lax.dynamic_slice(x, corner, y.shape) + y, corner)


with_residual.defvjp(_with_residual_forward, _with_residual_backward)


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


def sum_of_taps(x: jax.Array, kernel: jax.Array, reading: Reading, precision: Precision) -> jax.Array:
    """Convolution as a matrix product for each tap: (B, input frames, C), (width, C, F) to (B, output frames, F)."""
    return sum(matmul(read_tap(x, reading, tap), kernel[tap], precision) for tap in range(reading.width))


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def convolve(x: jax.Array, kernel: jax.Array, reading: Reading, precision: Precision) -> jax.Array:
    """`sum_of_taps`; for a run of consecutive frames on a CPU, XLA's dilated convolution.

    On a CPU, XLA's convolution is faster forwards, because it copies no taps (415 against 387 GFLOP/s,
    experiments/benchmarks/README.md), except for bfloat16. Its derivatives take 15 to 25 times as long as those of the
    matrix products, which therefore give the derivative. For that the input is kept, and not its taps.
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
    if reading.input.clusters == reading.output.clusters == 1 and precision != "bfloat16":
        return jax.lax.platform_dependent(x, kernel, cpu=xla_convolution, default=products)
    return products(x, kernel)


def _convolve_forward(
    x: jax.Array, kernel: jax.Array, reading: Reading, precision: Precision
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return convolve(x, kernel, reading, precision), (x, kernel)


def _convolve_backward(
    reading: Reading, precision: Precision, factors: tuple[jax.Array, jax.Array], g: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel = factors
    products = functools.partial(sum_of_taps, reading=reading, precision=precision)
    # The taps are read anew, and the kernel's gradient is first: the input is not needed for its own.
    (kernel_gradient,) = jax.vjp(functools.partial(products, after(x, g)), kernel)[1](g)
    later = after(kernel, kernel_gradient)
    (gradient,) = jax.vjp(lambda x: products(x, later), x)[1](g)
    return gradient, kernel_gradient


convolve.defvjp(_convolve_forward, _convolve_backward)


def normalised_relu(
    x: jax.Array, mean: jax.Array, inverse_deviation: jax.Array, scale: jax.Array, bias: jax.Array
) -> jax.Array:
    """ReLU of BatchNorm by given statistics: (..., C), and (C,) for each of the others, to (..., C)."""
    return jax.nn.relu((x - mean) * (scale * inverse_deviation) + bias)


@jax.custom_vjp
def batch_normalised_relu(
    x: jax.Array, mean: jax.Array, inverse_deviation: jax.Array, scale: jax.Array, bias: jax.Array
) -> jax.Array:
    """`normalised_relu` by the batch's own statistics, which its derivative takes for functions of `x`.

    The derivative is that of the textbook: with d = (x - mean) · inverse_deviation, n rows of `x`, and the gradient g
    of ReLU's argument,

        scale · inverse_deviation · (g - (sum of g + d · sum of g·d) / n).

    It keeps `x` and reads it twice. JAX's own takes more sums, each of an array of the size of `x` that XLA stores.

    Args:
      x: (..., C).
      mean: (C,) of `x`.
      inverse_deviation: (C,) of `x`: 1 / sqrt(biased variance + epsilon).
      scale: (C,).
      bias: (C,).

    Returns:
      (..., C). The gradients of `mean` and `inverse_deviation` are zero.
    """
    return normalised_relu(x, mean, inverse_deviation, scale, bias)


def _batch_normalised_relu_forward(*arguments: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    return normalised_relu(*arguments), arguments


def _batch_normalised_relu_backward(arguments: tuple[jax.Array, ...], g: jax.Array) -> tuple[jax.Array, ...]:
    x, mean, inverse_deviation, scale, bias = arguments
    axes, count = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
    # With this mean nothing is an array of the forward pass again, which XLA would then keep until here.
    deviation = x - after(mean, g)
    factor = scale * inverse_deviation
    g = jnp.where(deviation * factor + bias > 0, g, 0)
    bias_gradient = jnp.sum(g, axis=axes)
    along = jnp.sum(g * deviation, axis=axes) * inverse_deviation
    gradient = factor * (g - (bias_gradient + deviation * (along * inverse_deviation)) / count)
    return gradient, jnp.zeros_like(mean), jnp.zeros_like(inverse_deviation), along, bias_gradient


batch_normalised_relu.defvjp(_batch_normalised_relu_forward, _batch_normalised_relu_backward)


def dropout(key: jax.Array, x: jax.Array, rate: float) -> jax.Array:
    """Dropout: set a share `rate` of the elements to zero and scale up the others.

    Args:
      key: random key.
      x: (..., C) activations.
      rate: share to drop, in [0, 1).

    Returns:
      (..., C), with the expectation of `x`.
    """
    kept, scale = dropout_mask(key, x.shape, rate)
    return jnp.where(kept, x * scale, 0)


def dropout_mask(key: jax.Array, shape: tuple[int, ...], rate: float) -> tuple[jax.Array, float]:
    """Draw the elements that dropout keeps, (..., C) booleans of that shape, and the factor that scales them up.

    A random byte decides each element if the rate is a multiple of 1/256, such as the published 0.25: a quarter of the
    random bits of a uniform float. Other rates take 32 bits, and are met to within 2⁻³².
    """
    levels = 256 if float(256 * rate).is_integer() else 2**32
    threshold = min(round(rate * levels), levels - 1)
    if levels == 256:
        words = jax.random.bits(key, (*shape[:-1], -(-shape[-1] // 4)), "uint32")
        random = jax.lax.bitcast_convert_type(words, jnp.uint8)
        random = random.reshape(*shape[:-1], 4 * words.shape[-1])[..., : shape[-1]]
    else:
        random = jax.random.bits(key, shape, "uint32")
    return random >= jnp.asarray(threshold, random.dtype), levels / (levels - threshold)
