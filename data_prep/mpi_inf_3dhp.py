"""Prepare MPI-INF-3DHP, as its own scripts download it.

    python -m data_prep.mpi_inf_3dhp mpi_inf_3dhp mpi_inf_3dhp_test_set --out 3dhp
    python -m jaxpose.train --data 3dhp --train-split S1+S2+S3+S4+S5+S6+S7+S8 --test-split TS1+TS2+TS3+TS4+TS5+TS6

Read are, as README.txt, util and test_util of the data set describe them:

- S1 … S8/Seq1, Seq2/annot.mat: `annot3`, poses in camera space, millimetres, 14 cells (frames, 28 · 3), one a camera;
  `annot2`, their projections, (frames, 28 · 2) pixels; `univ_annot3`, the poses scaled to one skeleton, which do not
  project to `annot2`. camera.calibration is beside it. There are 25 frames a second, 50 in S1/Seq2, S3 and S5.
  Annotations go on after the videos have ended; these frames are left out. (Only the video 2 of S6/Seq2 is shorter.)
- TS1 … TS6/annot_data.mat: the same of one camera, 17 joints. Its calibration is published beside the scripts that
  evaluate; its frame rate is not, 25 is assumed. All frames are kept, but results are published on some of them: those
  whose `valid_frame` is 1.

The joints are mapped to the 17 of Human3.6M: "thorax" is their neck, "neck" their head, "head" their top of the head.
"""

import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import rich
import tyro

from data_prep.formats import archives, matlab, skeletool
from data_prep.writer import data_set
from jaxpose.cameras import Camera
from jaxpose.data.track import Description, Track
from jaxpose.runtime.errors import InputError, cli_errors
from jaxpose.skeleton import H36M_17

CITATION = """@inproceedings{mehta_monocular_2017,
  author = {Mehta, Dushyant and Rhodin, Helge and Casas, Dan and Fua, Pascal and Sotnychenko, Oleksandr and
            Xu, Weipeng and Theobalt, Christian},
  title = {Monocular {3D} Human Pose Estimation In The Wild Using Improved {CNN} Supervision},
  booktitle = {International Conference on 3D Vision},
  year = {2017}
}"""

USUAL_CAMERAS = (0, 1, 2, 4, 5, 6, 7, 8)
"""Chest high (0, 2, 4, 7 and 8), knee high, and two that look down: the set called "vnect"."""

_JOINTS_28 = (
    "spine3", "spine4", "spine2", "spine", "pelvis", "neck", "head", "head_top",
    "left_clavicle", "left_shoulder", "left_elbow", "left_wrist", "left_hand",
    "right_clavicle", "right_shoulder", "right_elbow", "right_wrist", "right_hand",
    "left_hip", "left_knee", "left_ankle", "left_foot", "left_toe",
    "right_hip", "right_knee", "right_ankle", "right_foot", "right_toe",
)  # fmt: skip
_JOINTS_17 = (
    "head_top", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "pelvis", "spine", "head",
)  # fmt: skip
_OTHER_NAMES = {"thorax": "neck", "neck": "head", "head": "head_top"}

_VIDEO_FRAMES = {
    "S1": (6416, 12430), "S2": (6502, 6081), "S3": (12488, 12283), "S4": (6171, 6675),
    "S5": (12820, 12312), "S6": (6188, 6145), "S7": (6239, 6320), "S8": (6468, 6054),
}  # fmt: skip
_FAST = {("S1", "Seq2"), ("S3", "Seq1"), ("S3", "Seq2"), ("S5", "Seq1"), ("S5", "Seq2")}
_TEST_FPS = 25.0


def _test_camera(lens: Sequence[float], place: Sequence[float], right: Sequence[float], up: Sequence[float],
                 width: int, height: int) -> Camera:  # fmt: skip
    down = np.negative(up)
    return skeletool.camera(lens, np.stack([right, down, np.cross(right, down)]), place, width, height)


# From ts1-4cameras.calib and ts5-6cameras.calib, lengths on the sensor turned into pixels. The first is camera 8 of the
# other subjects. The second distorts, but `annot2` are projections without distortion.
_STUDIO = _test_camera(
    (1500.1723, 1500.8324, 1017.3873, 1043.0320), (3427.28, 1387.86, 309.42),
    (0.000575281, 0.0616098, -0.9981), (-0.208215, 0.976233, 0.06014), 2048, 2048,
)  # fmt: skip
_OUTDOORS = _test_camera(
    (1683.9835, 1672.5937, 939.8575, 560.1407), (-2104.3074, 1038.6707, -4596.6367),
    (-0.939647257, -0.009210289, 0.342020929), (0.025272345, 0.995038509, 0.096227370), 1920, 1080,
)  # fmt: skip
TEST_CAMERAS: Mapping[str, Camera] = {f"TS{number}": _STUDIO if number <= 4 else _OUTDOORS for number in range(1, 7)}
"""Camera by test subject."""


