"""Lift the tracks of the test with any run; and poses that take no lifter."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from experiments.anywhere.clips import Clip
from jaxpose.data.augmentation.confidence import LEAST
from jaxpose.data.resampling import resample
from jaxpose.data.track import Track, track_name
from jaxpose.data.windows import USUAL_FOCAL_LENGTH, pack_keypoints
from jaxpose.keypoints.detections import Detections
from jaxpose.keypoints.gaps import fill_gaps
from jaxpose.lifting.in_time import resample_keypoints
from jaxpose.lifting.lift import USUAL_EXTENT, lifting_fps
from jaxpose.lifting.preprocess import crop_to_person, preprocess
from jaxpose.rotations import quaternion_to_matrix, rotation_between
from jaxpose.runs.trained import TrainedModel
from jaxpose.runtime.devices import replicate
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import BODY_22, COCO_17, H36M_17, Skeleton


def lift_tracks(run: TrainedModel, tracks: Sequence[Track], *, lens_known: bool = True) -> np.ndarray:
    """Lift tracks of `COCO_17` keypoints with confidences.

    Runs are given what they were trained with. One that was trained with unseen keypoints (augmentation `unseen`) is
    given them as such; others are given what `preprocess.preprocess` makes of them: gaps filled, what is never seen
    estimated, joints of their layout. One that was trained with confidences (augmentation `confidence`) is given those;
    others are given 1 for all that is seen or filled. Those that do not aim the camera at the person themselves are
    given the crop around the person (`preprocess.crop_to_person`), and their poses are turned back. Left and right are
    never exchanged back: how often a detector exchanges them, the test says.

    Args:
      run: the run, of any layout of keypoints.
      tracks: what it lifts.
      lens_known: whether it is told the focal lengths, or has to assume the usual one.

    Returns:
      (F, 17, 3) metres, root-relative as the run has them, the tracks end to end; joints of `H36M_17`.
    """
    channels, rates = run.description.channels, [lifting_fps(run, track.fps) for track in tracks]
    keypoints = [_input(run, track, rate) for track, rate in zip(tracks, rates, strict=True)]
    focal = [focal_length(track, lens_known=lens_known) for track in tracks]
    sizes, turns = [(track.width, track.height) for track in tracks], [np.eye(3)] * len(tracks)
    if not run.model.rays:
        crops = [crop(run, points, *of) for points, *of in zip(keypoints, tracks, focal, strict=True)]
        keypoints, sizes, turns = zip(*crops, strict=True)
    packed = pack_keypoints([points[..., :channels] for points in keypoints], sizes, focal)
    poses = joints_by_name(run.lift(replicate(packed, run.mesh)), run.description.skeleton)
    parts = np.split(poses, np.cumsum([len(points) for points in keypoints])[:-1])
    return np.concatenate(
        [
            at_rate_of(part @ turn.T, rate, track)
            for part, turn, rate, track in zip(parts, turns, rates, tracks, strict=True)
        ]
    )


def crop(
    run: TrainedModel, keypoints: np.ndarray, track: Track, focal: float
) -> tuple[np.ndarray, tuple[float, float], np.ndarray]:
    """Keypoints in a square window around the person, as large as those that a run was trained with.

    Returns:
      Keypoints (T, K, 3) in the window; its width and height; and the rotation (3, 3) from the axes of a camera that is
      aimed at its middle to those of the track's camera.
    """
    cropped, side = crop_to_person(keypoints, run.description.extent or USUAL_EXTENT)
    middle = keypoints[0, 0, :2] - cropped[0, 0, :2] + side / 2
    ray = (middle - track.intrinsics[2:4]) / focal
    return cropped, (side, side), np.asarray(_turns(np.float32([[*ray, 1]])))[0]


def focal_length(track: Track, *, lens_known: bool) -> float:
    """Of a track's camera, in pixels; the usual one if it is not known."""
    return float(track.intrinsics[0]) if lens_known else USUAL_FOCAL_LENGTH * max(track.width, track.height)


def at_rate_of(poses: np.ndarray, rate: float, track: Track) -> np.ndarray:
    """Poses (T', J, 3) at some rate as poses (T, J, 3) of a track's frames; the last may be repeated."""
    poses = resample(poses, rate, track.fps)
    missing = max(len(track.keypoints_2d) - len(poses), 0)
    return np.pad(poses, [(0, missing), (0, 0), (0, 0)], mode="edge")[: len(track.keypoints_2d)]


