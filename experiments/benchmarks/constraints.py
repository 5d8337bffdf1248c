"""What constraints cost: training steps of `joint-aware` and `joint-aware-smoothed` beside the plain step.

    python -m experiments.benchmarks.constraints
    python -m experiments.benchmarks.constraints --filter-widths 3 3 3 3 3 --channels 1024 --batch-size 256

The steps take turns; their times are printed as multiples of the plain step's. A minute on two cores.
"""

import dataclasses

import tyro

from experiments.benchmarks.steps import training_steps
from experiments.benchmarks.turns import alternate, print_steps
from jaxpose.models.configs import TemporalConfig
from jaxpose.training.config import PRESETS, Config


def with_constraints(plain: Config, preset: Config) -> Config:
    """Settings with a preset's constraints at their whole weights, on as large a part of the batch as in the preset."""
    settings = {name: getattr(preset, name) for name in ("constraints", "clip_frames", "clip_gap")}
    clips = plain.batch_size * preset.clips // preset.batch_size
    return dataclasses.replace(plain, clips=clips, ramp=(0.0, 0.0), **settings)


def main(
    filter_widths: tuple[int, ...] = (3, 3, 3),
    channels: int = 256,
    batch_size: int = 512,
    steps: int = 3,
    turns: int = 31,
) -> None:
    """Measure and print.

    Args:
      filter_widths: of the network.
      channels: of the network.
      batch_size: windows of a step.
      steps: of a turn.
      turns: the median counts.
    """
    plain = Config(model=TemporalConfig(filter_widths=filter_widths, channels=channels), batch_size=batch_size)
    configs = {"plain": plain}
    for preset in ("joint-aware", "joint-aware-smoothed"):
        config = with_constraints(plain, PRESETS[preset])
        configs[f"{preset}: {config.clips} clips of {config.clip_frames} frames, {config.clip_gap} apart"] = config
    seconds = alternate({name: training_steps(config, steps, whole=True) for name, config in configs.items()}, turns)
    print_steps("constraints on", seconds, steps)


if __name__ == "__main__":
    tyro.cli(main)
