"""Training steps of jaxpose on data of no meaning, to be timed: bare, or as the trainer runs them."""

import functools

import jax
import numpy as np

from experiments.benchmarks.turns import Thunk
from jaxpose.data.track import Description
from jaxpose.data.windows import PackedTracks, gather_windows, window_starts
from jaxpose.runtime.devices import replicate
from jaxpose.skeleton import H36M_17
from jaxpose.training import loop, setup
from jaxpose.training.config import Config
from jaxpose.training.state import State
from jaxpose.training.step import train_step

FEATURES, JOINTS = 34, 17
TRACKS, FRAMES = 16, 1000
DESCRIPTION = Description("noise", True, H36M_17, H36M_17, 2, ("S1",))


def noise() -> PackedTracks:
    """Data of no meaning and usual size."""
    random = np.random.default_rng(0)
    count = TRACKS * FRAMES
    first = np.arange(0, count, FRAMES, dtype=np.int32)
    return PackedTracks(
        random.normal(size=(count, JOINTS, 2)).astype(np.float32),
        random.normal(size=(count, JOINTS, 3)).astype(np.float32),
        np.repeat(np.arange(TRACKS, dtype=np.int32), FRAMES),
        first,
        first + FRAMES - 1,
    )


def training_steps(config: Config, steps: int, *, whole: bool) -> Thunk:
    """`steps` training steps, on one batch or as the trainer runs them: batches, mirroring and records."""
    starts = window_starts([FRAMES] * TRACKS, config.frames)
    recipe = setup.build_recipe(config, DESCRIPTION, len(starts))
    data, starts = replicate(noise(), recipe.mesh), replicate(starts, recipe.mesh)
    state = setup.init(recipe, jax.random.key(0))
    batch = {"windows": gather_windows(data, starts[: config.batch_size], config.frames, recipe.model.context)}

    @functools.partial(jax.jit, donate_argnums=0)
    def repeat(state: State) -> State:
        return jax.lax.fori_loop(0, steps, lambda _, state: train_step(state, batch, recipe)[0], state)

    def bare() -> None:
        nonlocal state
        state = jax.block_until_ready(repeat(state))

    def run() -> None:
        nonlocal state
        until = int(state.step) + steps
        options = {"log_every": config.log_every, "needs_state": lambda step: False}
        state = loop.run(state, recipe, data, starts, until=until, **options)

    return run if whole else bare
