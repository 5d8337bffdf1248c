"""Why a step was not finite: the same step once more, looked at layer by layer and term by term."""

import functools
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

import jaxpose
from jaxpose.data.windows import PackedTracks
from jaxpose.runtime.devices import addressable
from jaxpose.training.loop import next_samples, order_of_epoch, take_batch
from jaxpose.training.state import State
from jaxpose.training.step import ConsecutiveWindows, Recipe, loss_of


class Batch(NamedTuple):
    """What the step saw, and of whom."""

    keypoints: jax.Array  # (B, before + K + after, K_2d, D) screen coordinates
    poses: jax.Array  # (B, K, J, 3) metres, root-relative
    clips: ConsecutiveWindows | None
    tracks: np.ndarray  # (B,) names of the windows' tracks
    frame: np.ndarray  # (B,) the windows' first output frames in their tracks
    mirrored: np.ndarray  # (B,) bool


def batch_of(
    state: State, recipe: Recipe, data: PackedTracks, starts: jax.Array, names: Sequence[str]
) -> tuple[State, Recipe, Batch]:
    """The batch of the step that follows a state, on one device of this process, with that state and recipe.

    Args:
      state: before the step.
      recipe: static.
      data: the joined frames of the training tracks.
      starts: (W,) first output frame of each window.
      names: of the tracks.

    Returns:
      State and recipe for one device, and the batch.
    """
    state, data, starts = addressable((state, data, starts))
    recipe = recipe._replace(mesh=jax.sharding.Mesh(np.asarray(jax.local_devices()[:1]), ("data",)))
    sample = next_samples(state, order_of_epoch(state, recipe), recipe)
    start = np.asarray(starts[sample % recipe.windows])
    track = np.asarray(data.track)[start]
    frame = start - np.asarray(data.first)[track]
    mirrored = np.asarray(sample >= recipe.windows)
    batch = Batch(*take_batch(data, starts, sample, recipe), np.asarray(names)[track], frame, mirrored)
    return state, recipe, batch


def explain(state: State, recipe: Recipe, batch: Batch) -> str:
    """What is not finite in a step, in words: terms of the loss, layers, and what is extreme in batch and weights."""
    outputs: list[tuple[str, bool]] = []
    with nn.intercept_methods(functools.partial(_observed, outputs)):
        _, (parts, batch_stats) = loss_of(state.params, state, batch.keypoints, batch.poses, recipe, batch.clips)
    values = {name: float(value) for name, value in parts.items() if name != "loss"}
    findings = [f"{name} is {value}" for name, value in values.items() if not np.isfinite(value)]
    broken = [layer for layer, finite in outputs if not finite]
    if broken:
        findings.append(f"the first layer whose output is not finite is {broken[0]}")
    elif statistics := [name for name, leaf in _leaves(batch_stats) if not np.isfinite(leaf).all()]:
        findings.append(f"the first statistics that are not finite are {_in_order(statistics, outputs)[0]}")
    for term, layers in () if broken else _gradients(state, recipe, batch, values).items():
        if layers:
            findings.append(f"the gradient of {term} is not finite, first in layer {_in_order(layers, outputs)[-1]}")
    if not findings:
        findings.append("computed once more, outside the training program, everything is finite")
    return "; ".join([*findings, _extremes(state, batch)])


def operation(state: State, recipe: Recipe, batch: Batch) -> str:
    """The first operation of a step that gives a NaN or an infinity, in words: JAX does one after the other."""
    try:
        with jax.debug_nans(True), jax.debug_infs(True), jax.disable_jit():
            jax.grad(loss_of, has_aux=True)(state.params, state, batch.keypoints, batch.poses, recipe, batch.clips)
    except FloatingPointError as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        package = Path(jaxpose.__file__).parent
        ours = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(package)]
        if not ours:
            return reason
        file = Path(ours[-1].filename).relative_to(package.parent)
        return f"{reason}, at {file}:{ours[-1].lineno} ({ours[-1].line})"
    return "done one by one, no operation of the step gives a NaN or an infinity"


def arrays(state: State, batch: Batch) -> dict[str, np.ndarray]:
    """The batch by name, to be saved: keypoints, poses, of which tracks and frames, and the step."""
    named = {name: value for name, value in batch._asdict().items() if name != "clips"}
    if batch.clips is not None:
        named |= {f"clip_{name}": value for name, value in batch.clips._asdict().items()}
    return {"step": np.asarray(state.step)} | {name: np.asarray(value) for name, value in named.items()}


def _observed(
    outputs: list[tuple[str, bool]],
    method: Callable,
    arguments: tuple,
    named: dict,
    context: Any,
) -> Any:
    """Call a layer, and note whether what it gives is finite."""
    output = method(*arguments, **named)
    if context.module.path:
        finite = all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(output))
        outputs.append(("/".join(context.module.path), finite))
    return output


def _gradients(state: State, recipe: Recipe, batch: Batch, terms: Iterable[str]) -> dict[str, list[str]]:
    """By term of the loss, the arrays of parameters for which its gradient is not finite."""

    @functools.partial(jax.jit, static_argnames="term")
    def finite(params: Any, term: str) -> Any:
        def value(params: Any) -> jax.Array:
            _, (parts, _) = loss_of(params, state, batch.keypoints, batch.poses, recipe, batch.clips)
            return parts[term]

        # Each term by itself: beside others even a weight of zero would pass on a gradient that is not finite.
        return jax.tree.map(lambda leaf: jnp.isfinite(jnp.sum(leaf * leaf)), jax.grad(value)(params))

    return {term: [name for name, truth in _leaves(finite(state.params, term)) if not truth] for term in terms}


def _leaves(tree: Any) -> list[tuple[str, np.ndarray]]:
    """Arrays by path."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [(jax.tree_util.keystr(path, simple=True, separator="/"), np.asarray(leaf)) for path, leaf in leaves]


def _in_order(names: Sequence[str], outputs: list[tuple[str, bool]]) -> list[str]:
    """The layers of arrays, in the order in which they are computed."""
    order = {layer: place for place, (layer, _) in reversed(list(enumerate(outputs)))}
    return sorted({name.rpartition("/")[0] for name in names}, key=lambda layer: order.get(layer, -1))


def _extremes(state: State, batch: Batch) -> str:
    """The largest numbers that go into the step, and the tracks that it saw."""
    weight, layer = max((float(np.abs(leaf).max()), name) for name, leaf in _leaves(state.params))
    said = [f"the largest weight is {weight:.3g} in {layer}"]
    for field in ("keypoints", "poses"):
        values = np.abs(np.asarray(getattr(batch, field))).reshape(len(batch.tracks), -1)
        values = np.where(np.isnan(values), np.inf, values).max(axis=1)
        worst = int(np.argmax(values))
        of = f"{batch.tracks[worst]} about frame {batch.frame[worst]}"
        said.append(f"the largest of the {field} {values[worst]:.3g} in {of}")
    tracks = list(dict.fromkeys(batch.tracks.tolist()))
    more = f" and {len(tracks) - 4} more" if len(tracks) > 4 else ""
    said.append(f"the batch is of {', '.join(tracks[:4])}{more}")
    return ", ".join(said)
