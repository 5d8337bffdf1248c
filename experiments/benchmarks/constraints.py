"""What constraints cost: training steps with clips of consecutive frames, and of frames apart, beside the plain step.

    python -m experiments.benchmarks.constraints
    python -m experiments.benchmarks.constraints --filter-widths 3 3 3 3 3 --channels 1024 --batch-size 256

The steps take turns; their times are printed as multiples of the plain step's. Two minutes on one core.
"""

import dataclasses

import tyro

from experiments.benchmarks.steps import training_steps
from experiments.benchmarks.turns import alternate, print_steps
from jaxpose.models.configs import TemporalConfig
from jaxpose.training.config import PRESETS, Config


def with_clips(plain: Config, preset: str, clips: int) -> Config:
    """Settings with a preset's constraints at their whole weights, on this many clips."""
    source = PRESETS[preset]
    settings = {name: getattr(source, name) for name in ("constraints", "clip_frames", "clip_gap")}
    return dataclasses.replace(plain, clips=clips, ramp=(0.0, 0.0), **settings)


def main(
    filter_widths: tuple[int, ...] = (3, 3, 3),
    channels: int = 256,
    batch_size: int = 512,
    steps: int = 10,
    turns: int = 7,
) -> None:
    """Measure and print.

    Args:
      filter_widths: of the network.
      channels: of the network.
      batch_size: windows of a step. A quarter of them have clips of three consecutive frames, as where the weights of
        `joint-aware` were chosen (the preset: an eighth), or one in 15 has a clip of three frames apart, as in
        `joint-aware-smoothed`.
      steps: of a turn.
      turns: the median counts.
    """
    plain = Config(model=TemporalConfig(filter_widths=filter_widths, channels=channels), batch_size=batch_size)
    consecutive = with_clips(plain, "joint-aware", batch_size // 4)
    apart = with_clips(plain, "joint-aware-smoothed", batch_size // 15)
    configs = {
        "plain": plain,
        f"{consecutive.clips} clips of {consecutive.clip_frames} consecutive frames": consecutive,
        f"{apart.clips} clips of {apart.clip_frames} frames, {apart.clip_gap} apart": apart,
    }
    seconds = alternate({name: training_steps(config, steps, whole=True) for name, config in configs.items()}, turns)
    print_steps("constraints on", seconds, steps)


if __name__ == "__main__":
    tyro.cli(main)
