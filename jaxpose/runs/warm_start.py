"""Start a training from the weights of another run (`--init RUN`): all that fit, by name and shape.

RUN may also be a lifter file, or `weights`, the one that comes with jaxpose.

Parameters and collections are taken from the run's last checkpoint; the optimiser, the step, the random key and the
schedules start anew. Collections that a network computes from training data (`Lifter.fit`), such as means to subtract,
are taken too: the weights were trained with them, and so the network begins as the function that it was.

Only a training that starts reads the run: one that is resumed has its own checkpoint.
"""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import chex
import jax
import numpy as np

from jaxpose.data.track import Description
from jaxpose.runs.lifter_file import SavedLifter, array_path
from jaxpose.runs.saved import initial_run, load_saved
from jaxpose.runtime.devices import replicate
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.words import listed
from jaxpose.training.config import Config
from jaxpose.training.state import State
from jaxpose.training.step import Recipe

_LISTED = 4  # layers or joints that a note names before "and N more"


class Fit(NamedTuple):
    """Which arrays of a network can begin as those of another, by paths such as `params/expand/kernel`."""

    taken: list[str]
    resized: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]  # of other shapes: there and here
    missing: list[str]  # only here
    unused: list[str]  # only there
    share: float  # of the numbers of the parameters that are taken


def start_from(config: Config, state: State, recipe: Recipe) -> tuple[State, list[str]]:
    """Replace parameters and collections of a state by those of the run `config.init`, where the shapes agree.

    Args:
      config: the settings; `init` names the run.
      state: as initialised, collections fitted to the data.
      recipe: of the training that starts.

    Returns:
      The state, on every device; and lines for the user: what is taken, what is not, what differs.

    Raises:
      InputError: the folder is not a run with a checkpoint that can be read, or no weights fit.
    """
    weights = load_weights(config)
    notes = describe(weights, state.variables, config, recipe)
    given, taken = _by_path(weights.variables), {*compare(weights.variables, state.variables).taken}
    leaves, structure = jax.tree_util.tree_flatten_with_path(state.variables)
    new = [
        replicate(np.asarray(given[path], leaf.dtype), recipe.mesh) if path in taken else leaf
        for path, leaf in ((array_path(keys), leaf) for keys, leaf in leaves)
    ]
    variables = dict(jax.tree.unflatten(structure, new))
    return state.replace(params=variables.pop("params"), collections=variables), notes


def load_weights(config: Config) -> SavedLifter:
    """Read the lifter file or the last checkpoint of the run `config.init`; if that is damaged, the one before it.

    Raises:
      InputError: it is neither, or has no checkpoint that can be read; or jaxpose comes without weights.
    """
    try:
        return load_saved(initial_run(config.init))
    except InputError as error:
        raise InputError(f"--init: {error}") from None


def compare(given: Mapping[str, chex.ArrayTree], wanted: Mapping[str, chex.ArrayTree]) -> Fit:
    """Compare the arrays of two networks by path and shape.

    Args:
      given: `params` and collections of the network to begin with.
      wanted: those of the network to train; shapes are enough.
    """
    there, here = _by_path(given), _by_path(wanted)
    shapes = {path: (np.shape(there[path]), np.shape(leaf)) for path, leaf in here.items() if path in there}
    taken = [path for path, (one, other) in shapes.items() if one == other]
    numbers = {path: math.prod(leaf.shape) for path, leaf in here.items() if path.startswith("params/")}
    return Fit(
        taken,
        resized={path: pair for path, pair in shapes.items() if pair[0] != pair[1]},
        missing=[path for path in here if path not in there],
        unused=[path for path in there if path not in here],
        share=sum(numbers.get(path, 0) for path in taken) / max(sum(numbers.values()), 1),
    )


def describe(
    weights: SavedLifter, variables: Mapping[str, chex.ArrayTree], config: Config, recipe: Recipe
) -> list[str]:
    """Say in a few lines how a training begins: what is taken, what is not, and what differs.

    Args:
      weights: of the run to begin with.
      variables: of the network to train; shapes are enough.
      config: of the training.
      recipe: of the training.

    Raises:
      InputError: no weights fit: at most biases, scales and statistics, which are of no use without them.
    """
    fit = compare(weights.variables, variables)
    others = list(_other_settings(weights.config, config))
    here = _by_path(variables)
    if not any(path.startswith("params/") and len(here[path].shape) > 1 for path in fit.taken):
        reason = "its data have other joints or keypoints, and no layer is without them"
        if others:
            reason = f"its settings differ: {', '.join(others)}; choose those of {weights.run}"
        raise InputError(f"--init {weights.run} has no weights that fit this network: {reason}")
    only = "only " if fit.share < 0.5 else ""
    lines = [
        f"Starting from {weights.run}, step {weights.step:,}, trained on {weights.description.title}: "
        f"{len(fit.taken)} of {len(here)} arrays fit, {only}{fit.share:.0%} of the parameters."
    ]
    if fit.resized:
        path, (there, now) = next(iter(fit.resized.items()))
        lines.append(f"Of another size, begin anew: {_layers(fit.resized)} ({path} is {there} there, {now} here).")
    if fit.missing:
        lines.append(f"Not there, begin anew: {_layers(fit.missing)}.")
    if fit.unused:
        lines.append(f"Not used: {_layers(fit.unused)}.")
    if others:
        lines.append(f"Settings of the network that differ: {', '.join(others)}.")
    if recipe.model.fits_data and any(not path.startswith("params/") for path in fit.taken):
        lines.append("What the network computes from training data is that of the other run, as its weights expect.")
    lines += _other_data(weights.description, recipe.description)
    return [lines[0], *(f"  {line}" for line in lines[1:])]


def _other_settings(there: Config, here: Config) -> Iterator[str]:
    """Settings of two networks that differ, each with both values."""
    if there.model.kind != here.model.kind:
        yield f"network {there.model.kind} there, {here.model.kind} here"
        return
    values = dataclasses.asdict(here.model)
    for name, value in dataclasses.asdict(there.model).items():
        if value != values[name]:
            yield f"{name} {_text(value)} there, {_text(values[name])} here"


def _text(value: Any) -> str:
    """A setting as it is typed."""
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _other_data(there: Description, here: Description) -> Iterator[str]:
    """What differs between two data sets though the shapes may agree, so that equal arrays mean something else."""
    for what, one, other in (("joint", there.skeleton, here.skeleton), ("keypoint", there.layout, here.layout)):
        pairs = zip(one.joints, other.joints, strict=False)
        differing = [f"{what} {n} is {a} there, {b} here" for n, (a, b) in enumerate(pairs) if a != b]
        if differing and one.num_joints == other.num_joints:
            yield f"Weights are taken by number, but names differ: {listed(differing, _LISTED)}."
    if None not in (there.fps, here.fps) and there.fps != here.fps:
        yield f"Frames per second differ: {there.fps:g} there, {here.fps:g} here."


def _layers(paths: Iterable[str]) -> str:
    """The layers of some arrays: "expand, shrink" of `params/expand/kernel` and `params/shrink/bias`."""
    return listed(list(dict.fromkeys("/".join(path.split("/")[1:-1]) or path for path in paths)), _LISTED)


def _by_path(tree: Mapping[str, chex.ArrayTree]) -> dict[str, Any]:
    """Arrays by their path, the parameters first."""
    arrays = {array_path(keys): leaf for keys, leaf in jax.tree_util.tree_leaves_with_path(tree)}
    return dict(sorted(arrays.items(), key=lambda item: not item[0].startswith("params/")))
