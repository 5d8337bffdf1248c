"""Prepare HumanEva-I from the MAT-files that lifting programs convert it to.

    python -m data_prep.humaneva converted_15j --out humaneva
    python -m jaxpose.train --data humaneva --train-split Train_S1+Train_S2+Train_S3 --test-split Validate_S1

The files are those that VideoPose3D's `ConvertHumanEva.m` writes, one a recording, such as `Train/S1/Walking_1.mat`:

- `poses_3d` (T, 15, 3), world millimetres, z up; joints as in `HUMANEVA_15`;
- `poses_2d` (3, T, 15, 2), their projections in pixels by the cameras C1, C2 and C3, of 640 x 480 pixels.

There are 60 frames a second. Frames whose motion capture is damaged are NaN: each run of frames between them is a
track, "Walking 1 chunk0" and so on, with the numbers that VideoPose3D gives them, which counts the damaged runs too.
The files hold no cameras: each is found from what it saw of its subject (see `data_prep.cameras.resection`).
"""

import functools
import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import jax
import numpy as np
import rich
import tyro
from scipy.spatial.transform import Rotation

from data_prep.cameras.resection import resect
from data_prep.formats import matlab
from data_prep.formats.archives import members
from data_prep.writer import data_set
from jaxpose.cameras import Camera
from jaxpose.data.track import Description, Track
from jaxpose.runtime.errors import InputError, cli_errors
from jaxpose.skeleton import HUMANEVA_15

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
MISFIT_PX = 2.0
"""How far, root mean square, projections may lie from `poses_2d`: these are projections themselves."""

_FILE = re.compile(r"(?:^|/)(?P<part>Train|Validate)/(?P<subject>S\d)/(?P<action>\w+)_(?P<trial>\d+)\.mat$")


class Recording(NamedTuple):
    """What a file holds."""

    split: str  # "Train_S1"
    action: str  # "Walking 1"
    poses: np.ndarray  # (T, 15, 3) float64 metres in the world; NaN where damaged
    views: np.ndarray  # (3, T, 15, 2) float64 pixels; NaN where damaged


def splits(source: Path) -> tuple[str, ...]:
    """The splits in a folder or an archive, such as "Train_S1"; those for training first.

    Raises:
      InputError: there are none, or the archive is damaged or hostile.
    """
    found = {
        f"{match['part']}_{match['subject']}" for member in members(source) if (match := _FILE.search(member.path))
    }
    if not found:
        raise InputError(
            f"{source}: no files such as Train/S1/Walking_1.mat in it; name the folder that has Train in it"
        )
    return tuple(sorted(found))


def recordings(source: Path, subject: str) -> list[Recording]:
    """The recordings of a subject, for training and for validation.

    Raises:
      InputError: a file is not as the module says.
    """
    found = []
    for member in members(source):
        if (match := _FILE.search(member.path)) and match["subject"] == subject:
            where, content = f"{source}: {member.path}", member.read()
            poses = matlab.read_numbers(where, content, "poses_3d").astype(np.float64) / 1000
            views = matlab.read_numbers(where, content, "poses_2d").astype(np.float64)
            frames, joints = len(poses), HUMANEVA_15.num_joints
            if not frames or poses.shape != (frames, joints, 3) or views.shape != (len(CAMERAS), frames, joints, 2):
                raise InputError(
                    f"{where}: poses_3d have shape {poses.shape} and poses_2d {views.shape}, not (frames, 15, 3) and "
                    "(3, frames, 15, 2); convert HumanEva-I with 15 joints"
                )
            found.append(Recording(f"{match['part']}_{subject}", f"{match['action']} {match['trial']}", poses, views))
    return sorted(found, key=lambda recording: recording[:2])


def cameras(source: Path, found: Sequence[Recording]) -> Mapping[str, Camera]:
    """The cameras before a subject, by name.

    Args:
      source: names them in messages.
      found: all recordings of the subject.

    Raises:
      InputError: no camera fits the poses and their projections.
    """
    valid = [undamaged(recording) for recording in found]
    points = np.concatenate([recording.poses[frames] for recording, frames in zip(found, valid, strict=True)])
    subject = found[0].split.rpartition("_")[2]
    fitted = {}
    for index, name in enumerate(CAMERAS):
        pixels = [recording.views[index][frames] for recording, frames in zip(found, valid, strict=True)]
        try:
            fitted[name], misfit = resect(points.reshape(-1, 3), np.concatenate(pixels).reshape(-1, 2), WIDTH, HEIGHT)
        except ValueError as error:
            raise InputError(
                f"{source}: no camera {name} fits poses_3d and poses_2d of {subject} ({error}); convert them again"
            ) from None
        if not misfit < MISFIT_PX:
            raise InputError(
                f"{source}: poses_2d of {name} are no projections of poses_3d of {subject}: they miss those by "
                f"{misfit:.1f} pixels; convert them again"
            )
    return fitted


def undamaged(recording: Recording) -> np.ndarray:
    """(T,) which frames are whole."""
    return np.isfinite(recording.poses).all(axis=(1, 2)) & np.isfinite(recording.views).all(axis=(0, 2, 3))


def chunks(valid: np.ndarray) -> Iterator[tuple[int, slice]]:
    """The runs of true values in (T,), each with its number among all runs."""
    edges = [0, *(np.flatnonzero(valid[1:] != valid[:-1]) + 1), len(valid)]
    for number, (first, end) in enumerate(itertools.pairwise(edges)):
        if valid[first]:
            yield number, slice(int(first), int(end))


def tracks(source: Path, split: str) -> Iterator[Track]:
    """One track per run of undamaged frames and camera.

    Raises:
      InputError: a file is not as the module says, or no camera fits it.
    """
    found = recordings(source, split.rpartition("_")[2])
    rig = cameras(source, found)
    for recording in found:
        if recording.split == split:
            for number, frames in chunks(undamaged(recording)):
                for view, (name, camera) in zip(recording.views, rig.items(), strict=True):
                    to_world = Rotation.from_quat(np.roll(camera.orientation, -1)).as_matrix()
                    seen = ((recording.poses[frames] - camera.translation) @ to_world).astype(np.float32)
                    action = f"{recording.action} chunk{number}"
                    points = view[frames].astype(np.float32)
                    yield Track(split, action, name, FPS, seen, points, **camera._asdict())


def convert(
    source: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SOURCE")],
    *,
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")],
    jobs: int = os.cpu_count() or 1,
) -> None:
    """Prepare HumanEva-I for jaxpose.train.

    Args:
      source: Folder or archive with the converted files: Train/S1/Walking_1.mat, Validate/S1/Walking_1.mat, …
      out: Folder to write the prepared data set to; it must not hold anything yet.
      jobs: Subjects to prepare at a time.
    """
    data_set.check_out(out)
    tallies = data_set.write(
        out,
        Description("HumanEva-I", False, HUMANEVA_15, HUMANEVA_15, 2, splits(source)),
        functools.partial(tracks, source),
        text=f"HumanEva-I from {source.name}, without damaged frames; cameras found from poses and their projections",
        citation=CITATION,
        inputs=[source],
        jobs=jobs,
    )
    rich.print(data_set.table(tallies))
    print(f"wrote {out}")


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    jax.config.update("jax_platforms", "cpu")  # nothing here is worth taking a GPU away from a training
    with cli_errors():
        tyro.cli(convert, args=argv, prog="python -m data_prep.humaneva")


if __name__ == "__main__":
    main()
