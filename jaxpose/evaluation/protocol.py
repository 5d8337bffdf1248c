"""What is evaluated and how it is averaged: the switches by which published evaluations differ.

Each of them moves a result by a tenth of a millimetre to some millimetres; a number without them cannot be compared.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal, get_args, get_type_hints

import numpy as np

from jaxpose.data.human36m import DAMAGED_CAMERA, DAMAGED_S9, S11_DIRECTIONS
from jaxpose.data.track import Track
from jaxpose.runtime.errors import InputError


@dataclasses.dataclass(frozen=True)
class Protocol:
    """The switches; the defaults are VideoPose3D's (Pavllo et al., CVPR 2019)."""

    mirror: bool = True
    """Average with the prediction for the mirrored input (flip test-time augmentation)."""
    root: Literal["kept", "subtracted"] = "kept"
    """The root of the prediction: kept, or subtracted from every joint; its own error is then zero, and counts."""
    s11_directions: Literal["none", "three-views", "all"] = "none"
    """Views that count of the recording S11/Directions, whatever data set has one; camera 54138969's is damaged."""
    without_damaged_s9: bool = False
    """Leave out S9's Greeting, SittingDown 1 and Waiting 1, as MotionBERT and its successors do."""
    every: int = 1
    """Score every n-th frame of a track only; velocity is then the difference between these."""
    average: Literal["actions", "frames"] = "actions"
    """What counts alike in an average: the actions, or all frames."""
    derivative_weights: Literal["frames", "differences"] = "frames"
    """How a track's velocity and acceleration weigh: by its frames, or by its differences in time, which are fewer."""
    chunk: int | None = None
    """Lift chunks of so many frames, each without context, as MixSTE and its successors do: the last one ends with the
    track, its overlap counts twice, a shorter track's last frame is repeated, velocity reaches from chunk to chunk."""

    def __post_init__(self) -> None:
        """Raise `InputError` for what cannot be computed."""
        for field in ("root", "s11_directions", "average", "derivative_weights"):
            known, value = get_args(get_type_hints(Protocol)[field]), getattr(self, field)
            if value not in known:
                raise InputError(f"--{field.replace('_', '-')} is {value!r}; it must be one of {', '.join(known)}")
        if self.every < 1:
            raise InputError(f"--every is {self.every}; it must be at least 1")
        if self.chunk is not None and self.chunk < 1:
            raise InputError(f"--chunk is {self.chunk}; it must be at least 1")


VIDEOPOSE3D = Protocol()
"""VideoPose3D's."""


def describe_protocol(protocol: Protocol) -> str:
    """All switches, as a sentence to stand below a table."""
    views = {
        "none": "S11/Directions is left out",
        "three-views": f"camera {DAMAGED_CAMERA} of S11/Directions is left out",
        "all": "S11/Directions counts in all views",
    }
    lifted = "whole tracks, edge frames repeated beyond their ends"
    if protocol.chunk:
        lifted = (
            f"chunks of {protocol.chunk} frames without context, overlaps counted twice, velocity also between chunks"
        )
    root = "kept and counts as a joint" if protocol.root == "kept" else "subtracted, its error of zero counts"
    by_action = "frames are averaged within an action, actions equally"
    parts = [
        lifted,
        "averaged with the mirrored prediction" if protocol.mirror else "not averaged with the mirrored prediction",
        "every frame" if protocol.every == 1 else f"one frame of {protocol.every}",
        f"the predicted root is {root}",
        by_action if protocol.average == "actions" else "all frames are averaged alike",
        "velocity and acceleration of a track weigh by its "
        + ("frames" if protocol.derivative_weights == "frames" else "differences in time"),
        views[protocol.s11_directions],
        "S9's three damaged recordings " + ("are left out" if protocol.without_damaged_s9 else "count"),
    ]
    changed = [
        field for field in dataclasses.asdict(VIDEOPOSE3D) if getattr(protocol, field) != getattr(VIDEOPOSE3D, field)
    ]
    whose = "VideoPose3D's" if not changed else f"differs from VideoPose3D's in {', '.join(changed)}"
    return f"Protocol ({whose}): {'; '.join(parts)}."


def counts(track: Track, protocol: Protocol) -> bool:
    """Whether a track is scored."""
    recording = track.subject, track.action
    if recording == S11_DIRECTIONS and protocol.s11_directions != "all":
        return protocol.s11_directions == "three-views" and track.camera != DAMAGED_CAMERA
    return not (protocol.without_damaged_s9 and recording in DAMAGED_S9)


def choose(tracks: Sequence[Track], protocol: Protocol) -> list[Track]:
    """The tracks that are scored.

    Raises:
      InputError: there is none.
    """
    chosen = [track for track in tracks if counts(track, protocol)]
    if not chosen:
        raise InputError(
            "the protocol leaves out every track of the split; choose another split, or --s11-directions all"
        )
    return chosen


def cut(tracks: Sequence[Track], protocol: Protocol) -> tuple[list[Track], list[Track]]:
    """What is lifted, and what is scored.

    Args:
      tracks: that are scored.
      protocol: says whether they are cut into chunks.

    Returns:
      Tracks of which each is lifted by itself, and tracks of the same frames in the same order.
    """
    if protocol.chunk is None:
        return [*tracks], [*tracks]
    places = [_chunks(len(track.keypoints_2d), protocol.chunk) for track in tracks]
    pieces = [_take(track, rows) for track, chunks in zip(tracks, places, strict=True) for rows in chunks]
    return pieces, [_take(track, chunks.reshape(-1)) for track, chunks in zip(tracks, places, strict=True)]


def _chunks(frames: int, chunk: int) -> np.ndarray:
    """(C, chunk) frames of each chunk of a track."""
    starts = np.minimum(np.arange(0, frames, chunk), max(frames - chunk, 0))
    return np.minimum(starts[:, None] + np.arange(chunk), frames - 1)


def _take(track: Track, rows: np.ndarray) -> Track:
    """A track of some frames of a track."""
    return track._replace(keypoints_2d=track.keypoints_2d[rows], positions_3d=track.positions_3d[rows])
