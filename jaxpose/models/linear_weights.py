"""Conversion of weights between SemGCN's PyTorch version of the network of Martinez et al. and `LinearModel`.

That version has no max-norm and takes and gives plain coordinates, the root's too. A network with max-norm, z-scores
and a root at zero is written as the plain one with the same predictions: all three are linear maps, which are
multiplied into the first and the last layer.

Source: the code published with Zhao et al., "Semantic graph convolutional networks for 3D human pose regression",
CVPR 2019.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxpose.models.configs import LinearConfig
from jaxpose.models.published import (
    Imported,
    Place,
    PublishedNetwork,
    Variables,
    Weights,
    batch_counts,
    batch_norm_places,
    check_arrays,
    check_names,
    require,
)

_EPSILON, _MOMENTUM = 1e-5, 0.1
"""PyTorch's defaults for BatchNorm."""


def read(weights: Weights) -> Imported:
    """Convert weights of the published network to settings and variables of `LinearModel`, exactly.

    Args:
      weights: the `state_dict`, as arrays.

    Raises:
      InputError: a weight is missing, unknown, of another shape or type, or not finite; the message names it.
    """
    blocks = len({match[1] for name in weights if (match := re.match(r"linear_stages\.(\d+)\.", name))})
    names = _names(blocks)
    check_names(weights, names)
    for name in ("w1.weight", "w2.weight"):
        require(weights[name].ndim == 2, f"{name} has shape {weights[name].shape}; it must have two axes")
    (channels, inputs), outputs = weights["w1.weight"].shape, len(weights["w2.weight"])
    require(outputs % 3 == 0, f"w2.weight has {outputs} outputs; it must have three for each joint")
    shapes = {}
    for name, (_, layer, leaf) in names.items():
        width = outputs if layer == "output" else channels
        shapes[name] = (width, inputs if layer == "input" else channels) if leaf == "kernel" else (width,)
    check_arrays(weights, shapes)
    variables: Variables = {"params": {}, "batch_stats": {}}
    for name, (collection, layer, leaf) in names.items():
        variables[collection].setdefault(layer, {})[leaf] = np.array(weights[name].T, order="C")
    model = LinearConfig(
        channels=channels, blocks=blocks, max_norm=None, root="predicted", epsilon=_EPSILON, momentum=_MOMENTUM
    )
    return Imported(model, variables, inputs, outputs // 3)


def write(variables: Mapping[str, Any], model: LinearConfig, steps: int = 0) -> dict[str, np.ndarray]:
    """Convert variables of `LinearModel` to weights of the published network, with the same predictions.

    Exact for a network that `read` made; otherwise computed in float64 and rounded once.

    Args:
      variables: of the network.
      model: its settings.
      steps: number of batches that the norms have seen.

    Returns:
      The `state_dict` of the published network, as arrays.
    """
    arrays = {}
    for name, (collection, layer, leaf) in _names(model.blocks).items():
        values = np.asarray(variables[collection][layer][leaf], np.float64)
        if leaf == "kernel":
            values = _limited(values, model.max_norm).T
        elif leaf == "var":  # PyTorch adds its own epsilon to it
            values = values + (model.epsilon - _EPSILON)
        arrays[name] = values
    normalization = {name: np.asarray(values, np.float64) for name, values in variables["normalization"].items()}
    arrays = _without_z_scores(arrays, **normalization)
    return {name: np.array(values, np.float32, order="C") for name, values in arrays.items()} | batch_counts(
        arrays, steps
    )


def _limited(kernel: np.ndarray, largest: float | None) -> np.ndarray:
    """The matrix that the network multiplies by: `linear.limit_norm` in float64."""
    return kernel if largest is None else kernel * (largest / max(np.sqrt(np.sum(kernel**2)), largest))


def _without_z_scores(
    arrays: dict[str, np.ndarray],
    keypoints_mean: np.ndarray,
    keypoints_deviation: np.ndarray,
    poses_mean: np.ndarray,
    poses_deviation: np.ndarray,
) -> dict[str, np.ndarray]:
    """Multiply the z-scores into the first and last layer, and give the root outputs if it has none."""
    deviation = keypoints_deviation.ravel()
    constant = deviation == 0  # the network does not see these coordinates
    first = np.where(constant, 0, arrays["w1.weight"] / np.where(constant, 1, deviation))
    missing = poses_deviation.size - len(arrays["w2.bias"])
    last = np.pad(arrays["w2.weight"].T, ((0, 0), (missing, 0)))
    bias = np.pad(arrays["w2.bias"], (missing, 0))
    return arrays | {
        "w1.weight": first,
        "w1.bias": arrays["w1.bias"] - first @ keypoints_mean.ravel(),
        "w2.weight": (last * poses_deviation.ravel()).T,
        "w2.bias": bias * poses_deviation.ravel() + poses_mean.ravel(),
    }


def _names(blocks: int) -> dict[str, Place]:
    """Names of the published weights, and their places among the variables of `LinearModel`."""
    layers = [("w1", "batch_norm1", "input")]
    for block in range(blocks):
        for number, layer in ((1, "first"), (2, "second")):
            stage = f"linear_stages.{block}"
            layers.append((f"{stage}.w{number}", f"{stage}.batch_norm{number}", f"{layer}_{block + 1}"))
    names: dict[str, Place] = {}
    for linear, norm, layer in [*layers, ("w2", None, "output")]:
        names |= {f"{linear}.weight": ("params", layer, "kernel"), f"{linear}.bias": ("params", layer, "bias")}
        names |= batch_norm_places(norm, f"{layer}_norm") if norm else {}
    return names


PUBLISHED = PublishedNetwork(
    title="the network of Martinez et al. by SemGCN's code",
    signature="linear_stages.0.w1.weight",
    key="state_dict",
    preset="linear",
    options=(),
    read=read,
    write=write,
)
