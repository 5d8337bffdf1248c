"""Timing in turns, so that changes in the machine's speed affect all pieces of work alike."""

import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

import jax

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
