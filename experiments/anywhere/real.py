"""Real detections: one person before four calibrated cameras, each lifted alone and compared with what the others see.

The recording is caliscope's (BSD-2-Clause): MediaPipe's landmarks, 267 frames at 30 frames/s. The person is 0.7 to 1 m
from the cameras, nearer than any in the training; two cameras see no hips and no legs.
"""

import csv
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.anywhere.lifting import aim, constant_poses
from experiments.anywhere.triangulation import MOST_ERROR, View, triangulate
from jaxpose.data.smoothing import USUAL_SMOOTHING, choose_smoothing
from jaxpose.data.track import Track
from jaxpose.files.guarded_read import read_text
from jaxpose.keypoints.detections import Detections
from jaxpose.keypoints.layouts import MEDIAPIPE_33
from jaxpose.lifting.lift import Options, lift_person
from jaxpose.metrics import mpjpe, p_mpjpe
from jaxpose.runs.trained import TrainedModel
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17

JOINTS = tuple(
    f"{side}_{part}" for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")
)
"""The joints that are measured, of the arms and the legs."""

LEAST_JOINTS = 8
"""Joints of which the truth is known, at least, in a frame that is measured; both hips are among them."""

FPS = 30.0

PROTOCOL = (
    f"{len(JOINTS)} joints of arms and legs, by name, relative to the middle of the hips; frames with the truth of "
    f"both hips and of {LEAST_JOINTS} or more joints. The truth of a joint is what at least two of the three other "
    f"cameras agree on (within {MOST_ERROR:g} pixels); where they do not, or do not see it, what two of all four "
    "agree on, the view's own among them: so it is with hips and legs before views 1 and 2, which alone see them. "
    "Before views 0 and 3, which do not, they are guessed. Lens distortion is left in the keypoints."
)


class Filmed(NamedTuple):
    """What one camera saw, turned so that the person is upright."""

    name: str
    keypoints: np.ndarray  # (T, 33, 3) pixels and 1; NaN where nothing was seen
    width: int
    height: int
    turn: np.ndarray  # (3, 3) from the axes of the camera to those of the upright image
    view: View  # of the camera, not turned
    pixels: np.ndarray  # (T, 12, 2) of `JOINTS` as the camera has them


def read(folder: Path) -> list[Filmed]:
    """Read a session of caliscope: `config.toml` and `xy_HOLISTIC.csv`.

    Raises:
      InputError: a file is missing, or is not as expected.
    """
    cameras = _read(folder / "config.toml", _cameras)
    landmarks = _read(folder / "xy_HOLISTIC.csv", _landmarks)
    frames = max(frame for _, frame, _ in landmarks) + 1
    pixels = np.full((len(cameras), frames, MEDIAPIPE_33.num_joints, 2), np.nan)
    for place, xy in landmarks.items():
        pixels[place] = xy
    measured = [MEDIAPIPE_33.index(joint) for joint in JOINTS]
    filmed = []
    for number, (camera, seen) in enumerate(zip(cameras, pixels, strict=True)):
        (width, height), quarter = camera["size"], camera["rotation_count"] % 4
        upright, size, turn = turn_upright(seen, (width, height), quarter)
        ones = np.where(np.isfinite(upright[..., :1]), 1, np.nan)
        filmed.append(
            Filmed(
                f"view {number}",
                np.concatenate([upright, ones], axis=-1),
                *size,
                turn,
                camera["view"],
                seen[:, measured],
            )
        )
    return filmed


def _read(path: Path, parse: Callable[[str], Any]) -> Any:
    """What a function makes of the text of a file; raises `InputError` with the name of a file that does not fit."""
    try:
        return parse(read_text(path, most=2**26))
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(
            f"{path} is not part of a session of caliscope ({error}); name the folder caliscope_4cam with --detections"
        ) from error


def _landmarks(text: str) -> dict[tuple[int, int, int], tuple[float, float]]:
    """x and y by camera, frame and landmark; landmarks of the face and the hands are left out."""
    rows = (
        (*(int(row[name]) for name in ("port", "sync_index", "point_id")), row)
        for row in csv.DictReader(text.splitlines())
    )
    landmarks = {
        (port, frame, point): (float(row["img_loc_x"]), float(row["img_loc_y"]))
        for port, frame, point, row in rows
        if point < MEDIAPIPE_33.num_joints
    }
    if not landmarks:
        raise ValueError("it has no landmarks of the body")
    return landmarks


def _cameras(text: str) -> list[dict[str, Any]]:
    """The cameras of a session, in the order of their ports."""
    document = tomllib.loads(text)
    cameras = [document[name] for name in sorted(name for name in document if name.startswith("cam_"))]
    return [
        {
            "size": tuple(camera["size"]),
            "rotation_count": int(camera["rotation_count"]),
            "view": View(*(np.asarray(camera[name]) for name in ("matrix", "distortions", "rotation", "translation"))),
        }
        for camera in cameras
    ]


def turn_upright(
    pixels: np.ndarray, size: tuple[int, int], quarters: int
) -> tuple[np.ndarray, tuple[int, int], np.ndarray]:
    """Turn an image by quarters of a turn, clockwise.

    Args:
      pixels: (..., 2).
      size: width and height.
      quarters: how many.

    Returns:
      Pixels, width and height of the new image, and the rotation (3, 3) from the old camera's axes to the new one's.
    """
    turn, (width, height) = np.eye(3), size
    for _ in range(quarters):
        x, y = np.moveaxis(pixels, -1, 0)
        pixels = np.stack([height - y, x], axis=-1)
        width, height = height, width
        turn = np.asarray([[0, -1, 0], [1, 0, 0], [0, 0, 1]]) @ turn
    return pixels, (width, height), turn


