"""Time from the start of `jaxpose train` to the end of its first training step, by phase.

    python -m experiments.benchmarks.startup [--data DIR] [--out startup.json]

The command runs in fresh processes: in each turn one with an empty compilation cache, and one that reads the cache of
the first. Medians of the turns are printed.
"""

import functools
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jax
import tyro
from rich.console import Console
from rich.table import Table

from jaxpose.files.atomic import atomic_write_text

PHASES = ("imports", "tracks read", "data packed", "initial state", "step compiled", "step done")
"""The phases in order, named by their ends."""


def started(began: float, arguments: list[str], out: str) -> None:
    """Run the command up to the end of its first step, and write the seconds since `began` as JSON."""
    from jaxpose import train
    from jaxpose.runs import job
    from jaxpose.training import loop, setup

    seconds = {"imports": time.time() - began}

    def timed(phase: str, function: Callable) -> Callable:
        @functools.wraps(function)
        def run(*arguments: object, **named: object) -> object:
            result = jax.block_until_ready(function(*arguments, **named))
            seconds[phase] = time.time() - began
            return result

        return run

    def compiled(event: str, _: float, *, fun_name: str = "", **__: object) -> None:
        if event.endswith("backend_compile_duration") and fun_name in ("jit(train_steps)", "jit(train_step)"):
            seconds["step compiled"] = time.time() - began

    def last(*arguments: object, **named: object) -> None:
        timed("step done", step)(*arguments, **named)
        Path(out).write_text(json.dumps(seconds))
        sys.exit()

    jax.monitoring.register_event_duration_secs_listener(compiled)
    job.read_splits = timed("tracks read", job.read_splits)
    job.prepare = timed("data packed", job.prepare)
    setup.init = timed("initial state", setup.init)
    loop.train_steps, step = last, loop.train_steps
    train.main(arguments)


def start(arguments: list[str], cache: Path) -> dict[str, float]:
    """Run a fresh process with this cache folder; returns seconds by phase."""
    with tempfile.TemporaryDirectory() as folder:
        run, out = f"{folder}/run", f"{folder}/seconds.json"
        call = f"started({time.time()}, {[*arguments, '--steps', '1', '--out', run]}, {out!r})"
        command = [sys.executable, "-c", f"from experiments.benchmarks.startup import started; {call}"]
        environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
        seconds = json.loads(Path(out).read_text())
    ends = [0, *(seconds[phase] for phase in PHASES)]
    return {phase: end - begin for phase, (begin, end) in zip(PHASES, itertools.pairwise(ends), strict=True)}


def table(cold: list[dict[str, float]], warm: list[dict[str, float]]) -> Table:
    """Medians by phase, and of the total."""
    view = Table("", "empty cache", "full cache")
    for name, phases in [(phase, [phase]) for phase in PHASES] + [("total", PHASES)]:
        medians = (statistics.median(sum(run[phase] for phase in phases) for run in runs) for runs in (cold, warm))
        view.add_row(name, *(f"{seconds:.1f} s" for seconds in medians), end_section=name == PHASES[-1])
    return view


def main(
    data: str = "synthetic", channels: int = 1024, batch_size: int = 256, turns: int = 3, out: Path | None = None
) -> None:
    """Time the start of the trainer.

    Args:
      data: Data set to train on.
      channels: Channels of the network.
      batch_size: Windows per step.
      turns: Number of starts with an empty and with a full cache; medians are printed.
      out: File to write the seconds to, as JSON.
    """
    arguments = ["baseline", "--data", data, "--channels", str(channels), "--batch-size", str(batch_size)]
    runs: dict[str, list[dict[str, float]]] = {"cold": [], "warm": []}
    for _ in range(turns):
        with tempfile.TemporaryDirectory() as cache:
            for state in runs:
                runs[state].append(start(arguments, Path(cache)))
    console = Console()
    console.print(table(**runs))
    if out is not None:
        atomic_write_text(out, json.dumps({"jax": jax.__version__, "arguments": arguments} | runs, indent=2) + "\n")


if __name__ == "__main__":
    tyro.cli(main, prog="python -m experiments.benchmarks.startup")
