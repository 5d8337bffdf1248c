"""A constraint of one's own: how far apart the two wrists are, and the two ankles.

jaxpose train --plugin experiments/plugins/my_losses.py --constraints apart 1
"""

import jax
import numpy as np

from jaxpose.losses import QUANTITIES, Quantity
from jaxpose.numerics import safe_norm
from jaxpose.skeleton import Skeleton


def pairs(skeleton: Skeleton) -> np.ndarray:
    """The joints that each distance depends on, (2, 2): wrists, ankles."""
    return np.asarray(
        [[skeleton.index(f"{side}_{joint}") for side in ("left", "right")] for joint in ("wrist", "ankle")]
    )


def apart(positions: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Distances between the wrists and between the ankles: (T, J, 3) to (T, 2), metres."""
    left, right = pairs(skeleton).T
    return safe_norm(positions[:, left] - positions[:, right])


QUANTITIES["apart"] = Quantity(apart, pairs, unit=0.05)  # a difference of 5 cm counts as 1
