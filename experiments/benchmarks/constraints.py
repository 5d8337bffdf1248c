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


def main(
    filter_widths: tuple[int, ...] = (3, 3, 3),
    channels: int = 256,
    batch_size: int = 512,
    gap: int = 8,
    steps: int = 10,
    turns: int = 7,
) -> None:
    """Measure and print.

    Args:
      filter_widths: of the network.
      channels: of the network.
      batch_size: windows of a step. A quarter of them have clips of three consecutive frames, as in `joint-aware`, or
        a tenth have clips of two frames.
      gap: frames between these two.
      steps: of a turn.
      turns: the median counts.
    """
    plain = Config(model=TemporalConfig(filter_widths=filter_widths, channels=channels), batch_size=batch_size)
    joint_aware = dataclasses.replace(plain, constraints=PRESETS["joint-aware"].constraints, ramp=(0.0, 0.0))
    thrice, twice = batch_size // 4, batch_size // 10
    configs = {
        "plain": plain,
        f"{thrice} clips of 3 consecutive frames": dataclasses.replace(joint_aware, clips=thrice),
        f"{twice} clips of 2 frames, {gap} apart": dataclasses.replace(
            joint_aware, clips=twice, clip_frames=2, clip_gap=gap
        ),
    }
    seconds = alternate({name: training_steps(config, steps, whole=True) for name, config in configs.items()}, turns)
    print_steps("constraints on", seconds, steps)


if __name__ == "__main__":
    tyro.cli(main)
