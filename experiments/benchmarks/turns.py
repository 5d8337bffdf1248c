"""Pieces of work timed in turns, so that a machine whose speed drifts treats them alike."""

import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

import jax

Thunk = Callable[[], object]
"""Does the work once; what of it JAX has not done yet when it returns is waited for."""
Name = TypeVar("Name", bound=Hashable)


def alternate(thunks: Mapping[Name, Thunk], turns: int) -> dict[Name, list[float]]:
    """Seconds of each thunk in each turn, after one turn that does not count: it compiles."""
    seconds: dict[Name, list[float]] = {name: [] for name in thunks}
    for turn in range(turns + 1):
        for name, thunk in thunks.items():
            began = time.perf_counter()
            jax.block_until_ready(thunk())
            if turn:
                seconds[name].append(time.perf_counter() - began)
    return seconds
