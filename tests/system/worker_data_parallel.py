"""Train 20 steps on the devices at hand and save the parameters: run by test_devices in processes of its own.

worker_data_parallel.py OUT.npy DTYPE
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from helpers.samples import DESCRIPTION, make_track

from jaxpose.data.track import track_lengths
from jaxpose.data.windows import pack, window_starts
from jaxpose.evaluation import predict_tracks
from jaxpose.runtime.devices import join_cluster, replicate
from jaxpose.training import loop, setup
from jaxpose.training.config import Config


def main(out, dtype):
    join_cluster()
    config = Config(
        filter_widths=(3, 3), channels=16, batch_size=16, epochs=4, constraints={"angle": 1, "velocity": 1}, clips=8
    )
    tracks = [make_track(frames=frames, seed=frames) for frames in (30, 17)]
    starts = window_starts(track_lengths(tracks), 1)
    recipe = setup.build_recipe(config, DESCRIPTION, len(starts))

    def cast(tree):
        floats = lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x  # noqa: E731
        return replicate(jax.tree.map(floats, tree), recipe.mesh)

    data = cast(pack(tracks))
    state = cast(setup.init(recipe, jax.random.key(0)))
    for state, _ in loop.run(state, recipe, data, replicate(starts, recipe.mesh), until=20, steps_per_call=5):  # noqa: B007, B020
        pass
    lifted = predict_tracks.predict_tracks(recipe.model, state.variables, data, DESCRIPTION, recipe.mesh)
    leaves = jax.tree.leaves((state.params, state.batch_stats, state.opt_state))
    if jax.process_index() == 0:
        np.savez(
            out, devices=jax.device_count(), lifted=lifted, **{f"leaf{i}": np.asarray(x) for i, x in enumerate(leaves)}
        )


main(*sys.argv[1:])
