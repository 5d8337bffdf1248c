"""A trace of a few training steps, for Perfetto or TensorBoard: `jaxpose train --profile STEPS`."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import jax

FOLDER = "profile"
"""Of a run, with the trace."""


@contextlib.contextmanager
def trace_steps(run: Path, done: int, steps: int) -> Iterator[Callable[[int], None]]:
    """Trace training steps of a run, beginning after the first call of steps, which compiles.

    Args:
      run: the run's folder; the trace goes to `profile` in it.
      done: steps taken before.
      steps: how many to trace, rounded up to whole calls; 0 for no trace.

    Yields:
      A function to call with the number of steps taken, after each call of steps.
    """
    last = None

    def after(step: int) -> None:
        nonlocal last
        if not steps:
            return
        if last is None and step > done:
            last = step + steps
            jax.profiler.start_trace(run / FOLDER, create_perfetto_trace=True)
        elif last is not None and step >= last:
            stop()

    def stop() -> None:
        nonlocal steps
        steps = 0
        jax.profiler.stop_trace()

    try:
        yield after
    finally:
        if steps and last is not None:
            stop()
