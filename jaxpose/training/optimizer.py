"""The published optimiser and schedules: AMSGrad by PyTorch's rule, learning rate and BatchNorm momentum by epoch."""

import math
from typing import NamedTuple

import chex
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


def learning_rate_schedule(initial: float, decay: float, steps_per_epoch: int) -> optax.Schedule:
    """`initial` · `decay` ** epoch, constant within an epoch; a function of the step."""
    return optax.exponential_decay(initial, steps_per_epoch, decay, staircase=True)


def momentum_schedule(
    epochs: int, steps_per_epoch: int, *, initial: float = 0.1, final: float = 0.001
) -> optax.Schedule:
    """BatchNorm momentum (weight of the new batch): exponentially from `initial` towards `final`, by epoch.

    Args:
      epochs: planned length of the training; `final` would be reached in the epoch after the last.
      steps_per_epoch: the value is constant within an epoch.
      initial: in the first epoch.
      final: see `epochs`.

    Returns:
      A function of the step.
    """

    def momentum(step: chex.Numeric) -> jax.Array:
        return initial * jnp.exp(-(step // steps_per_epoch) / epochs * math.log(initial / final))

    return momentum
