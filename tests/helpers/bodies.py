"""Bodies that move in a known way, and tracks of them."""

import numpy as np
from helpers.samples import make_track

from jaxpose.skeleton import H36M_17

LEFT, RIGHT = list(H36M_17.left), list(H36M_17.right)
MIDDLE = [joint for joint in range(17) if joint not in LEFT + RIGHT]


def gliding(frames=40):
    """Poses (T, 17, 3) of a symmetric body that moves 1 cm a frame to the right and does not change."""
    pose = make_track(frames=1).positions_3d[0]
    pose[MIDDLE, 0] = 0
    pose[RIGHT] = pose[LEFT] * [-1, 1, 1]
    return pose + np.float32([0.01, 0, 0]) * np.arange(frames, dtype=np.float32)[:, None, None]


NO_POSES = np.zeros((0, 17, 3), np.float32)


def person(subject="S1", action="Walking", frames=40, camera="55011271"):
    """A track within all limits: a body that glides by, and its exact keypoints through a lens without distortion."""
    track, positions = make_track(subject=subject, action=action, frames=1, camera=camera), gliding(frames)
    lens = np.concatenate([track.intrinsics[:4], np.zeros(5, np.float32)])
    keypoints = (positions / positions[..., 2:])[..., :2] * lens[:2] + lens[2:4]
    return track._replace(positions_3d=positions, keypoints_2d=keypoints, intrinsics=lens)


def with_gap(track, frame=3):
    """The track without a joint in one frame."""
    positions = np.array(track.positions_3d)
    positions[frame, 5] = np.nan
    return track._replace(positions_3d=positions)


def with_jump(track, frame=20):
    """The track with a head that jumps by two metres and stays there."""
    positions = np.array(track.positions_3d)
    positions[frame:, 10, 2] += 2
    return track._replace(positions_3d=positions)
