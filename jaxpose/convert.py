"""Weights of the published PyTorch code: `python -m jaxpose.convert FILE.bin --out RUN`, and `RUN --out FILE.bin`.

A file becomes a run that `jaxpose.evaluate` takes; a run becomes a file that the published code takes. The shapes of
the weights tell the architecture, all but one thing: of a causal model one must say so. Only reading and writing the
files takes PyTorch, and reading never runs what a file contains.
"""

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro

from jaxpose import checkpoint, loop, prepared
from jaxpose.config import Config
from jaxpose.dataset import Description, Frames
from jaxpose.errors import InputError, reported
from jaxpose.files import write_whole
from jaxpose.runs import read_log, read_settings, refuse_occupied, write_settings
from jaxpose.skeleton import H36M_17
from jaxpose.sources import SYNTHETIC

Variables = dict[str, dict[str, dict[str, np.ndarray]]]
"""What `TemporalModel.apply` takes: `params` and `batch_stats`, by layer and leaf."""


@dataclasses.dataclass(frozen=True)
class Command:
    """What the command line says."""

    source: tyro.conf.Positional[Path]
    """A file of the published code to import, or a run's folder to export."""
    out: Path
    """The run's folder, or the file, to make."""
    causal: bool = False
    """Import: the model predicts from past frames only."""
    dense: bool | None = None
    """Import: wide filters in place of dilated ones; without it, as the filter widths suggest."""
    data: str = SYNTHETIC
    """Import: the prepared data set whose joints the weights are for; without it, those of Human3.6M."""


class Shapes(NamedTuple):
    """What the shapes of the weights say."""

    kernels: tuple[int, ...]  # width of each filter over time, as it is stored
    channels: int  # C
    features: int  # numbers per input frame, K_2d · D
    joints: int  # J


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    with reported():
        command = tyro.cli(Command, args=arguments, prog="python -m jaxpose.convert", description=__doc__)
        if not command.source.is_dir():
            config = import_run(
                command.source, command.out, causal=command.causal, dense=command.dense, data=command.data
            )
            widths, look = ",".join(map(str, config.filter_widths)), "causal" if config.causal else "symmetric"
            form = "dense" if config.dense else "dilated"
            print(f"Filter widths {widths}, {form}, {look}; {config.channels} channels. The run is in {command.out}")
        elif (command.causal, command.dense, command.data) != (False, None, SYNTHETIC):
            raise InputError(f"{command.source} is a run, which says itself what it is; leave out all but --out")
        else:
            export_run(command.source, command.out)
            print(f"The weights are in {command.out}")


def import_run(
    file: Path, run: Path, *, causal: bool = False, dense: bool | None = None, data: str = SYNTHETIC
) -> Config:
    """Make a run of a file of the published code; its optimiser starts anew.

    Args:
      file: as the published code saves it, or a `state_dict` alone.
      run: the folder to make.
      causal: the model predicts from past frames only.
      dense: wide filters in place of dilated ones; None if the filter widths are to tell.
      data: a prepared data set of the same skeleton and keypoints; "synthetic" has those of Human3.6M.

    Returns:
      The settings of the run.

    Raises:
      InputError: the file cannot be read or is of another network, does not fit the data, or the folder holds
        something.
    """
    refuse_occupied(run)
    weights = read_weights(file)
    try:
        variables, shapes = params_from_torch(weights), shapes_of(weights)
        widths, dense = filter_widths(shapes.kernels, dense)
        config = Config(data=data, filter_widths=widths, channels=shapes.channels, causal=causal, dense=dense)
        description = _description(file.name, shapes, data)
        steps = int(weights.get("expand_bn.num_batches_tracked", 0))
        _require(0 <= steps < 2**31, f"expand_bn.num_batches_tracked is {steps}; it must be a number of steps")
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    state = initial_state(config, description)
    opt_state = _scheduled_from(state.opt_state, jnp.int32(steps))
    write_settings(run, config, description)
    with checkpoint.open_checkpoints(run) as checkpoints:
        checkpoint.save(checkpoints, steps, state.replace(step=jnp.int32(steps), opt_state=opt_state, **variables))
    return config


def export_run(run: Path, file: Path) -> None:
    """Write the last checkpoint of a run as the published code saves it, without the state of the optimiser.

    Args:
      run: the run's folder.
      file: to make; there must be none.

    Raises:
      InputError: there is no such run, or the file cannot be made.
    """
    torch = _torch()
    if file.exists():
        raise InputError(f"{file} already exists; name another file with --out")
    if not file.parent.is_dir():
        raise InputError(f"{file} cannot be made: there is no folder {file.parent}; make it, or choose another --out")
    config, description = read_settings(run)
    state = checkpoint.load(run, initial_state(config, description))
    weights = torch_from_params(state.variables, steps=int(state.step))
    log = read_log(run)
    epoch = int(log[-1]["epoch"]) if log else config.epochs
    content = {
        "epoch": epoch,
        "lr": config.learning_rate * config.learning_rate_decay**epoch,
        "random_state": None,
        "optimizer": None,
        "model_pos": {name: torch.from_numpy(values) for name, values in weights.items()},
    }
    write_whole(file, lambda temporary: torch.save(content, temporary))


