"""Clips to look at: prediction and ground truth of a track, turned upright, and the keypoints that they are from."""

from typing import NamedTuple

import jax
import numpy as np

from jaxpose.data.track import Track, track_name
from jaxpose.export.motion import Motion, z_up
from jaxpose.kinematics import root_relative
from jaxpose.rotations import quaternion_to_matrix
from jaxpose.runtime.errors import InputError, one_line
from jaxpose.skeleton import Skeleton

_matrix = jax.jit(quaternion_to_matrix)


class Clip(NamedTuple):
    """Consecutive frames of one track.

    Poses are root-relative, in the axes of the world turned about the vertical until the camera looks along y: x is
    right of the camera, y away from it, z up from the floor.

    Attributes:
      name: of the track.
      fps: frames per second.
      first: frame of the track at which the clip begins.
      total: number of frames of the track.
      keypoints: (T, K, 2) pixels, if they are known.
      width: of the image, pixels; 0 without keypoints.
      height: of the image, pixels; 0 without keypoints.
      prediction: (T, J, 3) metres.
      truth: (T, J, 3) metres, the ground truth if it is known.
    """

    name: str
    fps: float
    first: int
    total: int
    keypoints: np.ndarray | None
    width: int
    height: int
    prediction: np.ndarray
    truth: np.ndarray | None


def make_clip(track: Track, prediction: np.ndarray) -> Clip:
    """Make a clip of a whole track.

    Args:
      track: at least one frame; without ground truth its positions_3d have no frames.
      prediction: (T, J, 3) metres, camera space, of every frame.

    Returns:
      The clip. Prediction and ground truth are moved alike, so that the distance between them is the error.
    """
    upright = _upright(track.orientation)
    prediction = np.asarray(prediction) @ upright.T
    truth = np.asarray(root_relative(track.positions_3d)) @ upright.T if len(track.positions_3d) else None
    lowest = (prediction if truth is None else truth)[..., 2].min(axis=-1)
    floor = np.asarray([0, 0, np.quantile(lowest, 0.01)], np.float32)  # not the least: one frame may be an outlier
    return Clip(
        track_name(track),
        track.fps,
        0,
        len(prediction),
        track.keypoints_2d[..., :2],
        track.width,
        track.height,
        prediction - floor,
        None if truth is None else truth - floor,
    )


def clip_of_motion(motion: Motion) -> Clip:
    """Make a clip of a person who was lifted from a video.

    Args:
      motion: at least one frame; in camera space, it is shown as of a level camera.
    """
    poses, start = np.float32(z_up(motion)), motion.start
    floor = np.asarray([0, 0, np.quantile(poses[..., 2].min(axis=-1), 0.01)], np.float32)
    pixels, _, width, height = motion.keypoints or (None, None, 0, 0)
    total, name = start + len(poses), one_line(motion.name)[:100]
    return Clip(f"track {name}", motion.fps, start, total, pixels, width, height, poses - floor, None)


def layout_of_motion(motion: Motion) -> Skeleton | None:
    """The layout of the keypoints from which a motion was lifted; None if they are not known."""
    return motion.keypoints.layout if motion.keypoints else None


def title_of_motion(file: str, motion: Motion) -> str:
    """The title of pictures of a person in a file: the track, and what the lifter was trained on."""
    trained_on = f". Lifter trained on: {one_line(motion.trained_on)}" if motion.trained_on else ""
    return f"{file}, track {one_line(motion.name)[:100]}{trained_on}"


def cut(clip: Clip, first: int, last: int) -> Clip:
    """The frames of a clip from the first to the last, both included, counted from 0.

    Raises:
      InputError: the clip does not have them.
    """
    total = len(clip.prediction)
    if not 0 <= first <= last < total:
        raise InputError(
            f"--frames is {first} {last}; {clip.name} has frames 0 to {total - 1}, name the first and the last"
        )
    chosen = slice(first, last + 1)
    keypoints, truth = (None if array is None else array[chosen] for array in (clip.keypoints, clip.truth))
    return clip._replace(first=clip.first + first, keypoints=keypoints, prediction=clip.prediction[chosen], truth=truth)


def around(clip: Clip, frame: int, frames: int) -> Clip:
    """At most `frames` frames of a clip, with `frame` in the middle unless the clip begins or ends there."""
    first = max(min(frame - frames // 2, len(clip.prediction) - frames), 0)
    return cut(clip, first, min(first + frames, len(clip.prediction)) - 1)


def crop(clip: Clip) -> np.ndarray:
    """The square of the image that holds all keypoints of a clip with some: [[left, right], [top, bottom]], pixels."""
    points = clip.keypoints.reshape(-1, 2)
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    reach = 0.6 * max((high - low).max(), 1)  # from the centre to an edge, with a margin
    return (low + high)[:, None] / 2 + np.asarray([-reach, reach])


def typical_pose(poses: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """The pose that is nearest to the mean pose, turned to face the viewer.

    Args:
      poses: (T, J, 3) metres, z up.
      skeleton: its left and right joints define the front.

    Returns:
      (J, 3) metres, turned about the vertical until its left side is at +x, so that it faces -y.
    """
    to_left = (poses[:, skeleton.left] - poses[:, skeleton.right]).sum(axis=1)
    turned = np.einsum("tab,tjb->tja", _turn(-np.arctan2(to_left[:, 1], to_left[:, 0])), poses)
    return turned[np.argmin(np.square(turned - turned.mean(axis=0)).sum(axis=(1, 2)))]


def joint_errors(predictions: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Euclidean distances, (..., J, 3) twice to (..., J)."""
    return np.sqrt(np.square(np.asarray(predictions) - np.asarray(targets)).sum(axis=-1))


def _upright(orientation: np.ndarray) -> np.ndarray:
    """(3, 3) from camera space to right, away from the camera and up, for a camera's orientation in the world."""
    to_world = np.asarray(_matrix(np.asarray(orientation)))
    x, y, _ = to_world[:, 2]  # the direction in which the camera looks
    return (_turn(np.pi / 2 - np.arctan2(y, x)) @ to_world).astype(np.float32)  # becomes +y


def _turn(angle: np.ndarray) -> np.ndarray:
    """(..., 3, 3) rotations about z by angles (...) in radians."""
    cosine, sine, zero = np.cos(angle), np.sin(angle), np.zeros_like(angle)
    rows = [[cosine, -sine, zero], [sine, cosine, zero], [zero, zero, zero + 1]]
    return np.moveaxis(np.asarray(rows), (0, 1), (-2, -1))
