"""Human3.6M as tracks: poses and keypoints of the same recordings, checked to be complete."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from data_prep.human36m import mocap_files
from data_prep.human36m.mocap_files import Inventory, PoseFile
from data_prep.human36m.npz import Keypoints, Recording, read_keypoints, recording_name
from jaxpose.cameras import project, world_to_camera
from jaxpose.data.human36m import DAMAGED_CAMERA, H36M_CAMERAS
from jaxpose.data.track import Track
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17


class Options(NamedTuple):
    """The files and their conversion."""

    files: Mapping[str, Mapping[str, PoseFile]]  # of the poses, by subject and action
    keypoints: Path | None  # None: projected joints
    fps: float = 50.0
    damaged_view: Recording | None = None  # leave out what `DAMAGED_CAMERA` saw of this recording


def exclude(
    files: Mapping[str, Mapping[str, PoseFile]], recordings: Sequence[Recording]
) -> dict[str, dict[str, PoseFile]]:
    """Return the files without those of some recordings."""
    kept = {s: {a: file for a, file in actions.items() if (s, a) not in recordings} for s, actions in files.items()}
    return {subject: actions for subject, actions in kept.items() if actions}


def check_complete(
    inventory: Inventory, files: Mapping[str, Mapping[str, PoseFile]], keypoints: Path | None
) -> tuple[str, ...]:
    """Check that poses and keypoints are complete.

    Args:
      inventory: of the poses.
      files: those to use.
      keypoints: the file of their keypoints; None for projected joints.

    Returns:
      The subjects: those with poses, then those with keypoints and without published poses.

    Raises:
      InputError: files of a subject are missing, a subject has no calibration, or keypoints of a recording are missing
        or not those of four cameras.
    """
    if faults := [f"{subject} lacks {', '.join(gone)}" for subject, gone in inventory.missing.items() if gone]:
        raise InputError(
            f"30 recordings per subject are expected, but {'; '.join(faults)}: download these archives again"
        )
    for subject in files:
        if subject not in H36M_CAMERAS:
            raise InputError(
                f"there is no calibration of subject {subject}, only of {', '.join(H36M_CAMERAS)}; remove it"
            )
    if keypoints is None:
        return tuple(files)
    views = read_keypoints(keypoints).views
    for recording in [(subject, action) for subject, actions in files.items() for action in actions]:
        if recording not in views:
            raise InputError(
                f"{keypoints}: {recording_name(recording)} is missing; add its keypoints, or remove its poses"
            )
    for recording, cameras in views.items():
        if recording[0] in files and len(cameras) != (count := len(H36M_CAMERAS[recording[0]])):
            raise InputError(
                f"{keypoints}: {recording_name(recording)} has {len(cameras)} cameras, not {count}; "
                "give all, in the usual order"
            )
    return (*files, *dict.fromkeys(subject for subject, _ in views if subject not in H36M_CAMERAS))


def tracks(options: Options, subject: str) -> Iterator[Track]:
    """Yield one track per recording of a subject and camera.

    Raises:
      InputError: a file is damaged or has another structure, or keypoints are shorter than the poses.
    """
    keypoints = read_keypoints(options.keypoints) if options.keypoints else None
    if subject not in options.files:
        assert keypoints is not None
        yield from _tracks_without_poses(keypoints, subject, options.fps)
        return
    cameras, poses = H36M_CAMERAS[subject], mocap_files.read_poses(subject, options.files[subject])
    world = np.concatenate(list(poses.values()))  # one array: JAX compiles once per subject
    ends = np.cumsum([len(pose) for pose in poses.values()])[:-1]
    positions, pixels = {}, {}
    for name, camera in cameras.items():
        in_camera_space = _to_camera(world, camera)
        positions[name] = np.split(np.asarray(in_camera_space), ends)
        if keypoints is None:
            pixels[name] = np.split(np.asarray(_project(in_camera_space, camera)), ends)
    for index, (action, pose) in enumerate(poses.items()):
        for view, (name, camera) in enumerate(cameras.items()):
            if ((subject, action), name) == (options.damaged_view, DAMAGED_CAMERA):
                continue
            if keypoints is None:
                points = pixels[name][index]
            else:
                points = _first_frames(keypoints, (subject, action), view, len(pose))
            yield Track(subject, action, name, options.fps, positions[name][index], points, **camera._asdict())


_to_camera, _project = jax.jit(world_to_camera), jax.jit(project)


def _first_frames(keypoints: Keypoints, recording: Recording, view: int, frames: int) -> np.ndarray:
    """Return the first keypoints of a camera: videos go on after the motion capture has stopped."""
    points = keypoints.views[recording][view]
    if len(points) < frames:
        raise InputError(
            f"{keypoints.path}: {recording_name(recording)} of camera {view + 1} has {len(points)} frames but "
            f"{frames} of poses; complete the keypoints, or take both files from one source"
        )
    return points[:frames]


def _tracks_without_poses(keypoints: Keypoints, subject: str, fps: float) -> Iterator[Track]:
    """Yield the tracks of a subject without published poses and camera positions; the lenses are those of all."""
    lenses = H36M_CAMERAS["S1"].items()
    no_poses = np.zeros((0, H36M_17.num_joints, 3), np.float32)
    no_position = {"orientation": np.float32([1, 0, 0, 0]), "translation": np.zeros(3, np.float32)}
    for (name, action), views in keypoints.views.items():
        if name == subject:
            for (camera_name, camera), points in zip(lenses, views, strict=False):
                yield Track(subject, action, camera_name, fps, no_poses, points, **{**camera._asdict(), **no_position})
