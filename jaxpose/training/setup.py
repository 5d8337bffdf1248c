"""Build what a training run needs from its settings: the model, the recipe, the first state."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import chex
import jax
import jax.numpy as jnp

from jaxpose import losses
from jaxpose.data.track import Description
from jaxpose.data.transforms import TRANSFORMS
from jaxpose.data.windows import PackedTracks
from jaxpose.models.lifter import Collections, Lifter
from jaxpose.runtime.devices import cpu_compiler_options, data_mesh, replicate_in_jit
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.words import perhaps
from jaxpose.training import objectives
from jaxpose.training.config import Config
from jaxpose.training.loop import zero_sums
from jaxpose.training.optimizer import OPTIMIZERS, SCHEDULES
from jaxpose.training.state import State
from jaxpose.training.step import Objective, Recipe, Stream
from jaxpose.training.streams import STREAMS

T = TypeVar("T")


def build_model(config: Config, description: Description) -> Lifter:
    """Build the network that the settings describe, for the skeleton and the keypoints of the data."""
    return config.model.build(description.skeleton, description.layout, description.channels)


def find(choices: Mapping[str, T], name: str, option: str) -> T:
    """Look up what a setting names.

    Raises:
      InputError: there is nothing of that name; names the choices.
    """
    if name in choices:
        return choices[name]
    raise InputError(
        f"--{option} is {name!r:.50}{perhaps(name, choices)}; the choices are {', '.join(choices) or 'none'}, and "
        "--plugin FILE adds what that file defines"
    )


def check_names(config: Config) -> None:
    """Raise `InputError` for a setting that names something unknown, or clips too short for a constraint."""
    find(objectives.LOSSES, config.loss, "loss")
    find(OPTIMIZERS, config.optimizer, "optimizer")
    find(SCHEDULES, config.schedule, "schedule")
    for name in config.augment:
        find(TRANSFORMS, name, "augment")
    if "lens" in config.augment[:-1]:
        raise InputError(f"--augment is {' '.join(config.augment)}; name lens last: it hides what others project with")
    for name in config.objectives:
        find(objectives.OBJECTIVES, name, "objectives")
    orders = [find(losses.QUANTITIES, name, "constraints").order for name in config.constraints]
    if config.clip_frames < (needed := 1 + max(orders, default=0)):
        raise InputError(
            f"--clip-frames is {config.clip_frames}; it must be at least {needed}, for differences in time"
        )


def build_recipe(config: Config, description: Description, windows: int) -> Recipe:
    """Build the recipe that the settings describe, on all devices.

    Recipes are static arguments of compiled programs. Settings that do not change the program (the seed, the name of
    the data, the length of the run) do not change the recipe either, so that runs share one compilation.

    Args:
      config: the settings.
      description: of the data.
      windows: in the training data.

    Raises:
      InputError: a setting names something unknown, the windows of a batch cannot be divided equally among the devices,
        or the network needs another number of frames.
    """
    check_names(config)
    mesh, model = data_mesh(), build_model(config, description)
    chosen = _objectives(config, description)
    clip = 1 + (config.clip_frames - 1) * config.clip_gap
    sizes = {"windows": (config.batch_size, config.frames), "clips": (config.clips, clip, config.clip_gap)}
    names = dict.fromkeys(["windows", *(objective.stream for objective in chosen)])
    streams = tuple(
        Stream(name, find(STREAMS, name, "objectives"), *sizes.get(name, sizes["windows"])) for name in names
    )
    for stream in streams:
        size, length = ("clips", "clip-frames") if stream.name == "clips" else ("batch-size", "frames")
        if stream.windows > config.batch_size:
            raise InputError(f"--{size} is {stream.windows}; it must be at most --batch-size, {config.batch_size}")
        if stream.windows % mesh.size:
            raise InputError(f"--{size} is {stream.windows}; it must be a multiple of the {mesh.size} devices")
        if model.frames not in (None, stream.frames if stream.gap == 1 else 1):
            setting = f"--{length} is {stream.frames}" if stream.gap == 1 else f"--clip-gap is {stream.gap}"
            raise InputError(f"{setting}; this network takes windows of {model.frames} frames")
    if config.frame_rates is not None and description.fps is None:
        raise InputError("--frame-rates needs data of one frame rate, and these have several; prepare them with --fps")
    samples = 2 * windows if "mirror" in config.augment else windows
    steps_per_epoch = -(-samples // config.batch_size)
    learning_rate = _schedule(
        config.schedule, config.learning_rate, config.learning_rate_decay, steps_per_epoch, config.epochs
    )
    return Recipe(
        model=model,
        optimizer=_optimizer(config.optimizer, learning_rate),
        learning_rate=learning_rate,
        streams=streams,
        objectives=chosen,
        transforms=tuple(TRANSFORMS[name](description, config.augmentation) for name in config.augment),
        description=description,
        windows=windows,
        samples=samples,
        epochs=config.epochs,
        frame_rates=config.frame_rates,
        mesh=mesh,
    )


def _objectives(config: Config, description: Description) -> tuple[Objective, ...]:
    """The objectives that the settings name; equal settings give the same ones."""
    chosen = [objectives.position(objectives.LOSSES[config.loss])]
    if config.constraints:
        weights = tuple(sorted(config.constraints.items()))
        chosen.append(objectives.constraints(weights, description.skeleton, config.clip_frames, *config.ramp))
    return (*chosen, *(objectives.OBJECTIVES[name](config, description) for name in config.objectives))


# The same arguments give the same function: functions are equal only if they are one, and JAX compiles anew for others.


@functools.lru_cache
def _schedule(name: str, initial: float, decay: float, steps_per_epoch: int, epochs: int) -> Any:
    return SCHEDULES[name](initial, decay, steps_per_epoch, epochs)


@functools.lru_cache
def _optimizer(name: str, learning_rate: Any) -> Any:
    return OPTIMIZERS[name](learning_rate)


def initial_variables(model: Lifter, description: Description, key: jax.Array) -> dict[str, chex.ArrayTree]:
    """Initialise what `model.apply` takes, `params` and the collections, for keypoints of such data."""
    frames = sum(model.context) + (model.frames or 1)
    keypoints = jnp.zeros((1, frames, description.layout.num_joints, description.channels))
    return model.init({"params": key, "dropout": key}, keypoints)  # flax.nnx takes all keys at once


def variable_shapes(model: Lifter, description: Description) -> dict[str, chex.ArrayTree]:
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
        collections = dict(initial_variables(recipe.model, recipe.description, key))
        params = collections.pop("params")
        opt_state = recipe.optimizer.init(params)
        state = State(jnp.zeros((), jnp.int32), params, collections, opt_state, key, zero_sums(recipe))
        return jax.tree.map(lambda array: replicate_in_jit(array, recipe.mesh), state)

    # It runs once: on a CPU, LLVM's last optimisations would take longer than they save.
    return jax.jit(init, compiler_options=cpu_compiler_options(1) if recipe.on_cpu else {})


def fit_collections(state: State, recipe: Recipe, data: PackedTracks) -> State:
    """Let the network compute collections that depend on the training data; see `Lifter.fit`."""
    if not recipe.model.fits_data:  # most networks: nothing to compile
        return state

    @jax.jit
    def fit(collections: Collections, keypoints: jax.Array, poses: jax.Array) -> Collections:
        fitted = recipe.model.fit(collections, keypoints, poses)
        return jax.tree.map(lambda array: replicate_in_jit(array, recipe.mesh), fitted)

    return state.replace(collections=fit(state.collections, data.keypoints, data.poses))
