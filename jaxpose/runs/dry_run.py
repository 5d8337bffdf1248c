"""The plan of a training run: data, shapes, steps and memory, without training and without writing anything."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

from jaxpose.runs import warm_start
from jaxpose.runs.prepare import Job, prepare, read_splits
from jaxpose.runtime import tables
from jaxpose.runtime.tables import Table
from jaxpose.runtime.words import listed
from jaxpose.training import loop, setup
from jaxpose.training.config import Config
from jaxpose.training.state import State
from jaxpose.training.step import Batch, Samples, order_key, take_batch
from jaxpose.training.streams import next_samples


def print_plan(config: Config, console: Console | None = None) -> None:
    """Print the plan of a run with these settings. The training step is compiled; no step is taken.

    Raises:
      InputError: the data cannot be used, the settings do not fit the data or the devices, or no weights of the run
        `config.init` fit.
    """
    console = console or Console(markup=False, quiet=jax.process_index() > 0)
    job = prepare(config, None, read_splits(config, console), console)
    if config.init is not None:
        state = jax.eval_shape(setup.init_program(job.recipe), jax.random.key(config.seed))
        notes = warm_start.describe(warm_start.load_weights(config), state.variables, config, job.recipe)
        console.print("\n".join(notes), soft_wrap=True)
    title, rows = "Nothing is written (--dry-run).", list(plan_rows(job))
    tables.show(console, Table(title, ("", "value"), rows, text_columns=(0, 1)))


def plan_rows(job: Job) -> Iterator[tuple[str, str]]:
    """Name and value of each line of the plan."""
    config, recipe = job.config, job.recipe
    key = jax.random.key(config.seed)
    state = jax.eval_shape(setup.init_program(recipe), key)
    start = State(jnp.zeros((), jnp.int32), params={}, collections={}, opt_state=(), key=key)
    samples = Samples(job.data, job.starts, order_key(start))
    batch = jax.eval_shape(lambda: take_batch(samples, start, recipe))
    first = np.asarray(next_samples(recipe, samples.key, start.step))
    frames = np.asarray(job.starts)[first % recipe.windows]
    tracks = list(dict.fromkeys(job.names[index] for index in np.asarray(job.data.track)[frames]))
    before, after = recipe.model.context

    yield "receptive field", f"{before + 1 + after} frames ({before} before and {after} after the predicted one)"
    mirrored = "; with their mirror images" if recipe.samples > recipe.windows else ";"
    yield "windows", f"{recipe.windows:,}{mirrored} {recipe.samples:,} samples an epoch"
    yield "steps", f"{recipe.steps_per_epoch:,} an epoch, {job.until:,} in all"
    for name, shape in batch_shapes(batch):
        yield f"first batch, {name}", f"{shape}"
    yield "first batch, tracks", listed(tracks, 4)

    yield "parameters", f"{sum(leaf.size for leaf in jax.tree.leaves(state.params)):,}"
    for name, tree in {
        "parameters": state.params,
        "optimiser": state.opt_state,
        "statistics": state.collections,
    }.items():
        yield f"memory, {name}", megabytes(tree_bytes(tree))
    yield "memory, training data", megabytes(tree_bytes((job.data, job.starts)))
    program, steps = (loop.loop_program, (1,)) if recipe.on_cpu else (loop.step_program, ())
    memory = program(recipe).lower(state, samples, *steps).compile().memory_analysis()
    if memory is None:  # some backends cannot tell
        return
    yield "memory, temporary arrays of a step", megabytes(memory.temp_size_in_bytes)
    results = memory.output_size_in_bytes - memory.alias_size_in_bytes
    peak = memory.argument_size_in_bytes + results + memory.temp_size_in_bytes
    yield "memory, all of it on each device", megabytes(peak)


def batch_shapes(batch: Batch) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the arrays of a batch."""
    for stream, windows in batch.items():
        for name in ("keypoints", "poses"):
            if (array := getattr(windows, name)) is not None:
                yield f"{stream}, {name}", array.shape


def tree_bytes(tree: object) -> int:
    """Bytes of the arrays, or shapes of arrays, of a tree."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def megabytes(size: int) -> str:
    """Bytes as text."""
    return f"{size / 1e6:,.1f} MB"