def joints_by_name(poses: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """The joints of `H36M_17` among those of poses (..., J, 3)."""
    return poses[..., [skeleton.index(joint) for joint in H36M_17.joints], :]


def _input(run: TrainedModel, track: Track, rate: float) -> np.ndarray:
    """Keypoints (T', K, 3) in the layout of a run and at some rate; see `lift_tracks`."""
    knows, layout = run.config.augment, run.description.layout
    with_gaps = "unseen" in knows and layout == COCO_17
    # Between what is seen and what is not, nothing can be interpolated.
    keypoints = track.keypoints_2d if with_gaps and rate == track.fps else _filled(track, layout)
    seen = keypoints[..., 2:]
    if "confidence" not in knows:
        seen = (seen > 0) if with_gaps else np.ones_like(seen)
    elif not with_gaps:
        seen = np.maximum(seen, LEAST)
    given = np.concatenate([keypoints[..., :2], seen], axis=-1, dtype=np.float32)
    return given if rate == track.fps else resample_keypoints(given, track.fps, rate)


def _filled(track: Track, layout: Skeleton) -> np.ndarray:
    """Keypoints (T, K, 3) in a layout, without gaps; where too few are ever seen, they are amid the others."""
    seen = track.keypoints_2d[..., 2] > 0
    frames, size = np.arange(len(seen)), (track.width, track.height)
    person = Detections(track_name(track), frames, track.keypoints_2d, COCO_17, *size, track.fps)
    try:
        return preprocess(person, layout, keep_sides=True).keypoints
    except InputError:
        places, ever = fill_gaps(track.keypoints_2d[..., :2], seen), seen.any(axis=0)
        places[:, ~ever] = places[:, ever].mean(axis=1, keepdims=True) if ever.any() else np.divide(size, 2)
        known = np.concatenate([places, np.ones_like(places[..., :1])], axis=-1)
        return preprocess(person._replace(keypoints=known), layout, keep_sides=True).keypoints


def target_poses(tracks: Sequence[Track]) -> np.ndarray:
    """The true poses (F, 17, 3) of tracks of `BODY_22`, root-relative, the tracks end to end; joints of `H36M_17`."""
    positions = [joints_by_name(track.positions_3d, BODY_22) for track in tracks]
    return np.concatenate([pose - pose[:, :1] for pose in positions])


def mean_pose(tracks: Sequence[Track]) -> np.ndarray:
    """The mean (17, 3) of poses in the axes of cameras that are aimed at the person: headings are not known."""
    poses = np.split(target_poses(tracks), np.cumsum([len(track.positions_3d) for track in tracks])[:-1])
    aimed = [np.einsum("tba,tjb->tja", aim(track), pose) for track, pose in zip(tracks, poses, strict=True)]
    return np.concatenate(aimed).mean(axis=0)


def facing_pose(clips: Sequence[Clip]) -> np.ndarray:
    """The mean (17, 3) of poses that are turned about the vertical, hips across, as a camera sees someone face it."""
    turned = []
    for clip in clips:
        poses = joints_by_name(clip.world - clip.world[:, :1], BODY_22)
        across = poses[:, H36M_17.index("left_hip")] - poses[:, H36M_17.index("right_hip")]
        angle = np.arctan2(across[:, 1], across[:, 0])
        x, y, z = np.moveaxis(poses, -1, 0)
        cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
        # left is at the camera's right, its y is down, and who faces it looks along -z: the world's -y, after the turn
        turned.append(np.stack([cosine * x + sine * y, -z, cosine * y - sine * x], axis=-1))
    return np.concatenate(turned).mean(axis=0)


def constant_poses(pose: np.ndarray, tracks: Sequence[Track], *, lens_known: bool = True) -> np.ndarray:
    """One pose (17, 3), of cameras aimed at the person, in all frames of tracks: (F, 17, 3) in their cameras' axes."""
    return np.concatenate([np.einsum("tab,jb->tja", aim(track, lens_known=lens_known), pose) for track in tracks])


def aim(track: Track, *, lens_known: bool = True) -> np.ndarray:
    """Rotations (T, 3, 3) from the axes of a camera that is aimed at the person in each frame to those of the camera.

    It is aimed at the mean of the keypoints by confidence; where nothing is seen, at that of the whole track.
    """
    places, weight = track.keypoints_2d[..., :2], np.nan_to_num(track.keypoints_2d[..., 2:])
    rays = (np.nan_to_num(places) - track.intrinsics[2:4]) / focal_length(track, lens_known=lens_known)
    total, sums = weight.sum(axis=1), (weight * rays).sum(axis=1)
    whole = sums.sum(axis=0) / max(total.sum(), 1e-9)
    centre = np.where(total > 0, sums / np.where(total > 0, total, 1), whole)
    ahead = np.concatenate([centre, np.ones_like(total)], axis=-1).astype(np.float32)
    padded = np.pad(ahead, [(0, -len(ahead) % 512), (0, 0)], mode="edge")  # one program for most lengths
    return np.asarray(_turns(padded))[: len(ahead)]


@jax.jit
def _turns(ahead: jax.Array) -> jax.Array:
    """Rotations (T, 3, 3) that take the z axis to directions (T, 3)."""
    return quaternion_to_matrix(rotation_between(jnp.asarray([0.0, 0.0, 1.0]), ahead))
