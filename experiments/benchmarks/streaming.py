"""The time of a streamed frame, beside the two ways to do without a stream.

    python -m experiments.benchmarks.streaming

A frame of a causal stack is lifted by one step of a stream, by the least work on the window that ends there, and by
the published dilated network on that window. The three take turns, and their times are printed as multiples of the
streamed one's beside the same multiples of multiply-adds. A minute on two cores.
"""

import json
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro
from rich.console import Console
from rich.table import Table

from jaxpose.files.atomic import atomic_write_text
from jaxpose.models import layers, ops, temporal, temporal_streaming
from jaxpose.models.temporal import TemporalModel

JOINTS, COORDINATES = 17, 2


class Way(NamedTuple):
    """One way to lift the newest frame."""

    name: str
    multiply_adds: int  # for one person
    lift: Callable[[], jax.Array]


class Timing(NamedTuple):
    """What one way took, and both as multiples of the first way's."""

    batch: int
    name: str
    multiply_adds: int  # for one person
    milliseconds: float  # for the batch, median
    more_work: float
    more_time: float


def main(
    channels: int = 1024,
    filter_widths: tuple[int, ...] = (3, 3, 3, 3, 3),
    batches: tuple[int, ...] = (1, 64),
    rounds: int = 15,
    out: Path | None = None,
) -> None:
    """Measure and print.

    Args:
      channels: of the stack.
      filter_widths: of the stack.
      batches: people at once.
      rounds: each way is timed once a round.
      out: a JSON file for the same numbers.
    """
    model = TemporalModel(JOINTS, filter_widths, channels, causal=True)
    example = jnp.zeros((1, math.prod(filter_widths), JOINTS, COORDINATES))
    variables = jax.jit(model.init)(jax.random.key(0), example)
    timings = [timing for batch in batches for timing in compare(ways(model, variables, batch), batch, rounds)]
    show(timings, sum(leaf.nbytes for leaf in jax.tree.leaves(variables)))
    if out:
        atomic_write_text(out, json.dumps([timing._asdict() for timing in timings], indent=2) + "\n")


