"""What a training step of the joint-aware paper's size takes on NVIDIA cards: measured on one, computed without.

    python -m experiments.benchmarks.gpu_plan [--preset baseline-2048] [--gpus 8] [--out plan.json]

Where JAX sees a GPU, the step is run there on random data of Human3.6M's size and timed. Everywhere else it is
compiled for an H100, an A100 and an RTX 2080 Ti (install '.[cuda-aot]') and its memory, FLOPs, bytes and roofline
time are read from the compiled program: a lower bound, computed, not run. Two minutes on two cores.
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import jax
import tyro
from rich import box
from rich.console import Console
from rich.table import Table

from jaxpose.files.atomic import atomic_write_text
from jaxpose.models.ops import Precision
from jaxpose.runs.gpu_plan import COMPUTED, PAPER_EPOCH, TRAIN_FRAMES, Row, computed, gpu_present, measured
from jaxpose.runtime import cuda_compiler
from jaxpose.runtime.errors import cli_errors
from jaxpose.training.config import PRESETS


@dataclasses.dataclass(frozen=True)
class Command:
    """What the command line says."""

    preset: tyro.conf.Positional[Literal[tuple(PRESETS)]] = "baseline-2048"
    """Settings to train with."""
    cards: tuple[Literal[tuple(cuda_compiler.CARDS)], ...] = tuple(cuda_compiler.CARDS)
    """Cards to compile for, where there is none to measure."""
    precisions: tuple[Precision, ...] = get_args(Precision)
    """Precision of the matrix products."""
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
        preset = PRESETS[command.preset]
        models = [dataclasses.replace(preset.model, precision=each) for each in command.precisions]
        configs = [dataclasses.replace(preset, model=model) for model in models]
        console = Console()
        with console.status("measuring" if gpu_present() else "compiling"):
            if jax.default_backend() == "gpu":
                rows = [measured(config, command.steps) for config in configs]
            else:
                rows = [computed(card, config, command.gpus) for card in command.cards for config in configs]
        show(console, rows, command.preset)
        if command.out:
            atomic_write_text(command.out, json.dumps([row._asdict() for row in rows], indent=2) + "\n")


def show(console: Console, rows: Sequence[Row], preset: str) -> None:
    """Print the table, a row per card and precision, beside the paper's time."""
    config = PRESETS[preset]
    title = f"{preset}: {config.model.channels} channels, batch {config.batch_size}; {rows[0].how.upper()}"
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
        f"An epoch is all {TRAIN_FRAMES:,} training frames of Human3.6M, each mirrored too. Memory, FLOPs and "
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
