"""Project motion that was captured without video into virtual cameras, with the noise of a 2D detector.

Captures (CMU, BVH files) become tracks seen by the published Human3.6M cameras; the noise on the keypoints is that of
`jaxpose.data.synthetic.detector_noise.add_detector_noise`.
"""

import functools
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import jax
import numpy as np

from jaxpose.cameras import Camera, project, world_to_camera
from jaxpose.data.synthetic.detector_noise import add_detector_noise
from jaxpose.data.synthetic.generate import CENTRE
from jaxpose.data.track import Track
from jaxpose.runtime.devices import bucket_length, cpu_compiler_options
from jaxpose.skeleton import BODY_22, COCO_17, H36M_17, Skeleton


class Form(NamedTuple):
    """What virtual cameras make of a clip: joints, and keypoints that are joints of the same names."""

    skeleton: Skeleton  # of the poses
    layout: Skeleton  # of the keypoints
    channels: int  # of a keypoint: 2, or 3 with a confidence, which is 1


FORMS = {"h36m_17": Form(H36M_17, H36M_17, 2), "coco_17": Form(BODY_22, COCO_17, 3)}
"""By the name of the layout."""

MIN_DEPTH_M = 0.5
"""Least depth of a joint; a camera that sees one nearer gives no track."""

MAX_OUTSIDE = 0.5
"""Farthest that a joint may be outside the image, in widths or heights; a camera that sees one farther gives no track.
"""

LEFT_OUT = "left out, views of people too near to the camera or too far outside its image"
"""Remark on views without a track."""

_MIN_FRAMES = 1024  # of a compiled program


def move_to_centre(world: np.ndarray) -> np.ndarray:
    """Shift a clip along the floor: the middle of the root's path is then where the Human3.6M cameras look.

    Args:
      world: (T, J, 3) metres, z up; joint 0 is the root.

    Returns:
      (T, J, 3); heights are unchanged.
    """
    path = world[:, 0, :2]
    shift = np.asarray(CENTRE) - (path.min(axis=0) + path.max(axis=0)) / 2
    return world + np.asarray([*shift, 0], world.dtype)


def virtual_tracks(
    subject: str,
    action: str,
    world: np.ndarray,
    fps: float,
    cameras: Mapping[str, Camera],
    seed: int | None,
    *,
    form: Form = FORMS["h36m_17"],
) -> Iterator[Track]:
    """Project a clip into cameras, with their distortion.

    Args:
      subject: name of the person.
      action: name of the clip.
      world: (T, J, 3) float32 metres, z up, T at least 1.
      fps: frames per second.
      cameras: by name.
      seed: of the detector's noise, which depends on it and on the names of subject, action and camera alone; None for
        exact projections.
      form: joints of the clip and keypoints of the tracks.

    Yields:
      One track per camera, except for cameras that a joint is behind, nearer to than `MIN_DEPTH_M`, or outside whose
      image it is by more than `MAX_OUTSIDE`, where no detector would find it.
    """
    padding = bucket_length(len(world), fewest=_MIN_FRAMES) - len(world)
    padded = np.pad(world, [(0, padding), (0, 0), (0, 0)], mode="edge")
    joints = [form.skeleton.index(keypoint) for keypoint in form.layout.joints]
    for name, camera in cameras.items():
        positions, keypoints = _jit(_project)(padded, camera)
        keypoints = np.asarray(keypoints)[:, joints]
        outside = np.abs(keypoints / (camera.width, camera.height) - 0.5).max() - 0.5
        if np.asarray(positions)[..., 2].min() < MIN_DEPTH_M or outside > MAX_OUTSIDE:
            continue
        if seed is not None:
            clip = zlib.crc32(f"{subject}/{action}/{name}".encode())
            keypoints = _jit(_add_noise, "layout")(
                jax.random.fold_in(jax.random.key(seed), clip), keypoints, form.layout
            )
        positions, keypoints = (np.asarray(array)[: len(world)] for array in (positions, keypoints))
        if form.channels == 3:
            keypoints = np.concatenate([keypoints, np.ones_like(keypoints[..., :1])], axis=-1)
        yield Track(subject, action, name, fps, positions, keypoints, **camera._asdict())


def noise_note(seed: int | None) -> str:
    """Describe the keypoints of `virtual_tracks`, for the text of a data set."""
    noise = "without noise" if seed is None else f"with the noise of a detector, seed {seed}"
    return f"keypoints are projected, {noise}"


@functools.cache
def _jit(function: Callable, *static: str) -> Callable:
    """Jit a function when it is first needed, since the compiler options depend on the backend.

    Clips are short and many lengths are compiled: LLVM's last optimisations would take longer than they save.
    """
    return jax.jit(function, static_argnames=static, compiler_options=cpu_compiler_options(1))


def _project(world: jax.Array, camera: Camera) -> tuple[jax.Array, jax.Array]:
    """Return positions (T, J, 3) in camera space, and their exact pixels (T, J, 2)."""
    positions = world_to_camera(world, camera)
    return positions, project(positions, camera)


def _add_noise(key: jax.Array, keypoints: jax.Array, layout: Skeleton) -> jax.Array:
    """Add detector noise to keypoints (T, K, 2): the noise of a frame does not depend on the frames that follow."""
    return add_detector_noise(key, keypoints, layout)
