"""Measure data of Human3.6M's full size: time to load, memory, and time of a training step.

    python -m experiments.benchmarks.data_size --out data_size.json --figure data_size.png

A prepared data set of 1.56 million frames of random motion is written to a temporary folder. A new process loads it as
the trainer does. Then the same training step runs alternately on parts of the data and on all of it, with batches of
the same size; medians are printed. Needs Linux, 0.5 GB of disk and 3 GB of memory; takes about three minutes.
"""

import ctypes
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import tyro
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from data_prep.writer import data_set
from experiments.benchmarks.turns import Thunk, alternate
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.data.load import load
from jaxpose.data.track import Description, Track
from jaxpose.data.windows import PackedTracks, pack
from jaxpose.files.atomic import atomic_write, atomic_write_text
from jaxpose.runtime.devices import data_mesh, replicate
from jaxpose.skeleton import H36M_17
from jaxpose.training import loop, setup
from jaxpose.training.config import PRESETS, Config
from jaxpose.training.step import Samples, order_key
from jaxpose.visualization import figures

FRAMES = 1_560_000  # of the seven subjects of Human3.6M with ground truth, before all four cameras
SHORTEST, LONGEST = 1000, 6000  # frames of a track
DESCRIPTION = Description("invented motion", True, H36M_17, H36M_17, 2, tuple(H36M_CAMERAS))
PARTS = (10_000, 100_000, 1_000_000)
MODELS = {
    "256 channels, 27 frames": (PRESETS["quick"], 20),
    "1024 channels, 243 frames": (Config(batch_size=256), 1),
}
"""Settings, and the number of steps that are timed together."""


class Loading(NamedTuple):
    """Time and memory of a process that loads all data onto the device."""

    data: int  # bytes of the joined frames
    read: float  # seconds to read the tracks, including the import of TFDS
    join: float  # seconds to pack the frames and copy them to the device
    memory: int  # bytes by which the process has grown, with only the packed frames left
    peak: int  # bytes by which it had grown at most


class Cost(NamedTuple):
    """Times of a model with data of one size."""

    model: str
    frames: int
    step: list[float]  # seconds of one step, by turn


def write(folder: Path, frames: int) -> None:
    """Write a prepared data set of about that many frames: seven subjects, four cameras, tracks of usual lengths."""
    cameras = sum(len(cameras) for cameras in H36M_CAMERAS.values())
    usual = (LONGEST - SHORTEST) / np.log(LONGEST / SHORTEST)  # the mean of such a geometric series
    lengths = np.geomspace(SHORTEST, LONGEST, max(1, round(frames / cameras / usual)))
    lengths = np.round(lengths * frames / cameras / lengths.sum()).astype(int)

    def tracks(subject: str) -> Iterator[Track]:
        random = np.random.default_rng(DESCRIPTION.splits.index(subject))
        return (track for clip, length in enumerate(lengths) for track in film(random, subject, f"Clip {clip}", length))

    data_set.write(folder, DESCRIPTION, tracks, text="Invented motion, to measure with; made by a benchmark.")


def film(random: np.random.Generator, subject: str, action: str, frames: int) -> Iterator[Track]:
    """Yield a wobbling body seen by each camera of the subject, rotated by a quarter turn from one to the next."""
    time = np.arange(frames, dtype=np.float32)[:, None, None] / 50
    rest, pace, phase = random.normal(size=(3, 17, 3)).astype(np.float32)
    body = 0.4 * rest + 0.1 * np.sin(6 * pace * time + 6 * phase)
    for turn, (name, camera) in enumerate(H36M_CAMERAS[subject].items()):
        quarter = np.linalg.matrix_power(np.asarray([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], np.float32), turn)
        positions = body @ quarter + np.asarray([0, 0, 5], np.float32)
        focal, centre = camera.intrinsics[:2], camera.intrinsics[2:4]
        keypoints = positions[..., :2] / positions[..., 2:] * focal + centre
        calibration = (camera.intrinsics, camera.orientation, camera.translation, camera.width, camera.height)
        yield Track(subject, action, name, 50.0, positions, keypoints, *calibration)


def loaded(folder: Path) -> Loading:
    """Load all subjects as the trainer does; call it in a new process."""
    mesh = data_mesh()
    began = time.perf_counter()
    import tensorflow_datasets  # noqa: F401 - its time counts, its memory is not the data's

    before = memory("VmRSS")
    _, tracks = load(str(folder), "all")
    read = time.perf_counter()
    data = jax.block_until_ready(replicate(pack(tracks), mesh))
    joined = time.perf_counter()
    del tracks
    ctypes.CDLL(None).malloc_trim(0)  # else the C library keeps the free memory
    size = sum(array.nbytes for array in data)
    return Loading(size, read - began, joined - read, memory("VmRSS") - before, memory("VmHWM") - before)