def params_from_torch(weights: Mapping[str, np.ndarray]) -> Variables:
    """The published network's weights as those of `TemporalModel`; exact.

    Args:
      weights: its `state_dict`, as arrays.

    Returns:
      `params` and `batch_stats`, float32.

    Raises:
      InputError: a weight is missing, unknown, of another shape or type, or not finite; says which.
    """
    shapes_of(weights)
    variables: Variables = {"params": {}, "batch_stats": {}}
    for name, (collection, layer, leaf) in _correspondence(_blocks(weights)).items():
        values = np.asarray(weights[name])
        if leaf == "kernel":
            values = values.transpose(2, 1, 0)  # (out, in, width) to (width, in, out)
            values = values if layer.startswith(("expand", "dilated")) else values[0]
        variables[collection].setdefault(layer, {})[leaf] = np.array(values, order="C")
    return variables


def torch_from_params(variables: Mapping[str, Any], *, steps: int = 0) -> dict[str, np.ndarray]:
    """The inverse of `params_from_torch`.

    Args:
      variables: `params` and `batch_stats` of a `TemporalModel`.
      steps: how many batches the norms have seen; PyTorch counts them and uses the count for nothing.

    Returns:
      The `state_dict` of the published network, as arrays.
    """
    blocks = sum(layer.startswith("pointwise_") for layer in variables["params"]) // 2
    weights = {}
    for name, (collection, layer, leaf) in _correspondence(blocks).items():
        values = np.asarray(variables[collection][layer][leaf])
        if leaf == "kernel":
            values = (values if values.ndim == 3 else values[None]).transpose(2, 1, 0)
        weights[name] = np.array(values, order="C")
        if leaf == "var":
            weights[name.replace("running_var", "num_batches_tracked")] = np.array(steps, np.int64)
    return weights


