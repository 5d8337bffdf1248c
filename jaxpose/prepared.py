"""Read prepared data sets: the data contract, as every command of `data_prep` writes it.

A prepared data set is a folder with one TFDS data set of array_record files; one example is one `Track`, one split
is one subject. The skeleton and the layout of the keypoints travel with it as TFDS metadata.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxpose import dataset
from jaxpose.dataset import Description, Track, name
from jaxpose.errors import InputError
from jaxpose.files import read_json
from jaxpose.records import check_declared
from jaxpose.skeleton import plain

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

_NAMES = ("subject", "action", "camera")
CONTRACT_VERSION = "1.0.0"
"""Raise the first number when an old reader could not make sense of a new data set."""


def describe(data_dir: Path) -> Description:
    """What a prepared data set says about itself.

    Raises:
      InputError: `data_dir` is not a prepared data set, or is of a version that this program does not read.
    """
    return _description(_opened(data_dir), data_dir)


def read(data_dir: Path, split: str) -> tuple[Description, list[Track]]:
    """The tracks of a split, and what the data set says about itself.

    Args:
      data_dir: a folder that a command of `data_prep` wrote.
      split: TFDS split arithmetic over subjects, such as "S1+S5" or "S9[:50%]"; "all" is everything.

    Returns:
      The description, and at least one track, in the order in which they were written; the arrays are read-only.

    Raises:
      InputError: `data_dir` is not a prepared data set or is damaged, the split is unknown or empty, or a track is
        not as the contract says (see `fault`).
    """
    description, tracks = read_unchecked(data_dir, split)
    for track in tracks:
        if found := fault(track, description):
            raise InputError(f"{data_dir}: {found}; correct the source and prepare the data set again")
    return description, tracks


def read_unchecked(data_dir: Path, split: str) -> tuple[Description, list[Track]]:
    """As `read`, but the tracks may break the contract: for those who look for what is wrong with them.

    Raises:
      InputError: `data_dir` is not a prepared data set or is damaged, or the split is unknown or empty.
    """
    builder = _opened(data_dir)
    description = _description(builder, data_dir)
    try:
        source = builder.as_data_source(split=split)
    except (ValueError, NotImplementedError):  # a split that TFDS does not find, or cannot parse
        subjects = ", ".join(builder.info.splits)
        raise InputError(
            f"{data_dir}: split {split!r} is unknown or empty; the subjects are {subjects}: join them with '+', take "
            "a part of one with 'S1[:50%]'"
        ) from None
    try:
        for shard in {part.filename for part in builder.info.splits[split].file_instructions}:
            check_declared(Path(shard))
        return description, [_track(example) for example in source]
    except _DAMAGE as error:
        raise InputError(f"{data_dir} is damaged or incomplete ({error}); prepare or copy it again") from error


def fault(track: Track, description: Description) -> str:
    """What in a track breaks the data contract, in words that begin with the track; empty if nothing does.

    Checked: shapes, joints as the skeleton and the layout have them, equal numbers of frames (or no poses at all),
    finite values, a unit quaternion, a frame rate and an image size above zero.
    """
    skeleton, layout, channels = description.skeleton, description.layout, description.channels
    positions, keypoints = track.positions_3d, track.keypoints_2d
    for field in _NAMES:
        if not plain(getattr(track, field)):
            return f"{name(track)!r:.100}: {field} is not one line of at most 500 characters"
    if positions.ndim != 3 or positions.shape[1:] != (skeleton.num_joints, 3):
        wanted = f"(frames, {skeleton.num_joints}, 3) as skeleton {skeleton.name!r} has it"
        return f"{name(track)}: positions_3d have shape {positions.shape}, not {wanted}"
    if keypoints.ndim != 3 or keypoints.shape[1:] != (layout.num_joints, channels):
        wanted = f"(frames, {layout.num_joints}, {channels}) as layout {layout.name!r} has it"
        return f"{name(track)}: keypoints_2d have shape {keypoints.shape}, not {wanted}"
    if len(keypoints) == 0 or len(positions) not in (len(keypoints), 0):
        return f"{name(track)}: {len(positions)} frames of positions_3d and {len(keypoints)} of keypoints_2d"
    for field in ("positions_3d", "keypoints_2d"):
        if (frame := first_not_finite(getattr(track, field))) is not None:
            return f"{name(track)}: {field} are not finite at frame {frame}"
    for field, size in (("intrinsics", 9), ("orientation", 4), ("translation", 3)):
        numbers = getattr(track, field)
        if numbers.shape != (size,) or not np.isfinite(numbers).all():
            return f"{name(track)}: {field} is not {size} finite numbers"
    if abs(math.hypot(*track.orientation) - 1) > 1e-3:
        return f"{name(track)}: orientation is not a unit quaternion"
    if not (np.isfinite(track.fps) and min(track.fps, track.width, track.height) > 0):
        return f"{name(track)}: fps {track.fps}, width {track.width} and height {track.height} must be above zero"
    return ""


def first_not_finite(frames: np.ndarray) -> int | None:
    """The first frame of (T, ...) that holds NaN or infinity; None if there is none."""
    if np.isfinite(frames).all():
        return None
    return int(np.argmin(np.isfinite(frames).all(axis=tuple(range(1, frames.ndim)))))


def _opened(data_dir: Path) -> "tfds.core.DatasetBuilder":
    """The TFDS builder that reads the folder."""
    import tensorflow_datasets as tfds  # takes 0.3 s, which nobody without prepared data should wait for

    if not data_dir.is_dir():
        raise _not_prepared(data_dir, "no such folder")
    if not (data_dir / "features.json").is_file():
        raise _not_prepared(data_dir, "no features.json in it")
    try:
        _check_features(read_json(data_dir / "features.json"))
        for other in ("dataset_info.json", "metadata.json"):  # which TFDS reads whole, whatever they are
            read_json(data_dir / other)
        builder = tfds.builder_from_directory(data_dir)
        _check_shards(builder, data_dir)
    except Exception as error:  # TFDS and protobuf raise many kinds for files that are not theirs
        raise _not_prepared(data_dir, str(error).partition("\n")[0]) from error
    return builder


_TFDS = "tensorflow_datasets.core.features"
_CLASSES = {
    f"{_TFDS}.features_dict.FeaturesDict", f"{_TFDS}.text_feature.Text",
    f"{_TFDS}.scalar.Scalar", f"{_TFDS}.tensor_feature.Tensor",
}  # fmt: skip
_VALUES = {"pythonClassName": _CLASSES, "dtype": {"float32", "int32"}, "encoding": {"none", "bytes"}}
_WORDS = {"description", "featuresDict", "features", "text", "tensor", "shape", "dimensions", *_VALUES, *Track._fields}
_DAMAGE = (RuntimeError, ValueError, LookupError, TypeError, OSError)
"""What array_record, TFDS and NumPy raise for records that are missing, short, altered, or not what features.json says;
a damaged word is a `UnicodeDecodeError`, a `ValueError`."""


def _check_features(node: Any) -> None:
    """Refuse a features.json that has in it what the contract does not need.

    It names the classes that decode the data. TFDS would import any module to find them, under several spellings, and
    has some that run other programs, or unpack without limit.
    """
    if isinstance(node, dict):
        for word, value in node.items():
            if word not in _WORDS or (word in _VALUES and value not in _VALUES[word]):
                foreign = "names a foreign class" if word == "pythonClassName" else "has a foreign entry"
                raise ValueError(f"features.json {foreign}, {value if word in _VALUES else word!r:.100}")
            _check_features(value)
    elif isinstance(node, list):
        for value in node:
            _check_features(value)


def _check_shards(builder: "tfds.core.DatasetBuilder", data_dir: Path) -> None:
    """Refuse records of another format, and any that do not lie in the folder itself."""
    if getattr(builder.info.file_format, "value", None) != "array_record":
        raise ValueError("its records are not array_record files")
    if not builder.info.splits:
        raise ValueError("it has no splits")
    for split in builder.info.splits.values():
        if not plain(split.name):
            raise ValueError(f"split {split.name!r:.50} is no plain name")
        if split.num_examples < 1:
            raise ValueError(f"split {split.name!r} has no tracks")
        if any(Path(shard).parent != data_dir for shard in split.filepaths):
            raise ValueError(f"split {split.name!r} leads out of the folder")


def _description(builder: "tfds.core.DatasetBuilder", data_dir: Path) -> Description:
    """The description that travels in the metadata."""
    features = builder.info.features
    if missing := sorted(set(Track._fields) - set(features)):
        raise _not_prepared(data_dir, f"a TFDS data set without {', '.join(missing)}")
    if builder.version.major != int(CONTRACT_VERSION.partition(".")[0]):
        raise _not_prepared(data_dir, f"version {builder.version}, this program reads {CONTRACT_VERSION}")
    try:
        described = {field: builder.info.metadata[field] for field in ("title", "synthetic", "skeleton", "layout")}
        shape, splits = features["keypoints_2d"].shape, tuple(builder.info.splits)
        return dataset.describe(described | {"channels": shape[-1] if shape else None, "splits": splits})
    except (LookupError, TypeError, ValueError) as error:
        raise _not_prepared(data_dir, f"metadata.json: {type(error).__name__} {error}") from error


def _not_prepared(data_dir: Path, reason: str) -> InputError:
    """The error for a folder that no command of `data_prep` wrote."""
    return InputError(
        f"{data_dir} is not a prepared data set ({reason}); python -m data_prep.h36m … --out DIR writes one"
    )


def _track(example: dict[str, Any]) -> Track:
    """One example as TFDS decodes it: strings are bytes, numbers are numpy scalars."""
    texts = {field: example[field].decode("utf-8") for field in _NAMES}
    for field, text in texts.items():
        if not plain(text):
            raise ValueError(f"{field} {text!r:.50} is no plain name")
    numbers = {"fps": float(example["fps"]), "width": int(example["width"]), "height": int(example["height"])}
    return Track(**{**example, **texts, **numbers})
