"""Conversion of weights between VideoPose3D's PyTorch files and `TemporalModel`.

Only reading and writing the files needs PyTorch. Reading a file never runs code from it.
"""

import io
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from jaxpose.files.atomic import atomic_write
from jaxpose.runtime.errors import InputError

Variables = dict[str, dict[str, dict[str, np.ndarray]]]
"""Variables of a `TemporalModel`: `params` and `batch_stats`, by layer and leaf."""


def read_weights(file: Path) -> dict[str, np.ndarray]:
    """Read the pose model's `state_dict` from a file of the published code, or from a file that is a `state_dict`.

    PyTorch's weights-only unpickler creates tensors, dicts, lists, strings and numbers and refuses everything else. The
    published files also contain the state of NumPy's random generator: its types are replaced by `_Ignored`.

    Args:
      file: written by `torch.save`.

    Returns:
      Arrays by name.

    Raises:
      InputError: the file does not exist, is not PyTorch's, contains a type that is refused or no `state_dict`, or
        PyTorch is not installed.
    """
    if not os.path.isfile(file):
        raise InputError(f"{file}: no such file")
    torch = _torch()
    try:
        with torch.serialization.safe_globals([(_Ignored, name) for name in _RANDOM_STATE]):
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # crafted or damaged bytes can make torch raise anything
        refused = re.search(r"GLOBAL (\S+)", str(error))
        fault = f"it contains {refused[1]}, which is refused" if refused else f"{type(error).__name__}: {error}"[:200]
        raise InputError(f"{file}: not a PyTorch file of weights ({fault}); copy or download it again") from error
    weights = content.get("model_pos", content) if isinstance(content, dict) else content
    if not isinstance(weights, dict):
        raise InputError(f"{file}: no state_dict, neither at its top nor under 'model_pos'; save model.state_dict()")
    for name, values in weights.items():
        kind = getattr(values, "dtype", type(values).__name__)
        if kind not in (torch.float32, torch.int64) or values.layout != torch.strided:
            raise InputError(f"{file}: {name} is {kind}; it must be a dense float32 tensor")
    return {str(name): values.detach().numpy() for name, values in weights.items()}


def write_weights(file: Path, weights: Mapping[str, np.ndarray], *, epoch: int, learning_rate: float) -> None:
    """Write a checkpoint file of the published code, without the states of the optimiser and the random generator.

    Args:
      file: the new file; it must not exist.
      weights: the `state_dict`, as arrays.
      epoch: epoch of the weights.
      learning_rate: in that epoch.

    Raises:
      InputError: the file exists or cannot be written, or PyTorch is not installed.
    """
    torch = _torch()
    if os.path.exists(file):
        raise InputError(f"{file} already exists; name another file with --out")
    tensors = {name: torch.from_numpy(values) for name, values in weights.items()}
    content = {"epoch": epoch, "lr": learning_rate, "random_state": None, "optimizer": None, "model_pos": tensors}
    buffer = io.BytesIO()  # torch's own error message for a full disk does not mention the disk
    torch.save(content, buffer)
    atomic_write(file, lambda temporary: temporary.write_bytes(buffer.getbuffer()))


def params_from_torch(weights: Mapping[str, np.ndarray]) -> Variables:
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
        if leaf == "var":
            weights[name.replace("running_var", "num_batches_tracked")] = np.array(steps, np.int64)
    return weights


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
            _require(not dense, f"no dense model has filters of {filters} frames; remove --dense")
            return tuple(kernels), False
        widths.append(width + 1)
    if dense is None:
        dense = widths != list(kernels)
    return tuple(widths if dense else kernels), dense


class _Ignored:
    """Inert substitute for the types of a random generator's state while a file is read."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


_RANDOM_STATE = (
    "numpy.dtype",
    "numpy.ndarray",
    "numpy.random.__RandomState_ctor",  # NumPy before 1.17
    "numpy.random._pickle.__randomstate_ctor",
    "numpy.random._pickle.__bit_generator_ctor",
    "numpy.random._mt19937.MT19937",
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
)
"""All types and functions in pickles of a `numpy.random.RandomState` and of NumPy's numbers."""


def _torch() -> ModuleType:
    """Import PyTorch, an optional dependency."""
    try:
        import torch
    except ImportError:
        raise InputError("PyTorch files need PyTorch; pip install 'jaxpose[torch]'") from None
    return torch


def _checked_names(weights: Mapping[str, np.ndarray]) -> dict[str, tuple[str, str, str]]:
    """`_names` for a complete `state_dict`, after a check of its weights; raises like `params_from_torch`."""
    convolutions = sum(bool(re.fullmatch(r"layers_conv\.\d+\.weight", name)) for name in weights)
    names = _names((convolutions + 1) // 2)
    for name in names:
        _require(name in weights, f"{name} is missing; use the complete weights of the published network")
    for name in weights:
        known = name in names or name.replace("num_batches_tracked", "running_var") in names
        _require(known, f"{name} is unknown; the published network has no such weight")
    for name in ("expand_conv.weight", "shrink.weight"):
        _require(weights[name].ndim == 3, f"{name} has shape {weights[name].shape}; it must have three axes")
    (channels, features, _), outputs = weights["expand_conv.weight"].shape, weights["shrink.weight"].shape[0]
    _require(outputs % 3 == 0, f"shrink.weight has {outputs} outputs; it must have three for each joint")
    for name, (_, layer, leaf) in names.items():
        values, expected = weights[name], (outputs,) if layer == "shrink" else (channels,)
        if leaf == "kernel":
            width = values.shape[-1:] if _has_time_axis(layer) else (1,)
            expected += (features if layer == "expand" else channels, *width)
        _require(values.shape == expected, f"{name} has shape {values.shape}; it must be {expected}")
        odd = leaf != "kernel" or values.shape[2] % 2 == 1
        _require(odd, f"{name} is {values.shape[-1]} frames wide; filter widths must be odd")
        _require(values.dtype == np.float32, f"{name} is {values.dtype}; it must be float32")
        _require(bool(np.isfinite(values).all()), f"{name} has values that are not finite; save the model again")
    return names


def _has_time_axis(layer: str) -> bool:
    """True if the kernel of a layer of `TemporalModel` has an axis of time."""
    return layer.startswith(("expand", "dilated"))


def _names(blocks: int) -> dict[str, tuple[str, str, str]]:
    """Names of the published weights, each with its collection, layer and leaf in `TemporalModel`."""
    layers = [("expand_conv", "expand_bn", "expand{}")]
    for block in range(1, blocks + 1):
        for number, layer in ((2 * block - 2, f"dilated{{}}_{block}"), (2 * block - 1, f"pointwise{{}}_{block}")):
            layers.append((f"layers_conv.{number}", f"layers_bn.{number}", layer))
    names = {}
    for conv, norm, layer in layers:
        names[f"{conv}.weight"] = ("params", layer.format(""), "kernel")
        names[f"{norm}.weight"] = ("params", layer.format("_norm"), "scale")
        names[f"{norm}.bias"] = ("params", layer.format("_norm"), "bias")
        names[f"{norm}.running_mean"] = ("batch_stats", layer.format("_norm"), "mean")
        names[f"{norm}.running_var"] = ("batch_stats", layer.format("_norm"), "var")
    return names | {"shrink.weight": ("params", "shrink", "kernel"), "shrink.bias": ("params", "shrink", "bias")}


def _require(condition: bool, fault: str) -> None:
    """Raise `InputError` unless the condition holds."""
    if not condition:
        raise InputError(fault)
