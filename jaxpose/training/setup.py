"""From settings to a training program: the model, the recipe, the constraint losses and the first state."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxpose import losses
from jaxpose.data.track import Description
from jaxpose.metrics import mpjpe
from jaxpose.models.temporal import TemporalModel
from jaxpose.runtime.devices import data_mesh, replicate_in_jit
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton
from jaxpose.training.config import Config
from jaxpose.training.loop import no_sums
from jaxpose.training.optimizer import amsgrad, learning_rate_schedule, momentum_schedule
from jaxpose.training.state import State
from jaxpose.training.step import ConsecutiveWindows, Constraints, Recipe


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

    def added(
        predictions: jax.Array, clips: ConsecutiveWindows, epoch: jax.Array
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
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
    state = State(jnp.zeros((), jnp.int32), **variables, opt_state=opt_state, key=key, sums=no_sums(recipe))
    return jax.tree.map(lambda array: replicate_in_jit(array, recipe.mesh), state)
