"""Estimate keypoints that were never seen from the others, by the proportions of a standing body.

Heights and lengths of limbs are those of Drillis & Contini (1966), as in Winter, Biomechanics and Motor Control of
Human Movement; the trunk's joints, the widths between joint centres, the face, hands and feet are estimated to fit.
"""

import functools
from collections.abc import Mapping

import numpy as np

from jaxpose.keypoints.layouts import meanings
from jaxpose.skeleton import Skeleton

_MIDDLE: Mapping[str, tuple[str, float, float, float]] = {
    "pelvis": ("", 0, 0, 0.530),
    "spine": ("pelvis", 0, -0.008, 0.665),
    "thorax": ("spine", 0, -0.012, 0.825),
    "upper_neck": ("thorax", 0, 0.005, 0.880),
    "nose": ("thorax", 0, 0.070, 0.910),
    "neck": ("thorax", 0, 0.070, 0.910),
    "head": ("thorax", 0, 0.002, 0.996),
}
"""The parent of a joint on the midline, and where it is in statures: to the left, ahead and up.

The names are those of `layouts.meanings`: "thorax" is between the shoulders; "neck" is Human3.6M's, for which detectors
have the nose.
"""

_LEFT: Mapping[str, tuple[str, float, float, float]] = {
    "hip": ("pelvis", 0.075, 0, 0.530),
    "knee": ("left_hip", 0.075, 0, 0.285),
    "ankle": ("left_knee", 0.075, 0, 0.039),
    "heel": ("left_ankle", 0.075, -0.035, 0.010),
    "big_toe": ("left_ankle", 0.065, 0.110, 0.010),
    "small_toe": ("left_ankle", 0.105, 0.090, 0.010),
    "foot_index": ("left_ankle", 0.075, 0.110, 0.010),
    "shoulder": ("thorax", 0.100, 0, 0.818),
    "elbow": ("left_shoulder", 0.105, 0, 0.632),
    "wrist": ("left_elbow", 0.110, 0.020, 0.486),
    "pinky": ("left_wrist", 0.110, 0.010, 0.430),
    "index": ("left_wrist", 0.110, 0.030, 0.425),
    "thumb": ("left_wrist", 0.105, 0.040, 0.450),
    "eye": ("nose", 0.018, 0.055, 0.936),
    "eye_inner": ("nose", 0.010, 0.057, 0.936),
    "eye_outer": ("nose", 0.027, 0.050, 0.936),
    "ear": ("nose", 0.043, 0, 0.925),
    "mouth": ("nose", 0.013, 0.057, 0.885),
}
"""The same of the joints on the left; those on the right are their mirror images."""

_FREEDOM: Mapping[tuple[str, ...], float] = {
    ("knee", "ankle", "elbow", "wrist"): 0.5,
    ("nose", "neck", "head", "eye", "ear", "mouth"): 0.2,
}
"""Variance of a bone's end, relative to its squared length, by the words in its joint's name."""

_STIFF = 0.05  # the same of all other bones
_VIEW = (0.3, 0.3, 0.5)  # mean square of what a step to the left, ahead and up is in each coordinate of the image
_ERROR = 0.02  # of a detector, in statures


def can_be_estimated(layout: Skeleton) -> np.ndarray:
    """Which keypoints (K,) of a layout `estimation_weights` knows, by their names."""
    return np.array([name in _standing_body() for name in meanings(layout.joints)])


def estimation_weights(layout: Skeleton, seen: np.ndarray) -> np.ndarray:
    """Weights that estimate keypoints that were not seen from those that were.

    The best linear unbiased estimate (kriging): the body stands as the table says, seen from anywhere, in an unknown
    place; each bone deviates from that at random, those of arms and legs most. So a knee between a hip and an ankle is
    halfway, and one without an ankle hangs from the hip along the trunk.

    Args:
      layout: of the keypoints.
      seen: (K,) bool.

    Returns:
      (K, K) float64; estimated = weights @ keypoints. Rows of keypoints that were seen are those of the identity, all
      rows sum to one, except for those that cannot be estimated, by their names or because no other is seen: zero.
    """
    body, known = _standing_body(), can_be_estimated(layout)
    names = meanings(layout.joints)
    weights = np.diag(np.asarray(seen, np.float64))
    sources, wanted = np.flatnonzero(seen & known), np.flatnonzero(~np.asarray(seen) & known)
    if not len(sources) or not len(wanted):
        return weights
    used = [str(names[joint]) for joint in (*sources, *wanted)]
    places, bones = np.array([body[name][1] for name in used]), [_bones(name) for name in used]
    shared = [[sum(one[bone] for bone in one.keys() & other.keys()) for other in bones] for one in bones]
    covariance = places * _VIEW @ places.T + shared + _ERROR**2 * np.eye(len(used))
    count = len(sources)
    system, right = np.ones((count + 1, count + 1)), np.ones((count + 1, len(wanted)))
    system[:-1, :-1], right[:-1] = covariance[:count, :count], covariance[:count, count:]
    system[-1, -1] = 0  # with the row and the column of ones, weights sum to one
    weights[np.ix_(wanted, sources)] = np.linalg.solve(system, right)[:-1].T
    return weights


@functools.cache
def _standing_body() -> Mapping[str, tuple[str, np.ndarray]]:
    """The parent and the place of each joint of the tables, of both sides."""
    body = {name: (parent, np.array(place)) for name, (parent, *place) in _MIDDLE.items()}
    for name, (parent, *place) in _LEFT.items():
        body[f"left_{name}"] = parent, np.array(place)
        body[f"right_{name}"] = parent.replace("left_", "right_"), np.array(place) * (-1, 1, 1)
    return body


def _bones(name: str) -> dict[str, float]:
    """The bones from the pelvis to a joint, by the joints at their ends, and the variance that each adds."""
    body, bones = _standing_body(), {}
    while parent := body[name][0]:
        length = np.sum(np.square(body[name][1] - body[parent][1]))
        freedoms = (freedom for words, freedom in _FREEDOM.items() if any(word in name for word in words))
        bones[name] = float(length * next(freedoms, _STIFF))
        name = parent
    return bones
