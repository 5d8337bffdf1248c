"""Weights of published code, imported as a run, and the weights of a run exported for that code."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jaxpose.data import store
from jaxpose.data.load import SYNTHETIC
from jaxpose.data.track import Description
from jaxpose.files.state_dicts import read_state_dict, write_state_dict
from jaxpose.models import linear_weights, videopose3d_weights
from jaxpose.models.published import Imported, PublishedNetwork, Weights
from jaxpose.runs import Which, checkpoint
from jaxpose.runs.folder import refuse_occupied, write_settings
from jaxpose.runs.log import read_log
from jaxpose.runs.saved import load_saved, saved_settings
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_16, H36M_17
from jaxpose.training import setup
from jaxpose.training.config import PRESETS, Config
from jaxpose.training.optimizer import OPTIMIZERS, SCHEDULES
from jaxpose.training.state import State, to_checkpoint

PUBLISHED: dict[str, PublishedNetwork] = {
    "temporal": videopose3d_weights.PUBLISHED,
    "linear": linear_weights.PUBLISHED,
}
"""How the published code of each kind of network stores its weights; a plugin adds its own."""

_SKELETONS = {skeleton.num_joints: skeleton for skeleton in (H36M_17, H36M_16)}
"""Skeletons, and layouts of keypoints, that weights may be for if no data set is named, by their number of joints."""


def import_run(file: Path, run: Path, *, data: str = SYNTHETIC, **options: Any) -> Config:
    """Create a run from weights of published code; its optimiser starts anew.

    Args:
      file: as published code saves it, a `state_dict` alone, or an npz archive of one.
      run: the folder to create.
      data: a prepared data set of the same skeleton and keypoints; "synthetic" for joints of Human3.6M.
      **options: settings that the weights do not tell (`PublishedNetwork.options`).

    Returns:
      The settings of the run.

    Raises:
      InputError: the file cannot be read, is of no known network or does not fit the data, an option is of another
        network, or the folder is not empty.
    """
    refuse_occupied(run)
    weights = read_state_dict(file)
    try:
        network = _recognise(weights)
        for name in options:
            if name not in network.options:
                raise InputError(f"these are weights of {network.title}, which has no such setting; remove --{name}")
        imported = network.read(weights, **options)
        config = _config(network, imported, data)
        description = _describe(file.name, imported, data)
        steps = _steps(weights)
        state = _state(config, description, imported, steps)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    write_settings(run, config, description)
    with checkpoint.open_checkpoints(run) as checkpoints:
        checkpoint.save(checkpoints, steps, to_checkpoint(state))
    return config


def export_run(run: Path, file: Path, which: Which = "last") -> None:
    """Write a checkpoint of a run, or a lifter file, as the published code of its network saves it.

    Args:
      run: the run's folder, or the lifter file.
      file: to create; it must not exist.
      which: the last checkpoint, or the best.

    Raises:
      InputError: the folder is not a run, no published code of its network is known, or the file exists or cannot be
        written.
    """
    config, _ = saved_settings(run)
    kind = config.model.kind
    if kind not in PUBLISHED:
        raise InputError(
            f"{run} is of a {kind} network, and published code is known of the networks {', '.join(PUBLISHED)} only; "
            "name a run of one of these"
        )
    lifter = load_saved(run, which)
    weights = PUBLISHED[kind].write(lifter.variables, config.model, lifter.step)
    log = read_log(run) if run.is_dir() else []
    epoch = int(log[-1].get("epoch", config.epochs)) if log else config.epochs
    with jax.enable_x64(True):  # as exact as that of published files
        learning_rate = float(_schedule_by_epoch(config)(epoch))
    write_state_dict(file, weights, key=PUBLISHED[kind].key, epoch=epoch, learning_rate=learning_rate)


def _recognise(weights: Weights) -> PublishedNetwork:
    """Find the network of some weights by a name among them; raises `InputError` if there is none."""
    for network in PUBLISHED.values():
        if network.signature in weights:
            return network
    known = ", ".join(f"{network.title} ({network.signature})" for network in PUBLISHED.values())
    names = ", ".join(list(weights)[:3]) or "no names"
    raise InputError(f"weights of no known network, with {names}; known are {known}; --plugin FILE adds others")


def _config(network: PublishedNetwork, imported: Imported, data: str) -> Config:
    """Settings with which the training of imported weights would go on: those of the published recipe."""
    return dataclasses.replace(PRESETS[network.preset], data=data, model=imported.model)


def _describe(title: str, imported: Imported, data: str) -> Description:
    """Describe the data that the weights are for.

    Args:
      title: of the description.
      imported: the weights.
      data: a prepared data set of the same skeleton and keypoints, or "synthetic".

    Raises:
      InputError: the weights do not fit the data set.
    """
    inputs, joints, built_in = imported.inputs, imported.joints, data == SYNTHETIC
    remedy = "name the prepared data set that the weights are for with --data"
    if built_in:
        layouts = {channels * count: (layout, channels) for channels in (2, 3) for count, layout in _SKELETONS.items()}
        counts = " or ".join(map(str, _SKELETONS))
        if joints not in _SKELETONS:
            raise InputError(f"the weights predict {joints} joints, and not the {counts} of Human3.6M; {remedy}")
        if inputs not in layouts:
            expected = f"{counts} keypoints of Human3.6M have 2 or 3 each"
            raise InputError(f"the weights take {inputs} numbers a frame, but the {expected}; {remedy}")
        layout, channels = layouts[inputs]
        return Description(title, False, _SKELETONS[joints], layout, channels, (), fps=50.0)  # Human3.6M's frame rate
    description = store.read_description(Path(data))
    skeleton, layout, channels = description.skeleton, description.layout, description.channels
    if joints != skeleton.num_joints:
        raise InputError(
            f"the weights predict {joints} joints, but skeleton {skeleton.name} has {skeleton.num_joints}; {remedy}"
        )
    if inputs != layout.num_joints * channels:
        expected = f"layout {layout.name} has {layout.num_joints} keypoints of {channels}"
        raise InputError(f"the weights take {inputs} numbers a frame, but {expected}; {remedy}")
    return description


def _steps(weights: Weights) -> int:
    """Steps that the weights were trained for, as their BatchNorms count them; 0 if there are none."""
    name = next((name for name in weights if name.endswith(".num_batches_tracked")), None)
    steps = 0 if name is None else int(weights[name])
    if not 0 <= steps < 2**31:
        raise InputError(f"{name} is {steps}; it must be a number of steps")
    return steps


def _schedule_by_epoch(config: Config) -> Any:
    """The learning rate as a function of the epoch."""
    return SCHEDULES[config.schedule](config.learning_rate, config.learning_rate_decay, 1, config.epochs)


def _state(config: Config, description: Description, imported: Imported, steps: int) -> State:
    """Make a state from which training continues: the learning rate as after `steps` steps, no moments.

    Collections that the published network does not have are as initialised.
    """
    model, key = setup.build_model(config, description), jax.random.key(config.seed)
    variables = jax.tree.map(jnp.asarray, imported.variables)
    if setup.variable_shapes(model, description).keys() - variables.keys():
        variables = jax.jit(lambda key: setup.initial_variables(model, description, key))(key) | variables
    params = variables.pop("params")
    # All schedules begin alike, whatever the steps of an epoch.
    moments, schedule = OPTIMIZERS[config.optimizer](_schedule_by_epoch(config)).init(params)
    step = jnp.int32(steps)
    return State(step, params, variables, (moments, schedule._replace(count=step)), key)
