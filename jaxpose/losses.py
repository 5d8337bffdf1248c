"""Constraint losses of joint-aware training, and their weighted sum with the position loss.

Equation (1) of "Back to the Future: Joint Aware Temporal Deep Learning 3D Human Pose Estimation" penalises, for several
quantities n of a pose or of its motion, the squared difference (n_predicted - n_true)². `QUANTITIES` lists them; `term`
computes the squared differences of one quantity for every frame and element; `constraints` is the weighted sum of
terms; `joint_aware` adds the position loss.

Positions are (..., T, J, 3) metres: T consecutive frames of one track, or of each track of a batch; one pose is a track
of one frame. Other shapes, unknown names and masks that do not fit raise `ValueError`. Gradients are finite everywhere,
also for coincident joints, straight limbs, still poses and perfect predictions. The predictions can come from any
network.

>>> import jax.numpy as jnp
>>> from jaxpose import losses
>>> from jaxpose.skeleton import Skeleton
>>> bone = Skeleton("bone", ("hip", "knee"), (-1, 0))
>>> target = jnp.array([[[0.0, 0.0, 0.0], [0.0, 0.4, 0.0]]])
>>> prediction = jnp.array([[[0.0, 0.0, 0.0], [0.0, 0.42, 0.0]]])
>>> float(losses.term("distance", prediction, target, bone)[0, 0].round(3))  # 2 cm too long: one unit
1.0
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
from jaxpose.masks import joint_mask, mask_of_differences, masked_mean, where_visible
from jaxpose.numerics import as_floating, safe_divide, safe_norm
from jaxpose.shapes import require_known, require_poses, require_same_shape, require_skeleton, require_tracks
from jaxpose.skeleton import Skeleton

# The public interface: some of it serves callers of the library alone.
__all__ = [
    "LOSS_SCALE", "QUANTITIES", "SPEED_LIMITS", "Quantity", "constraints", "fit_limits", "joint_aware", "pseudo_huber",
    "reprojection", "speed_limit", "term", "validity_mask",
]  # fmt: skip


class Quantity(NamedTuple):
    """A quantity n of equation (1), computed from the poses of one track: E numbers or vectors a frame.

    Three factors scale its term: `unit` makes the squared difference dimensionless, the caller's weight says how much
    it counts, and `LOSS_SCALE` converts the weighted sum to metres, the unit of the position loss.

    Attributes:
      compute: the quantity, from positions (T, J, 3) of one track in metres and the skeleton to (T - order, E) numbers
        or to (T - order, E, 3) vectors; none for a track of `order` frames or fewer. It is differentiated: its gradient
        must be finite everywhere (`jaxpose.numerics`).
      joints: from the skeleton to (E, n) indices of the joints that each element depends on, in NumPy: an element does
        not count where one of these is not visible.
      unit: the difference that counts as 1, in the quantity's own unit.
      order: of the finite difference in time, 0 for a quantity of single poses.
    """

    compute: Callable[[jax.Array, Skeleton], jax.Array]
    joints: Callable[[Skeleton], np.ndarray]
    unit: float
    order: int = 0


def _joints(skeleton: Skeleton) -> np.ndarray:
    return np.arange(skeleton.num_joints)[:, None]


def _bones(skeleton: Skeleton) -> np.ndarray:
    return np.asarray(skeleton.bones, int).reshape(-1, 2)


def _bone_pairs(skeleton: Skeleton) -> np.ndarray:
    return _bones(skeleton)[np.asarray(skeleton.bone_pairs, int)].reshape(-1, 4)


def _triples(skeleton: Skeleton) -> np.ndarray:
    return np.asarray([angle.joints for angle in skeleton.angles], int).reshape(-1, 3)


def _all_joints_per_bone(skeleton: Skeleton) -> np.ndarray:
    return np.tile(np.arange(skeleton.num_joints), (len(skeleton.bones), 1))


def _positions(positions: jax.Array, _: Skeleton) -> jax.Array:
    return positions


def _velocities(positions: jax.Array, _: Skeleton) -> jax.Array:
    return finite_difference(positions, 1)


def _accelerations(positions: jax.Array, _: Skeleton) -> jax.Array:
    return finite_difference(positions, 2)


def _angular_accelerations(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    return finite_difference(joint_angles(positions, skeleton), 2, axis=-2)


def _length_changes(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    return finite_difference(bone_lengths(positions, skeleton), 1, axis=-2)


def _length_ratios(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    lengths = bone_lengths(positions, skeleton)
    return safe_divide(lengths, jnp.mean(lengths, axis=-1, keepdims=True))


QUANTITIES: dict[str, Quantity] = {
    "angle": Quantity(joint_angles, _triples, unit=0.2),  # θ, radians
    "distance": Quantity(bone_lengths, _bones, unit=0.02),  # d, metres
    "symmetry": Quantity(symmetry_differences, _bone_pairs, unit=0.02),  # s, metres
    "range_of_motion": Quantity(range_of_motion_violation, _triples, unit=0.05),  # r, radians
    "velocity": Quantity(_velocities, _joints, unit=0.008, order=1),  # ẋ, metres per frame
    "acceleration": Quantity(_accelerations, _joints, unit=0.008, order=2),  # ẍ, metres per frame²
    "angular_acceleration": Quantity(_angular_accelerations, _triples, unit=0.02, order=2),  # θ̈, rad per frame²
    # Beyond the paper:
    "consistency": Quantity(_length_changes, _bones, unit=0.002, order=1),  # of bone lengths, metres per frame
    "ratio": Quantity(_length_ratios, _all_joints_per_bone, unit=0.1),  # of each bone length to their mean
    "pose": Quantity(_positions, _joints, unit=0.05),  # metres; in training, of clips, which evaluation mode predicts
}
"""The seven quantities of equation (1), Table 1, and three more; a plugin adds its own with
`QUANTITIES["mine"] = Quantity(…)`, before any is computed: programs that were compiled earlier do not see it.

