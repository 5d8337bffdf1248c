"""Many steps of training: a program that takes one step, calls of many, and log records."""

import functools
import math
import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.stages import Wrapped

from jaxpose.data.windows import PackedTracks
from jaxpose.runtime.devices import cpu_compiler_options, max_over_processes, replicate_in_jit
from jaxpose.runtime.errors import InputError
from jaxpose.training.state import State
from jaxpose.training.step import Recipe, Samples, order_key, take_batch, train_step


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


class Report(NamedTuple):
    """What the host reads after a call of training steps; copies, which the next call does not take over."""

    step: jax.Array  # () int32, steps taken
    loss: jax.Array  # () of the last step
    sums: dict[str, jax.Array]  # `State.sums` after it


def train_next_batch(state: State, samples: Samples, recipe: Recipe) -> tuple[State, Report]:
    """Take the next step of an epoch, and add its values to the sums of the log record.

    A step that is not finite leaves the state as it was. Taken again, it changes nothing either.

    Args:
      state: before the step.
      samples: the training data.
      recipe: static.

    Returns:
      The state after the step, and a report on it.
    """
    after, values = train_step(state, take_batch(samples, state, recipe), recipe)
    finite = after.step > state.step
    sums = jax.tree.map(lambda total, new: total + jnp.where(finite, new, 0), state.sums, {"steps": 1, **values})
    return after.replace(sums=sums), Report(after.step, values["loss"], sums)


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

    def train_step(state: State, samples: Samples) -> tuple[State, Report]:
        return train_next_batch(state, samples, recipe)

    return jax.jit(train_step, donate_argnums=0)


@functools.lru_cache
def loop_program(recipe: Recipe) -> Wrapped:
    """The compiled loop of `train_next_batch`, for a CPU; a last argument is the number of steps."""

    def train_steps(state: State, samples: Samples, steps: jax.Array) -> tuple[State, Report]:
        def advance(_: int, carry: tuple[State, jax.Array]) -> tuple[State, jax.Array]:
            state, report = train_next_batch(carry[0], samples, recipe)
            return state, report.loss

        state, loss = jax.lax.fori_loop(0, steps, advance, (state, jnp.zeros(())))
        return state, Report(state.step, loss, state.sums)

    # LLVM's third level compiles 0.5 s longer and makes no step faster.
    return jax.jit(train_steps, donate_argnums=0, compiler_options=cpu_compiler_options(2))


def train_steps(state: State, samples: Samples, steps: int, recipe: Recipe) -> tuple[State, Report]:
    """Start several steps of one epoch, without waiting for any.

    Args:
      state: before the steps; donated.
      samples: the training data.
      steps: how many, at least one.
      recipe: static.

    Returns:
      The state after the steps, or before the first that is not finite; and a report on the last step.
    """
    if recipe.on_cpu:
        return loop_program(recipe)(state, samples, np.int32(steps))
    program = step_program(recipe)
    for _ in range(steps):
        state, report = program(state, samples)
    return state, report


def record_ends(step: int, recipe: Recipe, *, until: int, log_every: int) -> bool:
    """True if a log record ends with a step: every `log_every` steps of an epoch, at its end, and at `until`."""
    position = step % recipe.steps_per_epoch
    return step == until or position % log_every == 0


def record(step: int, sums: dict[str, jax.Array], recipe: Recipe) -> dict[str, float]:
    """Make the log record that ends with a step.

    Args:
      step: steps taken.
      sums: over the steps since the last record, `State.sums`.
      recipe: of the training.

    Returns:
      The step, the epoch (a fraction), the learning rate and the schedules of the network at that step, and the means
      over the steps since the last record: of the loss and the position loss (metres), of the other terms and of the
      norms.
    """
    sums = dict(jax.device_get(sums))
    steps = sums.pop("steps")
    means = {name: total / total.dtype.type(steps) for name, total in sums.items()}
    # Schedules are computed on the CPU: on a GPU they would wait for the steps in the queue.
    with jax.default_device(jax.local_devices(backend="cpu")[0]), jax.transfer_guard("allow"):
        schedules = {"learning_rate": recipe.learning_rate(step - 1)}
        schedules |= recipe.model.schedules(recipe.progress(step - 1))
        numbers = {"epoch": step / recipe.steps_per_epoch} | schedules | means
        return {"step": step} | {name: float(value) for name, value in numbers.items()}


class _Call(NamedTuple):
    """A call of training steps that is queued and not yet read."""

    report: Report
    end: int  # the step it ends with
    steps: int
    queued: float  # seconds on the clock


def _wait_for(call: _Call, latest: State) -> float:
    """Wait until a call has ended; return the time on the clock, in seconds.

    Args:
      call: to wait for.
      latest: the state after all calls in the queue: that before the first step that is not finite, if there is one.

    Raises:
      NotFiniteError: a step of the call is not finite.
    """
    reached = int(jax.device_get(call.report.step))
    if reached < call.end:
        raise NotFiniteError(latest, reached, float(jax.device_get(call.report.loss)))
    return time.monotonic()


def run(
    state: State,
    recipe: Recipe,
    data: PackedTracks,
    starts: jax.Array,
    *,
    until: int,
    log_every: int,
    seconds: float = math.inf,
    needs_state: Callable[[int], bool] = lambda step: True,
    after_call: Callable[[State | None, int, dict[str, float] | None], None] | None = None,
) -> State:
    """Train up to a step, in calls of a few steps each.

    Log records end where `record_ends` says so, wherever the run began and however its calls were cut: the records do
    not depend on interruptions.

    The next call is queued before the last one has been read, so that the devices never wait for the host, except where
    `needs_state`: the next call takes over the state's memory.

    Args:
      state: where to begin; donated.
      recipe: static.
      data: the packed training tracks.
      starts: (W,) first output frame of each window.
      until: the step to stop after.
      log_every: steps of a log record.
      seconds: about how long a call may take at most; one that would take longer is cut, between two steps.
      needs_state: asked, while a call runs, whether `after_call` needs the state after its last step; as it does after
        the step `until`.
      after_call: called in turn for each call with the state, or None where it is not needed; with the number of steps
        taken; and with the `record` that ends there, or None if none does.

    Returns:
      The state after the last step.

    Raises:
      NotFiniteError: the loss or the gradient of a step is not finite.
    """
    latest, step, unread = state, int(jax.device_get(state.step)), None
    samples = Samples(data, starts, order_key(state))
    seconds_per_step, last_read = seconds, 0.0  # not known before the first step

    def read(call: _Call, state: State | None) -> None:
        nonlocal seconds_per_step, last_read
        begun = max(call.queued, last_read)
        last_read = _wait_for(call, latest)
        seconds_per_step = max(last_read - begun, 1e-9) / call.steps  # not zero, however coarse the clock
        if after_call is not None:
            ended = record_ends(call.end, recipe, until=until, log_every=log_every)
            after_call(state, call.end, record(call.end, call.report.sums, recipe) if ended else None)

    while step < until:
        position = step % recipe.steps_per_epoch
        if position % log_every == 0 or not latest.sums:
            latest = latest.replace(sums=zero_sums(recipe))
        steps = min(log_every - position % log_every, recipe.steps_per_epoch - position, until - step)
        if seconds < math.inf:
            (steps,) = max_over_processes(max(1, min(steps, int(seconds / seconds_per_step))))
        latest, report = train_steps(latest, samples, steps, recipe)
        step += steps
        call = _Call(report, step, steps, time.monotonic())  # before the wait below, which is not for this call
        if unread is not None:
            read(unread, None)
        unread = call
        if step == until or needs_state(step):
            read(unread, latest)
            unread = None
    return latest
