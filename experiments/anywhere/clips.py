"""The people of the test: recordings cut into clips of world motion."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from jaxpose.data.faces import add_face
from jaxpose.data.track import Track
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import BODY_22, H36M_17, Skeleton

SECONDS = 8
"""Longest clip."""


class Clip(NamedTuple):
    """Part of a recording, without a camera."""

    subject: str
    action: str
    number: int  # among the clips of its recording
    fps: float
    world: np.ndarray  # (T, 22, 3) float32 metres, z up, the floor at 0; joints of `BODY_22`


def clip_name(clip: Clip) -> str:
    """The name of a clip, on which its camera and its detector depend: subject/action/number."""
    return f"{clip.subject}/{clip.action}/{clip.number}"


def cut(tracks: Sequence[Track], skeleton: Skeleton) -> list[Clip]:
    """Cut each recording into equally long clips of at most `SECONDS`; of its camera views, the first is taken.

    Args:
      tracks: views of recordings, with poses.
      skeleton: of the poses, `BODY_22` or `H36M_17`; the latter get a face (`faces.add_face`).

    Returns:
      The clips, recording after recording.

    Raises:
      InputError: the poses have other joints.
    """
    if skeleton not in (BODY_22, H36M_17):
        raise InputError(
            f"--data has poses of skeleton {skeleton.name!r}, and the keypoints of the test are projected from "
            "body_22; prepare the data with --keypoints coco_17"
        )
    views = {}
    for track in tracks:
        views.setdefault((track.subject, track.action), track)
    clips = []
    for (subject, action), track in views.items():
        world = world_positions(track)
        if skeleton == H36M_17:
            world = _with_face(world)
        count = math.ceil(len(world) / math.floor(SECONDS * track.fps))
        for number, part in enumerate(np.array_split(world, count)):
            clips.append(Clip(subject, action, number, track.fps, part))
    return clips


def world_positions(track: Track) -> np.ndarray:
    """Positions (T, J, 3) of a track in the world, float32 metres."""
    scalar, axis = track.orientation[0], np.float64(track.orientation[1:])
    across = np.cross(axis, track.positions_3d)
    return np.float32(track.positions_3d + 2 * (scalar * across + np.cross(axis, across)) + track.translation)


def _with_face(world: np.ndarray) -> np.ndarray:
    """Joints of `BODY_22` (T, 22, 3) of those of `H36M_17`; one program for most lengths."""
    padded = np.pad(world, [(0, -len(world) % 512), (0, 0), (0, 0)], mode="edge")
    return np.asarray(jax.jit(add_face)(padded))[: len(world)]


def spread(clips: Sequence[Clip], most: int) -> list[Clip]:
    """At most so many clips of each subject, evenly spaced among all of them, in their order."""
    chosen = []
    for subject in dict.fromkeys(clip.subject for clip in clips):
        own = [clip for clip in clips if clip.subject == subject]
        places = np.linspace(0, len(own) - 1, min(most, len(own))).round().astype(int)
        chosen += [own[place] for place in places]
    return chosen