def ways(model: TemporalModel, variables: optax.Params, batch: int) -> list[Way]:
    """The three ways, at the end of a random track of just one window; they must agree there."""
    frames = math.prod(model.filter_widths)
    window = jax.random.normal(jax.random.key(1), (batch, frames, JOINTS, COORDINATES))
    newest = window[:, -1]
    step = jax.jit(temporal_streaming.step, static_argnums=0, donate_argnums=2)
    state = jax.jit(temporal_streaming.init, static_argnums=0)(model, variables, window[:, 0])
    for frame in range(frames):
        state, poses = step(model, variables, state, window[:, frame])
    minimal = jax.jit(lambda variables, window: model.apply(variables, window)[:, 0])
    whole = jax.jit(lambda variables, window: rerun(model, variables, window)[:, 0])
    np.testing.assert_allclose(poses, minimal(variables, window), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(poses, whole(variables, window), rtol=1e-5, atol=1e-5)

    def stream() -> jax.Array:
        nonlocal state
        state, poses = step(model, variables, state, newest)
        return poses

    features = JOINTS * COORDINATES
    return [
        Way("streamed frame", temporal_streaming.multiply_adds(model, features), stream),
        Way("minimal window", temporal.multiply_adds(model, features, 1), lambda: minimal(variables, window)),
        Way("dilated network", rerun_multiply_adds(model, features), lambda: whole(variables, window)),
    ]


def rerun(model: TemporalModel, variables: optax.Params, keypoints: jax.Array) -> jax.Array:
    """The published dilated network: every layer at every frame of the window that it can reach.

    Args:
      model: the stack.
      variables: its parameters and running statistics.
      keypoints: (B, N, K_2d, D) screen coordinates.

    Returns:
      (B, K, J, 3) metres, for the K frames whose whole context is in the window.
    """
    params, statistics = variables["params"], variables["batch_stats"]

    def layer(x: jax.Array, name: str, dilation: int = 1) -> jax.Array:
        kernel = params[name]["kernel"]
        kernel = kernel.reshape(-1, *kernel.shape[-2:])  # a pointwise one has one tap
        layout = ("NWC", "WIO", "NWC")
        x = jax.lax.conv_general_dilated(x, kernel, (1,), "VALID", rhs_dilation=(dilation,), dimension_numbers=layout)
        kind, underscore, number = name.partition("_")
        norm = f"{kind}_norm{underscore}{number}"
        norms = {"params": params[norm], "batch_stats": statistics[norm]}
        return jax.nn.relu(layers.BatchNorm().apply(norms, x, train=False, momentum=0))

    x = layer(keypoints.reshape(*keypoints.shape[:2], -1), "expand")
    for block, reading in enumerate(readings(model)[1:], start=1):
        start = reading.residual * reading.dilation
        residual = x[:, start : start + x.shape[1] - span(reading)]
        x = residual + layer(layer(x, f"dilated_{block}", reading.dilation), f"pointwise_{block}")
    x = x @ params["shrink"]["kernel"] + params["shrink"]["bias"]
    return x.reshape(*x.shape[:2], -1, 3)


def rerun_multiply_adds(model: TemporalModel, features: int) -> int:
    """The multiply-adds of `rerun` on one window of the receptive field, for one person."""
    expand, *blocks = readings(model)
    frames = math.prod(model.filter_widths) - span(expand)
    total = frames * expand.width * features * model.channels
    for block in blocks:
        frames -= span(block)
        total += frames * (block.width + 1) * model.channels**2
    return total + frames * model.channels * 3 * model.num_joints


def readings(model: TemporalModel) -> tuple[ops.Reading, ...]:
    """How each layer reads its input."""
    return temporal.receptive_plan(model.filter_widths, 1, causal=model.causal, dense=model.dense)


def span(reading: ops.Reading) -> int:
    """Frames that a layer's output is shorter than its input."""
    return (reading.width - 1) * reading.dilation


def compare(ways: list[Way], batch: int, rounds: int) -> list[Timing]:
    """Time each way once a round, in turns, so that a busy machine slows them all."""
    seconds = {way.name: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            seconds[way.name].append(seconds_of(way.lift))
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    first = ways[0]
    return [
        Timing(
            batch, way.name, way.multiply_adds, 1000 * medians[way.name],
            way.multiply_adds / first.multiply_adds, medians[way.name] / medians[first.name],
        )
        for way in ways
    ]  # fmt: skip


def seconds_of(lift: Callable[[], jax.Array], least: float = 0.05) -> float:
    """Seconds of one call, on average over the calls that fill `least` seconds; the first one is not counted."""
    lift().block_until_ready()
    calls, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < least or not calls:
        lift().block_until_ready()
        calls += 1
    return elapsed / calls


def show(timings: list[Timing], weights: int) -> None:
    """Print the table, and how fast a stream reads its weights: with one person, that is what bounds it."""
    table = Table("people", "")
    for heading in ("M multiply-adds", "ms", "× work", "× time"):
        table.add_column(heading, justify="right")
    for timing in timings:
        table.add_row(
            str(timing.batch), timing.name, f"{timing.multiply_adds / 1e6:,.1f}", f"{timing.milliseconds:,.2f}",
            f"{timing.more_work:.1f}", f"{timing.more_time:.1f}", end_section=timing.name == timings[-1].name,
        )  # fmt: skip
    console = Console()
    console.print(table)
    for timing in timings:
        if timing.more_work == 1:
            rate = weights / timing.milliseconds / 1e6
            console.print(
                f"streamed, {timing.batch} at once: {weights / 1e6:.0f} MB of weights a frame, {rate:.1f} GB/s"
            )
    console.print(f"{jax.devices()[0].device_kind}, float32; multiply-adds for one person, medians for all of them")


if __name__ == "__main__":
    tyro.cli(main)
