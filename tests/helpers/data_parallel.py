"""Twenty steps of training on all devices, and what is left of them; a script for processes with other devices, too.

data_parallel.py OUT.npz float32|float64
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from helpers.samples import DESCRIPTION, make_track

from jaxpose.data.track import track_lengths
from jaxpose.data.windows import pack, window_starts
from jaxpose.evaluation.predict_tracks import predict_tracks
from jaxpose.models.configs import TemporalConfig
from jaxpose.runtime.devices import join_cluster, replicate
from jaxpose.training import loop, setup
from jaxpose.training.config import Config


def train(dtype):
    """Train with constraints, and predict: a dict of the parameters, statistics, moments and predictions."""
    config = Config(
        model=TemporalConfig(filter_widths=(3, 3), channels=16),
        batch_size=16,
        epochs=4,
        constraints={"angle": 1, "velocity": 1},
        clips=8,
        augment=("mirror", "yaw"),
    )
    tracks = [make_track(frames=frames, seed=frames) for frames in (30, 17)]
    starts = window_starts(track_lengths(tracks), 1)
    recipe = setup.build_recipe(config, DESCRIPTION, len(starts))

    def cast(tree):
        def floats(array):
            return array.astype(dtype) if jnp.issubdtype(array.dtype, jnp.floating) else array

        return replicate(jax.tree.map(floats, tree), recipe.mesh)

    data, state = cast(pack(tracks)), cast(setup.init(recipe, jax.random.key(0)))
    state = loop.run(state, recipe, data, replicate(starts, recipe.mesh), until=20, log_every=5)
    predictions = predict_tracks(recipe.model, state.variables, jax.device_get(data), DESCRIPTION, recipe.mesh)
    leaves = jax.tree.leaves((state.params, state.collections, state.opt_state))
    arrays = {f"leaf{number}": np.asarray(leaf) for number, leaf in enumerate(leaves)}
    return arrays | {"devices": np.asarray(jax.device_count()), "predictions": np.asarray(predictions)}


if __name__ == "__main__":
    join_cluster()
    result = train(sys.argv[2])
    if jax.process_index() == 0:
        np.savez(sys.argv[1], **result)
