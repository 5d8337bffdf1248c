"""What augmentations cost: training steps with each of them beside the plain step.

    python -m experiments.benchmarks.augmentation --data DIR

Steps of one preset without augmentations, with each alone, and with all of them take turns; their times are printed as
multiples of the plain step's. Data of `jaxpose prepare anywhere`; five minutes on two cores, most of them compiling.
"""

import dataclasses

import jax
import tyro

from experiments.benchmarks.turns import Thunk, alternate, print_steps
from jaxpose.data.load import load
from jaxpose.data.track import Description, Track, track_lengths
from jaxpose.data.windows import pack, window_starts
from jaxpose.training import loop, setup
from jaxpose.training.config import PRESETS, Config


def main(data: str, split: str = "S16+S55", preset: str = "anywhere", steps: int = 5, turns: int = 7) -> None:
    """Measure and print.

    Args:
      data: folder of a prepared data set whose keypoints are joints of its skeleton.
      split: subjects to take the windows from.
      preset: network, batch and augmentations.
      steps: of a turn.
      turns: the median counts.
    """
    whole = PRESETS[preset]
    description, tracks = load(data, split)
    plain = dataclasses.replace(whole, augment=(), frame_rates=None)
    configs = {"plain": plain, "frame rates": dataclasses.replace(plain, frame_rates=whole.frame_rates)}
    for name in whole.augment:
        configs[name] = dataclasses.replace(plain, augment=(name,))
    configs["all"] = whole
    seconds = alternate({name: _steps(config, description, tracks, steps) for name, config in configs.items()}, turns)
    print_steps("augmentation", seconds, steps)


def _steps(config: Config, description: Description, tracks: list[Track], steps: int) -> Thunk:
    """A thunk that takes some more steps of a training."""
    starts = window_starts(track_lengths(tracks), config.frames)
    recipe = setup.build_recipe(config, description, len(starts))
    data, starts = pack(tracks), jax.device_put(starts)
    state = setup.init(recipe, jax.random.key(0))

    def take() -> jax.Array:
        nonlocal state
        until = int(state.step) + steps
        state = loop.run(state, recipe, data, starts, until=until, log_every=steps)
        return state.step

    return take


if __name__ == "__main__":
    tyro.cli(main)