def true_poses(filmed: Sequence[Filmed], index: int) -> np.ndarray:
    """What is true of `JOINTS` before a view, (T, 12, 3) metres in the axes of its upright image; NaN if not known."""
    others = [view for number, view in enumerate(filmed) if number != index]
    world = triangulate(np.stack([view.pixels for view in others]), [view.view for view in others])
    by_all = triangulate(np.stack([view.pixels for view in filmed]), [view.view for view in filmed])
    world = np.where(np.isfinite(world), world, by_all)
    own = filmed[index]
    return world @ (own.turn @ own.view.rotation).T  # where the camera stands does not matter to poses about the hips


def lift_view(view: Filmed, run: TrainedModel, *, lens_known: bool) -> np.ndarray:
    """Lift a view's keypoints as `jaxpose predict` does: (T, 12, 3) metres, joints as in `JOINTS`.

    Runs that do not aim the camera themselves are given the crop around the person, and their poses are turned back.

    Raises:
      InputError: the run cannot lift what the view sees.
    """
    frames = np.flatnonzero(np.isfinite(view.keypoints).any(axis=(1, 2)))
    keypoints = np.float32(view.keypoints[frames])
    person = Detections(view.name, frames, keypoints, MEDIAPIPE_33, view.width, view.height, FPS)
    crop = not run.model.rays
    focal = focal_length(view) if lens_known else None
    options = Options(crop=crop, focal_length=focal, smoothing=choose_smoothing(USUAL_SMOOTHING))
    motion, _ = lift_person(person, run, options)
    skeleton = run.description.skeleton
    poses = np.full((len(view.keypoints), len(JOINTS), 3), np.nan)
    lifted = motion.positions[:, [skeleton.index(joint) for joint in JOINTS]]
    if crop:
        mean = np.nanmean(view.keypoints, axis=(0, 1), keepdims=True)
        lifted = lifted @ aim(_as_track(view, mean))[0].T
    poses[frames[0] : frames[0] + len(lifted)] = lifted
    return poses


def focal_length(view: Filmed) -> float:
    """Of a view's camera, in pixels."""
    return float(np.diag(view.view.matrix)[:2].mean())


def constant_view(view: Filmed, pose: np.ndarray) -> np.ndarray:
    """One pose (17, 3) of `H36M_17`, of a camera aimed at the person, in all frames of a view: (T, 12, 3)."""
    return constant_poses(pose, [_as_track(view, view.keypoints)])[:, [H36M_17.index(joint) for joint in JOINTS]]


def _as_track(view: Filmed, keypoints: np.ndarray) -> Track:
    """A view as a track without poses."""
    lens = np.float32([*[focal_length(view)] * 2, view.width / 2, view.height / 2, *[0] * 5])
    camera = (np.float32([1, 0, 0, 0]), np.zeros(3, np.float32))
    return Track(
        "caliscope", "real", view.name, FPS, np.empty((0, 22, 3)), keypoints, lens, *camera, view.width, view.height
    )


def view_errors(predictions: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """P1 and P2 in mm of predictions and truth (T, 12, 3), joints as in `JOINTS`, over the frames that count.

    Raises:
      InputError: no frame counts.
    """
    hips = [JOINTS.index("left_hip"), JOINTS.index("right_hip")]
    known = np.isfinite(truth).all(axis=-1)
    counts = (
        known[:, hips].all(axis=1) & (known.sum(axis=1) >= LEAST_JOINTS) & np.isfinite(predictions).all(axis=(1, 2))
    )
    if not counts.any():
        raise InputError("no frame has a truth of both hips and enough joints; see experiments/anywhere/real.py")
    centred = [poses - poses[:, hips].mean(axis=1, keepdims=True) for poses in (predictions, truth)]
    # The same shape for all views: one program.
    first, second = _errors(*(np.float32(np.nan_to_num(poses)) for poses in centred), known)
    return 1000 * float(first[counts].mean()), 1000 * float(second[counts].mean())


@jax.jit
def _errors(predictions: jax.Array, truth: jax.Array, known: jax.Array) -> tuple[jax.Array, jax.Array]:
    """P1 and P2 in metres, by frame."""
    return mpjpe(predictions, truth, visible=known), p_mpjpe(predictions, truth, visible=known)


def measure_run(
    filmed: Sequence[Filmed], run: TrainedModel, *, lens_known: bool
) -> dict[str, tuple[float, float] | None]:
    """P1 and P2 of each view by its name; None where the run cannot lift it."""
    errors = {}
    for index, view in enumerate(filmed):
        try:
            errors[view.name] = view_errors(lift_view(view, run, lens_known=lens_known), true_poses(filmed, index))
        except InputError:
            errors[view.name] = None
    return errors


def measure_pose(filmed: Sequence[Filmed], pose: np.ndarray) -> dict[str, tuple[float, float] | None]:
    """P1 and P2 of each view by its name, for one pose in all frames (see `constant_view`)."""
    return {
        view.name: view_errors(constant_view(view, pose), true_poses(filmed, index))
        for index, view in enumerate(filmed)
    }


def mean_of_views(errors: dict[str, tuple[float, float] | None]) -> tuple[float, float]:
    """P1 and P2, the mean of the views that were lifted; NaN if none was."""
    known = [of_view for of_view in errors.values() if of_view]
    return tuple(np.mean(known, axis=0).tolist()) if known else (float("nan"), float("nan"))