A unit is about the error that a network trained for positions alone leaves on real motion at 50 frames per second:
every term then starts near 1, and equal weights give the terms equal influence."""


# The jit on `term` and `constraints` is kept although callers compile them anyway: without it XLA fuses the training
# step in another order, and trained weights change in their last bits (tried).
@functools.partial(jax.jit, static_argnames=("name", "skeleton"))
def term(name: str, predictions: jax.Array, targets: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Squared differences (n_predicted - n_true)² of one quantity, in squared units.

    Args:
      name: a key of `QUANTITIES`.
      predictions: (..., T, J, 3) metres.
      targets: (..., T, J, 3) metres.
      skeleton: static.

    Returns:
      (..., T, E), with an element for each of `skeleton.angles`, `skeleton.bones` or `skeleton.bone_pairs`, or for each
      joint the squared length of the difference vector. A k-th difference in time has T - k rows, none for a shorter
      track.

    Raises:
      ValueError: the shapes are not those of tracks, or differ, or the quantity is not known.
    """
    _check(predictions, targets, skeleton)
    require_known(name, QUANTITIES, "quantity")
    function = functools.partial(_term, QUANTITIES[name], skeleton)
    for _ in range(np.ndim(predictions) - 3):
        function = jax.vmap(function)
    return function(as_floating(predictions), as_floating(targets))


def _check(predictions: jax.Array, targets: jax.Array, skeleton: Skeleton) -> None:
    require_skeleton(skeleton)
    require_tracks(predictions, "predictions", skeleton)
    require_same_shape({"predictions": predictions, "targets": targets})


def _term(quantity: Quantity, skeleton: Skeleton, predictions: jax.Array, targets: jax.Array) -> jax.Array:
    """Squared differences (T - order, E) of one quantity of one track."""
    difference = quantity.compute(predictions, skeleton) - quantity.compute(targets, skeleton)
    squares = (difference / quantity.unit) ** 2
    return jnp.sum(squares, axis=-1) if squares.ndim == 3 else squares


LOSS_SCALE = 1e-3
"""Metres that a term with mean 1 and weight 1 adds to the loss."""


def pseudo_huber(squares: jax.Array) -> jax.Array:
    """Pseudo-Huber loss 2 (√(1 + q) - 1) of squared differences q, in units.

    About q for differences well below one unit and twice the difference far above, so that its gradient is bounded, as
    that of MPJPE is. Source: Charbonnier et al., "Deterministic edge-preserving regularization in computed imaging",
    IEEE Transactions on Image Processing 1997.
    """
    return 2 * (jnp.sqrt(1 + as_floating(squares)) - 1)


