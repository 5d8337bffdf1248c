"""The single-frame network of Martinez et al.: linear layers with two residual blocks, on z-scores.

Each frame is lifted on its own. Keypoints are normalised per coordinate by the mean and the standard deviation of the
training data; a linear layer to C channels with BatchNorm, ReLU and dropout follows, then residual blocks of two such
layers; a last linear layer gives the z-scores of the joints. Every weight matrix is scaled down to Frobenius norm 1
wherever it is used.

Source: Martinez et al., "A simple yet effective baseline for 3d human pose estimation", ICCV 2017, and the code
published with it. Two things differ: BatchNorm's running variance is the unbiased one, and the root, which the
published network has no output for, counts as a coordinate of error zero in the mean of the loss.
"""

import math
from typing import Literal

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxpose.models.layers import BatchNormReLU
from jaxpose.models.lifter import Collections, Lifter, Prediction, Progress
from jaxpose.models.ops import Precision, dropout, matmul
from jaxpose.numerics import as_floating, safe_divide, safe_norm
from jaxpose.shapes import require_rank

LEAST_DEVIATION = 1e-6
"""Metres, or screen units. A coordinate of the training data that deviates less counts as always the same."""


def limit_norm(kernel: jax.Array, largest: float | None) -> jax.Array:
    """Scale a matrix down to a Frobenius norm of at most `largest`, the max-norm of the published code; None: as is.

    The gradient is finite, also at the zero matrix.
    """
    if largest is None:
        return kernel
    return kernel * (largest / jnp.maximum(safe_norm(kernel, axis=(-2, -1), keepdims=True), largest))


def mean_and_deviation(values: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean and standard deviation over the first axis.

    Args:
      values: (F, ...), at least one frame.

    Returns:
      Both (...). The deviation of a coordinate that deviates less than `LEAST_DEVIATION` is zero.
    """
    values = as_floating(values)
    mean = values[0] + jnp.mean(values - values[0], axis=0)  # exact for a coordinate that is always the same
    deviation = jnp.sqrt(jnp.mean((values - mean) ** 2, axis=0))
    return mean, jnp.where(deviation < LEAST_DEVIATION, 0, deviation)


def _truncated_normal(fan_in: int) -> nn.initializers.Initializer:
    """The published initial values: a normal distribution cut off at two deviations, times sqrt(2 / fan_in)."""

    def initial(key: jax.Array, shape: tuple[int, ...], dtype: chex.ArrayDType = jnp.float32) -> jax.Array:
        return jax.random.truncated_normal(key, -2, 2, shape, dtype) * math.sqrt(2 / fan_in)

    return initial


class LimitedLinear(nn.Module):
    """Linear layer whose matrix is scaled down to a largest Frobenius norm."""

    features: int
    max_norm: float | None
    precision: Precision

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Multiply (..., C) to (..., features)."""
        kernel = self.param("kernel", _truncated_normal(x.shape[-1]), (x.shape[-1], self.features))
        # The published code initialises biases like weights of as many inputs as they have numbers.
        bias = self.param("bias", _truncated_normal(max(self.features, 1)), (self.features,))
        return matmul(x, limit_norm(kernel, self.max_norm), self.precision) + bias


class LinearModel(Lifter):
    """Network of linear layers from the keypoints of a frame to its root-relative pose.

    `fit` computes the collection `normalization`: `keypoints_mean` and `keypoints_deviation` (K_2d, D), `poses_mean`
    and `poses_deviation` (J, 3). Before it, means are zero and deviations are one: the numbers are taken as they are.
    """

    num_joints: int  # J of the predicted skeleton
    channels: int = 1024
    blocks: int = 2  # residual blocks
    dropout: float = 0.5
    max_norm: float | None = 1.0  # largest Frobenius norm of each weight matrix; None for no limit
    root: Literal["zero", "predicted"] = "zero"
    epsilon: float = 1e-3  # of BatchNorm
    momentum: float = 0.01  # weight of a new batch in BatchNorm's running statistics
    precision: Precision = "float32"  # of the matrix products

    @property
    def coordinate_precision(self) -> Precision:
        """Precision of the first and last layer: bfloat16 would round keypoints to a pixel and poses to millimetres."""
        return "float32" if self.precision == "bfloat16" else self.precision

    def fit(self, collections: Collections, keypoints: jax.Array, poses: jax.Array) -> Collections:
        """Compute `normalization` from the training data: keypoints (F, K_2d, D) and poses (F, J, 3)."""
        names = ("keypoints_mean", "keypoints_deviation", "poses_mean", "poses_deviation")
        values = (*mean_and_deviation(keypoints), *mean_and_deviation(poses))
        return collections | {"normalization": dict(zip(names, values, strict=True))}

    @nn.compact
    def __call__(self, keypoints: jax.Array, *, train: bool = False, progress: Progress | None = None) -> Prediction:
        """Predict every frame.

        Args:
          keypoints: (B, K, K_2d, D) screen coordinates.
          train: normalise by this batch's statistics, update the running ones, apply dropout.
          progress: not used.

        Returns:
          Poses (B, K, J, 3) metres, relative to the root, and their standard deviations in the training data (`unit`).
        """
        del progress
        require_rank(keypoints, "keypoints", "(B, N, K, C)")
        keypoints = as_floating(keypoints)
        batch, frames, *coordinates = keypoints.shape

        def normalization(name: str, shape: tuple[int, ...], initial: float) -> jax.Array:
            return self.variable("normalization", name, jnp.full, shape, initial, jnp.float32).value

        mean = normalization("keypoints_mean", tuple(coordinates), 0)
        x = safe_divide(keypoints - mean, normalization("keypoints_deviation", tuple(coordinates), 1))
        x = x.reshape(batch, frames, math.prod(coordinates))

        def layer(x: jax.Array, name: str, precision: Precision) -> jax.Array:
            x = LimitedLinear(self.channels, self.max_norm, precision, name=name)(x)
            x = BatchNormReLU(self.epsilon, name=f"{name}_norm")(x, train=train, momentum=self.momentum)
            return dropout(self.make_rng("dropout"), x, self.dropout) if train and self.dropout else x

        x = layer(x, "input", self.coordinate_precision)
        for block in range(1, self.blocks + 1):
            y = layer(x, f"first_{block}", self.precision)
            x = x + layer(y, f"second_{block}", self.precision)
        joints = self.num_joints - (self.root == "zero")
        x = LimitedLinear(3 * joints, self.max_norm, self.coordinate_precision, name="output")(x)
        x = jnp.pad(x.reshape(batch, frames, joints, 3), ((0, 0), (0, 0), (self.num_joints - joints, 0), (0, 0)))
        mean = normalization("poses_mean", (self.num_joints, 3), 0)
        deviation = normalization("poses_deviation", (self.num_joints, 3), 1)
        return Prediction(x * deviation + mean, unit=deviation)
