"""Training as pure functions: a state, a step, and many steps in one compiled call over data on the device."""

import functools
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh

from jaxpose import losses
from jaxpose.config import Config
from jaxpose.dataset import Description, Frames, epoch_order, mirror_some, surround, take_windows
from jaxpose.devices import data_mesh, divide, gather
from jaxpose.errors import InputError
from jaxpose.metrics import mpjpe
from jaxpose.models.temporal import TemporalModel
from jaxpose.optimizer import amsgrad, learning_rate_schedule, momentum_schedule
from jaxpose.skeleton import Skeleton

Loss = Callable[[jax.Array, jax.Array], jax.Array]
"""Predicted and true poses (B, K, J, 3) to the scalar to minimise."""

Constraints = Callable[[jax.Array, "Clips", jax.Array], tuple[jax.Array, dict[str, jax.Array]]]
"""Predicted poses (B, K, J, 3) of clips, the clips, and the epoch, a fraction, to what they add and its named parts."""


class Clips(NamedTuple):
    """Short runs of consecutive frames, of which the constraints see how they move."""

    keypoints: jax.Array  # (B, before + K + after, K_2d, D) screen coordinates
    poses: jax.Array  # (B, K, J, 3) metres, root-relative
    visible: jax.Array  # (B, K) bool: false beyond the end of a track shorter than a clip


class State(flax.struct.PyTreeNode):
    """All that a step changes, and all that a checkpoint holds."""

    step: jax.Array  # () int32, steps taken
    params: optax.Params
    batch_stats: optax.Params
    opt_state: optax.OptState
    key: jax.Array  # of the run; every random choice is folded from it and the step or epoch

    @property
    def variables(self) -> dict[str, optax.Params]:
        """What the model needs to predict."""
        return {"params": self.params, "batch_stats": self.batch_stats}


class Recipe(NamedTuple):
    """The static parts of training: what is trained, on what windows, and how."""

    model: nn.Module
    optimizer: optax.GradientTransformation
    learning_rate: optax.Schedule  # by step; the optimizer follows it
    momentum: optax.Schedule  # of BatchNorm, by step
    loss: Loss  # of the windows
    constraints: Constraints | None  # of the clips, if any
    clips: int  # per step
    clip_frames: int  # consecutive frames of a clip
    description: Description  # of the data: the joints of its poses, its keypoints
    frames: int  # consecutive output frames per window, K
    batch_size: int  # windows per step
    windows: int  # W, in the data; an epoch visits each twice, once mirrored
    mesh: Mesh  # the devices among which a batch is divided
    steps_per_epoch: int  # that visit every sample; the last batch is filled up with the epoch's first samples


def build_model(config: Config, description: Description) -> TemporalModel:
    """The lifter that the settings describe, for the skeleton of that data."""
    return TemporalModel(
        num_joints=description.skeleton.num_joints,
        filter_widths=config.filter_widths,
        channels=config.channels,
        dropout=config.dropout,
        causal=config.causal,
        dense=config.dense,
        precision=config.precision,
    )


