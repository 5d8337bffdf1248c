"""Build what a training run needs from its settings: the model, the recipe, the constraint losses, the first state."""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxpose import losses
from jaxpose.data.track import Description
from jaxpose.metrics import mpjpe
from jaxpose.models.temporal import TemporalModel
from jaxpose.runtime.devices import cpu_compiler_options, data_mesh, replicate_in_jit
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton
from jaxpose.training.config import Config
from jaxpose.training.loop import zero_sums
from jaxpose.training.optimizer import amsgrad, learning_rate_schedule, momentum_schedule
from jaxpose.training.state import State
from jaxpose.training.step import ConsecutiveWindows, ConstraintLoss, Constraints, Recipe


def build_model(config: Config, description: Description) -> TemporalModel:
    """Build the network that the settings describe, for the skeleton of the data."""
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
    """Build the published recipe with the settings' values, on all devices.

    Recipes are static arguments of compiled programs. Settings that do not change the program (the seed, the name of
    the data, the length of the run) do not change the recipe either, so that runs share one compilation.

    Args:
      config: the settings.
      description: of the data.
      windows: in the training data.

    Raises:
      InputError: the windows of a batch cannot be divided equally among the devices.
    """
    mesh = data_mesh()
    for name, size in (("batch-size", config.batch_size), ("clips", config.clips if config.constraints else 0)):
        if size % mesh.size:
            raise InputError(f"--{name} is {size}; it must be a multiple of the {mesh.size} devices")
    steps_per_epoch = -(-2 * windows // config.batch_size)
    constraints = None
    if config.constraints:
        weights = tuple(sorted(config.constraints.items()))
        loss = constraint_loss(weights, config.ramp, description.skeleton)
        constraints = Constraints(loss, tuple(sorted(config.constraints)), config.clips, config.clip_frames)
    learning_rate = _learning_rate(config.learning_rate, config.learning_rate_decay, steps_per_epoch)
    return Recipe(
        model=build_model(config, description),
        optimizer=_optimizer(learning_rate),
        learning_rate=learning_rate,
        momentum=_momentum(config.epochs, steps_per_epoch),
        loss=position_loss,
        constraints=constraints,
        description=description,
        frames=config.frames,
        batch_size=config.batch_size,
        windows=windows,
        mesh=mesh,
    )


# The same arguments give the same function: functions are equal only if they are one, and JAX compiles anew for others.
_learning_rate = functools.lru_cache(learning_rate_schedule)
_momentum = functools.lru_cache(momentum_schedule)
_optimizer = functools.lru_cache(amsgrad)


def position_loss(predictions: jax.Array, targets: jax.Array) -> jax.Array:
    """The baseline's loss: MPJPE, averaged over the batch, in metres; poses are (B, K, J, 3)."""
    return jnp.mean(mpjpe(predictions, targets))


@functools.lru_cache
def constraint_loss(
    weights: tuple[tuple[str, float], ...], ramp: tuple[float, float], skeleton: Skeleton
) -> ConstraintLoss:
    """Build the weighted constraint loss, whose weights grow from zero over the epochs of the ramp.

    The limbs of an untrained network have almost no length, so that their angles have huge gradients, and AMSGrad
    would remember these for ever: the constraints wait until the poses are roughly right.

    Args:
      weights: names of constraint terms and their weights at the end of the ramp.
      ramp: the epochs between which the weights grow.
      skeleton: of the poses.
    """
    begin, end = ramp

    def loss(
        predictions: jax.Array, windows: ConsecutiveWindows, epoch: jax.Array
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        share = jnp.clip((epoch - begin) / max(end - begin, 1e-6), 0, 1)
        current = {name: weight * share for name, weight in weights}
        return losses.constraints(predictions, windows.poses, current, skeleton, windows.visible[..., None])

    return loss


def initial_variables(model: nn.Module, description: Description, key: jax.Array) -> dict[str, optax.Params]:
    """Initialise what `model.apply` takes, `params` and `batch_stats`, for keypoints of such data."""
    window = (1, sum(model.context) + 1, description.layout.num_joints, description.channels)
    return model.init(key, jnp.zeros(window))


def variable_shapes(model: nn.Module, description: Description) -> dict[str, optax.Params]:
    """Shapes and types of `initial_variables`, without computing any."""
    return jax.eval_shape(lambda: initial_variables(model, description, jax.random.key(0)))


def init(recipe: Recipe, key: jax.Array) -> State:
    """Initialise the training state, on every device.

    Args:
      recipe: the model and optimiser.
      key: of weights, sample order and dropout.
    """
    return init_program(recipe)(key)


@functools.lru_cache
def init_program(recipe: Recipe) -> Callable[[jax.Array], State]:
    """The compiled function from a random key to the state before the first step."""

    def init(key: jax.Array) -> State:
        variables = initial_variables(recipe.model, recipe.description, key)
        opt_state = recipe.optimizer.init(variables["params"])
        state = State(jnp.zeros((), jnp.int32), **variables, opt_state=opt_state, key=key, sums=zero_sums(recipe))
        return jax.tree.map(lambda array: replicate_in_jit(array, recipe.mesh), state)

    # It runs once: on a CPU, LLVM's last optimisations would take longer than they save.
    return jax.jit(init, compiler_options=cpu_compiler_options(1) if recipe.on_cpu else {})
