"""Many steps of training: batches from data on the device, a program that takes one step, and log records."""

import functools
import math
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.stages import Wrapped

from jaxpose.data.windows import PackedTracks, epoch_order, mirror_where, recentre, take_windows
from jaxpose.runtime.devices import cpu_compiler_options, max_over_processes, replicate_in_jit, shard_in_jit
from jaxpose.runtime.errors import InputError
from jaxpose.training.state import State
from jaxpose.training.step import Batch, ConsecutiveWindows, Recipe, train_step


class NotFiniteError(InputError):
    """A step whose loss or gradient is not finite."""

    def __init__(self, state: State, step: int, loss: float) -> None:
        """Keep the state before that step, from which `nan_report` takes the step again."""
        what = "gradient is not finite" if math.isfinite(loss) else f"loss is {loss}"
        super().__init__(
            f"the {what} between steps {step} and {step + 1}; lower --learning-rate, or look for extreme values in the "
            "data"
        )
        self.state, self.step = state, step


@functools.partial(jax.jit, static_argnames="recipe")
def zero_sums(recipe: Recipe) -> dict[str, jax.Array]:
    """`State.sums` at the beginning of a log record, on every device."""
    zeros = {"steps": jnp.zeros((), jnp.int32)} | {name: jnp.zeros(()) for name in recipe.logged}
    return jax.tree.map(lambda array: replicate_in_jit(array, recipe.mesh), zeros)


def next_samples(state: State, order: jax.Array, recipe: Recipe) -> jax.Array:
    """(B,) the samples of the next step: i < W is window i, W + i its mirror image."""
    position = state.step % recipe.steps_per_epoch * recipe.batch_size
    return order[(position + jnp.arange(recipe.batch_size)) % order.shape[0]]


def take_batch(data: PackedTracks, starts: jax.Array, sample: jax.Array, recipe: Recipe) -> Batch:
    """Gather the batch of samples (B,) inside a compiled function, divided among the devices."""

    def take(starts: jax.Array, sample: jax.Array, frames: int) -> tuple[jax.Array, jax.Array]:
        windows = take_windows(data, starts, frames, recipe.model.context)
        mirrored = sample >= recipe.windows
        return mirror_where(mirrored, *windows, recipe.description.layout, recipe.description.skeleton)

    sample = shard_in_jit(sample, recipe.mesh)
    start = starts[sample % recipe.windows]
    windows = take(start, sample, recipe.frames)
    if recipe.constraints is None:
        return Batch(*windows)
    sample, start = (shard_in_jit(array[: recipe.constraints.windows], recipe.mesh) for array in (sample, start))
    start, visible = recentre(data, start, recipe.frames, recipe.constraints.frames)
    return Batch(*windows, ConsecutiveWindows(*take(start, sample, recipe.constraints.frames), visible))


Values = dict[str, jax.Array]
"""The loss, its terms and the gradient norm of a step, by the names in `Recipe.logged`."""


def train_next_batch(
    state: State, data: PackedTracks, starts: jax.Array, order: jax.Array, recipe: Recipe
) -> tuple[State, Values]:
    """Take the next step of an epoch, and add its values to the sums of the log record.

    A step that is not finite leaves the state as it was. Taken again, it changes nothing either.

    Args:
      state: before the step.
      data: the packed training tracks.
      starts: (W,) first output frame of each window.
      order: (2W,) this epoch's samples, from `order_of_epoch`.
      recipe: static.

    Returns:
      The state after the step, and the values of the step.
    """
    batch = take_batch(data, starts, next_samples(state, order, recipe), recipe)
    after, values = train_step(state, batch, recipe)
    finite = after.step > state.step
    sums = jax.tree.map(lambda total, new: total + jnp.where(finite, new, 0), state.sums, {"steps": 1, **values})
    return after.replace(sums=sums), values


# There are two programs, of which a run compiles one, once, for every number of steps.
#
# An accelerator gets a program of one step. JAX returns as soon as it is queued, so that the host queues steps ahead of
# the devices and reads nothing until a log record ends. In a loop whose length is not known to the compiler, a GPU
# copies the condition to the host before every step, and waits; and each known length is another program, where time
# limits, epochs and log records cut calls anywhere.
#
# A CPU gets a loop of any length. There is no host to wait for, and a program of one step would allocate its temporary
# arrays anew at every step: it takes 1.25 times as long (256 channels, batches of 512; more for larger networks).


@functools.lru_cache
def step_program(recipe: Recipe) -> Wrapped:
    """The compiled form of `train_next_batch` without its recipe; the state is donated."""

    def train_step(state: State, data: PackedTracks, starts: jax.Array, order: jax.Array) -> tuple[State, Values]:
        return train_next_batch(state, data, starts, order, recipe)

    return jax.jit(train_step, donate_argnums=0)


