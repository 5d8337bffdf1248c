"""The layers of the temporal stack: convolutions at the frames wanted only, BatchNorm, and dropout.

What a convolution over time reads and gives is a `Reading`; `temporal.plan` makes them.
"""

import functools
import math
from typing import Literal, NamedTuple

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp

Precision = Literal["float32", "tf32", "bfloat16"]


class Frames(NamedTuple):
    """The frames that a layer's array holds: `clusters` runs of `length` consecutive frames, `spacing` apart."""

    clusters: int
    spacing: int
    length: int


class Reading(NamedTuple):
    """How one convolution reads its input: `width` taps, `dilation` frames apart, to give `output`."""

    width: int
    dilation: int
    residual: int  # the tap that is the output frame itself
    input: Frames
    output: Frames


def read(x: jax.Array, reading: Reading, tap: int) -> jax.Array:
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


def product(x: jax.Array, kernel: jax.Array, precision: Precision) -> jax.Array:
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


# PyTorch's default for convolutions, which the published recipe keeps: uniform within ±1/sqrt(fan_in).
_uniform_fan_in = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


class Convolution(nn.Module):
    """A convolution over time without bias, at the frames of a `Reading` only."""

    features: int
    precision: Precision

    @nn.compact
    def __call__(self, x: jax.Array, reading: Reading) -> jax.Array:
        """(B, input frames, C) to (B, output frames, features)."""
        kernel = self.param("kernel", _uniform_fan_in, (reading.width, x.shape[-1], self.features))
        if reading.output.length == 1 and reading.width * reading.output.clusters == x.shape[1]:
            # The taps of an output frame are neighbours in memory: one matrix product does it all.
            x = x.reshape(x.shape[0], reading.output.clusters, reading.width * x.shape[-1])
            return product(x, kernel.reshape(-1, self.features), self.precision)
        # XLA has no fast convolution of bfloat16 on a CPU.
        if reading.input.clusters == reading.output.clusters == 1 and self.precision != "bfloat16":
            return _slide(x, kernel, reading, self.precision)
        return _sum_of_taps(x, kernel, reading, self.precision)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def _slide(x: jax.Array, kernel: jax.Array, reading: Reading, precision: Precision) -> jax.Array:
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

    products = functools.partial(_sum_of_taps, reading=reading, precision=precision)
    return jax.lax.platform_dependent(x, kernel, cpu=convolve, default=products)


@_slide.defjvp
def _slide_jvp(
    reading: Reading,
    precision: Precision,
    primals: tuple[jax.Array, jax.Array],
    tangents: tuple[jax.Array, jax.Array],
) -> tuple[jax.Array, jax.Array]:
    (x, kernel), (dx, dkernel) = primals, tangents
    tangent = _sum_of_taps(dx, kernel, reading, precision) + _sum_of_taps(x, dkernel, reading, precision)
    return _slide(x, kernel, reading, precision), tangent


def _sum_of_taps(x: jax.Array, kernel: jax.Array, reading: Reading, precision: Precision) -> jax.Array:
    """(B, input frames, C) and (width, C, F) to (B, output frames, F): one matrix product for each tap."""
    return sum(product(read(x, reading, tap), kernel[tap], precision) for tap in range(reading.width))


class Pointwise(nn.Module):
    """A 1×1 convolution: the same matrix product for every frame."""

    features: int
    precision: Precision
    bias: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(..., C) to (..., features)."""
        fan_in = x.shape[-1]
        x = product(x, self.param("kernel", _uniform_fan_in, (fan_in, self.features)), self.precision)
        if not self.bias:
            return x

        def initial_bias(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
            return jax.random.uniform(key, shape, minval=-1, maxval=1) / math.sqrt(fan_in)

        return x + self.param("bias", initial_bias, (self.features,))


class BatchNorm(nn.Module):
    """BatchNorm over all axes but the last, with PyTorch's conventions and the momentum as an argument.

    The batch is normalised by its biased variance, the running variance is the unbiased one, and `momentum` is the
    weight of the new batch: the published schedule changes it every epoch, so it cannot be a field of the module.
    """

    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, momentum: chex.Numeric) -> jax.Array:
        """(..., C) to (..., C)."""
        features = x.shape[-1]
        scale = self.param("scale", nn.initializers.ones, (features,))
        bias = self.param("bias", nn.initializers.zeros, (features,))
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, (features,))
        running_var = self.variable("batch_stats", "var", jnp.ones, (features,))
        if not train:
            mean, var = running_mean.value, running_var.value
        else:
            axes, count = tuple(range(x.ndim - 1)), x.size // features
            mean = jnp.mean(x, axis=axes)
            var = jnp.mean((x - mean) ** 2, axis=axes)
            if not self.is_initializing():
                unbiased = var * (count / max(count - 1, 1))
                running_mean.value += momentum * (mean - running_mean.value)
                running_var.value += momentum * (unbiased - running_var.value)
        return (x - mean) * (scale * jax.lax.rsqrt(var + self.epsilon)) + bias


def drop(key: jax.Array, x: jax.Array, rate: float) -> jax.Array:
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
