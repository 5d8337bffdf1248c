"""Training as pure functions: a state, a step, and many steps in one compiled call over data on the device."""

import functools
import math
import time
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.data.windows import PackedTracks, epoch_order, mirror_where, recentre, take_windows
from jaxpose.runtime.devices import max_over_processes, replicate_in_jit, shard_in_jit
from jaxpose.runtime.errors import InputError
from jaxpose.training.state import State
from jaxpose.training.step import ConsecutiveWindows, Recipe, train_step


class NotFiniteError(InputError):
    """A step whose loss or gradient is not finite."""

    def __init__(self, state: State, step: int, loss: float) -> None:
        """Keep the state before that step, so that it can be looked at again."""
        what = "gradient is not finite" if math.isfinite(loss) else f"loss is {loss}"
        super().__init__(
            f"the {what} between steps {step} and {step + 1}; lower --learning-rate, or look for extreme values in the "
            "data"
        )
        self.state, self.step = state, step


@functools.partial(jax.jit, static_argnames="recipe")
def no_sums(recipe: Recipe) -> dict[str, jax.Array]:
    """`State.sums` at the beginning of a record, on every device."""
    names = ["loss", "position"]
    if recipe.constraints is not None:
        poses = jnp.zeros((recipe.clips, recipe.clip_frames, recipe.description.skeleton.num_joints, 3))
        clips = ConsecutiveWindows(
            poses, poses, jnp.ones(poses.shape[:2], bool)
        )  # their keypoints are the network's matter
        names += jax.eval_shape(recipe.constraints, poses, clips, jnp.zeros(()))[1]
    zeros = {"steps": jnp.zeros((), jnp.int32)} | {name: jnp.zeros(()) for name in names}
    return jax.tree.map(lambda array: replicate_in_jit(array, recipe.mesh), zeros)


def next_samples(state: State, order: jax.Array, recipe: Recipe) -> jax.Array:
    """(B,) the samples that the next step sees: i < W is window i, W + i its mirror image."""
    position = state.step % recipe.steps_per_epoch * recipe.batch_size
    return order[(position + jnp.arange(recipe.batch_size)) % order.shape[0]]


def take_batch(
    data: PackedTracks, starts: jax.Array, sample: jax.Array, recipe: Recipe
) -> tuple[jax.Array, jax.Array, ConsecutiveWindows | None]:
    """The keypoints, poses and clips that `train_step` takes, of samples (B,), divided among the devices."""

    def take(starts: jax.Array, sample: jax.Array, frames: int) -> tuple[jax.Array, jax.Array]:
        windows = take_windows(data, starts, frames, recipe.model.context)
        mirrored = sample >= recipe.windows
        return mirror_where(mirrored, *windows, recipe.description.layout, recipe.description.skeleton)

    sample = shard_in_jit(sample, recipe.mesh)
    start = starts[sample % recipe.windows]
    windows = take(start, sample, recipe.frames)
    if recipe.constraints is None:
        return *windows, None
    sample, start = (shard_in_jit(array[: recipe.clips], recipe.mesh) for array in (sample, start))
    start, visible = recentre(data, start, recipe.frames, recipe.clip_frames)
    return *windows, ConsecutiveWindows(*take(start, sample, recipe.clip_frames), visible)


