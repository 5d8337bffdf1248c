"""Where the time of a compiled call goes, kernel by kernel, from JAX's profiler."""

import collections
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
from jax.profiler import ProfileData


class Kernel(NamedTuple):
    """All runs of one operation of a compiled program."""

    name: str  # of the operation in XLA's program
    seconds: float  # of one call, in all its runs
    runs: float  # in one call


def profile(call: Callable[[], object], calls: int = 3) -> list[Kernel]:
    """Run a call under the profiler, and add up its kernels.

    Args:
      call: compiled already; what it returns is waited for.
      calls: how often it is run.

    Returns:
      The kernels, the longest first; of all devices together.
    """
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(calls):
                jax.block_until_ready(call())
        (file,) = Path(folder).rglob("*.xplane.pb")
        return kernels(ProfileData.from_file(str(file)), calls)


def kernels(profiled: ProfileData, calls: int) -> list[Kernel]:
    """The kernels of a profile of some calls; operations that contain others, such as loops, are left out."""
    seconds, runs = collections.Counter(), collections.Counter()
    devices = [plane for plane in profiled.planes if plane.name.startswith("/device:")]
    for plane in devices or profiled.planes:
        for line in plane.lines:
            for event in line.events:
                operation = dict(event.stats).get("hlo_op")
                if operation and not operation.startswith(("while", "call", "conditional")):
                    seconds[operation] += event.duration_ns * 1e-9
                    runs[operation] += 1
    return [Kernel(name, of / calls, runs[name] / calls) for name, of in seconds.most_common()]
