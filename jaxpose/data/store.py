"""Read prepared data sets, which the commands of `data_prep` write.

A prepared data set is a folder with one TFDS data set of array_record files; one example is one `Track`, one split is
one subject. The skeleton and the layout of the keypoints are in its TFDS metadata. The room's README has the schema.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxpose.data.store_guard import check_features, check_record_sizes
from jaxpose.data.track import TEXT_FIELDS, Description, Track, contract_violation, description_from_dict
from jaxpose.files.guarded_read import read_json
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import is_printable_line

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

CONTRACT_VERSION = "1.0.0"
"""Of the data sets that are written; a reader accepts those with the same first number."""


def read_description(data_dir: Path) -> Description:
    """Read the description of a prepared data set.

    Raises:
      InputError: `data_dir` is not a prepared data set, or has a version that this program does not read.
    """
    return _description(_open(data_dir), data_dir)


def read_tracks(data_dir: Path, split: str) -> tuple[Description, list[Track]]:
    """Read the tracks of a split and the description of the data set.

    Args:
      data_dir: a folder that a command of `data_prep` wrote.
      split: TFDS split arithmetic over subjects, such as "S1+S5" or "S9[:50%]"; "all" is everything.

    Returns:
      The description, and at least one track, in the order in which they were written; the arrays are read-only.

    Raises:
      InputError: `data_dir` is not a prepared data set or is damaged, the split is unknown or empty, or a track is
        not as the contract says (`contract_violation`).
    """
    description, tracks = read_tracks_unchecked(data_dir, split)
    for track in tracks:
        if violation := contract_violation(track, description):
            raise InputError(f"{data_dir}: {violation}; correct the source and prepare the data set again")
    return description, tracks


def read_tracks_unchecked(data_dir: Path, split: str) -> tuple[Description, list[Track]]:
    """Read as `read_tracks`, without checking the tracks against the contract: for tools that report violations.

    Raises:
      InputError: `data_dir` is not a prepared data set or is damaged, or the split is unknown or empty.
    """
    builder = _open(data_dir)
    description = _description(builder, data_dir)
    try:
        source = builder.as_data_source(split=split)
    except (ValueError, NotImplementedError):  # TFDS cannot find or parse the split
        subjects = ", ".join(builder.info.splits)
        raise InputError(
            f"{data_dir}: split {split!r} is unknown or empty; the subjects are {subjects}: join them with '+', take "
            "a part of one with 'S1[:50%]'"
        ) from None
    try:
        for shard in {part.filename for part in builder.info.splits[split].file_instructions}:
            check_record_sizes(Path(shard))
        return description, [_track(example) for example in source]
    except _DAMAGE as error:
        raise InputError(f"{data_dir} is damaged or incomplete ({error}); prepare or copy it again") from error


def _open(data_dir: Path) -> "tfds.core.DatasetBuilder":
    """Open the folder with TFDS, after checking every file that TFDS would trust."""
    import tensorflow_datasets as tfds  # here, as it takes 0.3 s and the built-in data does not need it

    if not data_dir.is_dir():
        raise _not_prepared(data_dir, "no such folder")
    if not (data_dir / "features.json").is_file():
        raise _not_prepared(data_dir, "no features.json in it")
    try:
        check_features(read_json(data_dir / "features.json"))
        for name in ("dataset_info.json", "metadata.json"):  # TFDS would read them without a limit
            read_json(data_dir / name)
        builder = tfds.builder_from_directory(data_dir)
        _check_shards(builder, data_dir)
    except Exception as error:  # TFDS and protobuf raise many kinds for files that are not theirs
        raise _not_prepared(data_dir, str(error).partition("\n")[0]) from error
    return builder


_DAMAGE = (RuntimeError, ValueError, LookupError, TypeError, OSError)
"""Raised by array_record, TFDS and NumPy for records that are missing, short, altered, or not as features.json says;
`UnicodeDecodeError`, for damaged text, is a `ValueError`."""


def _check_shards(builder: "tfds.core.DatasetBuilder", data_dir: Path) -> None:
    """Refuse records that are not array_record files, or not in the folder itself."""
    if getattr(builder.info.file_format, "value", None) != "array_record":
        raise ValueError("its records are not array_record files")
    if not builder.info.splits:
        raise ValueError("it has no splits")
    for split in builder.info.splits.values():
        if not is_printable_line(split.name):
            raise ValueError(f"split {split.name!r:.50} is not one printable line")
        if split.num_examples < 1:
            raise ValueError(f"split {split.name!r} has no tracks")
        if any(Path(shard).parent != data_dir for shard in split.filepaths):
            raise ValueError(f"split {split.name!r} lies outside the folder")


def _description(builder: "tfds.core.DatasetBuilder", data_dir: Path) -> Description:
    """The description in the TFDS metadata."""
    features = builder.info.features
    if missing := sorted(set(Track._fields) - set(features)):
        raise _not_prepared(data_dir, f"a TFDS data set without {', '.join(missing)}")
    if builder.version.major != int(CONTRACT_VERSION.partition(".")[0]):
        raise _not_prepared(data_dir, f"version {builder.version}, this program reads {CONTRACT_VERSION}")
    try:
        fields = {field: builder.info.metadata[field] for field in ("title", "synthetic", "skeleton", "layout")}
        shape, splits = features["keypoints_2d"].shape, tuple(builder.info.splits)
        return description_from_dict(fields | {"channels": shape[-1] if shape else None, "splits": splits})
    except (LookupError, TypeError, ValueError) as error:
        raise _not_prepared(data_dir, f"metadata.json: {type(error).__name__} {error}") from error


def _not_prepared(data_dir: Path, reason: str) -> InputError:
    """The error about a folder that is not a prepared data set."""
    return InputError(f"{data_dir} is not a prepared data set ({reason}); jaxpose prepare NAME … --out DIR writes one")


def _track(example: dict[str, Any]) -> Track:
    """Convert an example that TFDS decoded: strings are bytes, numbers are NumPy scalars."""
    texts = {field: example[field].decode("utf-8") for field in TEXT_FIELDS}
    for field, text in texts.items():
        if not is_printable_line(text):
            raise ValueError(f"{field} {text!r:.50} is not one printable line")
    numbers = {"fps": float(example["fps"]), "width": int(example["width"]), "height": int(example["height"])}
    return Track(**{**example, **texts, **numbers})
