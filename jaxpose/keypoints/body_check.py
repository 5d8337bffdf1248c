"""Whether poses can be a body's as a layout has it: a file of another layout of as many keypoints shows itself."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxpose.keypoints.layouts import LAYOUTS, meanings
from jaxpose.keypoints.units import seen_keypoints
from jaxpose.skeleton import Skeleton

_LARGEST_FACE = 0.5  # of the size of a body whose hips and shoulders are seen; a face is 0.2 m wide
_SHORTEST_LEG = 0.15  # of the body's size, seen from above too
_LONGEST_LIMB = 0.6  # of the body's size; thighs and shins are 0.45 m long
_HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "head", "neck", "upper_neck")
_LIMBS = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))


def body_faults(layout: Skeleton, keypoints: np.ndarray) -> list[str] | None:
    """What no body has, if most poses have it: a face or limb as large as the body, tiny legs, a face below the hips.

    Args:
      layout: which keypoint is which.
      keypoints: (N, K, 3) pixels and a confidence; NaN or a confidence of 0 where a keypoint was not seen.

    Returns:
      The faults in words; none of a body. None if no pose shows face, shoulders and hips.
    """
    at = {meaning: place for place, meaning in enumerate(meanings(layout.joints)) if meaning}
    seen = seen_keypoints(keypoints)

    def places(names: Sequence[str]) -> list[int]:
        return [at[name] for name in names if name in at]

    trunk = places(["left_shoulder", "right_shoulder"]), places(["left_hip", "right_hip"])
    head = places(_HEAD)
    judged = (seen[:, head].sum(axis=1) >= 2) & np.all([seen[:, ends].all(axis=1) for ends in trunk], axis=0)
    if not judged.any() or not all(trunk):
        return None
    xy = np.where(seen[..., None], keypoints[..., :2], np.nan)[judged]
    size = np.maximum(_extent(xy), 1e-9)
    faults = []
    face = np.median(_extent(xy[:, head]) / size)
    if face > _LARGEST_FACE:
        faults.append(f"the face is {face:.1f} of the body's size")
    lengths = {}  # of the limbs, relative to the size, where both ends are seen
    for side, (upper, lower) in itertools.product(("left", "right"), _LIMBS):
        if ends := places([f"{side}_{upper}", f"{side}_{lower}"])[1:]:
            length = np.hypot(*(xy[:, at[f"{side}_{upper}"]] - xy[:, ends[0]]).T) / size
            if np.isfinite(length).any():
                lengths[side, upper] = np.nanmedian(length)
    longest = max(lengths.values(), default=0)
    if longest > _LONGEST_LIMB:
        faults.append(f"a limb is {longest:.1f} of the body's size")
    sides = [side for side in ("left", "right") if {(side, "hip"), (side, "knee")} <= lengths.keys()]
    legs = [lengths[side, "hip"] + lengths[side, "knee"] for side in sides]
    if legs and min(legs) < _SHORTEST_LEG:
        faults.append(f"a leg is {min(legs):.2f} of the body's size")
    below = (np.nanmean(xy[:, head, 1], axis=1) > xy[:, trunk[1], 1].mean(axis=1)).mean()
    if below > 0.5:
        faults.append(f"the face is below the hips in {below:.0%} of the poses")
    return faults


def body_notes(path: Path, layout: Skeleton, keypoints: np.ndarray) -> tuple[str, ...]:
    """A note if poses (N, K, 3) cannot be a body's in the layout, with the layouts in which they can."""
    faults = body_faults(layout, keypoints)
    if not faults:
        return ()
    others = [body.name for body in fitting_layouts(keypoints) if body != layout]
    remedy = "; check --layout, and that y points down"
    if others:
        remedy = f"; they can be {' or '.join(others)}: give --layout {others[0]}"
    return (f"{path}: the keypoints are read as {layout.name}, in which {' and '.join(faults)}{remedy}",)


def fitting_layouts(keypoints: np.ndarray) -> list[Skeleton]:
    """The layouts with as many keypoints as (N, K, 3) has, as which the poses can be a body's."""
    layouts = (layout for layout in LAYOUTS.values() if layout.num_joints == keypoints.shape[1])
    return [layout for layout in layouts if body_faults(layout, keypoints) == []]


def _extent(xy: np.ndarray) -> np.ndarray:
    """The diagonal (N,) of the boxes around points (N, K, 2), NaN where one is not known; each has one that is."""
    return np.hypot(*(np.nanmax(xy, axis=1) - np.nanmin(xy, axis=1)).T)
