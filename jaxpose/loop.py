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

from jaxpose import metrics
from jaxpose.config import Config
from jaxpose.dataset import Description, Frames, epoch_order, mirror_some, take_windows
from jaxpose.devices import data_mesh, divide, gather
from jaxpose.errors import InputError
from jaxpose.models.temporal import TemporalModel
from jaxpose.optimizer import amsgrad, learning_rate_schedule, momentum_schedule

Loss = Callable[[jax.Array, jax.Array], tuple[jax.Array, dict[str, jax.Array]]]
"""Predicted and true poses (B, K, J, 3) to the scalar to minimise and its named parts, scalars too."""


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
    loss: Loss
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
      InputError: the windows of a batch cannot be divided equally among the devices.
    """
    mesh = data_mesh()
    if config.batch_size % mesh.size:
        raise InputError(f"--batch-size is {config.batch_size}; it must be a multiple of the {mesh.size} devices")
    steps_per_epoch = -(-2 * windows // config.batch_size)
    learning_rate = learning_rate_schedule(config.learning_rate, config.learning_rate_decay, steps_per_epoch)
    return Recipe(
        model=build_model(config, description),
        optimizer=amsgrad(learning_rate),
        learning_rate=learning_rate,
        momentum=momentum_schedule(config.epochs, steps_per_epoch),
        loss=position_loss,
        description=description,
        frames=config.frames,
        batch_size=config.batch_size,
        windows=windows,
        mesh=mesh,
        steps_per_epoch=steps_per_epoch,
    )


def position_loss(predictions: jax.Array, targets: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The baseline's loss: MPJPE, averaged over the batch, in metres.

    Args:
      predictions: (B, K, J, 3) metres.
      targets: (B, K, J, 3) metres.

    Returns:
      The scalar to minimise, and its parts by name.
    """
    position = jnp.mean(metrics.mpjpe(predictions, targets))
    return position, {"position": position}


def initial_variables(model: nn.Module, description: Description, key: jax.Array) -> dict[str, optax.Params]:
    """What `model.apply` takes, `params` and `batch_stats`, before any training; for keypoints of such data."""
    window = (1, sum(model.context) + 1, description.layout.num_joints, description.channels)
    return model.init(key, jnp.zeros(window))


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
    state: State, keypoints: jax.Array, poses: jax.Array, recipe: Recipe
) -> tuple[State, dict[str, jax.Array]]:
    """One step of gradient descent on one batch.

    Args:
      state: before the step.
      keypoints: (B, before + K + after, K_2d, D) screen coordinates.
      poses: (B, K, J, 3) metres, root-relative.
      recipe: static.

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
        total, parts = recipe.loss(predictions, poses)
        return total, ({"loss": total, **parts}, updated["batch_stats"])

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

    def advance(state: State) -> tuple[State, dict[str, jax.Array]]:
        position = state.step % recipe.steps_per_epoch * recipe.batch_size
        sample = divide(order[(position + jnp.arange(recipe.batch_size)) % samples], recipe.mesh)
        window, mirrored = sample % recipe.windows, sample >= recipe.windows
        batch = take_windows(data, starts[window], recipe.frames, recipe.model.context)
        batch = mirror_some(mirrored, *batch, recipe.description.layout, recipe.description.skeleton)
        return train_step(state, *batch, recipe)

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