def find(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """The annotation files in folders by subject, S1 to S8, then TS1 to TS6.

    Raises:
      InputError: there are none, or a sequence is there twice.
    """
    found: dict[str, dict[str, Path]] = {}
    for folder in folders:
        for path in sorted([*folder.glob("S[1-8]/Seq[12]/annot.mat"), *folder.glob("TS[1-6]/annot_data.mat")]):
            subject, sequence = path.relative_to(folder).parts[0], path.parent.name
            if (other := found.setdefault(subject, {}).setdefault(sequence, path)) != path:
                raise InputError(f"{other} and {path} are the same sequence; name one of the folders")
    if not found:
        named = ", ".join(map(str, folders)) or "no folder"
        raise InputError(f"{named}: no S1/Seq1/annot.mat, no TS1/annot_data.mat in it; name the folder that S1 is in")
    return {subject: list(found[subject].values()) for subject in sorted(found)}


def tracks(
    files: Mapping[str, Sequence[Path]], universal: bool, cameras: Sequence[int], subject: str
) -> Iterator[Track]:
    """The tracks of a subject.

    Args:
      files: annotation files by subject.
      universal: take the poses scaled to one skeleton.
      cameras: numbers of those wanted; there is one of each test subject.
      subject: whose tracks.

    Yields:
      A track per sequence and camera.

    Raises:
      InputError: a file is not as the module says, or a camera is not in it.
    """
    poses = "univ_annot3" if universal else "annot3"
    for path in files[subject]:
        if subject in TEST_CAMERAS:
            yield _test_track(subject, path, poses)
        else:
            yield from _tracks(subject, path, poses, cameras)


def _tracks(subject: str, path: Path, poses: str, cameras: Sequence[int]) -> Iterator[Track]:
    """A sequence as its cameras see it."""
    sequence, rig = path.parent.name, skeletool.read(path.with_name("camera.calibration"))
    content = archives.content(path)
    positions, keypoints = (matlab.read_cell(str(path), content, variable) for variable in (poses, "annot2"))
    frames, fps = _VIDEO_FRAMES[subject][sequence == "Seq2"], 50.0 if (subject, sequence) in _FAST else 25.0
    for number in cameras:
        where = f"{path}: camera {number}"
        if number not in rig or not 0 <= number < min(len(positions), len(keypoints)):
            raise InputError(f"{where} has no annotations or no calibration; leave it out of --cameras")
        seen = _joints(where, poses, positions[number], _JOINTS_28, 3)[:frames] / 1000
        points = _joints(where, "annot2", keypoints[number], _JOINTS_28, 2)[:frames]
        yield Track(subject, sequence, str(number), fps, seen, points, **rig[number]._asdict())


def _test_track(subject: str, path: Path, poses: str) -> Track:
    """The sequence of a test subject. Its variables are (3 or 2, 17, 1, frames) in MATLAB's order of axes."""
    content = archives.content(path)
    positions, keypoints = (matlab.read_numbers(str(path), content, variable).T for variable in (poses, "annot2"))
    seen = _joints(str(path), poses, positions, _JOINTS_17, 3) / 1000
    points = _joints(str(path), "annot2", keypoints, _JOINTS_17, 2)
    return Track(subject, "Test", "0", _TEST_FPS, seen, points, **TEST_CAMERAS[subject]._asdict())


def _joints(where: str, variable: str, frames: np.ndarray, joints: Sequence[str], channels: int) -> np.ndarray:
    """The joints of Human3.6M (frames, 17, channels), float32, in frames of `joints`."""
    if not frames.size or frames.shape[1:] not in ((len(joints) * channels,), (1, len(joints), channels)):
        wanted = f"(frames, {len(joints)} · {channels})"
        raise InputError(f"{where}: {variable} has shape {frames.shape}, not {wanted}; download it again")
    wanted = [joints.index(_OTHER_NAMES.get(joint, joint)) for joint in H36M_17.joints]
    return frames.reshape(-1, len(joints), channels)[:, wanted].astype(np.float32)


def convert(
    folders: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="DIR")],
    *,
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")],
    universal: tyro.conf.FlagCreatePairsOff[bool] = False,
    cameras: tuple[int, ...] = USUAL_CAMERAS,
    jobs: int = os.cpu_count() or 1,
) -> None:
    """Prepare MPI-INF-3DHP for jaxpose.train.

    Args:
      folders: Folders that have S1/Seq1/annot.mat in them, or TS1/annot_data.mat.
      out: Folder to write the prepared data set to; it must not hold anything yet.
      universal: Take univ_annot3, the poses scaled to one skeleton, which do not project to the keypoints.
      cameras: Numbers of the cameras to keep, of 0 to 13.
      jobs: Subjects to prepare at a time.
    """
    data_set.check_out(out)
    files = find(folders)
    title = "MPI-INF-3DHP" + ", universal poses" * universal
    tallies = data_set.write(
        out,
        Description(title, False, H36M_17, H36M_17, 2, tuple(files)),
        functools.partial(tracks, files, universal, cameras),
        text=f"{title}; cameras {', '.join(map(str, cameras))}; keypoints are projected joints",
        citation=CITATION,
        inputs=[
            file for paths in files.values() for path in paths for file in (path, path.with_name("camera.calibration"))
        ],
        jobs=jobs,
    )
    rich.print(data_set.table(tallies))
    print(f"wrote {out}")


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    jax.config.update("jax_platforms", "cpu")  # nothing here is worth taking a GPU away from a training
    with cli_errors():
        tyro.cli(convert, args=argv, prog="python -m data_prep.mpi_inf_3dhp")


if __name__ == "__main__":
    main()
