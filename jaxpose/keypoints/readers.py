"""Read keypoint files of any detector: the format is recognised by a file's content, not by its name."""

import functools
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxpose.keypoints import coco, csv_table, dwpose, mediapipe, mmpose, npz, openpose
from jaxpose.keypoints.detections import DetectionRows, Detections, Overrides, shows_somebody, tracks_by_person
from jaxpose.keypoints.fields import parse_keypoint_json, read_keypoint_text
from jaxpose.keypoints.formats import IN_WORDS
from jaxpose.runtime.errors import InputError


class KeypointFile:
    """A file or folder to be recognised; its content is read once, when a reader first asks for it."""

    def __init__(self, path: Path) -> None:
        """Keep the path; nothing is read."""
        self.path = path

    @functools.cached_property
    def text(self) -> str:
        """The text, empty for a folder; raises `InputError` if it cannot be read as text."""
        return "" if self.path.is_dir() else read_keypoint_text(self.path)

    @functools.cached_property
    def folder(self) -> openpose.Folder:
        """The JSON files of a folder; raises `InputError` if there are none, or one is not JSON."""
        return openpose.read_folder(self.path)

    @functools.cached_property
    def document(self) -> Any:
        """The content of a JSON file, or the list of those in a folder; None for other text.

        Raises `InputError` for what begins as JSON and is not.
        """
        if self.path.is_dir():
            return [frame.document for frame in self.folder.files]
        return parse_keypoint_json(self.path, self.text) if self.text.lstrip().startswith(("{", "[")) else None


class Reader(NamedTuple):
    """A format of keypoint files; `formats.FILES` describes it."""

    recognises: Callable[[KeypointFile], bool]
    read: Callable[[KeypointFile], list[DetectionRows]]


def _json_reader(
    recognises: Callable[[Any], bool], read: Callable[[Path, Any], DetectionRows | list[DetectionRows]]
) -> Reader:
    """A reader of JSON documents, of one video or of several."""

    def read_file(file: KeypointFile) -> list[DetectionRows]:
        rows = read(file.path, file.document)
        return rows if isinstance(rows, list) else [rows]

    return Reader(lambda file: recognises(file.document), read_file)


def _read_dwpose(file: KeypointFile) -> list[DetectionRows]:
    """Read DWPose's file, or its folder with a file for each frame."""
    if not file.path.is_dir():
        return [dwpose.read_dwpose(file.path, file.document)]
    rows = dwpose.read_dwpose(file.path, file.document, [frame.number for frame in file.folder.files])
    return [rows._replace(notes=file.folder.notes + rows.notes)]


READERS: Mapping[str, Reader] = {
    "OpenPose": Reader(
        lambda file: file.path.is_dir() and not dwpose.is_dwpose(file.document),
        lambda file: [openpose.read_openpose(file.path, file.folder)],
    ),
    "npz": Reader(
        lambda file: file.path.suffix == ".npz" or zipfile.is_zipfile(file.path),
        lambda file: npz.read_keypoint_npz(file.path),
    ),
    "CSV": Reader(
        lambda file: csv_table.is_keypoint_csv(file.text),
        lambda file: [csv_table.read_keypoint_csv(file.path, file.text)],
    ),
    "MMPose": _json_reader(mmpose.is_mmpose, mmpose.read_mmpose),
    "COCO annotations": _json_reader(coco.is_coco_annotations, coco.read_coco_annotations),
    "MediaPipe": _json_reader(mediapipe.is_mediapipe, mediapipe.read_mediapipe),
    "DWPose": Reader(lambda file: dwpose.is_dwpose(file.document), _read_dwpose),
    "AlphaPose": _json_reader(coco.is_alphapose, coco.read_coco_results),
    "COCO results": _json_reader(coco.is_coco_results, coco.read_coco_results),
}
"""The formats by name, in the order of recognition."""


def read_keypoints(path: Path, given: Overrides) -> tuple[str, list[Detections]]:
    """Read the 2D tracks of a keypoint file or of OpenPose's folder.

    Args:
      path: a file in any of the formats of `READERS`.
      given: layout, image size and frame rate, if the file does not say them or the user knows better.

    Returns:
      The name of the format, and at least one track.

    Raises:
      InputError: the file is in none of the formats, is damaged, or lacks what is needed (`tracks_by_person`).
    """
    if not (path.is_dir() or path.is_file()):  # the size of a pipe or a device cannot be limited
        raise InputError(f"there is no file or folder {path}; name {IN_WORDS}")
    file = KeypointFile(path)
    for name, reader in READERS.items():
        if reader.recognises(file):
            videos = _sized(path, _with_somebody(path, reader.read(file)), given)
            return name, [track for rows, facts in videos for track in tracks_by_person(path, rows, facts)]
    raise InputError(f"{path} {_describe_unknown(file)}; name {IN_WORDS}")


def _with_somebody(path: Path, videos: list[DetectionRows]) -> list[DetectionRows]:
    """The videos that show somebody, with a note about the others; all of them if none does."""
    shown = [rows for rows in videos if shows_somebody(rows)]
    if not shown or len(shown) == len(videos):
        return videos
    empty = ", ".join(rows.video for rows in videos if not shows_somebody(rows))
    note = f"{path}: nobody is seen in the videos {empty:.200}, which are left out"
    return [rows._replace(notes=(*rows.notes, note)) for rows in shown]


def _sized(path: Path, videos: list[DetectionRows], given: Overrides) -> list[tuple[DetectionRows, Overrides]]:
    """Videos with the facts given by the user, but one size for all of them only if the file has no others."""
    sizes = {rows.size for rows in videos if rows.size is not None} if len(videos) > 1 else set()
    if given.size is None or len(sizes) < 2:
        return [(rows, given) for rows in videos]
    note = (
        f"{path}: {len(videos)} videos of {len(sizes)} sizes; --size {given.size[0]} {given.size[1]} is used for "
        "those whose size is not in the file"
    )
    return [
        (rows._replace(notes=(*rows.notes, note)), given if rows.size is None else given._replace(size=None))
        for rows in videos
    ]


def _describe_unknown(file: KeypointFile) -> str:
    """What is known of a file that no reader recognises, after its name."""
    document = file.document
    if isinstance(document, dict):
        if openpose.is_openpose_frame(document):
            return "is one frame of OpenPose, not the folder with the files of all frames"
        return f"is JSON with {', '.join(map(repr, document))[:80]}"
    if isinstance(document, list):
        return f"is a JSON list of {type(coco.first_entry(document)).__name__}"
    header = file.text.lstrip().partition("\n")[0].strip()
    if any(mark in header for mark in ",;\t"):
        columns = ", ".join(csv_table.REQUIRED_COLUMNS)
        return f"is no table with the columns {columns}, separated by commas; its first line is {header!r:.80}"
    return "is in no known format"
