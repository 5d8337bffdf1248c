"""Measure an evaluation of as many frames as Human3.6M's test set: time, memory, and compiled programs.

    python -m experiments.benchmarks.evaluation [--channels 1024 --filter-widths 3 3 3 3 3]

A prepared data set of 543,344 frames of invented motion and an untrained network are written to a temporary folder,
and `jaxpose evaluate` runs on them in a fresh process. Needs Linux and 0.2 GB of disk.
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
from jaxpose.evaluation.comparability import TEST_FRAMES
from jaxpose.models.configs import TemporalConfig
from jaxpose.runs import checkpoint
from jaxpose.runs.folder import write_settings
from jaxpose.training import setup
from jaxpose.training.config import Config
from jaxpose.training.state import to_checkpoint

SUBJECTS, CAMERAS, CLIPS = ("S9", "S11"), 4, 29
CHILD = """
import sys, time
began = time.perf_counter()
from jaxpose import evaluate
from jaxpose.evaluation import predict_tracks, track_errors
from experiments.benchmarks.data_size import memory
evaluate.main(sys.argv[1:])
lifting = predict_tracks._predict_windows._cache_size()
measuring = track_errors._errors._cache_size() + track_errors._body_values._cache_size()
print("%.1f s, %.0f MB at the peak; programs that lift: %d, that measure: %d" % (
    time.perf_counter() - began, memory("VmHWM") / 1e6, lifting, measuring))
"""


def write(folder: Path, frames: int) -> None:
    """Write a data set of the test subjects, of about `frames` frames in tracks of very different lengths."""
    views = len(SUBJECTS) * CAMERAS
    lengths = np.geomspace(SHORTEST, LONGEST, CLIPS)
    lengths = np.round(lengths * frames / views / lengths.sum()).astype(int)
    lengths[-1] += frames // views - lengths.sum()

    def tracks(subject: str) -> Iterator[Track]:
        random = np.random.default_rng(SUBJECTS.index(subject))
        return (track for clip, length in enumerate(lengths) for track in film(random, subject, f"Clip{clip}", length))

    data_set.write(folder, DESCRIPTION._replace(splits=SUBJECTS), tracks, text="Invented motion; made by a benchmark.")


def main(frames: int = TEST_FRAMES, channels: int = 64, filter_widths: tuple[int, ...] = (3, 3, 3, 3, 3)) -> None:
    """Write the data set and the network, evaluate, and print what was measured.

    Args:
      frames: of the data set.
      channels: of the network.
      filter_widths: of the network.
    """
    with tempfile.TemporaryDirectory() as scratch:
        data, run = Path(scratch, "data"), Path(scratch, "run")
        write(data, frames)
        config = Config(data=str(data), model=TemporalConfig(channels=channels, filter_widths=filter_widths))
        write_settings(run, config, DESCRIPTION)
        with checkpoint.open_checkpoints(run) as checkpoints:
            state = setup.init(setup.build_recipe(config, DESCRIPTION, frames), jax.random.key(0))
            checkpoint.save(checkpoints, 0, to_checkpoint(state))
        subprocess.run([sys.executable, "-c", CHILD, str(run), "--save", str(Path(scratch, "poses.npz"))], check=True)


if __name__ == "__main__":
    tyro.cli(main, prog="python -m experiments.benchmarks.evaluation")
