"""Prepare Human3.6M, or data that looks like it, from the two npz files that lifting programs exchange.

    python -m data_prep.h36m_npz POSES.npz KEYPOINTS.npz --out DIR
    python -m jaxpose.train --data DIR --train-split S1+S5 --test-split S9

POSES.npz holds `positions_3d`: subject -> action -> (frames, 32 or 17, 3), world metres. KEYPOINTS.npz holds
`positions_2d`: subject -> action -> four cameras of (frames, K, 2 or 3), pixels and perhaps a confidence; and
`metadata`: how many keypoints there are and which mirror each other. Subjects are called as in Human3.6M, whose
published calibration says where the cameras stood.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import jax
import numpy as np
import rich
import tyro

from data_prep import contract
from data_prep.unpickle import load_npz
from jaxpose import skeleton
from jaxpose.calibration import H36M_CAMERAS
from jaxpose.cameras import world_to_camera
from jaxpose.dataset import Description, Track
from jaxpose.errors import InputError, reported
from jaxpose.prepared import first_not_finite
from jaxpose.skeleton import COCO_17, H36M_17, H36M_32, Skeleton

CITATION = """@article{h36m_pami,
  author = {Ionescu, Catalin and Papava, Dragos and Olaru, Vlad and Sminchisescu, Cristian},
  title = {Human3.6M: Large Scale Datasets and Predictive Methods for 3D Human Sensing in Natural Environments},
  journal = {IEEE Transactions on Pattern Analysis and Machine Intelligence},
  volume = {36}, number = {7}, pages = {1325--1339}, year = {2014}
}"""

FARTHEST_M = 100.0  # no motion capture volume reaches so far: greater coordinates are millimetres
MOST_KEYPOINTS = 1000  # no detector gives so many: greater numbers are not believed

Recording = tuple[str, str]  # subject, action
Poses = dict[Recording, np.ndarray]  # (T, 17, 3) world metres
Views = dict[Recording, list[np.ndarray]]  # of each camera, (T, K, 2 or 3) pixels

S11_DIRECTIONS: Recording = ("S11", "Directions")


class Keypoints(NamedTuple):
    """What a keypoint file holds."""

    path: Path
    views: Views
    layout: Skeleton
    channels: int  # 2, or 3 with a confidence


def read_poses(path: Path) -> Poses:
    """The poses of a file, on the 17 joints that results are reported on.

    Raises:
      InputError: the file is not as the module says, a pose is not finite, or a subject has no calibration.
    """
    recordings = _recordings(path, load_npz(path), "positions_3d")
    for subject, _ in recordings:
        if subject not in H36M_CAMERAS:
            known = ", ".join(H36M_CAMERAS)
            raise InputError(f"{path}: no calibration of subject {subject!r}, only of {known}; rename or remove it")
    return {recording: _seventeen(path, recording, value) for recording, value in recordings.items()}


def read_keypoints(path: Path) -> Keypoints:
    """The keypoints of a file and their layout.

    Raises:
      InputError: the file is not as the module says, or a keypoint is not finite.
    """
    members = load_npz(path)
    recordings = _recordings(path, members, "positions_2d")
    layout = _layout(path, members.get("metadata"))
    views = {recording: _views(path, recording, value, layout) for recording, value in recordings.items()}
    channels = {view.shape[-1] for cameras in views.values() for view in cameras}
    if len(channels) != 1:
        raise InputError(f"{path}: a confidence must go with all keypoints or with none; here are {channels} channels")
    return Keypoints(path, views, layout, *channels)


def match(poses: Poses, keypoints: Keypoints, *, keep_s11_directions: bool) -> tuple[Poses, Views, list[str]]:
    """The recordings that both files have, equally long.

    Args:
      poses: decide which recordings there are.
      keypoints: those without poses are left out; those longer than the poses lose their end.
      keep_s11_directions: by default that recording is left out, as published evaluations do.

    Returns:
      Poses, keypoints, and remarks on what was left out or cut.

    Raises:
      InputError: the keypoints of a recording are missing, of too few cameras or shorter than its poses.
    """
    remarks = []
    if surplus := keypoints.views.keys() - poses.keys():
        remarks.append(f"left out, keypoints without poses: {_listed(map(_called, sorted(surplus)))}")
    if S11_DIRECTIONS in poses and not keep_s11_directions:
        poses = {recording: pose for recording, pose in poses.items() if recording != S11_DIRECTIONS}
        remarks.append("left out, as published evaluations do: S11 'Directions' (--keep-s11-directions keeps it)")
    views = {recording: _cut(keypoints, recording, len(pose)) for recording, pose in poses.items()}
    excess = {r: max(map(len, keypoints.views[r])) - len(pose) for r, pose in poses.items()}
    longest_first = sorted((r for r in excess if excess[r]), key=excess.__getitem__, reverse=True)
    if longest_first:
        cuts = _listed(f"{_called(recording)} by {excess[recording]}" for recording in longest_first)
        remarks.append(f"keypoints cut to the frames that have poses: {cuts}")
    return poses, views, remarks


def tracks(subject: str, poses: Poses, views: Views, fps: float) -> Iterator[Track]:
    """One track per recording of a subject and camera; `poses` and `views` are as `match` returns them."""
    recordings = [recording for recording in poses if recording[0] == subject]
    world = np.concatenate([poses[recording] for recording in recordings])  # one array: jax compiles once per subject
    ends = np.cumsum([len(poses[recording]) for recording in recordings])[:-1]
    cameras, to_camera = H36M_CAMERAS[subject], jax.jit(world_to_camera)
    seen = {name: np.split(np.asarray(to_camera(world, camera)), ends) for name, camera in cameras.items()}
    for index, recording in enumerate(recordings):
        for (name, camera), keypoints in zip(cameras.items(), views[recording], strict=True):
            yield Track(*recording, name, fps, seen[name][index], keypoints, **camera._asdict())


def convert(
    poses: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="POSES.npz")],
    keypoints: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="KEYPOINTS.npz")],
    *,
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")],
    fps: float = 50.0,
    title: str = "",
    keep_s11_directions: tyro.conf.FlagCreatePairsOff[bool] = False,
) -> None:
    """Prepare Human3.6M, or data in its two-file npz format, for jaxpose.train.

    Args:
      poses: positions_3d: subject -> action -> (frames, 32 or 17, 3), world metres.
      keypoints: positions_2d: subject -> action -> four cameras of (frames, K, 2 or 3), pixels; and metadata:
        num_joints, keypoints_symmetry.
      out: Folder to write the prepared data set to; it must not hold anything yet.
      fps: Frames per second of both files.
      title: Names the data in reports; by default the names of the two files.
      keep_s11_directions: Keep the recording that published evaluations leave out, for its damaged video.
    """
    if not 0 < fps < float("inf"):
        raise InputError(f"--fps is {fps}; it must be above zero")
    contract.check_out(out)
    found = read_keypoints(keypoints)
    world, views, remarks = match(read_poses(poses), found, keep_s11_directions=keep_s11_directions)
    sources = f"{poses.name} and {keypoints.name}"
    description = Description(
        title=title or sources,
        synthetic=False,
        skeleton=H36M_17,
        layout=found.layout,
        channels=found.channels,
        splits=tuple(dict.fromkeys(subject for subject, _ in world)),
    )
    tallies = contract.write(
        out,
        description,
        lambda subject: tracks(subject, world, views, fps),
        text="; ".join([f"poses in camera space and 2D keypoints, from {sources}", *remarks]),
        citation=CITATION,
    )
    for remark in remarks:
        print(remark)
    rich.print(contract.table(tallies))
    print(f"wrote {out}")


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    jax.config.update("jax_platforms", "cpu")  # nothing here is worth taking a GPU away from a training
    with reported():
        tyro.cli(convert, args=argv, prog="python -m data_prep.h36m_npz")


def _recordings(path: Path, members: Mapping[str, Any], field: str) -> dict[Recording, Any]:
    """The nested dict subject -> action -> value of a file, flat."""
    if field not in members:
        found = ", ".join(map(repr, members))
        raise InputError(f"{path}: has no {field!r}, only {found}; the poses go first, the keypoints second")
    subjects = members[field]
    if not isinstance(subjects, dict) or not all(isinstance(actions, dict) for actions in subjects.values()):
        raise InputError(f"{path}: {field!r} is not a dict of subjects of dicts of actions")
    recordings = {(str(s), str(action)): value for s, actions in subjects.items() for action, value in actions.items()}
    if not recordings:
        raise InputError(f"{path}: {field!r} is empty")
    return recordings


def _called(recording: Recording) -> str:
    """How messages call a recording."""
    return f"{recording[0]} {recording[1]!r}"


def _frames(path: Path, where: str, value: Any, joints: tuple[int, ...], channels: tuple[int, ...]) -> np.ndarray:
    """`value` as float32, if it is an array of (frames, one of `joints`, one of `channels`)."""
    frames = value if isinstance(value, np.ndarray) else np.asarray(value, object)
    fits = frames.ndim == 3 and len(frames) and frames.shape[1] in joints and frames.shape[2] in channels
    if not fits or frames.dtype.kind not in "fiu":
        wanted = f"(frames, {' or '.join(map(str, joints))}, {' or '.join(map(str, channels))})"
        raise InputError(f"{path}: {where} is {frames.dtype} of shape {frames.shape}; it must be numbers, {wanted}")
    return frames.astype(np.float32, copy=False)


def _finite(path: Path, where: str, frames: np.ndarray) -> np.ndarray:
    """`frames`, if all of them are finite."""
    if (frame := first_not_finite(frames)) is not None:
        raise InputError(f"{path}: {where} is not finite at frame {frame}; fill the gap or remove the recording")
    return frames


def _seventeen(path: Path, recording: Recording, value: Any) -> np.ndarray:
    """World poses (T, 17, 3) from 17 or 32 joints."""
    where = _called(recording)
    positions = _frames(path, where, value, (H36M_32.num_joints, H36M_17.num_joints), (3,))
    if positions.shape[1] == H36M_32.num_joints:
        weights = skeleton.conversion(H36M_32, H36M_17)
        used = weights.any(axis=0)  # what the other joints hold, perhaps NaN, does not matter
        positions = weights[:, used] @ positions[:, used]
    if (farthest := np.abs(_finite(path, where, positions)).max()) > FARTHEST_M:
        raise InputError(f"{path}: {where} has coordinates up to {farthest:.0f}; convert millimetres to metres")
    return positions


def _views(path: Path, recording: Recording, value: Any, layout: Skeleton) -> list[np.ndarray]:
    """Keypoints (T, K, 2 or 3) of each camera."""
    if not isinstance(value, list | tuple | np.ndarray):
        raise InputError(f"{path}: {_called(recording)} is {type(value).__name__}, not a list of cameras")
    views = []
    for number, view in enumerate(value, start=1):
        where = f"{_called(recording)} of camera {number}"
        views.append(_finite(path, where, _frames(path, where, view, (layout.num_joints,), (2, 3))))
    return views


def _layout(path: Path, metadata: Any) -> Skeleton:
    """The layout of the keypoints: a known one if their number and symmetry are its own."""
    try:
        count = int(metadata["num_joints"])
        if count > MOST_KEYPOINTS:
            raise ValueError(f"{count} keypoints")
        left, right = (tuple(int(joint) for joint in side) for side in metadata["keypoints_symmetry"])
        for known in (H36M_17, COCO_17):
            pairs = set(zip(known.left, known.right, strict=True))
            if count == known.num_joints and pairs == set(zip(left, right, strict=True)):
                return known
        return skeleton.layout(str(metadata.get("layout_name", "custom")), count, left, right)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: 'metadata' must be a dict of 'num_joints' and 'keypoints_symmetry', a list of left and a list of "
            f"right keypoints; here is {metadata!s:.80} ({error})"
        ) from error


def _cut(keypoints: Keypoints, recording: Recording, frames: int) -> list[np.ndarray]:
    """The keypoints of a recording by all its cameras, the first `frames` frames."""
    where, cameras = f"{keypoints.path}: {_called(recording)}", H36M_CAMERAS[recording[0]]
    if recording not in keypoints.views:
        raise InputError(f"{where} is missing; add its keypoints, or remove its poses")
    views = keypoints.views[recording]
    if len(views) != len(cameras):
        raise InputError(f"{where} has {len(views)} cameras, not {len(cameras)}; give all, in the order of the others")
    for number, view in enumerate(views, start=1):
        if len(view) < frames:
            raise InputError(
                f"{where} of camera {number} has {len(view)} frames but {frames} of poses; complete the keypoints, or "
                "take the two files from one source"
            )
    return [view[:frames] for view in views]


def _listed(items: Iterable[str], most: int = 5) -> str:
    """The first few items, and how many more there are."""
    names = list(items)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


if __name__ == "__main__":
    main()
