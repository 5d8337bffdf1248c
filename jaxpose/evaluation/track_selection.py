"""Selection of the tracks that a protocol scores, and chunks of them."""

from collections.abc import Sequence

import numpy as np

from jaxpose.data.human36m import DAMAGED_CAMERA, DAMAGED_S9, H36M_CAMERAS, S11_DIRECTIONS
from jaxpose.data.track import Track, track_lengths
from jaxpose.evaluation.protocol import Protocol
from jaxpose.runtime.errors import InputError

CALIBRATION_TOLERANCE = 1e-3
"""Of each number of a camera's unit quaternion and of its position in metres; published ones have six digits."""


def is_human36m(track: Track) -> bool:
    """True if a track has the calibration that Human3.6M published for its subject and camera.

    Neither titles of data sets, which are free text, nor names tell: `data_prep.cmu` and `data_prep.bvh` put people
    who may be called S9 and S11 before cameras of the same names, but with the calibration of other subjects. The
    built-in synthetic motion has all of Human3.6M's calibration and names, and is scored like it.
    """
    camera = H36M_CAMERAS.get(track.subject, {}).get(track.camera)
    return camera is not None and all(
        np.allclose(given, known, rtol=0, atol=CALIBRATION_TOLERANCE)
        for given, known in ((track.orientation, camera.orientation), (track.translation, camera.translation))
    )


def is_scored(track: Track, protocol: Protocol) -> bool:
    """True if a protocol scores a track: any but the recordings of Human3.6M that it excludes."""
    recording = track.subject, track.action
    if recording not in (S11_DIRECTIONS, *DAMAGED_S9) or not is_human36m(track):
        return True
    if recording in DAMAGED_S9:
        return not protocol.without_damaged_s9
    return {
        "none": False,
        "three-views": track.camera != DAMAGED_CAMERA,
        "all": True,
    }[protocol.s11_directions]


def select_tracks(tracks: Sequence[Track], protocol: Protocol) -> list[Track]:
    """The tracks that a protocol scores.

    Raises:
      InputError: it excludes every track.
    """
    selected = [track for track in tracks if is_scored(track, protocol)]
    if not selected:
        raise InputError(
            "the protocol excludes every track of the split; choose another split, or --s11-directions all"
        )
    return selected


def cut_into_chunks(tracks: Sequence[Track], protocol: Protocol) -> tuple[list[Track], list[Track]]:
    """The tracks to lift and the tracks to score, of the same frames in the same order.

    Args:
      tracks: selected ones.
      protocol: its `chunk` is the number of frames of a chunk; without it, tracks stay whole.

    Returns:
      The chunks, each a track to be lifted by itself; and the tracks that they make up end to end.
    """
    if protocol.chunk is None:
        return [*tracks], [*tracks]
    rows = [_chunks(len(track.keypoints_2d), protocol.chunk) for track in tracks]
    pieces = [_take(track, chunk) for track, chunks in zip(tracks, rows, strict=True) for chunk in chunks]
    return pieces, [_take(track, chunks.reshape(-1)) for track, chunks in zip(tracks, rows, strict=True)]


def poses_of_chunks(poses: np.ndarray, tracks: Sequence[Track], protocol: Protocol) -> np.ndarray:
    """The poses (F, J, 3) of whole tracks, end to end, for the frames of their chunks; see `cut_into_chunks`."""
    by_track = np.split(poses, np.cumsum(track_lengths(tracks))[:-1])
    whole = [track._replace(positions_3d=its) for track, its in zip(tracks, by_track, strict=True)]
    return np.concatenate([chunk.positions_3d for chunk in cut_into_chunks(whole, protocol)[0]])


def _chunks(frames: int, chunk: int) -> np.ndarray:
    """(C, chunk) frames of each chunk of a track."""
    starts = np.minimum(np.arange(0, frames, chunk), max(frames - chunk, 0))
    return np.minimum(starts[:, None] + np.arange(chunk), frames - 1)


def _take(track: Track, rows: np.ndarray) -> Track:
    """The given frames of a track, as a track."""
    return track._replace(keypoints_2d=track.keypoints_2d[rows], positions_3d=track.positions_3d[rows])
