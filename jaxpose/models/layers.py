"""Layers of the temporal stack: convolutions at selected frames, 1×1 convolutions, and BatchNorm with ReLU.

A `Reading`, made by `temporal.receptive_plan`, lists the frames that a convolution reads and computes.
"""

import math

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxpose.models.convolution import Reading, convolve
from jaxpose.models.memory import recomputed
from jaxpose.models.ops import Precision, batch_normalised_relu, matmul, normalised_relu

Activation = jax.tree_util.Partial
"""A function (..., C) to (..., C), and a pytree of the arrays that it holds, so that gradients pass through them."""

# PyTorch's default for convolutions, used by the published recipe: uniform within ±1/sqrt(fan_in).
_uniform_fan_in = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


class Convolution(nn.Module):
    """Convolution over time without bias, only at the output frames of a `Reading`."""

    features: int
    precision: Precision

    @nn.compact
    def __call__(self, x: jax.Array, reading: Reading) -> jax.Array:
        """Convolve (B, input frames, C) to (B, output frames, features).

        Several forms of one sum, each the fastest where it applies (measured: experiments/benchmarks/README.md): this
        one product, and those of `convolve`.
        """
        kernel = self.param("kernel", _uniform_fan_in, (reading.width, x.shape[-1], self.features))
        if reading.output.length == 1 and reading.width * reading.output.clusters == x.shape[1]:
            # Strided: the taps of an output frame are neighbours in memory, so one matrix product computes the sum.
            x = x.reshape(x.shape[0], reading.output.clusters, reading.width * x.shape[-1])
            return matmul(x, kernel.reshape(-1, self.features), self.precision)
        return convolve(x, kernel, reading, self.precision)


class Pointwise(nn.Module):
    """1×1 convolution: the same matrix product for every frame."""

    features: int
    precision: Precision
    bias: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, activation: Activation | None = None) -> jax.Array:
        """Multiply (..., C) to (..., features), after an activation; its result is not kept for the gradient."""
        fan_in = x.shape[-1]
        kernel = self.param("kernel", _uniform_fan_in, (fan_in, self.features))
        if activation is None:
            x = matmul(x, kernel, self.precision)
        else:
            product = recomputed(lambda x, activation, kernel: matmul(activation(x), kernel, self.precision))
            x = product(x, activation, kernel)
        if not self.bias:
            return x

        def initial_bias(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
            return jax.random.uniform(key, shape, minval=-1, maxval=1) / math.sqrt(fan_in)

        return x + self.param("bias", initial_bias, (self.features,))


class BatchNormReLU(nn.Module):
    """BatchNorm over all axes but the last, with PyTorch's conventions and the momentum as an argument; then ReLU.

    The batch is normalised by its biased variance; the running variance is the unbiased one; `momentum` is the weight
    of the new batch. The published schedule changes it every epoch, so that it is an argument, not a field.
    """

    epsilon: float = 1e-5

    def __call__(self, x: jax.Array, *, train: bool, momentum: chex.Numeric) -> jax.Array:
        """Normalise (..., C) over all axes but the last, and set what is negative to zero."""
        return self.activation(x, train=train, momentum=momentum)(x)

    @nn.compact
    def activation(self, x: jax.Array, *, train: bool, momentum: chex.Numeric) -> Activation:
        """The function that normalises `x` (..., C) and sets what is negative to zero.

        With `train` it is for this `x` alone, whose statistics it has, and the running ones are updated.
        """
        features = x.shape[-1]
        scale = self.param("scale", nn.initializers.ones, (features,))
        bias = self.param("bias", nn.initializers.zeros, (features,))
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, (features,))
        running_var = self.variable("batch_stats", "var", jnp.ones, (features,))
        if not train:
            mean, var = running_mean.value, running_var.value
        else:
            axes, count = tuple(range(x.ndim - 1)), x.size // features
            x = jax.lax.stop_gradient(x)  # the derivative of `batch_normalised_relu` has that of the statistics
            mean = jnp.mean(x, axis=axes)
            var = jnp.mean((x - mean) ** 2, axis=axes)
            if not self.is_initializing():
                unbiased = var * (count / max(count - 1, 1))
                running_mean.value += momentum * (mean - running_mean.value)
                running_var.value += momentum * (unbiased - running_var.value)
        function = batch_normalised_relu if train else normalised_relu
        inverse_deviation = jax.lax.rsqrt(var + self.epsilon)
        return Activation(function, mean=mean, inverse_deviation=inverse_deviation, scale=scale, bias=bias)
