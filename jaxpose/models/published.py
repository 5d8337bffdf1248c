"""Weights of published code: the record that each network's module makes, and what these modules share.

A record says how to recognise the weights by their names, and converts them to variables of our network and back.
`jaxpose.runs.weights.PUBLISHED` has all records. Everything here is arithmetic on arrays by name; the files are read
and written by `jaxpose.files.state_dicts`.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxpose.models.configs import ModelConfig
from jaxpose.runtime.errors import InputError

Weights = Mapping[str, np.ndarray]
"""A `state_dict` as arrays: weights by the names of the published code."""

Variables = dict[str, dict[str, dict[str, np.ndarray]]]
"""Variables of a network of ours: `params` and `batch_stats`, by layer and leaf."""

Place = tuple[str, str, str]
"""Where a weight is among the variables: collection, layer and leaf."""


class Imported(NamedTuple):
    """What published weights hold."""

    model: ModelConfig  # settings of the network that the weights are for
    variables: Variables  # collections that the published network does not have are left out
    inputs: int  # numbers that it is given of a frame: keypoints times their coordinates
    joints: int  # that it predicts


class PublishedNetwork(NamedTuple):
    """A network as its published code stores it."""

    title: str  # for messages
    signature: str  # the name of a weight that no other network has
    key: str  # under which a file of the published code has the `state_dict`
    preset: str  # training settings of the recipe, with which an imported run is continued
    options: tuple[str, ...]  # keyword arguments of `read`: settings that the weights do not tell
    read: Callable[..., Imported]  # of `Weights`; raises `InputError` for weights that are incomplete or do not fit
    write: Callable[[Mapping[str, Any], Any, int], dict[str, np.ndarray]]  # of variables, settings and steps taken


def batch_norm_places(published: str, layer: str) -> dict[str, Place]:
    """The weights of a BatchNorm of PyTorch, by name, and their places in a `layers.BatchNormReLU`."""
    return {
        f"{published}.weight": ("params", layer, "scale"),
        f"{published}.bias": ("params", layer, "bias"),
        f"{published}.running_mean": ("batch_stats", layer, "mean"),
        f"{published}.running_var": ("batch_stats", layer, "var"),
    }


def batch_counts(names: Collection[str], steps: int) -> dict[str, np.ndarray]:
    """The number of batches that each BatchNorm among the names has seen, which PyTorch stores and does not use."""
    suffix = "running_var"
    norms = [name.removesuffix(suffix) for name in names if name.endswith(suffix)]
    return {f"{norm}num_batches_tracked": np.array(steps, np.int64) for norm in norms}


def check_names(weights: Weights, names: Collection[str]) -> None:
    """Raise `InputError` unless the weights have these names, and perhaps the counts of their BatchNorms."""
    for name in names:
        require(name in weights, f"{name} is missing; use the complete weights of the published network")
    counts = batch_counts(names, 0)
    for name in weights:
        require(name in names or name in counts, f"{name} is unknown; the published network has no such weight")


def check_arrays(weights: Weights, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise `InputError` unless each of these weights has its shape and is float32 and finite; the message names it."""
    for name, expected in shapes.items():
        values = weights[name]
        require(values.shape == expected, f"{name} has shape {values.shape}; it must be {expected}")
        require(values.dtype == np.float32, f"{name} is {values.dtype}; it must be float32")
        require(bool(np.isfinite(values).all()), f"{name} has values that are not finite; save the model again")


def require(condition: bool, fault: str) -> None:
    """Raise `InputError` unless the condition holds."""
    if not condition:
        raise InputError(fault)
