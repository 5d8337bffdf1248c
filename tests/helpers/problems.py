"""A small training: two tracks of 30 and 17 frames, for the tests of many steps."""

import dataclasses
import functools

import jax
from helpers.samples import DESCRIPTION, make_track

from jaxpose.data.track import track_lengths
from jaxpose.data.windows import pack, window_starts
from jaxpose.models.configs import TemporalConfig
from jaxpose.training import loop, setup
from jaxpose.training.config import Config
from jaxpose.training.step import Samples, order_key

PLAIN = Config(model=TemporalConfig(filter_widths=(3, 3), channels=32), batch_size=16, epochs=40)
CLIPPED = dataclasses.replace(
    PLAIN, constraints={"angle": 2.0, "acceleration": 1.0}, ramp=(1.0, 3.0), clips=8, clip_frames=4
)


@functools.cache
def problem(config=PLAIN):
    """The recipe, the packed tracks, and the starts of their 47 windows."""
    tracks = [make_track(frames=frames, seed=frames) for frames in (30, 17)]
    starts = window_starts(track_lengths(tracks), config.frames)
    return setup.build_recipe(config, DESCRIPTION, len(starts)), pack(tracks), jax.device_put(starts)


def trained_without_transfers(until, log_every):
    """The records of steps that are queued one by one, while JAX refuses all transfers that are not explicit."""
    recipe, data, starts = problem()
    state = setup.init(recipe, jax.random.key(0))
    loop.train_steps(state, Samples(data, starts, order_key(state)), 1, recipe)  # tracing makes constants
    state = setup.init(recipe, jax.random.key(0))
    with jax.transfer_guard("disallow"):
        options = {"until": until, "log_every": log_every, "needs_state": lambda step: False}
        return trained(recipe, data, starts, state=state, **options)[1]


def trained(recipe, data, starts, *, until, state=None, log_every=5, **options):
    """The state after the last step, and the records."""
    state = setup.init(recipe, jax.random.key(0)) if state is None else state
    records = []
    state = loop.run(
        state, recipe, data, starts, until=until, log_every=log_every,
        after_call=lambda _state, _step, record: records.append(record), **options,
    )  # fmt: skip
    return state, [record for record in records if record]
