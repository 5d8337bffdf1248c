"""Evaluation of as many frames as Human3.6M has to test on: its time, its memory, and the programs it compiles.

    python -m experiments.benchmarks.evaluation [--channels 1024 --filter-widths 3 3 3 3 3]

A prepared data set of 543,344 frames of invented motion and an untrained network are written to a temporary folder, and
`python -m jaxpose.evaluate` runs on them in a fresh process. Needs Linux and 0.2 GB of disk.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import tyro

from data_prep.writer import data_set
from experiments.benchmarks.data_size import DESCRIPTION, LONGEST, SHORTEST, film
from jaxpose.data.track import Track
from jaxpose.evaluation.paper_tables import TEST_FRAMES
from jaxpose.runs import checkpoint
from jaxpose.runs.folder import write_settings
from jaxpose.training import setup
from jaxpose.training.config import Config

SUBJECTS, CAMERAS, CLIPS = ("S9", "S11"), 4, 29
CHILD = """
import sys, time
began = time.perf_counter()
from jaxpose import evaluate, measures, scoring
from experiments.benchmarks.data_size import memory
evaluate.main(sys.argv[1:])
programs = scoring._lift_windows._cache_size(), measures._errors._cache_size() + measures._body._cache_size()
print("%.1f s, %.0f MB at the peak; programs that lift: %d, that measure: %d" % (
    time.perf_counter() - began, memory("VmHWM") / 1e6, *programs))
"""


def write(folder: Path, frames: int) -> None:
    """A prepared data set of the test subjects, of about that many frames in tracks of very different lengths."""
    views = len(SUBJECTS) * CAMERAS
    lengths = np.geomspace(SHORTEST, LONGEST, CLIPS)
    lengths = np.round(lengths * frames / views / lengths.sum()).astype(int)
    lengths[-1] += frames // views - lengths.sum()

    def tracks(subject: str) -> Iterator[Track]:
        random = np.random.default_rng(SUBJECTS.index(subject))
        return (track for clip, length in enumerate(lengths) for track in film(random, subject, f"Clip{clip}", length))

    data_set.write(folder, DESCRIPTION._replace(splits=SUBJECTS), tracks, text="Invented motion; made by a benchmark.")


def main(frames: int = TEST_FRAMES, channels: int = 64, filter_widths: tuple[int, ...] = (3, 3, 3, 3, 3)) -> None:
    """Write, evaluate, measure.

    Args:
      frames: of the data set.
      channels: of the network.
      filter_widths: of the network.
    """
    with tempfile.TemporaryDirectory() as scratch:
        data, run = Path(scratch, "data"), Path(scratch, "run")
        write(data, frames)
        config = Config(data=str(data), channels=channels, filter_widths=filter_widths)
        write_settings(run, config, DESCRIPTION)
        with checkpoint.open_checkpoints(run) as checkpoints:
            checkpoint.save(
                checkpoints, 0, setup.init(setup.build_recipe(config, DESCRIPTION, frames), jax.random.key(0))
            )
        subprocess.run([sys.executable, "-c", CHILD, str(run), "--save", str(Path(scratch, "poses.npz"))], check=True)


if __name__ == "__main__":
    tyro.cli(main)
