"""What a training step of the joint-aware paper's size takes on NVIDIA cards: measured on one, computed without.

    python -m experiments.benchmarks.gpu_plan [--preset baseline-2048] [--gpus 8] [--out plan.json]

Where JAX sees a GPU, the step is run there on random data of Human3.6M's size and timed. Everywhere else it is
compiled for an H100, an A100 and an RTX 2080 Ti (install '.[cuda-aot]') and its memory, FLOPs, bytes and roofline
time are read from the compiled program: a lower bound, computed, not run. Two minutes on two cores.
"""

import dataclasses
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from rich import box
from rich.console import Console
from rich.table import Table

from experiments.benchmarks import cuda
from jaxpose.data.windows import PackedTracks
from jaxpose.files.atomic import atomic_write_text
from jaxpose.models.ops import Precision
from jaxpose.models.temporal import multiply_adds
from jaxpose.runtime.devices import replicate
from jaxpose.runtime.errors import InputError, cli_errors
from jaxpose.training import loop, setup
from jaxpose.training.config import PRESETS, Config

COMPUTED, MEASURED = "computed, not run", "measured"
PAPER_EPOCH = 3600  # seconds on an RTX 2080 Ti: "each epoch takes approximately 1 hour to train"


class Row(NamedTuple):
    """One card at one precision."""

    card: str
    gpus: int
    precision: Precision
    how: str  # COMPUTED or MEASURED
    memory: int | None  # bytes of one GPU, at the peak
    available: int | None  # bytes that one GPU has
    flops: float  # of one step, on one GPU
    bytes: float | None  # that one step moves on one GPU
    step: float  # seconds
    epoch: float  # seconds


@dataclasses.dataclass(frozen=True)
class Command:
    """What the command line says."""

    preset: tyro.conf.Positional[Literal[tuple(PRESETS)]] = "baseline-2048"
    """Settings to train with."""
    cards: tuple[Literal[tuple(cuda.CARDS)], ...] = tuple(cuda.CARDS)
    """Cards to compile for, where there is none to measure."""
    precisions: tuple[Precision, ...] = get_args(Precision)
    """Of the matrix products."""
    gpus: int = 1
    """Cards that share a batch; compiled only, and their exchanges are not timed."""
    steps: int = 20
    """Steps of a measured call."""
    out: Path | None = None
    """A JSON file for the numbers."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    with cli_errors():
        command = tyro.cli(
            Command, args=arguments, prog="python -m experiments.benchmarks.gpu_plan", description=__doc__
        )
        if not gpu_present():
            # Otherwise the plugin looks for the libraries of a GPU and complains.
            jax.config.update("jax_platforms", "cpu")
        configs = [dataclasses.replace(PRESETS[command.preset], precision=each) for each in command.precisions]
        console = Console()
        with console.status("measuring" if gpu_present() else "compiling"):
            if jax.default_backend() == "gpu":
                rows = [measured(config, command.steps) for config in configs]
            else:
                rows = [computed(card, config, command.gpus) for card in command.cards for config in configs]
        show(console, rows, command.preset)
        if command.out:
            atomic_write_text(command.out, json.dumps([row._asdict() for row in rows], indent=2) + "\n")


def gpu_present() -> bool:
    """Whether this machine has NVIDIA's driver, on Linux or in its Windows subsystem; asks without starting JAX."""
    return any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/dxg"))


def computed(card: str, config: Config, gpus: int = 1) -> Row:
    """Compile a training step for a card and read what it will take.

    Raises:
      InputError: the compiler is not installed, or the batch cannot be divided.
    """
    if not cuda.available():
        raise InputError("this machine has no GPU to measure, and the GPU compiler is not installed: '.[cuda-aot]'")
    if config.batch_size % gpus:
        raise InputError(f"--gpus is {gpus}; it must divide the batch of {config.batch_size}")
    described = cuda.CARDS[card]
    plan = cuda.compile_call(cuda.training_call(config, cuda.card_mesh(described, gpus)))
    step = cuda.roofline(plan, described, config.precision)
    epoch = step * steps_per_epoch(config)
    fields = (COMPUTED, plan.peak, described.memory, plan.flops, plan.bytes, step, epoch)
    return Row(described.name, gpus, config.precision, *fields)


