"""The constraint losses of joint-aware training, and their weighted sum with the position loss.

Equation (1) of "Back to the Future: Joint Aware Temporal Deep Learning 3D Human Pose Estimation" takes, for each
quantity n of a pose or of its motion, the squared difference (n_predicted - n_true)². `QUANTITIES` names them; `term`
gives the squares of one, for every frame and element; `constraints` adds up what the weights ask for, `joint_aware`
with the position error.

Positions are those of one track, (T, J, 3) metres, consecutive frames; one pose is a track of one frame. `jax.vmap`
maps over a batch. Gradients are finite everywhere, also for coincident joints, straight limbs, still and perfect
predictions. Nothing here knows what predicted the poses.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.cameras import Camera, project
from jaxpose.kinematics import (
    bone_lengths,
    finite_difference,
    joint_angles,
    range_of_motion_violation,
    symmetry_differences,
)
from jaxpose.numerics import as_floating, safe_divide, safe_norm
from jaxpose.skeleton import Skeleton


class Quantity(NamedTuple):
    """One n of equation (1)."""

    of: Callable[[jax.Array, Skeleton], jax.Array]  # (T, J, 3) to (T - order, E), or to vectors (T - order, E, 3)
    joints: Callable[[Skeleton], np.ndarray]  # (E, n), those that each element is made of
    unit: float  # what counts as one
    order: int = 0  # of the difference in time


def _joints(skeleton: Skeleton) -> np.ndarray:
    return np.arange(skeleton.num_joints)[:, None]


def _bones(skeleton: Skeleton) -> np.ndarray:
    return np.asarray(skeleton.bones, int).reshape(-1, 2)


def _limb_pairs(skeleton: Skeleton) -> np.ndarray:
    return _bones(skeleton)[np.asarray(skeleton.bone_pairs, int)].reshape(-1, 4)


def _triples(skeleton: Skeleton) -> np.ndarray:
    return np.asarray([angle.joints for angle in skeleton.angles], int).reshape(-1, 3)


def _everything(skeleton: Skeleton) -> np.ndarray:
    return np.tile(np.arange(skeleton.num_joints), (len(skeleton.bones), 1))


def _lengths_by_their_mean(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    lengths = bone_lengths(positions, skeleton)
    return safe_divide(lengths, jnp.mean(lengths, axis=-1, keepdims=True))


QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {
        "angle": Quantity(joint_angles, _triples, unit=0.2),  # θ, radians
        "distance": Quantity(bone_lengths, _bones, unit=0.02),  # d, metres
        "symmetry": Quantity(symmetry_differences, _limb_pairs, unit=0.02),  # s, metres
        "range_of_motion": Quantity(range_of_motion_violation, _triples, unit=0.05),  # r, radians
        "velocity": Quantity(lambda x, _: finite_difference(x, 1), _joints, unit=0.008, order=1),  # ẋ, metres a frame
        "acceleration": Quantity(lambda x, _: finite_difference(x, 2), _joints, unit=0.008, order=2),  # ẍ
        "angular_acceleration": Quantity(
            lambda x, skeleton: finite_difference(joint_angles(x, skeleton), 2), _triples, unit=0.02, order=2
        ),  # θ̈, radians a frame squared
        # Beyond the paper:
        "consistency": Quantity(
            lambda x, skeleton: finite_difference(bone_lengths(x, skeleton), 1), _bones, unit=0.002, order=1
        ),  # of bone lengths over time, metres a frame
        "ratio": Quantity(_lengths_by_their_mean, _everything, unit=0.1),  # of each bone to the mean of all
    }
)
"""The seven of equation (1), Table 1, and two more.

A unit is about the error that a network trained for positions alone is left with on real motion at 50 frames a second:
every term then begins near 1, and equal weights give every term the same say."""


@functools.partial(jax.jit, static_argnames=("name", "skeleton"))
def term(name: str, predictions: jax.Array, targets: jax.Array, skeleton: Skeleton) -> jax.Array:
    """(n_predicted - n_true)² of one quantity, of every frame and element, in squared units.

    Args:
      name: of `QUANTITIES`.
      predictions: (T, J, 3) metres.
      targets: (T, J, 3) metres.
      skeleton: static.

    Returns:
      (T, E): of the angles `skeleton.angles`, the bones `skeleton.bones` or the pairs `skeleton.bone_pairs`; or of the
      joints, the squared length of the difference. A k-th difference in time has T - k rows, none for a short track.
    """
    chex.assert_shape([predictions, targets], (None, skeleton.num_joints, 3))
    chex.assert_equal_shape([predictions, targets])
    quantity = QUANTITIES[name]
    predictions, targets = as_floating(predictions), as_floating(targets)
    squares = ((quantity.of(predictions, skeleton) - quantity.of(targets, skeleton)) / quantity.unit) ** 2
    return jnp.sum(squares, axis=-1) if squares.ndim == 3 else squares


LOSS_SCALE = 1e-3
"""Metres of MPJPE that a term's mean counts for at weight 1."""


def pseudo_huber(squares: jax.Array) -> jax.Array:
    """2 (√(1 + q) - 1): q itself as long as the difference is well below a unit, twice the difference far beyond.

    So no gradient grows with the error, as that of MPJPE does not either.
    """
    return 2 * (jnp.sqrt(1 + as_floating(squares)) - 1)


