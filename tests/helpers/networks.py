"""Small networks, and networks with random weights."""

import functools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.models.lifter import Lifter, Prediction
from jaxpose.models.temporal import TemporalModel


def model_of(**overrides):
    return TemporalModel(**({"num_joints": 5, "channels": 8, "dropout": 0.25} | overrides))


@functools.cache
def random_variables(model, *, joints=4, numbers=2, seed=0):
    """Weights for (joints, numbers) keypoints, with norms that are not the identity, so that errors in them show.

    Made with NumPy from the shapes of `model.init`: nothing is compiled.
    """
    rng = np.random.default_rng(seed)

    def fill(path, leaf):
        if path[-1].key == "kernel":
            values = rng.normal(size=leaf.shape) / math.sqrt(math.prod(leaf.shape[:-1]))
        else:
            values = rng.uniform(0.5, 1, leaf.shape)
        return values.astype(leaf.dtype)

    example = jax.ShapeDtypeStruct((1, sum(model.context) + 1, joints, numbers), np.float32)
    return jax.tree_util.tree_map_with_path(fill, jax.eval_shape(model.init, jax.random.key(0), example))


class WindowLinear(Lifter):
    """One matrix product from each window of three frames to a pose: no collection, no dropout."""

    num_joints: int

    @property
    def context(self):
        return 1, 1

    @nn.compact
    def __call__(self, keypoints, *, train=False, progress=None):
        batch, frames = keypoints.shape[0], keypoints.shape[1] - 2
        flat = keypoints.reshape(batch, frames + 2, -1)
        x = jnp.concatenate([flat[:, lag : lag + frames] for lag in range(3)], axis=-1)
        return Prediction(nn.Dense(3 * self.num_joints)(x).reshape(batch, frames, self.num_joints, 3))


class Standardised(Lifter):
    """A matrix product of keypoints less their mean to poses in standard deviations, both of the training data."""

    num_joints: int

    @nn.compact
    def __call__(self, keypoints, *, train=False, progress=None):
        mean = self.variable("data", "keypoints", jnp.zeros, keypoints.shape[2:])
        unit = self.variable("data", "unit", jnp.ones, (self.num_joints, 3))
        x = (keypoints - mean.value).reshape(*keypoints.shape[:2], -1)
        poses = nn.Dense(3 * self.num_joints)(x).reshape(*keypoints.shape[:2], self.num_joints, 3)
        return Prediction(poses * unit.value, unit=unit.value)

    def fit(self, collections, keypoints, poses):
        fitted = {"keypoints": jnp.mean(keypoints, axis=0), "unit": jnp.std(poses, axis=0)}
        return collections | {"data": fitted}
