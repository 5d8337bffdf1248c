"""Prepare AIST++, dances that nine cameras see (google.github.io/aistplusplus_dataset).

    jaxpose prepare aist aist_plusplus_final --out aist
    jaxpose train --data aist --train-split d01+d02+d04+d05 --test-split d03+d06

The keypoints are the detections in the videos, COCO's 17 with a confidence. The poses are the published 3D keypoints,
which were triangulated from the detections, as Human3.6M's 17 joints: the trunk is made of midpoints of hips, shoulders
and eyes. Sequences in ignore_list.txt are left out. So are frames whose pose or keypoints are not finite: each run of
frames between them is a track, "… chunk0" and so on. The annotations are published under CC BY 4.0.
"""

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
import tyro

from data_prep.formats.archives import members
from data_prep.formats.whole_frames import chunks
from data_prep.writer.command import Output, prepare
from data_prep.writer.source import Source
from jaxpose.data.track import Description, Track
from jaxpose.files.guarded_read import parse_json
from jaxpose.files.safe_npz import load_pickle
from jaxpose.keypoints.layouts import conversion
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.words import listed
from jaxpose.skeleton import COCO_17, H36M_17

if TYPE_CHECKING:  # `--help` answers without JAX
    from jaxpose.cameras import Camera

CITATION = """@inproceedings{li_ai_choreographer_2021,
  author = {Li, Ruilong and Yang, Shan and Ross, David A. and Kanazawa, Angjoo},
  title = {{AI} Choreographer: Music Conditioned {3D} Dance Generation with {AIST++}},
  booktitle = {IEEE/CVF International Conference on Computer Vision},
  year = {2021}
}
@inproceedings{tsuchida_aist_2019,
  author = {Tsuchida, Shuhei and Fukayama, Satoru and Hamasaki, Masahiro and Goto, Masataka},
  title = {{AIST} Dance Video Database: Multi-genre, Multi-dancer, and Multi-camera Database for Dance Information
           Processing},
  booktitle = {International Society for Music Information Retrieval Conference},
  year = {2019}
}"""

CAMERAS = tuple(f"c{number:02}" for number in range(1, 10))
"""Names of the cameras, in the order of the views in keypoints2d."""

FPS = 60.0

UNUSABLE_VIEWS = {
    ("gBR_sBM_cAll_d04_mBR0_ch01", "c05"),  # not synchronous
    ("gJB_sBM_cAll_d07_mJB3_ch05", "c07"),  # a video of 640 x 480 pixels
}
"""Views that the authors did not triangulate from (processing/run_estimate_keypoints.py)."""

_FILE = re.compile(
    r"(?:^|/)(keypoints[23]d/g[A-Z]{2}_s[A-Z]{2}_cAll_d\d\d_m[A-Z]{2}\d_ch\d\d\.pkl"
    r"|cameras/\w+\.json|cameras/mapping\.txt|ignore_list\.txt)$"
)
_HAS = "keypoints2d, keypoints3d, cameras and ignore_list.txt"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(Output):
    """The options of `jaxpose prepare aist`."""

    source: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SOURCE")]
    """Folder or archive that has keypoints2d, keypoints3d, cameras and ignore_list.txt in it."""
    cameras: Annotated[tuple[str, ...], tyro.conf.arg(metavar="[cNN …]")] = CAMERAS
    """Cameras to keep."""


class Annotations(NamedTuple):
    """The files to read, and the cameras that see them."""

    path: Path  # the folder or archive
    files: Mapping[str, str]  # path inside it, by name: "keypoints2d/SEQUENCE.pkl" and "keypoints3d/SEQUENCE.pkl"
    cameras: Mapping[str, Mapping[str, "Camera"]]  # by sequence and name


