"""The dilated temporal stack of VideoPose3D, with exactly the work that the wanted frames need.

An expanding convolution lifts the flattened keypoints of each frame to C channels; then, per further filter width,
a residual block of a dilated convolution and a 1×1 convolution; a last 1×1 convolution gives the joints. Every
convolution but the last is followed by BatchNorm, ReLU and dropout. There is no padding inside: N input frames
give K = N - receptive field + 1 output frames.

One algorithm serves every K. Walking from the output to the input, each layer needs its taps of the frames that the
next layer needs: a set of equally spaced clusters of consecutive frames. While the dilation is at least a cluster's
length the clusters multiply; once it is less they grow together into one run of consecutive frames. Only these
frames are computed and stored. K = 1 is the published strided training network, a whole track the published
dilated one, and the weights are the same for all.

Source: Pavllo et al., "3D human pose estimation in video with temporal convolutions and semi-supervised training",
CVPR 2019, section 3.
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


@functools.lru_cache
def plan(filter_widths: tuple[int, ...], frames: int, *, causal: bool, dense: bool) -> tuple[Reading, ...]:
    """What each convolution over time reads, first layer first, so that the last one gives `frames` frames.

    Args:
      filter_widths: of the layers; the dilation of each is the product of the widths before it.
      frames: consecutive frames to predict, K.
      causal: an output frame looks at the past only.
      dense: wide filters in place of dilated ones (the published ablation).

    Returns:
      One `Reading` per filter width. The input of the first is `frames` + receptive field - 1 consecutive frames.
    """
    readings = []
    output = Frames(1, frames, frames)
    for layer in reversed(range(len(filter_widths))):
        width, dilation = filter_widths[layer], math.prod(filter_widths[:layer])
        if dense:
            width, dilation = (width - 1) * dilation + 1, 1
        if dilation > output.length:
            input = Frames(output.clusters * width, dilation, output.length)
        else:
            run = (output.clusters - 1) * output.spacing + (width - 1) * dilation + output.length
            input = Frames(1, run, run)
        readings.append(Reading(width, dilation, width - 1 if causal else width // 2, input, output))
        output = input
    return tuple(reversed(readings))


class TemporalModel(nn.Module):
    """Keypoints of consecutive frames in, root-relative poses of the frames in their middle out.

    `apply(variables, keypoints)` evaluates; with `train=True`, `mutable=["batch_stats"]` and a `dropout` key it
    uses the batch's own statistics and updates the running ones.
    """

    num_joints: int  # J of the predicted skeleton
    filter_widths: tuple[int, ...] = (3, 3, 3, 3, 3)  # odd; their product is the receptive field
    channels: int = 1024
    dropout: float = 0.25
    causal: bool = False
    dense: bool = False
    precision: Precision = "float32"  # of the matrix products

    @property
    def context(self) -> tuple[int, int]:
        """Frames that the model sees before and after each frame it predicts."""
        around = math.prod(self.filter_widths) - 1
        return (around, 0) if self.causal else (around // 2, around // 2)

    @property
    def coordinate_precision(self) -> Precision:
        """Of the first and last layer: bfloat16 would round keypoints to a pixel and poses to millimetres."""
        return "float32" if self.precision == "bfloat16" else self.precision

    @nn.compact
    def __call__(self, keypoints: jax.Array, *, train: bool = False, momentum: chex.Numeric = 0.1) -> jax.Array:
        """Predict the K = N - receptive field + 1 frames whose whole context is in the input.

        Args:
          keypoints: (B, N, K_2d, D) screen coordinates of N consecutive frames.
          train: normalise by this batch's statistics, update the running ones, drop activations.
          momentum: weight of this batch in the running statistics.

        Returns:
          (B, K, J, 3) metres, relative to the root.

        Raises:
          ValueError: N is less than the receptive field.
        """
        chex.assert_rank(keypoints, 4)
        batch, available = keypoints.shape[:2]
        frames = available - sum(self.context)
        if frames < 1:
            raise ValueError(f"{available} frames are fewer than the receptive field, {sum(self.context) + 1}")

        def activate(x: jax.Array, name: str) -> jax.Array:
            x = nn.relu(BatchNorm(name=name)(x, train=train, momentum=momentum))
            return drop(self.make_rng("dropout"), x, self.dropout) if train and self.dropout else x

        x = keypoints.reshape(batch, available, -1)
        readings = plan(self.filter_widths, frames, causal=self.causal, dense=self.dense)
        x = Convolution(self.channels, self.coordinate_precision, name="expand")(x, readings[0])
        x = activate(x, "expand_norm")
        for block, reading in enumerate(readings[1:], start=1):
            residual = read(x, reading, reading.residual)
            x = Convolution(self.channels, self.precision, name=f"dilated_{block}")(x, reading)
            x = activate(x, f"dilated_norm_{block}")
            x = Pointwise(self.channels, self.precision, name=f"pointwise_{block}")(x)
            x = residual + activate(x, f"pointwise_norm_{block}")
        x = Pointwise(3 * self.num_joints, self.coordinate_precision, bias=True, name="shrink")(x)
        return x.reshape(batch, frames, self.num_joints, 3)


def read(x: jax.Array, reading: Reading, tap: int) -> jax.Array:
    """The frames that one tap sees: (B, input frames, C) to (B, output frames, C), without a gather."""
    batch, _, channels = x.shape
    source, target = reading.input, reading.output
    if source.clusters > 1:  # the clusters of every tap stand side by side
        taps = x.reshape(batch, target.clusters, reading.width, target.length, channels)
        return taps[:, :, tap].reshape(batch, -1, channels)
    start = tap * reading.dilation
    if target.length == 1:  # a strided read
        stop = start + (target.clusters - 1) * target.spacing + 1
        return jax.lax.slice_in_dim(x, start, stop, target.spacing, axis=1)
    # The first `length` of every `spacing` frames: the last cluster is padded to a whole spacing, then cut again.
    x = x[:, start : start + target.clusters * target.spacing]
    missing = target.clusters * target.spacing - x.shape[1]
    x = jnp.pad(x, ((0, 0), (0, missing), (0, 0))).reshape(batch, target.clusters, target.spacing, channels)
    return x[:, :, : target.length].reshape(batch, -1, channels)


def product(x: jax.Array, kernel: jax.Array, precision: Precision) -> jax.Array:
    """Matrix product (..., C) @ (C, F) of float32 arrays, in float32.

    `float32` multiplies in IEEE single precision, on every device; `tf32` lets a GPU's tensor cores round the factors
    to 10 bits of mantissa; `bfloat16` rounds the factors to 7 bits, forwards and backwards, and sums in float32.
    """
    # As two axes: XLA multiplies a transposed matrix as it lies, but copies a transposed array of more axes first.
    rows = x.reshape(-1, x.shape[-1])
    if precision == "bfloat16":
        rows = _rounded_product(rows, kernel)
    else:
        rows = jnp.matmul(rows, kernel, precision=_lax_precision(precision))
    return rows.reshape(*x.shape[:-1], -1)


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
            x = x.reshape(x.shape[0], reading.output.clusters, -1)
            return product(x, kernel.reshape(-1, self.features), self.precision)
        # XLA has no fast convolution of bfloat16 on a CPU.
        if reading.input.clusters == reading.output.clusters == 1 and self.precision != "bfloat16":
            return _slide(x, kernel, reading.dilation, self.precision)
        taps = (product(read(x, reading, tap), kernel[tap], self.precision) for tap in range(reading.width))
        return sum(taps)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def _slide(x: jax.Array, kernel: jax.Array, dilation: int, precision: Precision) -> jax.Array:
    """A dilated convolution of consecutive frames, (B, N, C) and (width, C, F) to (B, N - (width - 1) · dilation, F).

    On a CPU, XLA's own convolution is the faster form of it, as it copies no taps; its derivatives are many times
    slower than those of the products, which therefore serve for the derivative.
    """

    def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            window_strides=(1,),
            padding="VALID",
            rhs_dilation=(dilation,),
            dimension_numbers=("NWC", "WIO", "NWC"),
            precision=_lax_precision(precision),
        )

    products = functools.partial(_sum_of_taps, dilation=dilation, precision=precision)
    return jax.lax.platform_dependent(x, kernel, cpu=convolve, default=products)


@_slide.defjvp
def _slide_jvp(
    dilation: int,
    precision: Precision,
    primals: tuple[jax.Array, jax.Array],
    tangents: tuple[jax.Array, jax.Array],
) -> tuple[jax.Array, jax.Array]:
    (x, kernel), (dx, dkernel) = primals, tangents
    tangent = _sum_of_taps(dx, kernel, dilation, precision) + _sum_of_taps(x, dkernel, dilation, precision)
    return _slide(x, kernel, dilation, precision), tangent


def _sum_of_taps(x: jax.Array, kernel: jax.Array, dilation: int, precision: Precision) -> jax.Array:
    """`_slide` as one matrix product for each tap."""
    frames = x.shape[1] - (len(kernel) - 1) * dilation
    starts = [tap * dilation for tap in range(len(kernel))]
    return sum(
        product(x[:, start : start + frames], weights, precision) for start, weights in zip(starts, kernel, strict=True)
    )


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
    octets = jax.lax.bitcast_convert_type(words, jnp.uint8).reshape(*x.shape[:-1], -1)[..., : x.shape[-1]]
    return jnp.where(octets >= threshold, x * (256 / (256 - threshold)), 0)


def multiply_adds(model: TemporalModel, features: int, frames: int, *, training: bool = False) -> int:
    """The least multiply-adds that one window takes: every product of a weight with an activation that it needs.

    Args:
      model: the stack.
      features: numbers per input frame, K_2d · D.
      frames: consecutive frames to predict, K.
      training: with the backward pass, which takes every product twice more, for the weights and for the
        activations; only the gradient with respect to the keypoints is not needed.

    Returns:
      Multiply-adds of the convolutions; a multiply-add is two floating point operations. Norms, activations and the
      optimiser, which grow with the channels and not with their square, are left out.
    """
    channels = model.channels
    expand, *blocks = plan(model.filter_widths, frames, causal=model.causal, dense=model.dense)
    first = _positions(expand.output) * expand.width * features * channels
    rest = sum(_positions(block.output) * (block.width + 1) * channels**2 for block in blocks)
    rest += frames * channels * 3 * model.num_joints
    return 2 * first + 3 * rest if training else first + rest


def _positions(frames: Frames) -> int:
    """How many frames are held."""
    return frames.clusters * frames.length
