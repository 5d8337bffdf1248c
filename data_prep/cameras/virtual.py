"""Film motion that was captured without images: what cameras would have seen, and a 2D detector would have found.

Sources of motion without video (CMU, HumanEva's poses) become tracks before the published Human3.6M cameras, with
the noise of `jaxpose.data.synthetic.detector_noise.add_detector_noise` on the keypoints.
"""

import functools
import zlib
from collections.abc import Iterator, Mapping

import jax
import numpy as np

from jaxpose.cameras import Camera, project, world_to_camera
from jaxpose.data.synthetic.detector_noise import add_detector_noise
from jaxpose.data.synthetic.generate import CENTRE
from jaxpose.data.track import Track
from jaxpose.skeleton import H36M_17

NEAREST_M = 0.5
"""A camera that a joint comes nearer than this, along the optical axis, gives no track."""

FARTHEST_OUTSIDE = 0.5
"""Nor does one of whose image a joint is farther outside than this share of its width or height."""

_FEWEST_FRAMES = 1024  # that a program is compiled for


def place(world: np.ndarray) -> np.ndarray:
    """Shift a clip along the floor so that the middle of the root's path is where the Human3.6M cameras look.

    Args:
      world: (T, J, 3) metres, z up; joint 0 is the root.

    Returns:
      (T, J, 3), heights as they were.
    """
    path = world[:, 0, :2]
    shift = np.asarray(CENTRE) - (path.min(axis=0) + path.max(axis=0)) / 2
    return world + np.asarray([*shift, 0], world.dtype)


def film(
    subject: str, action: str, world: np.ndarray, fps: float, cameras: Mapping[str, Camera], seed: int | None
) -> Iterator[Track]:
    """What each camera sees of a clip, with its distortion.

    Args:
      subject: who moves.
      action: what they do.
      world: (T, 17, 3) float32 metres, z up, T at least 1; joints as in `H36M_17`.
      fps: frames a second.
      cameras: by name.
      seed: of the detector's noise, which depends on it and on the names of subject, action and camera alone; None for
        exact projections.

    Yields:
      One track per camera, without those that a joint is behind, nearer to than `NEAREST_M`, or so far outside the
      image (`FARTHEST_OUTSIDE`) that no detector would guess it.
    """
    padded = _padded(world)
    for name, camera in cameras.items():
        positions, keypoints = _view(padded, camera)
        outside = np.abs(np.asarray(keypoints) / (camera.width, camera.height) - 0.5).max() - 0.5
        if np.asarray(positions)[..., 2].min() < NEAREST_M or outside > FARTHEST_OUTSIDE:
            continue
        if seed is not None:
            clip = zlib.crc32(f"{subject}/{action}/{name}".encode())
            keypoints = _noisy(jax.random.fold_in(jax.random.key(seed), clip), keypoints)
        seen, found = (np.asarray(array)[: len(world)] for array in (positions, keypoints))
        yield Track(subject, action, name, fps, seen, found, **camera._asdict())


def _padded(world: np.ndarray) -> np.ndarray:
    """A clip whose last frame is repeated until there are a power of two: JAX compiles once for every length."""
    wanted = max(_FEWEST_FRAMES, 1 << (len(world) - 1).bit_length())
    return np.pad(world, [(0, wanted - len(world)), (0, 0), (0, 0)], mode="edge")


# Clips are short and many lengths are compiled for: LLVM's last optimisations would take longer than they save.
_jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 1})


@_jit
def _view(world: jax.Array, camera: Camera) -> tuple[jax.Array, jax.Array]:
    """Positions (T, 17, 3) in camera space, and exact keypoints (T, 17, 2)."""
    positions = world_to_camera(world, camera)
    return positions, project(positions, camera)


@_jit
def _noisy(key: jax.Array, keypoints: jax.Array) -> jax.Array:
    """Keypoints (T, 17, 2) with noise that is the same whatever frames follow: `detect` goes forward in time."""
    return add_detector_noise(key, keypoints, H36M_17)