@functools.lru_cache
def loop_program(recipe: Recipe) -> Wrapped:
    """The compiled loop of `train_next_batch`, for a CPU; a last argument is the number of steps."""

    def train_steps(
        state: State, data: PackedTracks, starts: jax.Array, order: jax.Array, steps: jax.Array
    ) -> tuple[State, Values]:
        def advance(_: int, carry: tuple[State, Values]) -> tuple[State, Values]:
            return train_next_batch(carry[0], data, starts, order, recipe)

        values = {name: jnp.zeros_like(total) for name, total in state.sums.items() if name != "steps"}
        return jax.lax.fori_loop(0, steps, advance, (state, values))

    # LLVM's third level compiles 0.5 s longer and makes no step faster.
    return jax.jit(train_steps, donate_argnums=0, compiler_options=cpu_compiler_options(2))


def train_steps(
    state: State, data: PackedTracks, starts: jax.Array, order: jax.Array, steps: int, recipe: Recipe
) -> tuple[State, Values]:
    """Start several steps of one epoch, without waiting for any.

    Args:
      state: before the steps; donated.
      data: the packed training tracks.
      starts: (W,) first output frame of each window.
      order: (2W,) this epoch's samples, from `order_of_epoch`.
      steps: how many, at least one.
      recipe: static.

    Returns:
      The state after the steps, or before the first that is not finite; and the values of the last step.
    """
    if recipe.on_cpu:
        return loop_program(recipe)(state, data, starts, order, np.int32(steps))
    program = step_program(recipe)
    for _ in range(steps):
        state, values = program(state, data, starts, order)
    return state, values


@functools.partial(jax.jit, static_argnames="recipe")
def order_of_epoch(state: State, recipe: Recipe) -> jax.Array:
    """(2W,) the samples of the epoch that the next step belongs to."""
    return epoch_order(jax.random.fold_in(state.key, 0), state.step // recipe.steps_per_epoch, recipe.windows)


def record_ends(step: int, recipe: Recipe, *, until: int, log_every: int) -> bool:
    """True if a log record ends with a step: every `log_every` steps of an epoch, at its end, and at `until`."""
    position = step % recipe.steps_per_epoch
    return step == until or position % log_every == 0


def record(state: State, recipe: Recipe) -> dict[str, float]:
    """Make the log record that ends with a state.

    Returns:
      The step, the epoch (a fraction), the learning rate and BatchNorm momentum of that step, and the means over the
      steps since the last record: of the loss and the position loss (metres), of the constraint terms and of the
      gradient norm.
    """
    sums, step = jax.device_get(state.sums), int(jax.device_get(state.step))
    steps = sums.pop("steps")
    means = {name: total / total.dtype.type(steps) for name, total in sums.items()}
    schedules = _schedules(recipe, (step - 1) // recipe.steps_per_epoch)
    numbers = {"epoch": step / recipe.steps_per_epoch} | schedules | means
    return {"step": step} | {name: float(value) for name, value in numbers.items()}


@functools.lru_cache
def _schedules(recipe: Recipe, epoch: int) -> dict[str, float]:
    """Learning rate and momentum of an epoch, in which they are constant: evaluating them takes milliseconds."""
    step = epoch * recipe.steps_per_epoch
    return {"learning_rate": float(recipe.learning_rate(step)), "momentum": float(recipe.momentum(step))}


def run(
    state: State,
    recipe: Recipe,
    data: PackedTracks,
    starts: jax.Array,
    *,
    until: int,
    log_every: int,
    seconds: float = math.inf,
    after_call: Callable[[State, dict[str, float] | None], None] | None = None,
) -> State:
    """Train up to a step, in calls of a few steps each.

    Log records end where `record_ends` says so, wherever the run began and however its calls were cut: the records do
    not depend on interruptions.

    The next call is not queued before the last one has been read: it would take over the state's memory, and
    `after_call` may have to save that state. The devices wait about a millisecond for that, once in `log_every` steps.

    Args:
      state: where to begin; donated.
      recipe: static.
      data: the packed training tracks.
      starts: (W,) first output frame of each window.
      until: the step to stop after.
      log_every: steps of a log record.
      seconds: about how long a call may take at most; one that would take longer is cut, between two steps.
      after_call: called after each call with the state, which the next call donates, and the `record` that ends there,
        or None if none does.

    Returns:
      The state after the last step.

    Raises:
      NotFiniteError: the loss or the gradient of a step is not finite.
    """
    step, order, seconds_per_step = int(jax.device_get(state.step)), None, seconds  # unknown before the first step
    while step < until:
        position = step % recipe.steps_per_epoch
        if order is None or position == 0:
            order = order_of_epoch(state, recipe)
        if position % log_every == 0 or not state.sums:
            state = state.replace(sums=zero_sums(recipe))
        steps = min(log_every - position % log_every, recipe.steps_per_epoch - position, until - step)
        if seconds < math.inf:
            (steps,) = max_over_processes(max(1, min(steps, int(seconds / seconds_per_step))))
        began = time.monotonic()
        state, values = train_steps(state, data, starts, order, steps, recipe)
        reached = int(jax.device_get(state.step))  # waits for the devices
        seconds_per_step = (time.monotonic() - began) / steps
        if reached < step + steps:
            raise NotFiniteError(state, reached, float(jax.device_get(values["loss"])))
        step = reached
        if after_call is not None:
            ended = record_ends(step, recipe, until=until, log_every=log_every)
            after_call(state, record(state, recipe) if ended else None)
    return state
