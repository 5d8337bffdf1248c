"""The smallest tracks that keep the data contract: three joints, two keypoints."""

import numpy as np

from jaxpose.data.track import Description, Track
from jaxpose.skeleton import Skeleton, layout

LEG = Skeleton("leg", ("hip", "knee", "ankle"), (-1, 0, 1))
LEGS = Description("legs", False, LEG, layout("eyes", 2, [0], [1]), 2, ("S1", "S5"))


def leg_track(subject="S1", action="Walking", frames=3) -> Track:
    """A track of ones."""
    positions, keypoints = np.ones((frames, 3, 3), np.float32), np.ones((frames, 2, 2), np.float32)
    orientation = np.float32([1, 0, 0, 0])
    return Track(
        subject, action, "left", 50.0, positions, keypoints, np.ones(9, np.float32), orientation, orientation[1:], 9, 8
    )


def changed_track(field, value, at=...) -> Track:
    """A track with one value of a field changed, or all of it."""
    array = np.array(getattr(leg_track(), field))
    array[at] = value
    return leg_track()._replace(**{field: array})
