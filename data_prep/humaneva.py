"""Prepare HumanEva-I from the MAT-files to which VideoPose3D converts it, with 15 joints.

    jaxpose prepare humaneva converted_15j --out humaneva
    jaxpose train --data humaneva --train-split Train_S1+Train_S2+Train_S3 --test-split Validate_S1

A split is a folder of recordings and a subject: Train_S1, Validate_S1 and so on.
"""

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np
import tyro

from data_prep.formats.archives import members
from data_prep.formats.whole_frames import chunks
from data_prep.writer.command import Output, prepare
from data_prep.writer.source import Source
from jaxpose.data.track import Description, Track
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import HUMANEVA_15

if TYPE_CHECKING:  # `--help` answers without JAX
    from jaxpose.cameras import Camera


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(Output):
    """The options of `jaxpose prepare humaneva`."""

    source: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SOURCE")]
    """Folder or archive with the converted files: Train/S1/Walking_1.mat, Validate/S1/Walking_1.mat, …"""


CITATION = """@article{sigal_humaneva_2010,
  author = {Sigal, Leonid and Balan, Alexandru O. and Black, Michael J.},
  title = {{HumanEva}: Synchronized Video and Motion Capture Dataset and Baseline Algorithm for Evaluation of
           Articulated Human Motion},
  journal = {International Journal of Computer Vision},
  volume = {87},
  year = {2010}
}"""

CAMERAS = ("C1", "C2", "C3")
FPS = 60.0
WIDTH, HEIGHT = 640, 480
MAX_MISFIT_PX = 2.0
"""Largest root mean square distance of projections from `poses_2d`, which are projections themselves."""

MIN_FOCAL, MAX_FOCAL = 0.3, 10.0
"""Focal length of a lens in widths of the image; a camera fits keypoints in another unit, too, but with another lens.
"""

_FILE = re.compile(r"(?:^|/)(?P<part>Train|Validate)/(?P<subject>S\d)/(?P<action>\w+)_(?P<trial>\d+)\.mat$")


def make_source(options: Options) -> Source:
    """Return the source of HumanEva-I in the MAT-files that VideoPose3D's `ConvertHumanEva.m` writes, with 15 joints.

    There is one file per recording, such as `Train/S1/Walking_1.mat`:

    - `poses_3d` (T, 15, 3), world millimetres, z up; joints as in `HUMANEVA_15`;
    - `poses_2d` (3, T, 15, 2), their projections in pixels by the cameras C1, C2 and C3, of 640 x 480 pixels.

    There are 60 frames per second. Frames with damaged motion capture are NaN: each run of frames between them is a
    track, "Walking 1 chunk0" and so on, numbered as by VideoPose3D, which counts the damaged runs too. The files have
    no cameras: each is found from the poses and their projections (see `data_prep.cameras.resection`).

    Raises:
      InputError: there are no such files.
    """
    path = options.source
    return Source(
        Description("HumanEva-I", False, HUMANEVA_15, HUMANEVA_15, 2, find_splits(path)),
        functools.partial(tracks, path),
        text=f"HumanEva-I from {path.name}, without damaged frames; cameras found from poses and their projections",
        citation=CITATION,
        inputs=(path,),
    )


class Recording(NamedTuple):
    """The content of a file."""

    split: str  # "Train_S1"
    action: str  # "Walking 1"
    poses: np.ndarray  # (T, 15, 3) float64 metres in the world; NaN where damaged
    views: np.ndarray  # (3, T, 15, 2) float64 pixels; NaN where damaged


def find_splits(path: Path) -> tuple[str, ...]:
    """Find the splits in a folder or an archive, such as "Train_S1"; those for training come first.

    Raises:
      InputError: there are none, or the archive is damaged or forged.
    """
    splits = {f"{match['part']}_{match['subject']}" for member in members(path) if (match := _FILE.search(member.path))}
    if not splits:
        raise InputError(f"{path}: no files such as Train/S1/Walking_1.mat in it; name the folder that has Train in it")
    return tuple(sorted(splits))


