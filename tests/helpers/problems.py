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


def trained(recipe, data, starts, *, until, state=None, log_every=5, **options):
    """The state after the last step, and the records."""
    state = setup.init(recipe, jax.random.key(0)) if state is None else state
    records = []
    state = loop.run(
        state, recipe, data, starts, until=until, log_every=log_every,
        after_call=lambda _state, _step, record: records.append(record), **options,
    )  # fmt: skip
    return state, [record for record in records if record]
