"""Does jaxpose give the numbers of the published network and recipe? A table of the largest differences.

    python -m experiments.parity.compare --channels 8 --out differences.json

Takes the extra `torch`, and a minute on a laptop. Outputs are of unit scale and compared in absolute terms; the losses
of the training steps relative to each, parameters and running statistics after them relative to the largest number of
their array. The last rows say what rounding alone does to such a training: see `cases`.
"""

import functools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from experiments.parity.cases import (
    STEPS,
    STEPS_PER_EPOCH,
    WINDOWS,
    Predicted,
    Sample,
    Trained,
    cases,
    make_sample,
    windows,
)
from jaxpose.data.track import Description
from jaxpose.data.windows import PackedTracks, take_windows
from jaxpose.files.atomic import atomic_write_text
from jaxpose.models.videopose3d_weights import params_from_torch, torch_from_params
from jaxpose.skeleton import layout
from jaxpose.training import loop, setup
from jaxpose.training.config import Config


def main(channels: int = 8, seed: int = 0, out: Path | None = None) -> None:
    """Compare every case, with the same weights and the same batches on both sides.

    Args:
      channels: of both networks.
      seed: of the weights and the sample.
      out: write the differences here too, as JSON.
    """
    rows, sample = {}, make_sample(seed)
    for name, config in cases(channels).items():
        rows[name] = differences(config, sample, seed)
    table = Table("largest difference", *rows)
    for quantity in next(iter(rows.values())):
        table.add_row(quantity, *(f"{row[quantity]:.1e}" for row in rows.values()))
    Console().print(table)
    if out is not None:
        atomic_write_text(out, json.dumps(rows, indent=2) + "\n")


def differences(config: Config, sample: Sample, seed: int) -> dict[str, float]:
    """The largest differences between jaxpose and PyTorch in one case, by what differs."""
    import torch  # what comes without it serves the tests of the goldens

    from experiments.parity import torch_model

    recipe, weights = build_recipe(config, sample), torch_model.initial(config, sample, seed)
    context = recipe.model.context
    ours, theirs = predict(recipe, sample, weights), torch_model.predict(config, sample, weights, context)
    found = {"whole track": largest(ours.whole, theirs.whole)}
    found |= {f"windows, K = {frames}": largest(ours.windows[frames], theirs.windows[frames]) for frames in WINDOWS}
    theirs_64, theirs_32 = (
        torch_model.train(config, sample, weights, context, precision) for precision in (torch.float64, torch.float32)
    )
    for pair, (one, other) in {
        "float64": (train(recipe, sample, weights, "float64"), theirs_64),
        "float32": (train(recipe, sample, weights, "float32"), theirs_32),
        "PyTorch's float32 from its float64": (theirs_32, theirs_64),
    }.items():
        found |= {f"{what} after training, {pair}": value for what, value in training_differences(one, other).items()}
    return found


def build_recipe(config: Config, sample: Sample) -> loop.Recipe:
    """jaxpose's recipe for the keypoints and joints of the sample."""
    frames, keypoints, channels = sample.keypoints.shape
    skeletons = layout("joints", sample.poses.shape[1], (), ()), layout("keypoints", keypoints, (), ())
    recipe = setup.build_recipe(config, Description("sample", True, *skeletons, channels, ()), frames)
    assert recipe.steps_per_epoch == STEPS_PER_EPOCH
    return recipe


def predict(recipe: loop.Recipe, sample: Sample, weights: dict[str, np.ndarray]) -> Predicted:
    """What jaxpose predicts with weights by the names of the published files."""
    variables, every = params_from_torch(weights), np.arange(len(sample.poses))

    def run(starts: np.ndarray, frames: int) -> np.ndarray:
        keypoints = windows(sample.keypoints, starts, frames, recipe.model.context)
        return np.asarray(jax.jit(recipe.model.apply)(variables, keypoints))

    return Predicted(run(every[:1], len(every))[0], {frames: run(every, frames) for frames in WINDOWS})


def train(recipe: loop.Recipe, sample: Sample, weights: dict[str, np.ndarray], precision: str) -> Trained:
    """What the training steps of jaxpose leave, in "float32" or "float64", beginning with these weights."""
    with jax.enable_x64(precision == "float64"):
        cast = functools.partial(jnp.asarray, dtype=precision)
        one, last = jnp.zeros(1, jnp.int32), len(sample.poses) - 1
        data = PackedTracks(cast(sample.keypoints), cast(sample.poses), jnp.repeat(one, last + 1), one, one + last)
        params, batch_stats = jax.tree.map(cast, tuple(params_from_torch(weights).values()))
        opt_state = recipe.optimizer.init(params)
        state = loop.State(jnp.int32(0), params, batch_stats, opt_state, jax.random.key(0))
        state, losses = _train(state, data, jnp.asarray(sample.batches), recipe)
        return Trained(np.asarray(losses), torch_from_params(state.variables, steps=int(state.step)))


@functools.partial(jax.jit, static_argnames="recipe")
def _train(
    state: loop.State, data: PackedTracks, batches: jax.Array, recipe: loop.Recipe
) -> tuple[loop.State, jax.Array]:
    """A training step for each of the batches (STEPS, B); the state after them, and their losses (STEPS,)."""

    def step(state: loop.State, frames: jax.Array) -> tuple[loop.State, jax.Array]:
        state, parts = loop.train_step(state, *take_windows(data, frames, 1, recipe.model.context), recipe)
        return state, parts["loss"]

    return jax.lax.scan(step, state, batches)


def training_differences(ours: Trained, theirs: Trained) -> dict[str, float]:
    """The largest relative differences: of losses, parameters and running statistics."""
    assert ours.weights.keys() == theirs.weights.keys()
    relative = {
        name: largest(ours.weights[name], theirs.weights[name]) / float(np.abs(theirs.weights[name]).max())
        for name in theirs.weights
    }
    statistics = {name for name in relative if name.endswith(("running_mean", "running_var", "num_batches_tracked"))}
    return {
        "losses": largest(ours.losses / theirs.losses, np.ones(STEPS)),
        "parameters": max(relative[name] for name in relative.keys() - statistics),
        "statistics": max(relative[name] for name in statistics),
    }


def largest(a: np.ndarray, b: np.ndarray) -> float:
    """The largest absolute difference of arrays of one shape."""
    assert a.shape == b.shape
    return float(np.abs(a - b).max())


if __name__ == "__main__":
    tyro.cli(main)
