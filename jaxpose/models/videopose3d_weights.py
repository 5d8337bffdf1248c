"""Conversion of weights between VideoPose3D's PyTorch code and `TemporalModel`."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxpose.models.configs import TemporalConfig
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


def read(weights: Weights, *, causal: bool = False, dense: bool | None = None) -> Imported:
    """Convert weights of the published network to settings and variables of `TemporalModel`, exactly.

    Args:
      weights: the `state_dict`, as arrays.
      causal: the model predicts from past frames only.
      dense: wide filters in place of dilated ones; None to infer it from the widths of the filters.

    Raises:
      InputError: a weight is missing, unknown, of another shape or type, or not finite; the message names it. Or
        `dense` is true, and no dense model has these filters.
    """
    variables = params_from_torch(weights)
    kernels = [layer["kernel"] for layer in variables["params"].values() if "kernel" in layer]
    (_, inputs, channels), outputs = kernels[0].shape, kernels[-1].shape[1]
    widths, dense = filter_widths([kernel.shape[0] for kernel in kernels if kernel.ndim == 3], dense)
    model = TemporalConfig(filter_widths=widths, channels=channels, causal=causal, dense=dense)
    return Imported(model, variables, inputs, outputs // 3)


def params_from_torch(weights: Weights) -> Variables:
    """Convert weights of the published network to variables of `TemporalModel`, exactly.

    Args:
      weights: the `state_dict`, as arrays.

    Returns:
      `params` and `batch_stats`, float32.

    Raises:
      InputError: a weight is missing, unknown, of another shape or type, or not finite; the message names it.
    """
    variables: Variables = {"params": {}, "batch_stats": {}}
    for name, (collection, layer, leaf) in _checked_names(weights).items():
        values = np.asarray(weights[name])
        if leaf == "kernel":
            values = values.transpose(2, 1, 0)  # (out, in, width) to (width, in, out)
            values = values if _has_time_axis(layer) else values[0]
        variables[collection].setdefault(layer, {})[leaf] = np.array(values, order="C")
    return variables


def torch_from_params(variables: Mapping[str, Any], *, steps: int = 0) -> dict[str, np.ndarray]:
    """Convert variables of `TemporalModel` to weights of the published network: the inverse of `params_from_torch`.

    Args:
      variables: `params` and `batch_stats` of a `TemporalModel`.
      steps: number of batches that the norms have seen, a count that PyTorch stores and does not use.

    Returns:
      The `state_dict` of the published network, as arrays.
    """
    blocks = sum(layer.startswith("pointwise_") for layer in variables["params"]) // 2
    weights = {}
    for name, (collection, layer, leaf) in _names(blocks).items():
        values = np.asarray(variables[collection][layer][leaf])
        if leaf == "kernel":
            values = (values if values.ndim == 3 else values[None]).transpose(2, 1, 0)
        weights[name] = np.array(values, order="C")
    return weights | batch_counts(weights, steps)


def write(variables: Mapping[str, Any], model: Any, steps: int) -> dict[str, np.ndarray]:
    """Convert variables of a run to weights of the published network; see `torch_from_params`.

    Raises:
      InputError: the network aims the camera at the person, which the published one does not.
    """
    require(not model.aim, "VideoPose3D has no network that aims the camera at the person (--aim)")
    return torch_from_params(variables, steps=steps)


def filter_widths(kernels: Sequence[int], dense: bool | None = None) -> tuple[tuple[int, ...], bool]:
    """Filter widths of an architecture, and dense or not, from the widths of its stored kernels.

    A dense filter covers the frames of a dilated filter of width w and dilation d, (w - 1) · d + 1. Kernels of 3, 7, 19
    frames are read as dense filters of widths 3, 3, 3, not as dilated ones with a receptive field of 399 frames.

    Args:
      kernels: width of each stored kernel.
      dense: dense or not, if known; None to infer it.

    Returns:
      The widths, whose product is the receptive field; dense or not.

    Raises:
      InputError: `dense` is true, and no dense model has these kernels.
    """
    widths: list[int] = []
    for kernel in kernels:
        width, rest = divmod(kernel - 1, math.prod(widths))
        if rest or width % 2:
            filters = ", ".join(map(str, kernels))
            require(not dense, f"no dense model has filters of {filters} frames; remove --dense")
            return tuple(kernels), False
        widths.append(width + 1)
    if dense is None:
        dense = widths != list(kernels)
    return tuple(widths if dense else kernels), dense


def _checked_names(weights: Weights) -> dict[str, Place]:
    """`_names` for a complete `state_dict`, after a check of its weights; raises like `params_from_torch`."""
    convolutions = sum(bool(re.fullmatch(r"layers_conv\.\d+\.weight", name)) for name in weights)
    names = _names((convolutions + 1) // 2)
    check_names(weights, names)
    for name in ("expand_conv.weight", "shrink.weight"):
        require(weights[name].ndim == 3, f"{name} has shape {weights[name].shape}; it must have three axes")
    (channels, features, _), outputs = weights["expand_conv.weight"].shape, weights["shrink.weight"].shape[0]
    require(outputs % 3 == 0, f"shrink.weight has {outputs} outputs; it must have three for each joint")
    shapes = {}
    for name, (_, layer, leaf) in names.items():
        shapes[name] = (outputs,) if layer == "shrink" else (channels,)
        if leaf == "kernel":
            width = weights[name].shape[-1:] if _has_time_axis(layer) else (1,)
            for frames in width:
                require(frames % 2 == 1, f"{name} is {frames} frames wide; filter widths must be odd")
            shapes[name] += (features if layer == "expand" else channels, *width)
    check_arrays(weights, shapes)
    return names


def _has_time_axis(layer: str) -> bool:
    """True if the kernel of a layer of `TemporalModel` has an axis of time."""
    return layer.startswith(("expand", "dilated"))


def _names(blocks: int) -> dict[str, Place]:
    """Names of the published weights, each with its collection, layer and leaf in `TemporalModel`."""
    layers = [("expand_conv", "expand_bn", "expand{}")]
    for block in range(1, blocks + 1):
        for number, layer in ((2 * block - 2, f"dilated{{}}_{block}"), (2 * block - 1, f"pointwise{{}}_{block}")):
            layers.append((f"layers_conv.{number}", f"layers_bn.{number}", layer))
    names: dict[str, Place] = {}
    for conv, norm, layer in layers:
        names[f"{conv}.weight"] = ("params", layer.format(""), "kernel")
        names |= batch_norm_places(norm, layer.format("_norm"))
    return names | {"shrink.weight": ("params", "shrink", "kernel"), "shrink.bias": ("params", "shrink", "bias")}


PUBLISHED = PublishedNetwork(
    title="VideoPose3D",
    signature="expand_conv.weight",
    key="model_pos",
    preset="baseline",
    options=("causal", "dense"),
    read=read,
    write=write,
)
