"""A small data set that is no person: two legs of three joints, seen by an eye of two keypoints."""

import numpy as np

from jaxpose.data.track import Description, Track
from jaxpose.skeleton import Angle, Skeleton, layout

LEG = Skeleton("leg", ("hip", "knee", "ankle"), (-1, 0, 1), angles=(Angle("knee", (0, 1, 2), (45, 180)),))
DESCRIPTION = Description("two legs", True, LEG, layout("eyes", 2, [0], [1]), 3, ("S1", "subject_2"))


def track(subject, action="Walking", camera="left", frames=4) -> Track:
    """A track that satisfies the contract, different for every subject, action and camera."""
    rng = np.random.default_rng(sum(map(ord, subject + action + camera)))

    def numbers(*shape):
        return rng.normal(size=shape).astype(np.float32)

    quaternion = np.float32([0.5, -0.5, 0.5, 0.5])
    arrays = numbers(frames, 3, 3), numbers(frames, 2, 3), numbers(9), quaternion, numbers(3)
    return Track(subject, action, camera, 29.97, *arrays, 640, 480)


def tracks(subject):
    """Four tracks of a subject."""
    return [track(subject, action, camera) for action in ("Walking", "Ätsch 2") for camera in ("left", "right")]


def write(out, splits=tracks, description=DESCRIPTION, **options):
    """Write the data set; returns the sizes of its splits."""
    from data_prep.writer import data_set

    return data_set.write(out, description, splits, text="made by a test", citation="@misc{test}", **options)
