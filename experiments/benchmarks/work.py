"""Compare multiply-adds and memory of the compiled stack with those that the predicted frames need.

    python -m experiments.benchmarks.work [--channels 1024] [--out work.json]

For windows of one frame to whole tracks, evaluation and the training step without its optimiser are compiled for the
CPU, and XLA's count of the work and its plan of the memory are read from the program. Nothing is run, so the speed of
the machine does not matter. A minute on two cores.
"""

import json
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
import tyro
from rich import box
from rich.console import Console
from rich.table import Table

from jaxpose.files.atomic import atomic_write_text
from jaxpose.models import temporal
from jaxpose.models.temporal import TemporalModel
from jaxpose.runtime import compiled_cost
from jaxpose.training import objectives

JOINTS, COORDINATES = 17, 2
FRAMES = (1, 3, 9, 27, 81, 243, 1000)  # K; the last is a whole track


class Row(NamedTuple):
    """Cost of one compiled program, beside direct convolutions and the least memory."""

    frames: int  # K, output frames of a window
    batch: int  # windows
    training: bool
    direct_multiply_adds: int  # of direct convolutions, of a window
    multiply_adds: float  # XLA's count, of a window
    least_memory: int  # bytes of the batch's live activations
    memory: int  # bytes of temporaries at the peak: without the arguments and results of the call

    @property
    def more_work(self) -> float:
        """XLA's multiply-adds as a multiple of those of direct convolutions."""
        return self.multiply_adds / self.direct_multiply_adds

    @property
    def more_memory(self) -> float:
        """XLA's peak memory as a multiple of the live activations."""
        return self.memory / self.least_memory


def main(
    channels: int = 1024,
    filter_widths: tuple[int, ...] = (3, 3, 3, 3, 3),
    batch: int = 256,
    frames: tuple[int, ...] = FRAMES,
    out: Path | None = None,
) -> None:
    """Compile and print.

    Args:
      channels: channels of the stack.
      filter_widths: filter widths of the stack.
      batch: windows of one frame; the batch of longer windows has about as many activations in the first layer.
      frames: consecutive output frames of a window, K.
      out: a JSON file for the same numbers.
    """
    jax.config.update("jax_platforms", "cpu")  # XLA does not count products that a GPU's libraries compute
    model = TemporalModel(JOINTS, filter_widths, channels)
    console = Console()
    with console.status("compiling"):
        rows = [
            measure(model, equal_batch(model, each, batch), each, training=training)
            for training in (False, True)
            for each in frames
        ]
    show(console, rows, model)
    if out:
        atomic_write_text(out, json.dumps([row._asdict() for row in rows], indent=2) + "\n")


def equal_batch(model: TemporalModel, frames: int, batch: int) -> int:
    """Number of windows of `frames` frames with about the first layer's activations of `batch` windows of one frame."""

    def first_layer(frames: int) -> int:
        plan = temporal.receptive_plan(model.filter_widths, frames, causal=model.causal, dense=model.dense)
        return plan[0].output.clusters * plan[0].output.length

    return max(1, batch * first_layer(1) // first_layer(frames))


def measure(model: TemporalModel, batch: int, frames: int, *, training: bool) -> Row:
    """Compile a batch of windows of `frames` frames, and compare its cost with what it needs."""
    program = compile_windows(model, batch, frames, training=training)
    return Row(
        frames=frames,
        batch=batch,
        training=training,
        direct_multiply_adds=temporal.multiply_adds(model, JOINTS * COORDINATES, frames, training=training),
        multiply_adds=compiled_cost.multiply_adds(program) / batch,
        least_memory=4 * batch * temporal.live_activations(model, frames, training=training),
        memory=compiled_cost.temporary_bytes(program),
    )


def compile_windows(model: TemporalModel, batch: int, frames: int, *, training: bool) -> jax.stages.Compiled:
    """Compile evaluation, or the training step without its optimiser: gradient of the loss and new statistics."""
    keypoints = jax.ShapeDtypeStruct((batch, sum(model.context) + frames, JOINTS, COORDINATES), jnp.float32)
    poses = jax.ShapeDtypeStruct((batch, frames, model.num_joints, 3), jnp.float32)
    key = jax.eval_shape(lambda: jax.random.key(0))
    variables = jax.eval_shape(model.init, key, keypoints)
    if not training:
        return jax.jit(lambda *arguments: model.apply(*arguments).poses).lower(variables, keypoints).compile()

    def loss(
        params: optax.Params, batch_stats: optax.Params, key: jax.Array, keypoints: jax.Array, poses: jax.Array
    ) -> tuple[jax.Array, optax.Params]:
        variables = {"params": params, "batch_stats": batch_stats}
        prediction, updated = model.apply(
            variables, keypoints, train=True, mutable=["batch_stats"], rngs={"dropout": key}
        )
        return objectives.mpjpe_loss(prediction, poses), updated

    gradient = jax.jit(jax.grad(loss, has_aux=True))
    return gradient.lower(variables["params"], variables["batch_stats"], key, keypoints, poses).compile()


def show(console: Console, rows: list[Row], model: TemporalModel) -> None:
    """Print a table with a row per program."""
    table = Table(title=f"{sum(model.context) + 1} frames, {model.channels} channels, float32", box=box.SIMPLE)
    for heading in ("K", "windows", "direct M multiply-adds", "XLA's", "live MB", "XLA's peak"):
        table.add_column(heading, justify="right")
    for name, training in (("evaluation", False), ("training", True)):
        table.add_section()
        table.add_row(name)
        for row in rows:
            if row.training == training:
                table.add_row(
                    str(row.frames),
                    str(row.batch),
                    f"{row.direct_multiply_adds / 1e6:,.0f}",
                    f"{row.more_work:.3f}×",
                    f"{row.least_memory / 1e6:,.0f}",
                    f"{row.more_memory:.2f}×",
                )
    console.print(table)
    console.print("Multiply-adds of one window, memory of all. Nothing was run.", soft_wrap=True)


if __name__ == "__main__":
    tyro.cli(main, prog="python -m experiments.benchmarks.work")
