"""Timing in turns, so that changes in the machine's speed affect all pieces of work alike."""

import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

import jax
from rich.console import Console
from rich.table import Column, Table

Thunk = Callable[[], object]
"""Does the work once and returns its arrays, which are waited for."""
Name = TypeVar("Name", bound=Hashable)


def alternate(thunks: Mapping[Name, Thunk], turns: int) -> dict[Name, list[float]]:
    """Measure the seconds of each thunk in each turn, after one turn for compilation that is not timed."""
    seconds: dict[Name, list[float]] = {name: [] for name in thunks}
    for turn in range(turns + 1):
        for name, thunk in thunks.items():
            began = time.perf_counter()
            jax.block_until_ready(thunk())
            if turn:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def print_steps(heading: str, seconds: Mapping[str, list[float]], steps: int) -> None:
    """Print the median time of a step of each training, and as a multiple of that of the one called "plain".

    Args:
      heading: of the names.
      seconds: of each turn, by name.
      steps: of a turn.
    """
    medians = {name: statistics.median(times) / steps for name, times in seconds.items()}
    table = Table(Column(heading), *(Column(name, justify="right") for name in ("ms a step", "of the plain step")))
    for name, median in medians.items():
        table.add_row(name, f"{1000 * median:.0f}", f"{median / medians['plain']:.2f}×")
    Console().print(table)
