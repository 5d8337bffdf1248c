"""The layers of the temporal stack: convolutions at the frames wanted only, BatchNorm, and dropout.

What a convolution over time reads and gives is a `Reading`; `temporal.receptive_plan` makes them.
"""

import math

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxpose.models.ops import Precision, Reading, convolve, matmul, sum_of_taps

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
            return matmul(x, kernel.reshape(-1, self.features), self.precision)
        # XLA has no fast convolution of bfloat16 on a CPU.
        if reading.input.clusters == reading.output.clusters == 1 and self.precision != "bfloat16":
            return convolve(x, kernel, reading, self.precision)
        return sum_of_taps(x, kernel, reading, self.precision)


class Pointwise(nn.Module):
    """A 1×1 convolution: the same matrix product for every frame."""

    features: int
    precision: Precision
    bias: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(..., C) to (..., features)."""
        fan_in = x.shape[-1]
        x = matmul(x, self.param("kernel", _uniform_fan_in, (fan_in, self.features)), self.precision)
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
