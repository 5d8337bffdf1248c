"""Small networks with random weights."""

import functools
import math

import jax
import numpy as np

from jaxpose.models.temporal import TemporalModel


def model_of(**overrides):
    return TemporalModel(**({"num_joints": 5, "channels": 8, "dropout": 0.25} | overrides))


@functools.cache
def random_variables(model, *, joints=4, seed=0):
    """Weights for (joints, 2) keypoints, with norms that are not the identity, so that errors in them show.

    Made with NumPy from the shapes of `model.init`: nothing is compiled.
    """
    rng = np.random.default_rng(seed)

    def fill(path, leaf):
        if path[-1].key == "kernel":
            values = rng.normal(size=leaf.shape) / math.sqrt(math.prod(leaf.shape[:-1]))
        else:
            values = rng.uniform(0.5, 1, leaf.shape)
        return values.astype(leaf.dtype)

    example = jax.ShapeDtypeStruct((1, sum(model.context) + 1, joints, 2), np.float32)
    return jax.tree_util.tree_map_with_path(fill, jax.eval_shape(model.init, jax.random.key(0), example))
