"""Prepare MPI-INF-3DHP as its scripts download it.

    jaxpose prepare mpi_inf_3dhp mpi_inf_3dhp mpi_inf_3dhp_test_set --out 3dhp
    jaxpose train --data 3dhp --train-split S1+S2+S3+S4+S5+S6+S7+S8 --test-split TS1+TS2+TS3+TS4+TS5+TS6

Splits are S1 to S8, and TS1 to TS6 of the test set.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro

from data_prep.formats import archives
from data_prep.writer.command import Output, prepare
from data_prep.writer.source import Source
from jaxpose.data.track import Description, Track
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17

if TYPE_CHECKING:  # `--help` answers without JAX
    from jaxpose.cameras import Camera


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(Output):
    """The options of `jaxpose prepare mpi_inf_3dhp`."""

    folders: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="DIR")]
    """Folders that have S1/Seq1/annot.mat in them, or TS1/annot_data.mat."""
    universal: tyro.conf.FlagCreatePairsOff[bool] = False
    """Take univ_annot3, the poses scaled to one skeleton, which do not project to the keypoints."""
    cameras: tuple[int, ...] = (0, 1, 2, 4, 5, 6, 7, 8)
    """Cameras to keep, of 0 to 13. The default is the set "vnect": at chest height (0, 2, 4, 7, 8), at knee height, and
    two that look down."""


CITATION = """@inproceedings{mehta_monocular_2017,
  author = {Mehta, Dushyant and Rhodin, Helge and Casas, Dan and Fua, Pascal and Sotnychenko, Oleksandr and
            Xu, Weipeng and Theobalt, Christian},
  title = {Monocular {3D} Human Pose Estimation In The Wild Using Improved {CNN} Supervision},
  booktitle = {International Conference on 3D Vision},
  year = {2017}
}"""

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


TEST_SUBJECTS = tuple(f"TS{number}" for number in range(1, 7))


def make_source(options: Options) -> Source:
    """Return the source of the files that README.txt, util and test_util of the data set describe.

    - S1 … S8/Seq1, Seq2/annot.mat: `annot3`, poses in camera space, millimetres, 14 cells (frames, 28 · 3), one per
      camera; `annot2`, their projections, (frames, 28 · 2) pixels; `univ_annot3`, the poses scaled to one skeleton,
      which do not project to `annot2`. camera.calibration is beside it. There are 25 frames per second, 50 in S1/Seq2,
      S3 and S5. Frames that are annotated after the end of the videos are left out. (Only the video 2 of S6/Seq2 is
      shorter.)
    - TS1 … TS6/annot_data.mat: the same for one camera, 17 joints. The calibration is published with the evaluation
      scripts; the frame rate is not published, 25 is assumed. All frames are kept; results are published on those whose
      `valid_frame` is 1.

    The joints are mapped to the 17 of Human3.6M: "thorax" is their neck, "neck" their head, "head" their top of the
    head.

    Raises:
      InputError: there are no such files, or two of the same sequence.
    """
    files = find_annotations(options.folders)
    title = "MPI-INF-3DHP" + ", universal poses" * options.universal
    annotations = [path for paths in files.values() for path in paths]
    notes = [f"{_TEST_FPS:g} frames per second are assumed of TS1 to TS6, whose frame rate is not published"]
    notes *= not files.keys().isdisjoint(TEST_SUBJECTS)
    return Source(
        Description(title, False, H36M_17, H36M_17, 2, tuple(files)),
        functools.partial(tracks, files, options.universal, options.cameras),
        text="; ".join(
            [title, f"cameras {', '.join(map(str, options.cameras))}", "keypoints are projected joints", *notes]
        ),
        citation=CITATION,
        inputs=tuple(file for path in annotations for file in (path, path.with_name("camera.calibration"))),
        remarks=lambda sizes: notes,
    )


def find_annotations(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """Find the annotation files in folders, by subject, S1 to S8, then TS1 to TS6.

    Raises:
      InputError: there are none, or two of the same sequence.
    """
    files: dict[str, dict[str, Path]] = {}
    for folder in folders:
        for path in sorted([*folder.glob("S[1-8]/Seq[12]/annot.mat"), *folder.glob("TS[1-6]/annot_data.mat")]):
            subject, sequence = path.relative_to(folder).parts[0], path.parent.name
            if (other := files.setdefault(subject, {}).setdefault(sequence, path)) != path:
                raise InputError(f"{other} and {path} are the same sequence; name one of the folders")
    if not files:
        names = ", ".join(map(str, folders)) or "no folder"
        raise InputError(
            f"{names}: no S1/Seq1/annot.mat, no TS1/annot_data.mat in it; name the folder that has S1 in it"
        )
    return {subject: list(files[subject].values()) for subject in sorted(files)}


def tracks(
    files: Mapping[str, Sequence[Path]], universal: bool, cameras: Sequence[int], subject: str
) -> Iterator[Track]:
    """Yield the tracks of a subject.

    Args:
      files: annotation files by subject.
      universal: take the poses scaled to one skeleton.
      cameras: numbers of the cameras to keep; test subjects have one camera, which is kept.
      subject: S1 to S8, or TS1 to TS6.

    Yields:
      A track per sequence and camera.

    Raises:
      InputError: a file has other variables or shapes than `make_source` says, is damaged, or does not have a camera.
    """
    poses = "univ_annot3" if universal else "annot3"
    for path in files[subject]:
        if subject in TEST_SUBJECTS:
            yield _test_track(subject, path, poses)
        else:
            yield from _tracks(subject, path, poses, cameras)


def _tracks(subject: str, path: Path, poses: str, cameras: Sequence[int]) -> Iterator[Track]:
    """Yield a sequence as each camera sees it."""
    from data_prep.formats import matlab, skeletool

    sequence, calibration = path.parent.name, skeletool.read(path.with_name("camera.calibration"))
    content = archives.read_file(path)
    positions, keypoints = (matlab.read_cell(str(path), content, variable) for variable in (poses, "annot2"))
    frames, fps = _VIDEO_FRAMES[subject][sequence == "Seq2"], 50.0 if (subject, sequence) in _FAST else 25.0
    for number in cameras:
        where = f"{path}: camera {number}"
        if number not in calibration or not 0 <= number < min(len(positions), len(keypoints)):
            raise InputError(f"{where} has no annotations or no calibration; remove it from --cameras")
        metres = _joints(where, poses, positions[number], _JOINTS_28, 3)[:frames] / 1000
        pixels = _joints(where, "annot2", keypoints[number], _JOINTS_28, 2)[:frames]
        yield Track(subject, sequence, str(number), fps, metres, pixels, **calibration[number]._asdict())


def _test_track(subject: str, path: Path, poses: str) -> Track:
    """Return the sequence of a test subject; its variables are (3 or 2, 17, 1, frames) in MATLAB's order of axes."""
    from data_prep.formats import matlab

    content = archives.read_file(path)
    positions, keypoints = (matlab.read_numbers(str(path), content, variable).T for variable in (poses, "annot2"))
    metres = _joints(str(path), poses, positions, _JOINTS_17, 3) / 1000
    pixels = _joints(str(path), "annot2", keypoints, _JOINTS_17, 2)
    return Track(subject, "Test", "0", _TEST_FPS, metres, pixels, **test_cameras()[subject]._asdict())