# LLVM's third level compiles 0.5 s longer and makes no step faster.
@functools.partial(
    jax.jit, static_argnames="recipe", donate_argnums=0, compiler_options={"xla_backend_optimization_level": 2}
)
def train_steps(
    state: State, data: PackedTracks, starts: jax.Array, order: jax.Array, steps: jax.Array, recipe: Recipe
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
      The state after the steps, or before the first that is not finite; and the loss of the last one with its parts.
    """
    end = state.step + steps

    def going_on(carry: tuple[State, dict[str, jax.Array], jax.Array]) -> jax.Array:
        state, _, finite = carry
        return finite & (state.step < end)

    def advance(
        carry: tuple[State, dict[str, jax.Array], jax.Array],
    ) -> tuple[State, dict[str, jax.Array], jax.Array]:
        before, _, _ = carry
        keypoints, poses, clips = take_batch(data, starts, next_samples(before, order, recipe), recipe)
        state, parts = train_step(before, keypoints, poses, recipe, clips)
        finite = state.step > before.step
        sums = jax.tree.map(lambda total, part: total + jnp.where(finite, part, 0), state.sums, {"steps": 1, **parts})
        return state.replace(sums=sums), parts, finite

    parts = {name: total for name, total in state.sums.items() if name != "steps"}
    state, parts, _ = jax.lax.while_loop(going_on, advance, (state, parts, jnp.asarray(True)))
    return state, parts


@functools.partial(jax.jit, static_argnames="recipe")
def order_of_epoch(state: State, recipe: Recipe) -> jax.Array:
    """(2W,) the samples of the epoch that the next step belongs to."""
    return epoch_order(jax.random.fold_in(state.key, 0), state.step // recipe.steps_per_epoch, recipe.windows)


def record_ends(step: int, recipe: Recipe, *, until: int, steps_per_record: int) -> bool:
    """Whether a line of the log ends with a step: at multiples of `steps_per_record` in an epoch, its end, `until`."""
    position = step % recipe.steps_per_epoch
    return step == until or position % steps_per_record == 0


def record(state: State, recipe: Recipe) -> dict[str, float]:
    """The line of the log that ends with a state.

    Returns:
      The step, the epoch (a fraction), the learning rate and BatchNorm momentum of that step, and the mean of the loss
      (metres) and of its parts over the steps since the last record.
    """
    sums = jax.device_get(state.sums)
    step, steps = int(state.step), sums.pop("steps")
    schedules = {"learning_rate": recipe.learning_rate(step - 1), "momentum": recipe.momentum(step - 1)}
    means = {name: total / total.dtype.type(steps) for name, total in sums.items()}
    numbers = {"epoch": step / recipe.steps_per_epoch} | schedules | means
    return {"step": step} | {name: float(value) for name, value in numbers.items()}


def run(
    state: State,
    recipe: Recipe,
    data: PackedTracks,
    starts: jax.Array,
    *,
    until: int,
    steps_per_call: int,
    seconds: float = math.inf,
) -> Iterator[tuple[State, dict[str, float] | None]]:
    """Train up to a step, call by call.

    Records end where `record_ends` says so, wherever the run began and however its calls were cut: what is yielded does
    not depend on whether it was interrupted.

    Args:
      state: where to begin; donated.
      recipe: static.
      data: the joined frames of the training tracks.
      starts: (W,) first output frame of each window.
      until: the step to stop after.
      steps_per_call: steps of one compiled call, and of a record.
      seconds: about how long a call may take at most; one that would take longer is cut, between two steps.

    Yields:
      After each call the state, which the next call donates, and the `record` that ends there, None if none does.

    Raises:
      NotFiniteError: the loss or the gradient of a step is not finite.
    """
    step, order, pace = int(state.step), None, seconds  # of the first step, nobody knows how long it takes
    while step < until:
        position = step % recipe.steps_per_epoch
        if order is None or position == 0:
            order = order_of_epoch(state, recipe)
        if position % steps_per_call == 0 or not state.sums:
            state = state.replace(sums=no_sums(recipe))
        ahead = min(steps_per_call - position % steps_per_call, recipe.steps_per_epoch - position, until - step)
        if seconds < math.inf:
            (ahead,) = max_over_processes(max(1, min(ahead, int(seconds / pace))))
        last, began = step, time.monotonic()
        state, parts = train_steps(state, data, starts, order, np.int32(ahead), recipe)
        step, pace = int(state.step), (time.monotonic() - began) / ahead
        if step < last + ahead:
            raise NotFiniteError(state, step, float(parts["loss"]))
        ended = record_ends(step, recipe, until=until, steps_per_record=steps_per_call)
        yield state, record(state, recipe) if ended else None