def shapes_of(weights: Mapping[str, np.ndarray]) -> Shapes:
    """What the weights' shapes say, once all of them have been checked.

    Raises:
      InputError: see `params_from_torch`.
    """
    names = _correspondence(_blocks(weights))
    for name in names:
        _require(name in weights, f"{name} is missing; the weights of the published network are needed, whole")
    for name in weights:
        known = name in names or name.replace("num_batches_tracked", "running_var") in names
        _require(known, f"{name} is unknown; the published network has no such weight")
    for name in ("expand_conv.weight", "shrink.weight"):
        _require(weights[name].ndim == 3, f"{name} has shape {weights[name].shape}; it must have three axes")
    (channels, features, _), outputs = weights["expand_conv.weight"].shape, weights["shrink.weight"].shape[0]
    _require(outputs % 3 == 0, f"shrink.weight gives {outputs} numbers; it must give three for each joint")
    for name in names:
        width = weights[name].shape[-1] if weights[name].ndim else 1
        expected = _shape(name, width, channels=channels, features=features, outputs=outputs)
        _require(weights[name].shape == expected, f"{name} has shape {weights[name].shape}; it must be {expected}")
        _require(weights[name].ndim < 3 or width % 2 == 1, f"{name} is {width} frames wide; filter widths must be odd")
        _require(weights[name].dtype == np.float32, f"{name} is {weights[name].dtype}; it must be float32")
        _require(bool(np.isfinite(weights[name]).all()), f"{name} holds values that are not finite; save it again")
    over_time = ("expand_conv.weight", *(f"layers_conv.{2 * block}.weight" for block in range(_blocks(weights))))
    return Shapes(tuple(weights[name].shape[-1] for name in over_time), channels, features, outputs // 3)


def filter_widths(kernels: Sequence[int], dense: bool | None = None) -> tuple[tuple[int, ...], bool]:
    """The filter widths of the architecture, and whether it is the dense one.

    A dense filter spans what the dilated filter of width w with dilation d does, (w - 1) · d + 1 frames. Kernels of
    3, 7, 19 frames are taken for dense filters of widths 3, 3, 3, not for dilated ones of 399 frames together.

    Args:
      kernels: width of each filter as it is stored.
      dense: what is known; None if the kernels are to tell.

    Returns:
      The widths, whose product is the receptive field; dense or not.

    Raises:
      InputError: `dense` was asked for, and no dense model has such kernels.
    """
    widths: list[int] = []
    for kernel in kernels:
        width, rest = divmod(kernel - 1, math.prod(widths))
        if rest or width % 2:
            _require(
                not dense, f"no dense model has filters of {', '.join(map(str, kernels))} frames; leave out --dense"
            )
            return tuple(kernels), False
        widths.append(width + 1)
    if dense is None:
        dense = tuple(widths) != tuple(kernels)
    return (tuple(widths) if dense else tuple(kernels)), dense


def read_weights(file: Path) -> dict[str, np.ndarray]:
    """The `state_dict` of the pose model in a file of the published code, or of a file that holds nothing else.

    PyTorch's weights-only unpickler makes tensors, dicts, lists, strings and numbers and refuses everything else.
    The published files hold the state of NumPy's random generator too: what it names is replaced by `_Ignored`.

    Args:
      file: as `torch.save` writes it.

    Returns:
      Arrays by name.

    Raises:
      InputError: no such file, not PyTorch's, or it holds what is refused; or PyTorch is not installed.
    """
    if not file.is_file():
        raise InputError(f"{file}: no such file")
    torch = _torch()
    try:
        with torch.serialization.safe_globals([(_Ignored, name) for name in _RANDOM_STATE]):
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # crafted or damaged bytes can make torch raise anything
        refused = re.search(r"GLOBAL (\S+)", str(error))
        fault = f"it names {refused[1]}, which is refused" if refused else f"{type(error).__name__}: {error}"[:200]
        raise InputError(f"{file}: not weights as PyTorch saves them ({fault}); copy or download it again") from error
    weights = content.get("model_pos", content) if isinstance(content, dict) else content
    if not isinstance(weights, dict):
        raise InputError(f"{file}: holds no state_dict, nor one under 'model_pos'; save it with the published code")
    for name, values in weights.items():
        kind = getattr(values, "dtype", type(values).__name__)
        if kind not in (torch.float32, torch.int64) or values.layout != torch.strided:
            raise InputError(f"{file}: {name} is {kind}; it must be a plain tensor of float32")
    return {str(name): values.detach().numpy() for name, values in weights.items()}


def initial_state(config: Config, description: Description) -> loop.State:
    """The state that a new run with these settings, on such data, begins with."""
    keypoints = jnp.zeros((1, description.layout.num_joints, description.channels))
    poses, index = jnp.zeros((1, description.skeleton.num_joints, 3)), jnp.zeros(1, jnp.int32)
    data = Frames(keypoints, poses, index, index, index)
    return loop.init(loop.build_recipe(config, description, 1), data, config.seed)


class _Ignored:
    """What stands in, while a file is read, for whatever its random generator's state names: it does nothing."""

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
"""All that pickles of a `numpy.random.RandomState`, and of numpy's numbers, name."""


def _torch() -> ModuleType:
    """PyTorch, which jaxpose does not depend on."""
    try:
        import torch
    except ImportError:
        raise InputError("files of the published code take PyTorch; pip install 'jaxpose[torch]'") from None
    return torch


def _blocks(weights: Mapping[str, np.ndarray]) -> int:
    """How many residual blocks the highest numbered layer belongs to."""
    numbers = [int(found[1]) for name in weights if (found := re.fullmatch(r"layers_conv\.(\d{1,3})\.weight", name))]
    return (max(numbers, default=-1) + 2) // 2


def _correspondence(blocks: int) -> dict[str, tuple[str, str, str]]:
    """Where among our variables (collection, layer, leaf) each weight of the published network is."""
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


def _shape(name: str, width: int, *, channels: int, features: int, outputs: int) -> tuple[int, ...]:
    """The shape that a weight must have; `width` is that of a filter over time."""
    match re.split(r"\.", name):
        case ["expand_conv", _]:
            return (channels, features, width)
        case ["layers_conv", number, _]:
            return (channels, channels, 1 if int(number) % 2 else width)
        case ["shrink", leaf]:
            return (outputs, channels, 1) if leaf == "weight" else (outputs,)
        case _:
            return (channels,)


def _description(title: str, shapes: Shapes, data: str) -> Description:
    """The skeleton and the keypoints that the weights are for; raises `InputError` if they do not fit the data."""
    if data == SYNTHETIC:
        description = Description(title, False, H36M_17, H36M_17, shapes.features // H36M_17.num_joints, ())
    else:
        description = prepared.describe(Path(data))
    skeleton, layout, channels = description.skeleton, description.layout, description.channels
    joints = f"skeleton {skeleton.name} has {skeleton.num_joints}"
    keypoints = (
        f"layout {layout.name} has {layout.num_joints} keypoints of {channels if data != SYNTHETIC else '2 or 3'}"
    )
    remedy = "name the prepared data set that the weights are for with --data"
    fits = shapes.joints == skeleton.num_joints
    _require(fits, f"shrink.weight is for {shapes.joints} joints, but {joints}; {remedy}")
    fits = channels in (2, 3) and shapes.features == layout.num_joints * channels
    _require(fits, f"expand_conv.weight takes {shapes.features} numbers a frame, but {keypoints}; {remedy}")
    return description


def _scheduled_from(opt_state: optax.OptState, step: jnp.ndarray) -> optax.OptState:
    """The state of an optimiser whose learning rate goes on from a step; its moments are as they were."""
    return jax.tree.map(
        lambda part: part._replace(count=step) if isinstance(part, optax.ScaleByScheduleState) else part,
        opt_state,
        is_leaf=lambda part: isinstance(part, optax.ScaleByScheduleState),
    )


def _require(truth: bool, fault: str) -> None:
    """Raise `InputError` unless something holds."""
    if not truth:
        raise InputError(fault)


if __name__ == "__main__":
    main()
