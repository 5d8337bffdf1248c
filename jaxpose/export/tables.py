"""Write motion as npz, JSON or CSV: all people in one file, in the motion's own axes, in metres unless asked otherwise.

An npz archive of N people has, for person i counted from 0, `positions_i` (T, J, 3) float32, `filled_i` (T, J) bool and
`angles_i` (T, A) float32, the joint angles `angle_names` (A,) in degrees, straight limbs 180.
`names` (N,) are the tracks, `starts` (N,) the frame of the video at which each begins. `joints` (J,), `parents` (J,),
`left`, `right` (pairs of joints that mirror each other), `skeleton`, `fps`, `space`, `axes`, `units` and `trained_on`
(the title of the data that the lifter was trained on; empty if it is not known) are those of all people. If the 2D
keypoints are known, it also has `keypoints_i` (T, K, 2) pixels and `image_i`, width and height; and of all people their
layout (`keypoint_layout`, `keypoint_names`, `keypoint_parents`, `keypoint_left`, `keypoint_right`). Nothing in it is
pickled.
"""

import csv
import io
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxpose.export.formats import UNITS, Unit
from jaxpose.export.motion import Motion, filled_mask
from jaxpose.kinematics import joint_angles

AXES = {"camera": "x right, y down, z forward", "world": "right-handed, z up"}

_FRAME_COLUMNS = ("frame", "time_s", "track", "joint")
_TENTHS_OF_A_MILLIMETRE = {"m": 4, "cm": 2, "mm": 1}  # decimals of a number in a unit


def motion_columns(unit: Unit) -> tuple[str, ...]:
    """The columns of `encode_csv`."""
    return (*_FRAME_COLUMNS, *(f"{axis}_{unit}" for axis in "xyz"), "filled", "space")


def encode_npz(motions: Sequence[Motion], unit: Unit = "m") -> bytes:
    """Encode all people as an npz archive with the keys listed above."""
    first = motions[0]
    arrays = {
        "names": np.array([motion.name for motion in motions], str),
        "starts": np.array([motion.start for motion in motions], np.int64),
        "joints": np.array(first.skeleton.joints, str),
        "parents": np.array(first.skeleton.parents, np.int32),
        "left": np.array(first.skeleton.left, np.int32),
        "right": np.array(first.skeleton.right, np.int32),
        "skeleton": np.array(first.skeleton.name, str),
        "fps": np.array(first.fps, np.float64),
        "space": np.array(first.space, str),
        "axes": np.array(AXES[first.space], str),
        "units": np.array(unit, str),
        "trained_on": np.array(first.trained_on, str),
        "angle_names": np.array([angle.name for angle in first.skeleton.angles], str),
    }
    for number, motion in enumerate(motions):
        arrays |= {
            f"positions_{number}": np.float32(UNITS[unit] * motion.positions),
            f"filled_{number}": filled_mask(motion),
            f"angles_{number}": _joint_angles(motion),
        }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays, **_keypoint_arrays(motions))
    return buffer.getvalue()


def _joint_angles(motion: Motion) -> np.ndarray:
    """Joint angles (T, A) float32 of the skeleton, degrees; no columns for a skeleton without angles."""
    if not motion.skeleton.angles:
        return np.zeros((len(motion.positions), 0), np.float32)
    return np.rad2deg(_angles(np.float32(motion.positions), motion.skeleton))


_angles = jax.jit(joint_angles, static_argnums=1)


def _keypoint_arrays(motions: Sequence[Motion]) -> dict[str, np.ndarray]:
    """The 2D keypoints of the motions; nothing unless all are known, in one layout."""
    known = [motion.keypoints for motion in motions if motion.keypoints]
    if len(known) < len(motions) or len({keypoints.layout for keypoints in known}) != 1:
        return {}
    layout = known[0].layout
    arrays = {
        "keypoint_layout": np.array(layout.name, str),
        "keypoint_names": np.array(layout.joints, str),
        "keypoint_parents": np.array(layout.parents, np.int32),
        "keypoint_left": np.array(layout.left, np.int32),
        "keypoint_right": np.array(layout.right, np.int32),
    }
    for number, keypoints in enumerate(known):
        arrays[f"keypoints_{number}"] = np.float32(keypoints.pixels)
        arrays[f"image_{number}"] = np.array([keypoints.width, keypoints.height], np.int32)
    return arrays


def encode_json(motions: Sequence[Motion], unit: Unit = "m") -> bytes:
    """Encode all people as JSON: positions to 0.1 mm, by frame and joint."""
    first, decimals = motions[0], _TENTHS_OF_A_MILLIMETRE[unit]
    people = [
        {
            "name": motion.name,
            "start": motion.start,
            "positions": np.round(UNITS[unit] * np.float64(motion.positions), decimals).tolist(),
            "filled": filled_mask(motion).tolist(),
            "angles": np.round(np.float64(_joint_angles(motion)), 1).tolist(),
        }
        for motion in motions
    ]
    header = {
        "units": unit,
        "space": first.space,
        "axes": AXES[first.space],
        "fps": first.fps,
        "skeleton": first.skeleton.name,
        "joints": first.skeleton.joints,
        "parents": first.skeleton.parents,
        "angle_names": [angle.name for angle in first.skeleton.angles],
    }
    return json.dumps(header | {"people": people}, allow_nan=False).encode()


def encode_csv(motions: Sequence[Motion], unit: Unit = "m") -> bytes:
    """Encode all people as CSV: a row per frame of the video and joint, positions to 0.1 mm, filled as 0 or 1."""
    rows: list[Iterable[Sequence[Any]]] = [[motion_columns(unit)]]
    decimals = _TENTHS_OF_A_MILLIMETRE[unit]
    for motion in motions:
        positions = UNITS[unit] * np.asarray(motion.positions)
        frames, joints, _ = positions.shape
        frame_numbers = motion.start + np.repeat(np.arange(frames), joints)
        columns = (
            frame_numbers.tolist(),
            [f"{time:.4f}" for time in (frame_numbers / motion.fps).tolist()],
            itertools.repeat(motion.name),
            itertools.cycle(motion.skeleton.joints),
            *([f"{value:.{decimals}f}" for value in axis.ravel().tolist()] for axis in np.moveaxis(positions, -1, 0)),
            np.int8(filled_mask(motion)).ravel().tolist(),
            itertools.repeat(motion.space),
        )
        rows.append(zip(*columns, strict=False))  # three of them are endless
    return _table(itertools.chain(*rows))


def encode_filled_csv(motions: Sequence[Motion]) -> bytes:
    """List the filled joints as CSV: the columns frame, time_s, track and joint of `encode_csv`."""
    rows = [
        (motion.start + frame, f"{(motion.start + frame) / motion.fps:.4f}", motion.name, motion.skeleton.joints[joint])
        for motion in motions
        for frame, joint in np.argwhere(filled_mask(motion)).tolist()
    ]
    return _table([_FRAME_COLUMNS, *rows])


def encode_starts_csv(files: Mapping[str, Motion]) -> bytes:
    """List as CSV when the person in each file appears: file, track, first frame of the video, its second, frames."""
    rows = [
        (file, motion.name, motion.start, f"{motion.start / motion.fps:.4f}", len(motion.positions))
        for file, motion in files.items()
    ]
    return _table([("file", "track", "first_frame", "time_s", "frames"), *rows])


def _table(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows as CSV; names may contain separators, which are quoted."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode("utf-8", "replace")