def test_cameras() -> "dict[str, Camera]":
    """Return the camera of each test subject, from ts1-4cameras.calib and ts5-6cameras.calib.

    Sensor lengths are converted to pixels. The first is camera 8 of the other subjects. The second distorts, but
    `annot2` are projections without distortion.
    """
    studio = _test_camera(
        (1500.1723, 1500.8324, 1017.3873, 1043.0320), (3427.28, 1387.86, 309.42),
        (0.000575281, 0.0616098, -0.9981), (-0.208215, 0.976233, 0.06014), 2048, 2048,
    )  # fmt: skip
    outdoors = _test_camera(
        (1683.9835, 1672.5937, 939.8575, 560.1407), (-2104.3074, 1038.6707, -4596.6367),
        (-0.939647257, -0.009210289, 0.342020929), (0.025272345, 0.995038509, 0.096227370), 1920, 1080,
    )  # fmt: skip
    return {subject: studio if subject in TEST_SUBJECTS[:4] else outdoors for subject in TEST_SUBJECTS}


def _test_camera(lens: Sequence[float], position: Sequence[float], right: Sequence[float], up: Sequence[float],
                 width: int, height: int) -> "Camera":  # fmt: skip
    from data_prep.formats import skeletool

    down = np.negative(up)
    return skeletool.camera(lens, np.stack([right, down, np.cross(right, down)]), position, width, height)


def _joints(where: str, variable: str, frames: np.ndarray, joints: Sequence[str], channels: int) -> np.ndarray:
    """Return the joints of Human3.6M (frames, 17, channels), float32, from frames of `joints`."""
    if not frames.size or frames.shape[1:] not in ((len(joints) * channels,), (1, len(joints), channels)):
        expected = f"(frames, {len(joints)} · {channels})"
        raise InputError(f"{where}: {variable} has shape {frames.shape}, not {expected}; download it again")
    indices = [joints.index(_OTHER_NAMES.get(joint, joint)) for joint in H36M_17.joints]
    return frames.reshape(-1, len(joints), channels)[:, indices].astype(np.float32)


main = functools.partial(prepare, "mpi_inf_3dhp")

if __name__ == "__main__":
    main()
