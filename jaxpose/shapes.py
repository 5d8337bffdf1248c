"""Checks of the shapes and names that a caller passes, before anything is computed; under `jit`, while it is traced.

One convention holds for the whole library: coordinates are axis -1, joints axis -2, time axis -3, and leading axes are
free. Quantities per frame, such as angles (..., T, A), have time on axis -2.

>>> import numpy as np
>>> from jaxpose import shapes
>>> shapes.require_poses(np.zeros((8, 17, 3)), "targets")
>>> shapes.require_poses(np.zeros((8, 51)), "targets")
Traceback (most recent call last):
ValueError: `targets` has shape (8, 51), but poses are (..., J, 3): coordinates on axis -1, joints on axis -2
"""

import difflib
from collections.abc import Iterable, Mapping

import jax
import numpy as np

from jaxpose.skeleton import Skeleton

# The public interface: some of it serves callers of the library alone.
__all__ = [
    "require_axis", "require_known", "require_matrix", "require_poses", "require_rank", "require_same_shape",
    "require_skeleton", "require_tracks",
]  # fmt: skip


def require_poses(positions: jax.Array, name: str, skeleton: Skeleton | None = None) -> None:
    """Raise unless an array has the shape of poses, (..., J, 3).

    Args:
      positions: the array.
      name: of the argument, for the message.
      skeleton: its number of joints is J; None for any number.

    Raises:
      ValueError: the shape is another; the message gives it and the convention.
      TypeError: `skeleton` is not a `Skeleton`.
    """
    _require(np.shape(positions), name, skeleton, "(..., J, 3): coordinates on axis -1, joints on axis -2", 2)


def require_tracks(positions: jax.Array, name: str, skeleton: Skeleton | None = None) -> None:
    """Raise unless an array has the shape of consecutive poses, (..., T, J, 3).

    Arguments and errors are those of `require_poses`.
    """
    convention = "(..., T, J, 3): coordinates on axis -1, joints on axis -2, time on axis -3"
    _require(np.shape(positions), name, skeleton, convention, 3)


def _require(shape: tuple[int, ...], name: str, skeleton: Skeleton | None, convention: str, rank: int) -> None:
    require_skeleton(skeleton)
    fits = len(shape) >= rank and shape[-1] == 3 and (skeleton is None or shape[-2] == skeleton.num_joints)
    if not fits:
        joints = f", with J = {skeleton.num_joints} for {skeleton.name}" if skeleton else ""
        raise ValueError(f"`{name}` has shape {shape}, but poses are {convention}{joints}")


def require_skeleton(skeleton: Skeleton | None) -> None:
    """Raise TypeError for what is neither a `Skeleton` nor None."""
    if skeleton is not None and not isinstance(skeleton, Skeleton):
        raise TypeError(f"`skeleton` is {skeleton!r:.80}, not a jaxpose.skeleton.Skeleton such as H36M_17")


def require_axis(x: jax.Array, name: str, axis: int, size: int) -> None:
    """Raise `ValueError` unless an axis, counted from the end, has a size; `name` is that of the argument."""
    shape = np.shape(x)
    if len(shape) < -axis or shape[axis] != size:
        raise ValueError(f"`{name}` has shape {shape}, but axis {axis} must have size {size}")


def require_rank(x: jax.Array, name: str, convention: str) -> None:
    """Raise `ValueError` unless an array has as many axes as a convention, such as "(B, N, K, C)".

    Args:
      x: the array.
      name: of the argument, for the message.
      convention: the names of the axes in brackets, with commas between them.
    """
    if np.ndim(x) != convention.count(",") + 1:
        raise ValueError(f"`{name}` has shape {np.shape(x)}, but is to be {convention}")


def require_matrix(x: jax.Array, name: str) -> None:
    """Raise `ValueError` unless an array has the shape (..., 3, 3); `name` is that of the argument."""
    if np.shape(x)[-2:] != (3, 3):
        raise ValueError(f"`{name}` has shape {np.shape(x)}, but matrices are (..., 3, 3)")


def require_same_shape(arrays: Mapping[str, jax.Array]) -> None:
    """Raise `ValueError` unless all arrays, by the names of their arguments, have one shape."""
    if len({np.shape(x) for x in arrays.values()}) > 1:
        described = " and ".join(f"`{name}` {np.shape(x)}" for name, x in arrays.items())
        raise ValueError(f"the shapes of {described} differ; they must be the same")


def require_known(name: str, known: Iterable[str], what: str) -> None:
    """Raise `ValueError` for a name that is not among those known, which the message lists.

    >>> from jaxpose import shapes
    >>> shapes.require_known("angels", ["angle", "distance"], "quantity")
    Traceback (most recent call last):
    ValueError: no quantity 'angels'; did you mean 'angle'? Known: angle, distance
    """
    names = list(known)
    if name not in names:
        near = difflib.get_close_matches(str(name), names, n=1)
        guess = f"; did you mean {near[0]!r}? Known: " if near else "; known: "
        raise ValueError(f"no {what} {name!r}{guess}{', '.join(names)}")
