"""Convolutions over time, computed only at selected frames: their taps, residuals and derivatives.

A `Reading`, made by `temporal.receptive_plan`, lists the frames that a convolution reads and computes.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxpose.models.memory import after
from jaxpose.models.ops import Precision, lax_precision, matmul
from jaxpose.models.winograd import convolve_in_fours


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


def sum_of_taps(x: jax.Array, kernel: jax.Array, reading: Reading, precision: Precision) -> jax.Array:
    """Convolution as a matrix product for each tap: (B, input frames, C), (width, C, F) to (B, output frames, F)."""
    return sum(matmul(read_tap(x, reading, tap), kernel[tap], precision) for tap in range(reading.width))


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def convolve(x: jax.Array, kernel: jax.Array, reading: Reading, precision: Precision) -> jax.Array:
    """`sum_of_taps`; for a run of consecutive frames on a CPU, the faster `convolve_run_on_cpu`, except in bfloat16.

    The derivative is always that of the matrix products: XLA's of its convolution takes 15 to 25 times as long
    (experiments/benchmarks/README.md). For that the input is kept, and not its taps.
    """
    products = functools.partial(sum_of_taps, reading=reading, precision=precision)
    if reading.input.clusters == reading.output.clusters == 1 and precision != "bfloat16":
        on_cpu = functools.partial(convolve_run_on_cpu, dilation=reading.dilation, precision=precision)
        return jax.lax.platform_dependent(x, kernel, cpu=on_cpu, default=products)
    return products(x, kernel)


MANY_CHANNELS, LONG_RUN = 1024, 512
"""From these channels and frames on, half the products soon save the second or two that they take more to compile."""


def convolve_run_on_cpu(x: jax.Array, kernel: jax.Array, dilation: int, precision: Precision) -> jax.Array:
    """Dilated convolution of consecutive frames in the form that takes a CPU the least time.

    XLA's convolution copies no taps. Long runs of many channels take half the products by `convolve_in_fours`, but for
    the frames that are left over. Measured: experiments/benchmarks/README.md.

    Args:
      x: (B, N, C).
      kernel: (width, C, F).
      dilation: frames between taps.
      precision: of the products.

    Returns:
      (B, N - (width - 1) · dilation, F).
    """

    def xla_convolution(x: jax.Array) -> jax.Array:
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            window_strides=(1,),
            padding="VALID",
            rhs_dilation=(dilation,),
            dimension_numbers=("NWC", "WIO", "NWC"),
            precision=lax_precision(precision),
        )

    width, *channels = kernel.shape
    if width != 3 or min(channels) < MANY_CHANNELS or not isinstance(x.shape[1], int):
        return xla_convolution(x)  # a network that is exported for any number of frames does not know it yet
    frames = x.shape[1] - 2 * dilation
    whole = frames - frames % (4 * dilation)
    if frames < LONG_RUN or whole == 0:
        return xla_convolution(x)
    in_fours = convolve_in_fours(x[:, : whole + 2 * dilation], kernel, dilation, precision)
    if whole == frames:
        return in_fours
    return jnp.concatenate([in_fours, xla_convolution(x[:, whole:])], axis=1)


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