def validity_mask(name: str, visible: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Mask of the values of `term`: each counts as the least visible joint and frame that it depends on.

    Args:
      name: a key of `QUANTITIES`.
      visible: (..., T, J) bool, or weights of at least 0.
      skeleton: static.

    Returns:
      (..., T - order, E) bool or weights, as `visible`.

    Raises:
      ValueError: the quantity is not known, or the mask has not J joints.
    """
    require_known(name, QUANTITIES, "quantity")
    if np.ndim(visible) < 2 or np.shape(visible)[-1] != skeleton.num_joints:
        raise ValueError(f"`visible` has shape {np.shape(visible)}, but masks are (..., T, {skeleton.num_joints})")
    quantity, visible = QUANTITIES[name], jnp.asarray(visible)
    of_elements = visible[..., quantity.joints(skeleton)]
    least = jnp.all(of_elements, axis=-1) if visible.dtype == bool else jnp.min(of_elements, axis=-1)
    return mask_of_differences(least, quantity.order)


def constraints(
    predictions: jax.Array,
    targets: jax.Array,
    weights: Mapping[str, chex.Numeric],
    skeleton: Skeleton,
    visible: jax.Array | bool = True,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Weighted sum of the constraint terms of a batch: LOSS_SCALE · Σ w_n · mean of pseudo_huber(term_n).

    Where a network trained for positions alone ends up, a weight of 1 adds about 1 mm to the loss.

    Args:
      predictions: (..., T, J, 3) metres, T consecutive frames of each track.
      targets: (..., T, J, 3) metres; any value where a joint is not visible.
      weights: by name of the quantity; others are not computed.
      skeleton: static.
      visible: bool or weights (..., T, J), which joints' targets count, and how much (`jaxpose.masks`); (..., T, 1) for
        whole frames; all by default. A value that depends on several joints or frames counts as the least visible one.

    Returns:
      The sum in metres, and the unweighted mean of each pseudo-Huber term by name.

    Raises:
      ValueError: the shapes are not those of tracks, or differ; a quantity is not known; the mask does not fit.
      TypeError: `weights` is not a mapping.
    """
    _check(predictions, targets, skeleton)
    if not isinstance(weights, Mapping):
        raise TypeError(f"`weights` is of type {type(weights).__name__}, not a mapping such as {{'angle': 1.0}}")
    for name in weights:
        require_known(name, QUANTITIES, "quantity")
    return _constraints(predictions, targets, weights, skeleton, visible)


@functools.partial(jax.jit, static_argnames="skeleton")
def _constraints(
    predictions: jax.Array,
    targets: jax.Array,
    weights: Mapping[str, chex.Numeric],
    skeleton: Skeleton,
    visible: jax.Array | bool,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    mask = joint_mask(visible, predictions)
    predictions, targets = (where_visible(as_floating(x), mask) for x in (predictions, targets))
    parts = {}
    for name in weights:
        squares = term(name, predictions, targets, skeleton)
        parts[name] = masked_mean(pseudo_huber(squares), validity_mask(name, mask, skeleton))
    return LOSS_SCALE * sum(weight * parts[name] for name, weight in weights.items()), parts


def joint_aware(
    predictions: jax.Array,
    targets: jax.Array,
    weights: Mapping[str, chex.Numeric],
    skeleton: Skeleton,
    visible: jax.Array | bool = True,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """MPJPE plus the weighted constraint terms of a batch: the loss of joint-aware training for any network.

    Arguments and errors are those of `constraints`.

    Returns:
      The loss in metres, and its parts by name: `position` in metres, and the unweighted mean of each term.
    """
    constraint_loss, parts = constraints(predictions, targets, weights, skeleton, visible)
    mask = joint_mask(visible, predictions)
    position = masked_mean(safe_norm(where_visible(predictions - targets, mask)), mask)
    return position + constraint_loss, {"position": position, **parts}


def reprojection(positions: jax.Array, keypoints: jax.Array, camera: Camera) -> jax.Array:
    """Squared distance in pixels between every joint's projection and its keypoint.

    Args:
      positions: (..., J, 3) metres in camera space, not root-relative.
      keypoints: (..., J, 2) pixels.
      camera: the camera of the keypoints.

    Returns:
      (..., J) squared pixels. The gradient is finite also for joints behind the camera.

    Raises:
      ValueError: the shapes are not those of poses and their keypoints.
    """
    require_poses(positions, "positions")
    if np.shape(keypoints) != (*np.shape(positions)[:-1], 2):
        raise ValueError(f"`keypoints` has shape {np.shape(keypoints)}; for `positions` {np.shape(positions)} they are "
                         f"{(*np.shape(positions)[:-1], 2)}")  # fmt: skip
    return jnp.sum((project(positions, camera) - keypoints) ** 2, axis=-1)


SPEED_LIMITS: Mapping[str, float] = MappingProxyType({"elbow": 2400, "knee": 1800, "hip": 1000, "shoulder": 1000})
"""Highest observed angular speeds in degrees per second, by kind of angle: elbows in baseball pitching (Fleisig et al.,
J. Biomechanics 1999, 2320 ± 300), knees in kicking, hips and shoulders in sprinting and throwing. The last three are
round figures from memory, without a source. Other angles have no limit."""


def speed_limit(positions: jax.Array, skeleton: Skeleton, *, fps: float) -> jax.Array:
    """Squared excess of the angular speed of joints over `SPEED_LIMITS`.

    Args:
      positions: (..., T, J, 3) metres.
      skeleton: static under `jax.jit`.
      fps: frames per second.

    Returns:
      (..., T - 1, A) in (radians per second)², for `skeleton.angles`.
    """
    require_tracks(positions, "positions", skeleton)
    kinds = (angle.name.rpartition("_")[2] for angle in skeleton.angles)
    limits = np.deg2rad(np.asarray([SPEED_LIMITS.get(kind, np.inf) for kind in kinds], np.float32))
    speeds = jnp.abs(finite_difference(joint_angles(positions, skeleton), 1, axis=-2)) * fps
    return jnp.maximum(speeds - limits, 0) ** 2


def fit_limits(positions: jax.Array, skeleton: Skeleton, *, share: float = 0.999) -> Skeleton:
    """Skeleton with ranges of motion estimated from data.

    Args:
      positions: (..., J, 3) metres, poses of real people.
      skeleton: its angles are measured.
      share: share of the poses inside the range of an angle; the rest is split between both ends.

    Returns:
      The same skeleton with new ranges.

    Raises:
      ValueError: there are no poses, they are not finite, or an angle is the same in all of them.
      TypeError: called within `jit`: a skeleton is static, and cannot depend on values that are not known yet.
    """
    require_poses(positions, "positions", skeleton)
    if isinstance(positions, jax.core.Tracer):
        raise TypeError("fit_limits makes a skeleton, which is static under jit, from the values of `positions`: call "
                        "it outside of jit, vmap and grad")  # fmt: skip
    if not skeleton.angles:
        return skeleton
    if not np.size(positions):
        raise ValueError("cannot fit ranges of motion without poses; `positions` is empty")
    angles = np.rad2deg(jax.jit(joint_angles, static_argnames="skeleton")(positions, skeleton))
    angles = angles.reshape(-1, len(skeleton.angles))
    broken = ~np.isfinite(angles).all(axis=1)
    if broken.any():
        raise ValueError(f"{broken.sum()} of {len(broken)} poses have angles that are not finite, the first at index "
                         f"{broken.argmax()} (leading axes flattened); leave them out")  # fmt: skip
    quantiles = ((1 - share) / 2, (1 + share) / 2)
    ranges = np.quantile(angles, quantiles, axis=0).T
    for angle, (low, high) in zip(skeleton.angles, ranges, strict=True):
        if not low < high:
            raise ValueError(f"the angle {angle.name} is {low:.1f}° in all poses, which does not make a range")
    fitted = (
        dataclasses.replace(angle, range_deg=tuple(map(float, range_deg)))
        for angle, range_deg in zip(skeleton.angles, ranges, strict=True)
    )
    return dataclasses.replace(skeleton, angles=tuple(fitted))
