"""The published optimiser and schedules: AMSGrad by PyTorch's rule, the learning rate by epoch; and others by name."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax


class ScaleByAmsgradState(NamedTuple):
    """Moments of the gradient, and the largest second moment so far; each like the parameters."""

    count: jax.Array
    mean: optax.Updates
    square: optax.Updates
    largest_square: optax.Updates


def scale_by_amsgrad(b1: float = 0.9, b2: float = 0.999, epsilon: float = 1e-8) -> optax.GradientTransformation:
    """AMSGrad as PyTorch computes it, and therefore as the baseline was trained.

    The running maximum is taken of the second moment *before* its bias correction. `optax.amsgrad` takes it after:
    the first corrected moments are large, and the maximum never forgets them, which throttles training for ever.

    Source: Reddi et al., "On the convergence of Adam and beyond", ICLR 2018, in the form of torch.optim.Adam.
    """

    def init(params: optax.Params) -> ScaleByAmsgradState:
        zeros = (
            jax.tree.map(jnp.zeros_like, params) for _ in range(3)
        )  # separate buffers: donated ones may not be shared
        return ScaleByAmsgradState(jnp.zeros((), jnp.int32), *zeros)

    def update(
        updates: optax.Updates, state: ScaleByAmsgradState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, ScaleByAmsgradState]:
        del params
        count = optax.safe_increment(state.count)
        mean = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.mean, updates)
        square = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, state.square, updates)
        largest = jax.tree.map(jnp.maximum, state.largest_square, square)
        # 1 - b ** count, without the cancellation that in float32 costs the first steps half of their digits.
        mean_correction = -jnp.expm1(count * math.log(b1))
        square_correction = jnp.sqrt(-jnp.expm1(count * math.log(b2)))
        scaled = jax.tree.map(
            lambda m, v: m / mean_correction / (jnp.sqrt(v) / square_correction + epsilon), mean, largest
        )
        return scaled, ScaleByAmsgradState(count, mean, square, largest)

    return optax.GradientTransformation(init, update)


def amsgrad(learning_rate: optax.ScalarOrSchedule) -> optax.GradientTransformation:
    """The baseline's optimiser: AMSGrad with β 0.9 and 0.999, ε 1e-8, no weight decay."""
    return optax.chain(scale_by_amsgrad(), optax.scale_by_learning_rate(learning_rate))


def adam(learning_rate: optax.ScalarOrSchedule) -> optax.GradientTransformation:
    """Adam with β 0.9 and 0.999, ε 1e-8, no weight decay."""
    return optax.adam(learning_rate)


Optimizer = Callable[[optax.ScalarOrSchedule], optax.GradientTransformation]
OPTIMIZERS: dict[str, Optimizer] = {"amsgrad": amsgrad, "adam": adam}
"""Optimisers by name, as functions of the learning rate; a plugin adds its own."""


def staircase(initial: float, decay: float, steps_per_epoch: int, epochs: int) -> optax.Schedule:
    """`initial` · `decay` ** epoch, constant within an epoch: the published schedule of the baseline."""
    del epochs
    return optax.exponential_decay(initial, steps_per_epoch, decay, staircase=True)


def exponential(initial: float, decay: float, steps_per_epoch: int, epochs: int) -> optax.Schedule:
    """`initial` · `decay` ** epoch, where the epoch is a fraction."""
    del epochs
    return optax.exponential_decay(initial, steps_per_epoch, decay)


def cosine(initial: float, decay: float, steps_per_epoch: int, epochs: int) -> optax.Schedule:
    """Half a period of the cosine from `initial` to zero at the end of the last epoch."""
    del decay
    return optax.cosine_decay_schedule(initial, steps_per_epoch * epochs)


def constant(initial: float, decay: float, steps_per_epoch: int, epochs: int) -> optax.Schedule:
    """`initial` at every step."""
    del decay, steps_per_epoch, epochs
    return optax.constant_schedule(initial)


Schedule = Callable[[float, float, int, int], optax.Schedule]
SCHEDULES: dict[str, Schedule] = {
    "staircase": staircase,
    "exponential": exponential,
    "cosine": cosine,
    "constant": constant,
}
"""Schedules of the learning rate by name: functions of its first value, its decay an epoch, the steps of an epoch and
the number of epochs. A plugin adds its own."""