def make_source(options: Options) -> Source:
    """Return the source of the annotations; a split is a dancer, d01 to d30.

    The authors test pose estimation on the dancers whose numbers are divisible by three. A sequence is named by genre,
    situation, cameras, dancer, music and choreography, such as gBR_sBM_cAll_d04_mBR0_ch01. What the files hold is taken
    from the paper and from github.com/google/aistplusplus_api (aist_plusplus/loader.py and processing/):

    - keypoints3d/SEQUENCE.pkl, a dict: `keypoints3d_optim` (T, 17, 3), centimetres in the world, joints of COCO,
      triangulated with a penalty on changes of bone lengths; `keypoints3d`, without that, is not used;
    - keypoints2d/SEQUENCE.pkl, a dict: `keypoints2d` (9, T, 17, 3), pixels and a confidence by camera, c01 to c09; NaN
      where nobody was detected; `det_scores` and `timestamps` are not used: there are 60 frames per second;
    - cameras/mapping.txt: a line "SEQUENCE SETTING" for each sequence;
    - cameras/SETTING.json: a list of cameras, each with `name`, `size` in pixels, `matrix` (3, 3), `rotation` and
      `translation` from the world to camera space (a rotation vector in radians, and centimetres), and `distortions`,
      OpenCV's k1, k2, p1, p2, k3, of which only k1 was estimated;
    - ignore_list.txt: the names of sequences whose reconstruction failed, one a line.

    The world has y up: the estimate of the cameras starts with them upright, 180 cm above its origin, and only the
    detections tie it to that, so that gravity is along y approximately. Here z is up.

    Raises:
      InputError: an option names no camera, there are no sequences, or a file of the cameras is missing or damaged.
    """
    path = options.source
    if unknown := [name for name in options.cameras if name not in CAMERAS]:
        raise InputError(f"--cameras: there is no camera {', '.join(unknown)}, only {', '.join(CAMERAS)}")
    if not options.cameras:
        raise InputError(f"--cameras names no camera; name some of {', '.join(CAMERAS)}")
    files, texts = find_files(path)
    pixels, poses = ({Path(name).stem for name in files if name.startswith(f"keypoints{n}d/")} for n in (2, 3))
    for name in ("ignore_list.txt", "cameras/mapping.txt"):
        if name not in texts:
            raise InputError(f"{path}: there is no {name} in it; name the folder that has {_HAS} in it")
    ignored = set(texts["ignore_list.txt"].split())
    sequences = sorted((pixels & poses) - ignored)
    if not sequences:
        raise InputError(
            f"{path}: no sequence has a file in both keypoints2d and keypoints3d; name the folder that has {_HAS} in it"
        )
    cameras = sequence_cameras(path, sequences, texts, options.cameras)
    unusable = [f"{camera} of {name}" for name, camera in sorted(UNUSABLE_VIEWS) if camera in cameras.get(name, ())]
    remarks = {
        "left out, sequences in ignore_list.txt": sorted((pixels | poses) & ignored),
        "left out, sequences in only one of keypoints2d and keypoints3d": sorted((pixels ^ poses) - ignored),
        "left out, views that are not synchronous or of another size": unusable,
    }
    lines = [f"{text}: {listed(words)}" for text, words in remarks.items() if words]
    lines += ["left out, frames that are not finite: each run of frames between them is a track"]
    dancers = tuple(sorted({_dancer(name) for name in sequences}))
    return Source(
        Description("AIST++", False, H36M_17, COCO_17, 3, dancers),
        functools.partial(tracks, Annotations(path, files, cameras)),
        text="; ".join([f"AIST++ from {path.name}; joints of Human3.6M made of COCO's 17", *lines]),
        citation=CITATION,
        inputs=(path,),
        remarks=lambda sizes: lines,
    )


