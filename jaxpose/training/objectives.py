"""Parts of the training loss, by name: position losses, joint-aware constraints, and objectives of plugins."""

import functools
from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp

from jaxpose import losses
from jaxpose.data.track import Description
from jaxpose.data.windows import Windows
from jaxpose.metrics import mpjpe
from jaxpose.models.lifter import Prediction, Progress
from jaxpose.numerics import safe_divide
from jaxpose.skeleton import Skeleton
from jaxpose.training.config import Config
from jaxpose.training.step import Objective

PositionLoss = Callable[[Prediction, jax.Array], jax.Array]
"""A prediction and the true poses (B, K, J, 3), metres, to the scalar to minimise."""


def mpjpe_loss(prediction: Prediction, targets: jax.Array) -> jax.Array:
    """The baseline's loss: MPJPE, averaged over the batch, in metres."""
    return jnp.mean(mpjpe(prediction.poses, targets))


def mse_loss(prediction: Prediction, targets: jax.Array) -> jax.Array:
    """Mean squared error of the coordinates, in square metres."""
    return jnp.mean((prediction.poses - targets) ** 2)


def z_mse_loss(prediction: Prediction, targets: jax.Array) -> jax.Array:
    """Mean squared error of the coordinates in standard deviations of the training poses, without a unit.

    Coordinates that are always the same, those of the root, count zero. Source: Martinez et al., "A simple yet
    effective baseline for 3d human pose estimation", ICCV 2017, whose network predicts z-scores.

    Raises:
      ValueError: the network does not say the standard deviations (`Prediction.unit`).
    """
    if prediction.unit is None:
        raise ValueError("the loss z_mse needs a network that predicts in standard deviations; choose mse")
    return jnp.mean(safe_divide(prediction.poses - targets, prediction.unit) ** 2)


LOSSES: dict[str, PositionLoss] = {"mpjpe": mpjpe_loss, "mse": mse_loss, "z_mse": z_mse_loss}
"""Position losses by name; a plugin adds its own."""


def constant(progress: Progress) -> float:
    """A weight of 1 from the first step on."""
    del progress
    return 1.0


@functools.lru_cache
def ramp(begin: float, end: float) -> Callable[[Progress], jax.Array]:
    """A weight that grows linearly from 0 to 1 between two epochs."""

    def weight(progress: Progress) -> jax.Array:
        return jnp.clip((progress.epoch - begin) / max(end - begin, 1e-6), 0, 1)

    return weight


@functools.lru_cache
def position(loss: PositionLoss) -> Objective:
    """The position loss of all windows, with the network in training mode."""

    def value(prediction: Prediction, windows: Windows, weight: chex.Numeric) -> tuple[jax.Array, dict[str, jax.Array]]:
        error = loss(prediction, windows.poses)
        return weight * error, {"position": error}

    return Objective("position", "windows", True, constant, value, ("position",))


@functools.lru_cache
def constraints(
    weights: tuple[tuple[str, float], ...], skeleton: Skeleton, frames: int, begin: float, end: float
) -> Objective:
    """The weighted constraint terms of the clips, with the network as in evaluation.

    Dropout changes a prediction from frame to frame more than people move, and the constraints would fit its noise at
    the cost of position. The weights grow from zero: the limbs of an untrained network have almost no length, so that
    their angles have huge gradients, and AMSGrad would remember these for ever.

    Args:
      weights: names of constraint terms and their weights at the end of the ramp.
      skeleton: of the poses.
      frames: of a clip, F. Windows of fewer frames are parts of a clip, one after the other.
      begin: epoch at which the weights begin to grow.
      end: epoch from which on they are whole.
    """

    def value(prediction: Prediction, windows: Windows, weight: chex.Numeric) -> tuple[jax.Array, dict[str, jax.Array]]:
        current = {name: final * weight for name, final in weights}
        values = (prediction.poses, windows.poses, windows.visible[..., None])
        poses, targets, visible = (array.reshape(-1, frames, *array.shape[2:]) for array in values)
        return losses.constraints(poses, targets, current, skeleton, visible)

    return Objective("constraints", "clips", False, ramp(begin, end), value, tuple(name for name, _ in weights))


OBJECTIVES: dict[str, Callable[[Config, Description], Objective]] = {}
"""Further objectives by name, each made from the settings and the description of the data; a plugin adds its own. The
same arguments must give the same objective (`functools.lru_cache`), so that runs share compiled programs."""
