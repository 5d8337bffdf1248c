"""Cost of saving checkpoints: the seconds by which a save delays the steps around it.

    python -m experiments.benchmarks.saving --out saving.json

A save blocks the trainer while the state is copied, and slows its steps down while a thread writes and checks the copy.
Both are measured together: as many steps as it takes until the checkpoint is on disk, with a save before them and
without one, in turn. What a save costs hardly depends on the batch, so that a small one serves; the share is of the
preset's `save_minutes`, the time between two saves within an epoch.
"""

import json
import statistics
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from jaxpose.data.windows import window_starts
from jaxpose.files.atomic import atomic_write_text
from jaxpose.runs import checkpoint
from jaxpose.runs.gpu_plan import HUMAN36M, motion
from jaxpose.runtime.devices import replicate
from jaxpose.training import loop, setup
from jaxpose.training.config import PRESETS, Config
from jaxpose.training.state import State, to_checkpoint
from jaxpose.training.step import Samples, order_key


def measure(config: Config, turns: int, folder: Path) -> dict[str, list[float]]:
    """Time steps with and without a save.

    Returns:
      Seconds of each turn: `plain`, the steps alone; `saving`, the same steps after a save; `blocked`, the save alone.
      And `steps` of a turn and `bytes` of a checkpoint.
    """
    data = motion(jax.random.key(1), 10_000, 10)
    starts = window_starts(np.asarray(data.last - data.first + 1), config.frames)
    recipe = setup.build_recipe(config, HUMAN36M, len(starts))
    data, starts = replicate((data, starts), recipe.mesh)
    state = setup.init(recipe, jax.random.key(0))
    samples = Samples(data, starts, order_key(state))

    def step(state: State) -> State:
        return jax.block_until_ready(loop.train_steps(state, samples, 1, recipe)[0])

    seconds: dict[str, list[float]] = {"plain": [], "saving": [], "blocked": []}
    steps = 1
    with checkpoint.open_checkpoints(folder, keep=1) as checkpoints:
        state = step(state)  # compiles
        for turn in range(turns + 1):
            for name in ("plain", "saving"):
                began = time.perf_counter()
                if name == "saving":
                    checkpoint.save(checkpoints, int(state.step), to_checkpoint(state))
                    blocked = time.perf_counter() - began
                done = 0
                while done < steps or (turn == 0 and checkpoints.is_saving_in_progress()):
                    state, done = step(state), done + 1
                if turn:
                    seconds[name].append(time.perf_counter() - began)
                elif name == "saving":
                    steps = done  # until the first checkpoint was on disk
                checkpoints.wait_until_finished()
            if turn:
                seconds["blocked"].append(blocked)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return seconds | {"steps": [steps], "bytes": [size]}


def table(measured: dict[str, list[float]], minutes: float) -> Table:
    """Medians of the turns, and the share of the training time that saves take."""
    plain, saving, blocked = (statistics.median(measured[name]) for name in ("plain", "saving", "blocked"))
    view = Table(show_header=False)
    view.add_row("a checkpoint", f"{measured['bytes'][0] / 1e6:,.0f} MB")
    view.add_row(f"{measured['steps'][0]:.0f} steps alone", f"{plain:.2f} s")
    view.add_row("the same, after a save", f"{saving:.2f} s")
    view.add_row("of these, until the save returns", f"{blocked:.2f} s")
    view.add_row("lost", f"{saving - plain:.2f} s")
    view.add_row(f"share, with a save every {minutes:g} minutes", f"{(saving - plain) / (60 * minutes):.2%}")
    return view


def main(preset: str = "baseline-2048", batch_size: int = 64, turns: int = 3, out: Path | None = None) -> None:
    """Measure the cost of a save.

    Args:
      preset: Preset whose network and optimiser are saved.
      batch_size: Windows per step. The preset's own batch takes 20 s a step on two cores.
      turns: Number of measurements with and without a save; medians are printed.
      out: File to write the seconds to, as JSON.
    """
    config = PRESETS[preset]
    small = Config(model=config.model, batch_size=batch_size)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:  # /tmp may be memory
        measured = measure(small, turns, Path(folder))
    Console().print(table(measured, config.save_minutes))
    if out is not None:
        atomic_write_text(out, json.dumps({"jax": jax.__version__, "preset": preset} | measured, indent=2) + "\n")


if __name__ == "__main__":
    tyro.cli(main, prog="python -m experiments.benchmarks.saving")