def find_files(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Find the files of the annotations in a folder or an archive.

    Returns:
      The path inside it of every file, by its name in the annotations, such as "cameras/mapping.txt"; and the content
      of those that are text.

    Raises:
      InputError: `path` cannot be read, or has a file twice.
    """
    files: dict[str, str] = {}
    texts = {}
    for member in members(path):
        if match := _FILE.search(member.path):
            name = match[1]
            if name in files:
                raise InputError(f"{path}: {files[name]} and {member.path} are the same file; name one of the folders")
            files[name] = member.path
            if not name.endswith(".pkl"):
                texts[name] = member.read().decode("utf-8", "replace")
    return files, texts


def sequence_cameras(
    path: Path, sequences: Sequence[str], texts: Mapping[str, str], names: Sequence[str]
) -> dict[str, Mapping[str, "Camera"]]:
    """Find the cameras that see each sequence, by sequence and name.

    Args:
      path: of the annotations, for messages.
      sequences: their names.
      texts: cameras/mapping.txt and cameras/SETTING.json, by name.
      names: of the cameras to keep.

    Raises:
      InputError: a sequence has no setting, or a setting no file, no such camera, or one that is damaged.
    """
    where = f"{path}: cameras/mapping.txt"
    lines = [line.split() for line in texts["cameras/mapping.txt"].splitlines() if line.strip()]
    if faulty := [line for line in lines if len(line) != 2]:
        raise InputError(f"{where}: {' '.join(faulty[0])!r:.80} is not a sequence and a setting; download it again")
    settings = dict(lines)
    if missing := [sequence for sequence in sequences if sequence not in settings]:
        raise InputError(f"{where}: {listed(missing)} is missing; download the cameras and keypoints of one version")
    cameras = {}
    for setting in sorted({settings[sequence] for sequence in sequences}):
        where = f"{path}: cameras/{setting}.json"
        if f"cameras/{setting}.json" not in texts:
            raise InputError(f"{where}: there is no such file, but mapping.txt names it; download the cameras again")
        cameras[setting] = read_cameras(texts[f"cameras/{setting}.json"], where)
        if missing := [name for name in names if name not in cameras[setting]]:
            known = ", ".join(cameras[setting]) or "none"
            raise InputError(
                f"{where}: there is no camera {', '.join(missing)}, only {known}; download it again, or choose with "
                "--cameras"
            )
    kept = {setting: {name: views[name] for name in names} for setting, views in cameras.items()}
    return {sequence: kept[settings[sequence]] for sequence in sequences}


def read_cameras(text: str, where: str) -> dict[str, "Camera"]:
    """Read a file of cameras; see `make_source`.

    Args:
      text: its content.
      where: its name, for messages.

    Returns:
      The cameras by name, in a world of metres with z up.

    Raises:
      InputError: it is not a list of cameras, or a field of a camera is missing or has other values.
    """
    try:
        listed = parse_json(text)
    except ValueError as error:
        raise InputError(f"{where}: not a JSON file ({error}); download it again") from None
    if not isinstance(listed, list) or not all(isinstance(fields, dict) for fields in listed):
        raise InputError(f"{where}: it is not a list of cameras; download it again")
    cameras = {}
    for fields in listed:
        name = fields.get("name")
        if not isinstance(name, str) or name in cameras or name not in CAMERAS:
            raise InputError(f"{where}: a camera has the name {name!r:.40}, not one of c01 to c09; download it again")
        cameras[name] = _camera(fields, f"{where}: camera {name}")
    return cameras


def _camera(fields: Mapping[str, Any], where: str) -> "Camera":
    """Convert a camera: OpenCV's, of a world in centimetres with y up, to that of the data contract."""
    from scipy.spatial.transform import Rotation

    from jaxpose.cameras import Camera

    shapes = {"size": (2,), "matrix": (3, 3), "rotation": (3,), "translation": (3,), "distortions": (5,)}
    size, matrix, turn, shift, lens = (_values(fields, name, shape, where) for name, shape in shapes.items())
    if not (size >= 1).all() or (size % 1).any():
        raise InputError(f"{where}: 'size' must be the width and height of the image in pixels; download it again")
    skewed = matrix.copy()
    skewed[[0, 1, 0, 1, 2], [0, 1, 2, 2, 2]] = 0
    if not matrix[0, 0] > 0 < matrix[1, 1] or matrix[2, 2] != 1 or skewed.any():
        raise InputError(f"{where}: 'matrix' must be [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]; download it again")
    k1, k2, p1, p2, k3 = lens
    if p1 or p2:  # Human3.6M's model, which is ours, counts them half
        raise InputError(f"{where}: 'distortions' are tangential (p1, p2), which AIST++'s are not; download it again")
    to_world = Rotation.from_rotvec(turn).inv()
    intrinsics = (*matrix[[0, 1, 0, 1], [0, 1, 2, 2]], k1, k2, k3, 0, 0)
    orientation = np.roll(Rotation.from_matrix(_z_up(to_world.as_matrix().T).T).as_quat(), 1)
    arrays = (np.asarray(n, np.float32) for n in (orientation, _z_up(to_world.apply(-shift)) / 100, intrinsics))
    return Camera(*arrays, *map(int, size))


def _values(fields: Mapping[str, Any], name: str, shape: tuple[int, ...], where: str) -> np.ndarray:
    """Return the numbers of a field."""
    try:
        values = np.asarray(fields.get(name), np.float64)
    except (TypeError, ValueError, OverflowError):
        values = np.zeros(0)
    if values.shape != shape or not (np.abs(values) < 1e9).all():
        expected = " x ".join(map(str, shape))
        raise InputError(f"{where}: {name!r} must be {expected} numbers; download it again")
    return values


def _z_up(points: np.ndarray) -> np.ndarray:
    """Turn points (..., 3) from a world with y up to one with z up."""
    return points[..., [0, 2, 1]] * [1, -1, 1]


def tracks(annotations: Annotations, dancer: str) -> Iterator[Track]:
    """Yield the sequences of a dancer, a track for each camera and run of whole frames.

    Raises:
      InputError: a file is damaged, is a pickle of anything but arrays, or has other fields or shapes than
        `make_source` says.
    """
    path, files, cameras = annotations
    sequences = [name for name in cameras if _dancer(name) == dancer]
    poses = {
        sequence: _array(where, content, "keypoints3d_optim", (None, 17, 3))
        for sequence, where, content in _contents(path, files, "keypoints3d", sequences)
    }
    for sequence, where, content in _contents(path, files, "keypoints2d", sequences):
        shape = (len(CAMERAS), len(poses[sequence]), 17, 3)  # of the frames that were triangulated
        keypoints = _array(where, content, "keypoints2d", shape)
        views = {name: camera for name, camera in cameras[sequence].items() if (sequence, name) not in UNUSABLE_VIEWS}
        yield from _sequence_tracks(sequence, views, poses[sequence], keypoints)


def _contents(
    path: Path, files: Mapping[str, str], kind: str, sequences: Sequence[str]
) -> Iterator[tuple[str, str, bytes]]:
    """Yield the files of some sequences: for each the sequence, the name for messages, and the content."""
    wanted = {files[f"{kind}/{sequence}.pkl"]: sequence for sequence in sequences}
    for member in members(path):
        if member.path in wanted:
            yield wanted.pop(member.path), f"{path}: {member.path}", member.read()
    if wanted:
        raise InputError(f"{path}: {', '.join(wanted):.200} no longer exists; restore it, and start again")


def _array(where: str, content: bytes, field: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """Return an array of a pickled dict, float64; `shape` may begin with None, for any number of frames."""
    pickled = load_pickle(content, where)
    if not isinstance(pickled, dict) or field not in pickled:
        has = f"only {', '.join(map(str, pickled))}"[:200] if isinstance(pickled, dict) else type(pickled).__name__
        raise InputError(f"{where}: it has no {field!r}, {has}; download the annotations of AIST++ again")
    array = pickled[field]
    is_array = isinstance(array, np.ndarray)
    numbers = is_array and array.dtype.kind == "f" and array.ndim == len(shape) and array.size > 0
    if not numbers or array.shape != tuple(size or len(array) for size in shape):
        found = f"{array.dtype} of shape {array.shape}" if is_array else type(array).__name__
        expected = ", ".join(str(size or "frames") for size in shape)
        raise InputError(f"{where}: {field!r} are {found}, not numbers of shape ({expected}); download them again")
    return array.astype(np.float64)


def _sequence_tracks(
    sequence: str, cameras: Mapping[str, "Camera"], poses: np.ndarray, keypoints: np.ndarray
) -> Iterator[Track]:
    """Yield the tracks of a sequence.

    Args:
      sequence: its name.
      cameras: those to keep, by name.
      poses: (T, 17, 3) centimetres in the world of the files.
      keypoints: (9, T, 17, 3) pixels and a confidence.
    """
    from scipy.spatial.transform import Rotation

    genre, situation, _, dancer, music, choreography = sequence.split("_")
    world = conversion(COCO_17, H36M_17) @ _z_up(poses) / 100
    for name, camera in cameras.items():
        to_world = Rotation.from_quat(np.roll(camera.orientation, -1)).as_matrix()
        with np.errstate(over="ignore", invalid="ignore"):  # what is no number, or too large to be one, is left out
            positions = ((world - camera.translation) @ to_world).astype(np.float32)
            points = keypoints[CAMERAS.index(name)].astype(np.float32)
        whole = np.isfinite(positions).all(axis=(1, 2)) & np.isfinite(points).all(axis=(1, 2))
        for number, frames in chunks(whole):
            action = " ".join([genre, situation, music, choreography, *([] if whole.all() else [f"chunk{number}"])])
            yield Track(dancer, action, name, FPS, positions[frames], points[frames], **camera._asdict())


def _dancer(sequence: str) -> str:
    return sequence.split("_")[3]


main = functools.partial(prepare, "aist")

if __name__ == "__main__":
    main()
