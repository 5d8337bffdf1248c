"""Weights of the published VideoPose3D code, imported as a run, and the weights of a run exported for that code."""

from pathlib import Path

import jax
import jax.numpy as jnp

from jaxpose.data import store
from jaxpose.data.load import SYNTHETIC
from jaxpose.data.track import Description
from jaxpose.models import videopose3d_weights
from jaxpose.models.configs import TemporalConfig
from jaxpose.runs import checkpoint
from jaxpose.runs.folder import read_settings, refuse_occupied, write_settings
from jaxpose.runs.log import read_log
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17
from jaxpose.training import setup
from jaxpose.training.config import Config
from jaxpose.training.optimizer import amsgrad, staircase
from jaxpose.training.state import State, to_checkpoint


def import_run(
    file: Path, run: Path, *, causal: bool = False, dense: bool | None = None, data: str = SYNTHETIC
) -> Config:
    """Create a run from a file of the published code; its optimiser starts anew.

    Args:
      file: as the published code saves it, or a `state_dict` alone.
      run: the folder to create.
      causal: the model predicts from past frames only.
      dense: wide filters in place of dilated ones; None to guess from the filter widths.
      data: a prepared data set of the same skeleton and keypoints; "synthetic" has those of Human3.6M.

    Returns:
      The settings of the run.

    Raises:
      InputError: the file cannot be read, is of another network or does not fit the data, or the folder is not empty.
    """
    refuse_occupied(run)
    weights = videopose3d_weights.read_weights(file)
    try:
        variables = videopose3d_weights.params_from_torch(weights)
        kernels = [layer["kernel"] for layer in variables["params"].values() if "kernel" in layer]
        (_, features, channels), outputs = kernels[0].shape, kernels[-1].shape[1]
        over_time = [kernel.shape[0] for kernel in kernels if kernel.ndim == 3]
        widths, dense = videopose3d_weights.filter_widths(over_time, dense)
        model = TemporalConfig(filter_widths=widths, channels=channels, causal=causal, dense=dense)
        config = Config(data=data, model=model)
        description = _describe(file.name, features, outputs // 3, data)
        steps = int(weights.get("expand_bn.num_batches_tracked", 0))
        if not 0 <= steps < 2**31:
            raise InputError(f"expand_bn.num_batches_tracked is {steps}; it must be a number of steps")
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    state = _state(config, jax.tree.map(jnp.asarray, variables), jnp.int32(steps))
    write_settings(run, config, description)
    with checkpoint.open_checkpoints(run) as checkpoints:
        checkpoint.save(checkpoints, steps, to_checkpoint(state))
    return config


def export_run(run: Path, file: Path) -> None:
    """Write the last checkpoint of a run as the published code saves it.

    Args:
      run: the run's folder.
      file: to create; it must not exist.

    Raises:
      InputError: the folder is not a run of VideoPose3D's network, or the file exists or cannot be written.
    """
    config, description = read_settings(run)
    if not isinstance(config.model, TemporalConfig):
        raise InputError(
            f"{run} is of a {config.model.kind} network, and the published code has the {TemporalConfig.kind} one only"
            "; name a run of that"
        )
    shapes = setup.variable_shapes(setup.build_model(config, description), description)
    state = checkpoint.load(run, {"step": jax.ShapeDtypeStruct((), jnp.int32), **shapes})
    weights, log = videopose3d_weights.torch_from_params(state, steps=int(state["step"])), read_log(run)
    epoch = int(log[-1].get("epoch", config.epochs)) if log else config.epochs
    learning_rate = config.learning_rate * config.learning_rate_decay**epoch
    videopose3d_weights.write_weights(file, weights, epoch=epoch, learning_rate=learning_rate)


def _describe(title: str, features: int, joints: int, data: str) -> Description:
    """Describe the data that the weights are for.

    Args:
      title: of the description.
      features: numbers a frame that the weights take.
      joints: that they predict.
      data: a prepared data set of the same skeleton and keypoints, or "synthetic".

    Raises:
      InputError: the weights do not fit the data set.
    """
    if data == SYNTHETIC:
        channels = features // H36M_17.num_joints
        description = Description(title, False, H36M_17, H36M_17, channels, (), fps=50.0)  # Human3.6M's frame rate
    else:
        description = store.read_description(Path(data))
    skeleton, layout, channels = description.skeleton, description.layout, description.channels
    remedy = "name the prepared data set that the weights are for with --data"
    if joints != skeleton.num_joints:
        raise InputError(
            f"shrink.weight is for {joints} joints, but skeleton {skeleton.name} has {skeleton.num_joints}; {remedy}"
        )
    if channels not in (2, 3) or features != layout.num_joints * channels:
        numbers = "2 or 3" if data == SYNTHETIC else channels
        expected = f"layout {layout.name} has {layout.num_joints} keypoints of {numbers}"
        raise InputError(f"expand_conv.weight takes {features} numbers a frame, but {expected}; {remedy}")
    return description


def _state(config: Config, variables: videopose3d_weights.Variables, step: jax.Array) -> State:
    """Make a state from which training continues: the learning rate as after `step` steps, no moments."""
    any_schedule = staircase(config.learning_rate, config.learning_rate_decay, 1, config.epochs)  # they all begin alike
    moments, schedule = amsgrad(any_schedule).init(variables["params"])
    opt_state = (moments, schedule._replace(count=step))
    collections = {"batch_stats": variables["batch_stats"]}
    return State(step, variables["params"], collections, opt_state, jax.random.key(config.seed))