def validity_mask(name: str, visible: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Which of a term's values rest on visible joints alone: (T, J) bool to (T - k, E) bool, as `term` gives them."""
    quantity = QUANTITIES[name]
    chex.assert_shape(visible, (None, skeleton.num_joints))
    seen = jnp.all(visible[:, quantity.joints(skeleton)], axis=-1)
    frames = max(len(seen) - quantity.order, 0)
    return functools.reduce(jnp.logical_and, (seen[lag : lag + frames] for lag in range(quantity.order + 1)))


@functools.partial(jax.jit, static_argnames="skeleton")
def constraints(
    predictions: jax.Array,
    targets: jax.Array,
    weights: Mapping[str, chex.Numeric],
    skeleton: Skeleton,
    visible: jax.Array | bool = True,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The weighted constraint terms of a batch.

    1 mm · Σ w_n · mean of the `bounded` squares of `term`. Where a network trained for positions alone leaves it, a
    weight of 1 adds about 1 mm to the loss.

    Args:
      predictions: (B, T, J, 3) metres, T consecutive frames of B tracks.
      targets: (B, T, J, 3) metres; where a joint is not visible, anything.
      weights: of the quantities to constrain; those left out are not computed.
      skeleton: static.
      visible: (B, T, J) bool, the joints whose targets count, or (B, T, 1), the frames; all of them by default.

    Returns:
      The sum in metres, and the mean of each bounded term by name, unweighted.
    """
    chex.assert_shape([predictions, targets], (None, None, skeleton.num_joints, 3))
    chex.assert_equal_shape([predictions, targets])
    visible = jnp.broadcast_to(visible, predictions.shape[:-1])
    predictions, targets = as_floating(predictions), as_floating(targets)
    # Zeros for joints that do not count, before anything is computed from them: a NaN would survive a mask later.
    predictions, targets = (jnp.where(visible[..., None], x, 0) for x in (predictions, targets))
    parts = {}
    for name in weights:
        squares = jax.vmap(lambda p, t, name=name: term(name, p, t, skeleton))(predictions, targets)
        counted = jax.vmap(lambda v, name=name: validity_mask(name, v, skeleton))(visible)
        parts[name] = _mean(pseudo_huber(squares), counted)
    return LOSS_SCALE * sum(weight * parts[name] for name, weight in weights.items()), parts


def joint_aware(
    predictions: jax.Array,
    targets: jax.Array,
    weights: Mapping[str, chex.Numeric],
    skeleton: Skeleton,
    visible: jax.Array | bool = True,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """MPJPE and the weighted constraint terms of the same batch: the loss for any network of one's own.

    Arguments and errors are those of `constraints`.

    Returns:
      The loss in metres, and its parts by name: `position` in metres, and the mean of each term, unweighted.
    """
    added, parts = constraints(predictions, targets, weights, skeleton, visible)
    visible = jnp.broadcast_to(visible, predictions.shape[:-1])
    position = _mean(safe_norm(jnp.where(visible[..., None], predictions - targets, 0)), visible)
    return position + added, {"position": position, **parts}


def _mean(values: jax.Array, counted: jax.Array) -> jax.Array:
    """The mean of the values that count; zero if none does."""
    return jnp.sum(jnp.where(counted, values, 0)) / jnp.maximum(jnp.sum(counted), 1)


def reprojection(positions: jax.Array, keypoints: jax.Array, camera: Camera) -> jax.Array:
    """Squared distance, in pixels, of every joint's projection from its keypoint.

    Args:
      positions: (T, J, 3) metres in camera space, not root-relative.
      keypoints: (T, J, 2) pixels.
      camera: that saw them.

    Returns:
      (T, J) squared pixels. The gradient is finite also for joints behind the camera.
    """
    chex.assert_equal_shape_prefix([positions, keypoints], 2)
    return jnp.sum((project(positions, camera) - keypoints) ** 2, axis=-1)


SPEED_LIMITS: Mapping[str, float] = MappingProxyType({"elbow": 2400, "knee": 1800, "hip": 1000, "shoulder": 1000})
"""The fastest that joints have been seen to bend, degrees a second, by kind of angle: elbows in baseball pitching
(Fleisig et al., J. Biomechanics 1999, 2320 ± 300), knees in kicking, hips and shoulders in sprinting and throwing. The
last three are round figures from memory. Other angles have no limit."""


def speed_limit(positions: jax.Array, skeleton: Skeleton, *, fps: float) -> jax.Array:
    """How much faster joints bend than people can.

    Args:
      positions: (T, J, 3) metres.
      skeleton: static.
      fps: frames a second.

    Returns:
      (T - 1, A) squares, (radians a second)², of the excess over `SPEED_LIMITS`.
    """
    kinds = (angle.name.rpartition("_")[2] for angle in skeleton.angles)
    fastest = np.deg2rad(np.asarray([SPEED_LIMITS.get(kind, np.inf) for kind in kinds], np.float32))
    speeds = jnp.abs(finite_difference(joint_angles(positions, skeleton), 1)) * fps
    return jnp.maximum(speeds - fastest, 0) ** 2


def fit_limits(positions: jax.Array, skeleton: Skeleton, *, share: float = 0.999) -> Skeleton:
    """The skeleton with ranges of motion learnt from data.

    Args:
      positions: (..., J, 3) metres, poses of real people.
      skeleton: whose angles to measure.
      share: of the poses that the range of an angle admits; the rest is left out at both ends alike.

    Returns:
      The same skeleton, with new ranges.

    Raises:
      ValueError: there are no poses, they are not finite, or an angle is the same in all of them.
    """
    if not skeleton.angles:
        return skeleton
    if not positions.size:
        raise ValueError("there are no poses to learn ranges of motion from")
    angles = np.rad2deg(joint_angles(positions, skeleton)).reshape(-1, len(skeleton.angles))
    tails = ((1 - share) / 2, (1 + share) / 2)
    ranges = np.quantile(angles, tails, axis=0).T
    fitted = (
        dataclasses.replace(angle, range_deg=tuple(map(float, range_deg)))
        for angle, range_deg in zip(skeleton.angles, ranges, strict=True)
    )
    return dataclasses.replace(skeleton, angles=tuple(fitted))