def measured(config: Config, steps: int, *, frames: int = cuda.TRAIN_FRAMES, repeats: int = 5) -> Row:
    """Train on random data on the devices that there are, and time it.

    Args:
      config: what to train.
      steps: of one compiled call.
      frames: of the data.
      repeats: calls, of which the median counts.

    Returns:
      The row; its FLOPs are the analytic ones, its epoch one of Human3.6M whatever `frames` is.
    """
    recipe = setup.build_recipe(config, cuda.HUMAN36M, frames // config.frames)
    data, starts = replicate(_random_data(config, frames), recipe.mesh)
    state = setup.init(recipe, jax.random.key(config.seed))
    order = loop.order_of_epoch(state, recipe)
    state, _ = loop.train_steps(state, data, starts, order, np.int32(1), recipe)  # compiles
    jax.block_until_ready(state)
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        state, _ = jax.block_until_ready(loop.train_steps(state, data, starts, order, np.int32(steps), recipe))
        times.append((time.perf_counter() - begin) / steps)
    step, device, count = statistics.median(times), jax.devices()[0], jax.device_count()
    memory = device.memory_stats() or {}  # a CPU keeps none
    features = data.keypoints.shape[1] * data.keypoints.shape[2]
    work = multiply_adds(recipe.model, features, config.frames, training=True)
    flops = 2 * work * config.batch_size / count
    fields = (MEASURED, memory.get("peak_bytes_in_use"), memory.get("bytes_limit"), flops, None)
    return Row(device.device_kind, count, config.precision, *fields, step, step * steps_per_epoch(config))


def _random_data(config: Config, frames: int) -> tuple[PackedTracks, jax.Array]:
    """Frames of as many tracks as Human3.6M has, and the starts of their windows."""
    tracks = min(cuda.TRAIN_TRACKS, frames)
    data = jax.jit(cuda.motion, static_argnums=(1, 2))(jax.random.key(config.seed), frames, tracks)
    return data, jnp.arange(frames // config.frames, dtype=jnp.int32) * config.frames


def steps_per_epoch(config: Config) -> int:
    """Steps that show all training frames of Human3.6M, and their mirror images, once."""
    return setup.build_recipe(config, cuda.HUMAN36M, cuda.TRAIN_FRAMES // config.frames).steps_per_epoch


def show(console: Console, rows: Sequence[Row], preset: str) -> None:
    """Print the table, a row per card and precision, beside the paper's time."""
    config = PRESETS[preset]
    title = f"{preset}: {config.channels} channels, batch {config.batch_size}; {rows[0].how.upper()}"
    table = Table("card", "products", title=title, box=box.SIMPLE)
    for heading in ("GiB", "TFLOP", "GB", "step", "epoch"):
        table.add_column(heading, justify="right")
    for row in rows:
        memory, available = ("–" if size is None else f"{size / 2**30:.1f}" for size in (row.memory, row.available))
        table.add_row(
            f"{row.gpus} × " * (row.gpus > 1) + row.card.removeprefix("NVIDIA ").removeprefix("GeForce "),
            row.precision,
            f"{memory} of {available}",
            f"{row.flops / 1e12:.2f}",
            "–" if row.bytes is None else f"{row.bytes / 1e9:.1f}",
            f"{row.step * 1000:.1f} ms",
            f"{row.epoch / 60:.1f} min",
        )
    table.add_section()
    table.add_row("the paper, 2080 Ti", "", "", "", "", "", f"~{PAPER_EPOCH / 60:.0f} min")
    console.print(table)
    console.print(
        f"An epoch is all {cuda.TRAIN_FRAMES:,} training frames of Human3.6M, each mirrored too. Memory, FLOPs and "
        "bytes are those of one step on one GPU.",
        soft_wrap=True,
    )
    if any(row.how == COMPUTED for row in rows):
        console.print(
            "Nothing was run: times are the larger of FLOPs / peak and bytes / bandwidth, which a card approaches at "
            "best; launches, waits, exchanges between GPUs and evaluation are left out.",
            soft_wrap=True,
        )


if __name__ == "__main__":
    main()