def memory(field: str) -> int:
    """Bytes of this process in memory now (VmRSS), or at the peak (VmHWM), as counted by Linux."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return 1024 * int(line.split()[1])


def loaded_afresh(folder: Path) -> Loading:
    """Call `loaded` in a new process."""
    code = f"from experiments.benchmarks import data_size as d; print(*d.loaded(d.Path({str(folder)!r})))"
    output = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True).stdout
    data, read, join, memory, peak = output.split()
    return Loading(int(data), float(read), float(join), int(memory), int(peak))


def costs(data: PackedTracks, sizes: list[int], turns: int, console: Console) -> list[Cost]:
    """Time every model on the first frames of the data."""
    parts = {size: replicate(first_frames(data, size), data_mesh()) for size in sizes}
    rows = []
    for model, (config, steps) in MODELS.items():
        console.print(f"{model} …")
        thunks = {size: training(config, steps, part) for size, part in parts.items()}
        calls = alternate(thunks, turns)
        rows += [Cost(model, size, [call / steps for call in calls[size]]) for size in sizes]
    return rows


def first_frames(data: PackedTracks, count: int) -> PackedTracks:
    """Return the first frames of the data; the last track may be cut."""
    tracks = int(data.track[count - 1]) + 1
    last = np.minimum(data.last[:tracks], count - 1)
    return PackedTracks(data.keypoints[:count], data.poses[:count], data.track[:count], data.first[:tracks], last)


def training(config: Config, steps: int, data: PackedTracks) -> Thunk:
    """Return a function that takes some steps; every frame is a window."""
    windows = len(data.track)
    recipe = setup.build_recipe(config, DESCRIPTION, windows)
    starts = replicate(np.arange(windows, dtype=np.int32), recipe.mesh)
    state = setup.init(recipe, jax.random.key(config.seed))
    samples = Samples(data, starts, order_key(state))

    def go_on() -> object:
        nonlocal state
        state, report = loop.train_steps(state, samples, steps, recipe)
        return state, report

    return go_on


def show(console: Console, loading: Loading, rows: list[Cost]) -> None:
    """Print the measurements."""
    console.print(
        f"{loading.data / 1e6:,.0f} MB of frames: read in {loading.read:.1f} s, packed in {loading.join:.1f} s; "
        f"the process grew by {loading.memory / loading.data:.2f} times as much, "
        f"by {loading.peak / loading.data:.2f} times at the peak."
    )
    table = Table("model", "frames", "a step", "of the smallest")
    for row in rows:
        smallest = next(other for other in rows if other.model == row.model)
        step = statistics.median(row.step)
        ratio = f"{step / statistics.median(smallest.step):.3f}×"
        table.add_row(row.model, f"{row.frames:,}", f"{1000 * step:.1f} ms", ratio)
    console.print(table)


def draw(rows: list[Cost]) -> Figure:
    """Plot the time of a step by the size of the data, relative to the smallest."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for model, colour in zip(MODELS, (figures.LEFT, figures.RIGHT), strict=True):
        steps = {row.frames: statistics.median(row.step) for row in rows if row.model == model}
        relative = np.asarray([*steps.values()]) / steps[min(steps)]
        axes.plot([*steps], relative, "o-", color=colour, label=model)
    axes.set(xscale="log", ylim=(0, 1.5), xlabel="frames of data", ylabel="time of a step, over that with the fewest")
    axes.legend(loc="lower right")
    return figure


def main(frames: int = FRAMES, turns: int = 7, out: Path | None = None, figure: Path | None = None) -> None:
    """Write the data, load it, and time training on it.

    Args:
      frames: of the data set.
      turns: repetitions for each size; medians are reported.
      out: JSON file for the measurements.
      figure: image file for the plot.
    """
    console = Console()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "data"
        write(folder, frames)
        loading = loaded_afresh(folder)
        data = pack(load(str(folder), "all")[1])
    sizes = [size for size in PARTS if size < len(data.track)] + [len(data.track)]
    rows = costs(data, sizes, turns, console)
    show(console, loading, rows)
    if out is not None:
        facts = {"jax": jax.__version__, "loading": loading._asdict(), "costs": [row._asdict() for row in rows]}
        atomic_write_text(out, json.dumps(facts, indent=2) + "\n")
    if figure is not None:
        atomic_write(figure, draw(rows).savefig)


if __name__ == "__main__":
    tyro.cli(main, prog="python -m experiments.benchmarks.data_size")
