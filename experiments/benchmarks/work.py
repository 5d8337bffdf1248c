"""Multiply-adds and memory of the compiled stack, beside the least that the frames wanted take.

    python -m experiments.benchmarks.work [--channels 1024] [--out work.json]

For windows of one frame to whole tracks, evaluation and the training step without its optimiser are compiled for the
CPU, and XLA's own count of the work and its plan of the memory are read from the program. Nothing is executed, so
times, and the speed of the machine, do not matter. A minute on two cores.
"""

import itertools
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
from jaxpose.training import setup

JOINTS, COORDINATES = 17, 2
FRAMES = (1, 3, 9, 27, 81, 243, 1000)  # K; the last is a whole track


class Row(NamedTuple):
    """One compiled program: what it takes, and the least that it could."""

    frames: int  # K, of a window
    batch: int  # windows
    training: bool
    least_multiply_adds: int  # of a window
    multiply_adds: float  # of a window, as XLA counts
    least_memory: int  # bytes of the batch's live activations
    memory: int  # bytes of temporaries at the peak: without the arguments and results of the call

    @property
    def more_work(self) -> float:
        """XLA's multiply-adds over the least."""
        return self.multiply_adds / self.least_multiply_adds

    @property
    def more_memory(self) -> float:
        """XLA's peak over the live activations."""
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
      channels: of the stack.
      filter_widths: of the stack.
      batch: windows of one frame; of longer windows, as many as have about the same activations in the first layer.
      frames: consecutive output frames of a window, K.
      out: a JSON file for the same numbers.
    """
    jax.config.update("jax_platforms", "cpu")  # XLA does not count the products that a GPU's libraries take over
    model = TemporalModel(JOINTS, filter_widths, channels)
    console = Console()
    with console.status("compiling"):
        rows = [
            measured(model, equal_batch(model, each, batch), each, training=training)
            for training in (False, True)
            for each in frames
        ]
    show(console, rows, model)
    if out:
        atomic_write_text(out, json.dumps([row._asdict() for row in rows], indent=2) + "\n")


def equal_batch(model: TemporalModel, frames: int, batch: int) -> int:
    """How many windows of `frames` frames hold about as much in the first layer as `batch` windows of one frame."""
    return max(1, batch * held(model, 1)[0] // held(model, frames)[0])


def measured(model: TemporalModel, batch: int, frames: int, *, training: bool) -> Row:
    """Compile a batch of windows of `frames` frames, and count."""
    return count(compiled(model, batch, frames, training=training), model, batch, frames, training=training)


def count(program: jax.stages.Compiled, model: TemporalModel, batch: int, frames: int, *, training: bool) -> Row:
    """What a program takes that does this work."""
    return Row(
        frames=frames,
        batch=batch,
        training=training,
        least_multiply_adds=temporal.multiply_adds(model, JOINTS * COORDINATES, frames, training=training),
        multiply_adds=program.cost_analysis()["flops"] / 2 / batch,
        least_memory=4 * batch * live_activations(model, frames, training=training),
        memory=program.memory_analysis().temp_size_in_bytes,
    )


def compiled(model: TemporalModel, batch: int, frames: int, *, training: bool) -> jax.stages.Compiled:
    """Evaluation, or the training step without its optimiser: the gradient of the loss and the new statistics."""
    keypoints = jax.ShapeDtypeStruct((batch, sum(model.context) + frames, JOINTS, COORDINATES), jnp.float32)
    poses = jax.ShapeDtypeStruct((batch, frames, model.num_joints, 3), jnp.float32)
    key = jax.eval_shape(lambda: jax.random.key(0))
    variables = jax.eval_shape(model.init, key, keypoints)
    if not training:
        return jax.jit(model.apply).lower(variables, keypoints).compile()

    def loss(
        params: optax.Params, batch_stats: optax.Params, key: jax.Array, keypoints: jax.Array, poses: jax.Array
    ) -> tuple[jax.Array, optax.Params]:
        variables = {"params": params, "batch_stats": batch_stats}
        predictions, updated = model.apply(
            variables, keypoints, train=True, mutable=["batch_stats"], rngs={"dropout": key}
        )
        return setup.position_loss(predictions, poses), updated

    gradient = jax.jit(jax.grad(loss, has_aux=True))
    return gradient.lower(variables["params"], variables["batch_stats"], key, keypoints, poses).compile()


def live_activations(model: TemporalModel, frames: int, *, training: bool) -> int:
    """The least numbers that one window must hold in memory at once, if every product is made only once.

    Evaluation: at the widest place, a convolution's input beside its output; norm and ReLU write over what they read.
    The input of a convolution over time includes the residual, which the 1×1 convolution after it keeps as a third.

    Training: the output of every convolution but the last, all of which exist when the backward pass begins. Norm,
    ReLU, dropout (from its key) and residual sum follow from them element by element, and with these every factor of
    a gradient; they themselves could only be had again by another product. The gradients of one or two layers'
    activations, which exist beside them, are not counted.

    Args:
      model: the stack.
      frames: consecutive frames to predict, K.
      training: with the backward pass.

    Returns:
      A count of float32 numbers, without the window's keypoints and poses.
    """
    first, *blocks = held(model, frames)
    if training:
        return model.channels * (first + 2 * sum(blocks))
    over_time = [before + after for before, after in itertools.pairwise([first, *blocks])]
    pointwise = [3 * count for count in blocks]
    return model.channels * max(first, *over_time, *pointwise)


def held(model: TemporalModel, frames: int) -> list[int]:
    """How many frames of a window each convolution over time computes."""
    readings = temporal.receptive_plan(model.filter_widths, frames, causal=model.causal, dense=model.dense)
    return [reading.output.clusters * reading.output.length for reading in readings]


def show(console: Console, rows: list[Row], model: TemporalModel) -> None:
    """Print the table, a row per program."""
    table = Table(title=f"{sum(model.context) + 1} frames, {model.channels} channels, float32", box=box.SIMPLE)
    for heading in ("K", "windows", "least M multiply-adds", "XLA's", "live MB", "XLA's peak"):
        table.add_column(heading, justify="right")
    for name, training in (("evaluation", False), ("training", True)):
        table.add_section()
        table.add_row(name)
        for row in rows:
            if row.training == training:
                table.add_row(
                    str(row.frames),
                    str(row.batch),
                    f"{row.least_multiply_adds / 1e6:,.0f}",
                    f"{row.more_work:.3f}×",
                    f"{row.least_memory / 1e6:,.0f}",
                    f"{row.more_memory:.2f}×",
                )
    console.print(table)
    console.print("Multiply-adds of one window, memory of all. Nothing was run.", soft_wrap=True)


if __name__ == "__main__":
    tyro.cli(main)