def read_recordings(path: Path, subject: str) -> list[Recording]:
    """Read the recordings of a subject, for training and for validation.

    Raises:
      InputError: a file has other variables or shapes than `make_source` says, or is damaged.
    """
    from data_prep.formats import matlab

    recordings = []
    for member in members(path):
        if (match := _FILE.search(member.path)) and match["subject"] == subject:
            where, content = f"{path}: {member.path}", member.read()
            poses = matlab.read_numbers(where, content, "poses_3d").astype(np.float64) / 1000
            views = matlab.read_numbers(where, content, "poses_2d").astype(np.float64)
            frames, joints = len(poses), HUMANEVA_15.num_joints
            if not frames or poses.shape != (frames, joints, 3) or views.shape != (len(CAMERAS), frames, joints, 2):
                raise InputError(
                    f"{where}: poses_3d have shape {poses.shape} and poses_2d {views.shape}, not (frames, 15, 3) and "
                    "(3, frames, 15, 2); convert HumanEva-I with 15 joints"
                )
            recordings.append(
                Recording(f"{match['part']}_{subject}", f"{match['action']} {match['trial']}", poses, views)
            )
    return sorted(recordings, key=lambda recording: recording[:2])


def fit_cameras(path: Path, recordings: Sequence[Recording]) -> Mapping[str, "Camera"]:
    """Find the cameras that see a subject, by name.

    Args:
      path: of the data, for messages.
      recordings: all of the subject.

    Raises:
      InputError: no camera fits the poses and their projections.
    """
    from data_prep.cameras.resection import resect

    valid = [valid_frames(recording) for recording in recordings]
    points = np.concatenate([recording.poses[frames] for recording, frames in zip(recordings, valid, strict=True)])
    subject = recordings[0].split.rpartition("_")[2]
    fitted = {}
    for index, name in enumerate(CAMERAS):
        pixels = [recording.views[index][frames] for recording, frames in zip(recordings, valid, strict=True)]
        try:
            fitted[name], misfit = resect(points.reshape(-1, 3), np.concatenate(pixels).reshape(-1, 2), WIDTH, HEIGHT)
        except ValueError as error:
            raise InputError(
                f"{path}: no camera {name} fits poses_3d and poses_2d of {subject} ({error}); convert them again"
            ) from None
        if not misfit < MAX_MISFIT_PX:
            raise InputError(
                f"{path}: poses_2d of {name} are not projections of poses_3d of {subject}: they differ by "
                f"{misfit:.1f} pixels; convert them again"
            )
        if not MIN_FOCAL <= (focal := abs(fitted[name].intrinsics[0]) / WIDTH) <= MAX_FOCAL:
            raise InputError(
                f"{path}: poses_2d of {name} are not pixels of images of {WIDTH} x {HEIGHT}: a lens of {focal:.3g} "
                f"widths of the image fits {subject}; convert them again, without normalization"
            )
    return fitted


def valid_frames(recording: Recording) -> np.ndarray:
    """Mask (T,) of the frames that are finite in all coordinates."""
    return np.isfinite(recording.poses).all(axis=(1, 2)) & np.isfinite(recording.views).all(axis=(0, 2, 3))


def tracks(path: Path, split: str) -> Iterator[Track]:
    """Yield a track per run of undamaged frames and camera.

    Raises:
      InputError: a file has other variables or shapes than `make_source` says, or is damaged; or no camera fits it.
    """
    from scipy.spatial.transform import Rotation

    recordings = read_recordings(path, split.rpartition("_")[2])
    cameras = fit_cameras(path, recordings)
    for recording in recordings:
        if recording.split == split:
            for number, frames in chunks(valid_frames(recording)):
                for view, (name, camera) in zip(recording.views, cameras.items(), strict=True):
                    to_world = Rotation.from_quat(np.roll(camera.orientation, -1)).as_matrix()
                    positions = ((recording.poses[frames] - camera.translation) @ to_world).astype(np.float32)
                    keypoints = view[frames].astype(np.float32)
                    action = f"{recording.action} chunk{number}"
                    yield Track(split, action, name, FPS, positions, keypoints, **camera._asdict())


main = functools.partial(prepare, "humaneva")

if __name__ == "__main__":
    main()
