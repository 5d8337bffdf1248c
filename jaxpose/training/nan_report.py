"""Explain a step that was not finite: the same step once more, layer by layer and loss term by term."""

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
from jaxpose.runtime.words import listed
from jaxpose.training.state import State
from jaxpose.training.step import Batch, Recipe, Samples, loss_of, order_key, take_batch


class NamedBatch(NamedTuple):
    """The batch of a step, and where its windows come from."""

    batch: Batch
    tracks: np.ndarray  # (B,) names of the windows' tracks
    frame: np.ndarray  # (B,) the windows' first output frames in their tracks
    mirrored: np.ndarray  # (B,) bool


def batch_of(
    state: State, recipe: Recipe, data: PackedTracks, starts: jax.Array, names: Sequence[str]
) -> tuple[State, Recipe, NamedBatch]:
    """Gather the batch of the step that follows a state, on one device of this process.

    Args:
      state: before the step.
      recipe: static.
      data: the packed training tracks.
      starts: (W,) first output frame of each window.
      names: of the tracks.

    Returns:
      State and recipe for one device, and the batch.
    """
    state, data, starts = addressable((state, data, starts))
    recipe = recipe._replace(mesh=jax.sharding.Mesh(np.asarray(jax.local_devices()[:1]), ("data",)))
    batch = _gather(state, data, starts, recipe)
    sample = np.asarray(batch["windows"].sample)
    start = np.asarray(starts)[sample % recipe.windows]
    track = np.asarray(data.track)[start]
    frame = start - np.asarray(data.first)[track]
    return state, recipe, NamedBatch(batch, np.asarray(names)[track], frame, sample >= recipe.windows)


@functools.partial(jax.jit, static_argnames="recipe")
def _gather(state: State, data: PackedTracks, starts: jax.Array, recipe: Recipe) -> Batch:
    """The batch of the step that follows a state."""
    return take_batch(Samples(data, starts, order_key(state)), state, recipe)


def explain(state: State, recipe: Recipe, named: NamedBatch) -> str:
    """Name what is not finite in a step, loss terms and layers, and the largest values of its batch and weights."""
    layers: list[str] = []

    @jax.jit
    def observed(state: State, batch: Batch) -> tuple[dict[str, jax.Array], Any, list[jax.Array]]:
        outputs: list[tuple[str, jax.Array]] = []
        with nn.intercept_methods(functools.partial(_record_output, outputs)):
            _, (terms, collections) = loss_of(state.params, state, batch, recipe)
        layers.extend(layer for layer, _ in outputs)
        return terms, collections, [finite for _, finite in outputs]

    terms, collections, finite = jax.device_get(observed(state, named.batch))
    outputs = list(zip(layers, finite, strict=True))
    values = {name: float(value) for name, value in terms.items() if name != "loss"}
    findings = [f"{name} is {value}" for name, value in values.items() if not np.isfinite(value)]
    variables = [leaf for collection in collections.values() for leaf in _leaves(collection)]
    broken = [layer for layer, finite in outputs if not finite]
    if broken:
        findings.append(f"the first layer whose output is not finite is {broken[0]}")
    elif statistics := [name for name, leaf in variables if not np.isfinite(leaf).all()]:
        findings.append(f"the first statistics that are not finite are {_in_order(statistics, outputs)[0]}")
    for term, layers in () if broken else _not_finite_gradients(state, recipe, named.batch, values).items():
        if layers:
            findings.append(f"the gradient of {term} is not finite, first in layer {_in_order(layers, outputs)[-1]}")
    if not findings:
        findings.append("computed once more, outside the training program, everything is finite")
    return "; ".join([*findings, _largest_values(state, named)])


def operation(state: State, recipe: Recipe, named: NamedBatch) -> str:
    """Name the first operation of a step that returns a NaN or an infinity, by running them one by one."""
    try:
        with jax.debug_nans(True), jax.debug_infs(True), jax.disable_jit():
            jax.grad(loss_of, has_aux=True)(state.params, state, named.batch, recipe)
    except FloatingPointError as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        package = Path(jaxpose.__file__).parent
        frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(package)]
        if not frames:
            return reason
        file = Path(frames[-1].filename).relative_to(package.parent)
        return f"{reason}, at {file}:{frames[-1].lineno} ({frames[-1].line})"
    return "run one by one, no operation of the step returns a NaN or an infinity"


def arrays(state: State, named: NamedBatch) -> dict[str, np.ndarray]:
    """The batch as arrays by name, to be saved: keypoints, poses, their tracks and frames, and the step."""
    fields = {"tracks": named.tracks, "frame": named.frame, "mirrored": named.mirrored, "step": state.step}
    for stream, windows in named.batch.items():
        prefix = "" if stream == "windows" else f"{stream}_"
        known = {name: getattr(windows, name) for name in ("keypoints", "poses", "visible")}
        fields |= {f"{prefix}{name}": value for name, value in known.items() if value is not None}
    return {name: np.asarray(value) for name, value in fields.items()}


def _record_output(
    outputs: list[tuple[str, jax.Array]],
    method: Callable,
    arguments: tuple,
    named: dict,
    context: Any,
) -> Any:
    """Call a layer, and record its name and whether its output is finite."""
    output = method(*arguments, **named)
    if context.module.path:
        finite = [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(output)]
        outputs.append(("/".join(context.module.path), jnp.all(jnp.stack(finite))))
    return output


def _not_finite_gradients(state: State, recipe: Recipe, batch: Batch, terms: Iterable[str]) -> dict[str, list[str]]:
    """By loss term, the arrays of parameters for which its gradient is not finite."""

    @functools.partial(jax.jit, static_argnames="term")
    def finite(state: State, batch: Batch, term: str) -> Any:
        def value(params: Any) -> jax.Array:
            _, (terms, _) = loss_of(params, state, batch, recipe)
            return terms[term]

        # Each term by itself: beside others even a weight of zero would pass on a gradient that is not finite.
        return jax.tree.map(lambda leaf: jnp.isfinite(jnp.sum(leaf * leaf)), jax.grad(value)(state.params))

    return {term: [name for name, truth in _leaves(finite(state, batch, term)) if not truth] for term in terms}


def _leaves(tree: Any) -> list[tuple[str, np.ndarray]]:
    """Arrays by path."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [(jax.tree_util.keystr(path, simple=True, separator="/"), np.asarray(leaf)) for path, leaf in leaves]


def _in_order(names: Sequence[str], outputs: Sequence[tuple[str, np.ndarray]]) -> list[str]:
    """The layers of named arrays, in the order in which they are computed."""
    order = {layer: index for index, (layer, _) in reversed(list(enumerate(outputs)))}
    return sorted({name.rpartition("/")[0] for name in names}, key=lambda layer: order.get(layer, -1))


def _largest_values(state: State, named: NamedBatch) -> str:
    """The largest weight and inputs of a step, and the tracks of its batch."""
    weight, layer = max((float(np.abs(leaf).max()), name) for name, leaf in _leaves(state.params))
    parts = [f"the largest weight is {weight:.3g} in {layer}"]
    for field in ("keypoints", "poses"):
        values = np.abs(np.asarray(getattr(named.batch["windows"], field))).reshape(len(named.tracks), -1)
        values = np.where(np.isnan(values), np.inf, values).max(axis=1)
        worst = int(np.argmax(values))
        source = f"{named.tracks[worst]} about frame {named.frame[worst]}"
        parts.append(f"the largest of the {field} {values[worst]:.3g} in {source}")
    tracks = list(dict.fromkeys(named.tracks.tolist()))
    parts.append(f"the batch is of {listed(tracks, 4)}")
    return ", ".join(parts)
