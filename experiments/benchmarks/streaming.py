"""Time a streamed frame against two ways to lift a frame without a stream.

    python -m experiments.benchmarks.streaming

A frame of a causal stack is lifted by one step of a stream, by the minimal window that ends there, and by the published
dilated network on that window. The three take turns; their times are printed as multiples of the streamed frame's,
beside the same multiples of multiply-adds. A minute on two cores, in the checkout.
"""

import functools
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
from jaxpose.models import temporal, temporal_streaming
from jaxpose.models.temporal import TemporalModel
from tests.helpers import dilated_network

JOINTS, COORDINATES = 17, 2


class Way(NamedTuple):
    """One way to lift the newest frame."""

    name: str
    multiply_adds: int  # for one person
    lift: Callable[[], jax.Array]


class Timing(NamedTuple):
    """Multiply-adds and time of one way, and both as multiples of the first way's."""

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
      channels: channels of the stack.
      filter_widths: filter widths of the stack.
      batches: numbers of people at once.
      rounds: number of rounds; each way is timed once per round.
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
    """Build the three ways to lift the last frame of a random track of one window; they must agree."""
    frames = math.prod(model.filter_widths)
    window = jax.random.normal(jax.random.key(1), (batch, frames, JOINTS, COORDINATES))
    newest = window[:, -1]
    step = jax.jit(temporal_streaming.step, static_argnums=0, donate_argnums=2)
    state = jax.jit(temporal_streaming.init, static_argnums=0)(model, variables, window[:, 0])
    for frame in range(frames):
        state, poses = step(model, variables, state, window[:, frame])
    minimal = jax.jit(lambda variables, window: model.apply(variables, window).poses[:, 0])
    dilated = jax.jit(functools.partial(dilated_network.apply, model))
    np.testing.assert_allclose(poses, minimal(variables, window), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(poses, dilated(variables, window)[:, 0], rtol=1e-5, atol=1e-5)

    def stream() -> jax.Array:
        nonlocal state
        state, poses = step(model, variables, state, newest)
        return poses

    features = JOINTS * COORDINATES
    return [
        Way("streamed frame", temporal_streaming.multiply_adds(model, features), stream),
        Way("minimal window", temporal.multiply_adds(model, features, 1), lambda: minimal(variables, window)),
        Way("dilated network", dilated_network.multiply_adds(model, features), lambda: dilated(variables, window)),
    ]


def compare(ways: list[Way], batch: int, rounds: int) -> list[Timing]:
    """Time each way once per round, in turns, so that a busy machine slows all of them."""
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
    """Mean seconds of a call over at least `least` seconds, after one call that is not timed."""
    lift().block_until_ready()
    calls, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < least or not calls:
        lift().block_until_ready()
        calls += 1
    return elapsed / calls


def show(timings: list[Timing], weights: int) -> None:
    """Print the table, and the rate at which a stream reads its weights, which limits it for one person."""
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
    tyro.cli(main, prog="python -m experiments.benchmarks.streaming")
