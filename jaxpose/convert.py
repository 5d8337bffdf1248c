"""Weights of the published PyTorch code: `python -m jaxpose.convert FILE.bin --out RUN`, and `RUN --out FILE.bin`.

A file becomes a run that `jaxpose.evaluate` takes; a run becomes a file that the published code takes. The shapes of
the weights tell the architecture, all but one thing: of a causal model one must say so.
"""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import tyro

from jaxpose.data import store
from jaxpose.data.load import SYNTHETIC
from jaxpose.data.track import Description
from jaxpose.models import videopose3d_weights
from jaxpose.runs import checkpoint
from jaxpose.runs.folder import read_settings, refuse_occupied, write_settings
from jaxpose.runs.log import read_log
from jaxpose.runtime.errors import InputError, cli_errors
from jaxpose.skeleton import H36M_17
from jaxpose.training import loop, setup
from jaxpose.training.config import Config
from jaxpose.training.optimizer import amsgrad, learning_rate_schedule


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


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    with cli_errors():
        command = tyro.cli(Command, args=arguments, prog="python -m jaxpose.convert", description=__doc__)
        if not os.path.isdir(command.source):
            options = {"causal": command.causal, "dense": command.dense, "data": command.data}
            config = import_run(command.source, command.out, **options)
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
    weights = videopose3d_weights.read_weights(file)
    try:
        variables = videopose3d_weights.params_from_torch(weights)
        kernels = [layer["kernel"] for layer in variables["params"].values() if "kernel" in layer]
        (_, features, channels), outputs = kernels[0].shape, kernels[-1].shape[1]
        over_time = [kernel.shape[0] for kernel in kernels if kernel.ndim == 3]
        widths, dense = videopose3d_weights.filter_widths(over_time, dense)
        config = Config(data=data, filter_widths=widths, channels=channels, causal=causal, dense=dense)
        description = _description(file.name, features, outputs // 3, data)
        steps = int(weights.get("expand_bn.num_batches_tracked", 0))
        if not 0 <= steps < 2**31:
            raise InputError(f"expand_bn.num_batches_tracked is {steps}; it must be a number of steps")
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    state = _state(config, jax.tree.map(jnp.asarray, variables), jnp.int32(steps))
    write_settings(run, config, description)
    with checkpoint.open_checkpoints(run) as checkpoints:
        checkpoint.save(checkpoints, steps, state)
    return config


def export_run(run: Path, file: Path) -> None:
    """Write the last checkpoint of a run as the published code saves it.

    Args:
      run: the run's folder.
      file: to make; there must be none.

    Raises:
      InputError: there is no such run, or the file cannot be made.
    """
    config, description = read_settings(run)
    model = setup.build_model(config, description)
    shapes = setup.variable_shapes(model, description)
    state = checkpoint.load(run, {"step": jax.ShapeDtypeStruct((), jnp.int32), **shapes})
    weights, log = videopose3d_weights.torch_from_params(state, steps=int(state["step"])), read_log(run)
    epoch = int(log[-1].get("epoch", config.epochs)) if log else config.epochs
    learning_rate = config.learning_rate * config.learning_rate_decay**epoch
    videopose3d_weights.write_weights(file, weights, epoch=epoch, learning_rate=learning_rate)


def _description(title: str, features: int, joints: int, data: str) -> Description:
    """The skeleton and the keypoints that the weights are for; raises `InputError` if they do not fit the data."""
    if data == SYNTHETIC:
        channels = features // H36M_17.num_joints
        description = Description(title, False, H36M_17, H36M_17, channels, (), fps=50.0)  # Human3.6M's rate
    else:
        description = store.read_description(Path(data))
    skeleton, layout, channels = description.skeleton, description.layout, description.channels
    remedy = "name the prepared data set that the weights are for with --data"
    if joints != skeleton.num_joints:
        wanted = f"skeleton {skeleton.name} has {skeleton.num_joints}"
        raise InputError(f"shrink.weight is for {joints} joints, but {wanted}; {remedy}")
    if channels not in (2, 3) or features != layout.num_joints * channels:
        numbers = "2 or 3" if data == SYNTHETIC else channels
        wanted = f"layout {layout.name} has {layout.num_joints} keypoints of {numbers}"
        raise InputError(f"expand_conv.weight takes {features} numbers a frame, but {wanted}; {remedy}")
    return description


def _state(config: Config, variables: videopose3d_weights.Variables, step: jax.Array) -> loop.State:
    """A state from which training goes on: the learning rate as after `step` steps, no moments."""
    any_schedule = learning_rate_schedule(config.learning_rate, config.learning_rate_decay, 1)  # they all begin alike
    moments, schedule = amsgrad(any_schedule).init(variables["params"])
    opt_state = (moments, schedule._replace(count=step))
    return loop.State(step=step, **variables, opt_state=opt_state, key=jax.random.key(config.seed))


if __name__ == "__main__":
    main()