def build_recipe(config: Config, description: Description, windows: int) -> Recipe:
    """The published recipe with the settings' values, for data of that many windows, on all devices.

    Raises:
      InputError: the windows or the clips of a batch cannot be divided equally among the devices.
    """
    mesh = data_mesh()
    for name, size in (("batch-size", config.batch_size), ("clips", config.clips if config.constraints else 0)):
        if size % mesh.size:
            raise InputError(f"--{name} is {size}; it must be a multiple of the {mesh.size} devices")
    steps_per_epoch = -(-2 * windows // config.batch_size)
    learning_rate = learning_rate_schedule(config.learning_rate, config.learning_rate_decay, steps_per_epoch)
    return Recipe(
        model=build_model(config, description),
        optimizer=amsgrad(learning_rate),
        learning_rate=learning_rate,
        momentum=momentum_schedule(config.epochs, steps_per_epoch),
        loss=position_loss,
        constraints=build_constraints(config, description.skeleton) if config.constraints else None,
        clips=config.clips,
        clip_frames=config.clip_frames,
        description=description,
        frames=config.frames,
        batch_size=config.batch_size,
        windows=windows,
        mesh=mesh,
        steps_per_epoch=steps_per_epoch,
    )


def position_loss(predictions: jax.Array, targets: jax.Array) -> jax.Array:
    """The baseline's loss: MPJPE, averaged over the batch, in metres; poses are (B, K, J, 3)."""
    return jnp.mean(mpjpe(predictions, targets))


def build_constraints(config: Config, skeleton: Skeleton) -> Constraints:
    """The settings' constraint losses, whose weights grow from zero over the epochs of `ramp`.

    The limbs of an untrained network have almost no length, so that their angles have huge gradients, and AMSGrad
    would remember these for ever: the constraints wait until the poses are roughly right.
    """
    begin, end = config.ramp

    def added(predictions: jax.Array, clips: Clips, epoch: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        share = jnp.clip((epoch - begin) / max(end - begin, 1e-6), 0, 1)
        weights = {name: weight * share for name, weight in config.constraints.items()}
        return losses.constraints(predictions, clips.poses, weights, skeleton, clips.visible[..., None])

    return added


def initial_variables(model: nn.Module, description: Description, key: jax.Array) -> dict[str, optax.Params]:
    """What `model.apply` takes, `params` and `batch_stats`, before any training; for keypoints of such data."""
    window = (1, sum(model.context) + 1, description.layout.num_joints, description.channels)
    return model.init(key, jnp.zeros(window))


def variable_shapes(model: nn.Module, description: Description) -> dict[str, optax.Params]:
    """Shapes and types of `initial_variables`, without making any."""
    return jax.eval_shape(lambda: initial_variables(model, description, jax.random.key(0)))


# It runs once: LLVM's last optimisations would take longer than they save.
@functools.partial(jax.jit, static_argnames="recipe", compiler_options={"xla_backend_optimization_level": 1})
def init(recipe: Recipe, key: jax.Array) -> State:
    """The state before the first step.

    Args:
      recipe: the model and optimiser; static.
      key: of weights, sample order and dropout.

    Returns:
      The state, on every device.
    """
    variables = initial_variables(recipe.model, recipe.description, key)
    opt_state = recipe.optimizer.init(variables["params"])
    state = State(step=jnp.zeros((), jnp.int32), **variables, opt_state=opt_state, key=key)
    return jax.tree.map(lambda array: gather(array, recipe.mesh), state)


def train_step(
    state: State, keypoints: jax.Array, poses: jax.Array, recipe: Recipe, clips: Clips | None = None
) -> tuple[State, dict[str, jax.Array]]:
    """One step of gradient descent on one batch.

    The position loss is of what the network predicts in training. The constraints are of what it predicts in
    evaluation, without dropout and by the running statistics, also for consecutive frames: from frame to frame what
    dropout does differs more than people move, and the constraints would fight its noise at the cost of position.

    Args:
      state: before the step.
      keypoints: (B, before + K + after, K_2d, D) screen coordinates.
      poses: (B, K, J, 3) metres, root-relative.
      recipe: static.
      clips: what the constraints see; None if there are none.

    Returns:
      The state after the step, and the loss with its parts by name.
    """
    dropout = jax.random.fold_in(jax.random.fold_in(state.key, 1), state.step)

    def loss(params: optax.Params) -> tuple[jax.Array, tuple[dict[str, jax.Array], optax.Params]]:
        predictions, updated = recipe.model.apply(
            {"params": params, "batch_stats": state.batch_stats},
            keypoints,
            train=True,
            momentum=recipe.momentum(state.step),
            mutable=["batch_stats"],
            rngs={"dropout": dropout},
        )
        position = recipe.loss(predictions, poses)
        added, parts = 0, {}
        if clips is not None:
            steady = recipe.model.apply({"params": params, "batch_stats": state.batch_stats}, clips.keypoints)
            added, parts = recipe.constraints(steady, clips, state.step / recipe.steps_per_epoch)
        total = position + added
        return total, ({"loss": total, "position": position, **parts}, updated["batch_stats"])

    gradient, (parts, batch_stats) = jax.grad(loss, has_aux=True)(state.params)
    updates, opt_state = recipe.optimizer.update(gradient, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    state = state.replace(step=state.step + 1, params=params, batch_stats=batch_stats, opt_state=opt_state)
    return state, parts


# LLVM's third level compiles 0.5 s longer and makes no step faster.
@functools.partial(
    jax.jit, static_argnames="recipe", donate_argnums=0, compiler_options={"xla_backend_optimization_level": 2}
)
def train_steps(
    state: State, data: Frames, starts: jax.Array, order: jax.Array, steps: jax.Array, recipe: Recipe
) -> tuple[State, dict[str, jax.Array]]:
    """Several steps of one epoch in one compiled call; nothing touches the host in between.

    Args:
      state: before the steps; donated.
      data: the joined frames of the training tracks.
      starts: (W,) first output frame of each window.
      order: (2W,) this epoch's samples, from `epoch_order`.
      steps: () int32, how many; it does not shape the program, so every count runs the same one.
      recipe: static.

    Returns:
      The state after the steps, and the mean of the loss and of its parts over them.
    """
    samples = order.shape[0]

    def take(starts: jax.Array, sample: jax.Array, frames: int) -> tuple[jax.Array, jax.Array]:
        batch = take_windows(data, starts, frames, recipe.model.context)
        mirrored = sample >= recipe.windows
        return mirror_some(mirrored, *batch, recipe.description.layout, recipe.description.skeleton)

    def advance(state: State) -> tuple[State, dict[str, jax.Array]]:
        position = state.step % recipe.steps_per_epoch * recipe.batch_size
        sample = order[(position + jnp.arange(recipe.batch_size)) % samples]
        sample = divide(sample, recipe.mesh)
        start = starts[sample % recipe.windows]
        batch = take(start, sample, recipe.frames)
        if recipe.constraints is None:
            return train_step(state, *batch, recipe)
        sample, start = (divide(array[: recipe.clips], recipe.mesh) for array in (sample, start))
        start, visible = surround(data, start, recipe.frames, recipe.clip_frames)
        return train_step(state, *batch, recipe, Clips(*take(start, sample, recipe.clip_frames), visible))

    def accumulate(_: int, carry: tuple[State, dict[str, jax.Array]]) -> tuple[State, dict[str, jax.Array]]:
        state, parts = advance(carry[0])
        return state, jax.tree.map(jnp.add, carry[1], parts)

    _, parts = jax.eval_shape(advance, state)
    sums = jax.tree.map(lambda part: jnp.zeros(part.shape, part.dtype), parts)
    state, sums = jax.lax.fori_loop(0, steps, accumulate, (state, sums))
    return state, jax.tree.map(lambda total: total / steps, sums)


@functools.partial(jax.jit, static_argnames="recipe")
def order_of_epoch(state: State, recipe: Recipe) -> jax.Array:
    """(2W,) the samples of the epoch that the next step belongs to."""
    return epoch_order(jax.random.fold_in(state.key, 0), state.step // recipe.steps_per_epoch, recipe.windows)


def run(
    state: State, recipe: Recipe, data: Frames, starts: jax.Array, *, until: int, steps_per_call: int
) -> Iterator[tuple[State, dict[str, float]]]:
    """Train up to a step, call by call.

    Calls end at whole multiples of `steps_per_call` within an epoch and at the end of each epoch, wherever the run
    began: what is yielded does not depend on whether it was interrupted.

    Args:
      state: where to begin; donated.
      recipe: static.
      data: the joined frames of the training tracks.
      starts: (W,) first output frame of each window.
      until: the step to stop after.
      steps_per_call: steps of one compiled call.

    Yields:
      After each call the state, which the next call donates, and a record: the step, the epoch (a fraction), the
      learning rate and BatchNorm momentum of that step, and the mean of the loss (metres) and of its parts.

    Raises:
      InputError: the loss is not finite.
    """
    step, order = int(state.step), None
    while step < until:
        position = step % recipe.steps_per_epoch
        if order is None or position == 0:
            order = order_of_epoch(state, recipe)
        last = step
        step += min(steps_per_call - position % steps_per_call, recipe.steps_per_epoch - position, until - step)
        state, means = train_steps(state, data, starts, order, np.int32(step - last), recipe)
        losses = {name: float(value) for name, value in means.items()}
        if not math.isfinite(losses["loss"]):
            raise InputError(
                f"the loss is {losses['loss']} between steps {last} and {step}; lower --learning-rate, or look for "
                "extreme values in the data"
            )
        schedules = {"learning_rate": recipe.learning_rate(step - 1), "momentum": recipe.momentum(step - 1)}
        yield (
            state,
            {"step": step, "epoch": step / recipe.steps_per_epoch}
            | {name: float(value) for name, value in schedules.items()}
            | losses,
        )
