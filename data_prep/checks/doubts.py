"""Doubts about a split as a whole: people who are not upright, keypoints far from the projected poses.

A reader cannot know that a file has its cameras in another order than is usual, keypoints of images of another size, or
poses in another world. Poses and keypoints together tell.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_prep.checks.quality import CHECKS, is_placed, measure_track, up_in_camera
from jaxpose.data import store
from jaxpose.data.track import Description, Track
from jaxpose.skeleton import Skeleton

_TRACKS, _FRAMES = 64, 256  # of a split and of a track that are looked at
_MIN_UPRIGHT = 0.5
"""Least cosine, in the median, of the angle between the world's z and the line from the ankles to the head."""


def find_doubts(data: Path) -> list[str]:
    """Say what is doubtful about each split of a prepared data set, one line for each doubt."""
    description = store.read_description(data)
    return [
        f"doubtful, {split}: {doubt}"
        for split in description.splits
        for doubt in doubts_of_split(store.read_tracks(data, split)[1], description)
    ]


def doubts_of_split(tracks: Sequence[Track], description: Description) -> list[str]:
    """Say what is doubtful about the tracks of a split.

    - People are not upright in the median frame: another axis is up, or the poses are in camera space.
    - Keypoints are farther from the projected poses than good detections are, in the median of the tracks' medians.

    Args:
      tracks: as in the data contract, except for gaps.
      description: of the data.
    """
    with_poses = [track for track in tracks if len(track.positions_3d)]
    chosen = np.random.default_rng(0).permutation(len(with_poses))[:_TRACKS]  # not by a step: that may be one camera's
    samples = [_sample(with_poses[index]) for index in chosen]
    cosines = np.concatenate([np.zeros(0), *(uprightness(track, description.skeleton) for track in samples)])
    found = [measure_track(track, description) for track in samples]
    errors = [findings["error"].value for findings in found if "error" in findings]
    lines = []
    if len(cosines) and np.nanmedian(cosines) < _MIN_UPRIGHT:
        lines.append(
            "most people are not upright: another axis than z is up in the poses, or they are in camera space, not in "
            "the world"
        )
    if errors and np.median(errors) > CHECKS["error"].limit:
        lines.append(
            f"keypoints are {np.median(errors):.0f} pixels from the projected poses: the cameras are in another order, "
            "the keypoints in another unit or of images of another size, or the frames not the same"
        )
    return lines


def uprightness(track: Track, skeleton: Skeleton) -> np.ndarray:
    """Cosines (T,) between the world's z and the line from ankles to head; (0,) for a track that cannot tell."""
    names = ("head", "left_ankle", "right_ankle")
    if not set(names) <= set(skeleton.joints) or not is_placed(track):
        return np.zeros(0)
    head, left, right = (track.positions_3d[:, skeleton.index(name)].astype(np.float64) for name in names)
    line = head - (left + right) / 2
    return line @ up_in_camera(track) / np.maximum(np.linalg.norm(line, axis=1), 1e-9)


def _sample(track: Track) -> Track:
    """The track with at most `_FRAMES` of its frames, evenly spaced."""
    frames = np.linspace(0, len(track.positions_3d) - 1, min(_FRAMES, len(track.positions_3d))).astype(int)
    return track._replace(positions_3d=track.positions_3d[frames], keypoints_2d=track.keypoints_2d[frames])
