"""The formats of keypoint files in words, for help, messages and the table of README.md.

Imports nothing heavy, so that `--help` is quick. `python -m experiments.readme_tables` writes the table.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Kind(NamedTuple):
    """Files of a format, as the table of README.md describes them."""

    files: str
    keypoints: str  # how it is known which keypoint is which
    size_and_rate: str  # where the size of the images and the frame rate come from
    refused: str = ""


class Format(NamedTuple):
    """A format of keypoint files."""

    words: str  # in a phrase
    kinds: tuple[Kind, ...]


FILES: Mapping[str, Format] = {
    "OpenPose": Format(
        "the folder that OpenPose writes",
        (
            Kind(
                "the folder of JSON files, one a frame; rtmlib's, Sports2D's and Pose2Sim's",
                "by their number: 17 COCO's, 18 OpenPose's COCO model, 25 BODY_25 (BODY_25B with `--layout`), 26 "
                "Halpe's, 133 and 136 whole bodies; other numbers, such as 49 or 134, by the body that their "
                "first keypoints show",
                "given",
                "one file of the folder",
            ),
        ),
    ),
    "npz": Format(
        "an npz archive of keypoints",
        (
            Kind(
                "VideoPose3D's archives: `positions_2d`, `metadata`, also of videos in the wild, and those of its"
                " detector script",
                "`metadata`: `keypoint_names`, or else `layout_name`",
                "`video_metadata`: `w`, `h` of each video; rate given",
                "pickles of anything but arrays, dicts and lists",
            ),
            Kind(
                "`keypoints` (T, K, 2 or 3) or (people, T, K, 2 or 3)",
                "`keypoint_names` (or `joint_names`, `joints`), or else `layout`",
                "`width`, `height`, `fps`",
                "(T, people, …) where both can be",
            ),
        ),
    ),
    "CSV": Format(
        "a CSV table",
        (
            Kind(
                "columns `frame, joint, x, y`, a track, a confidence (also `score`, `likelihood`, `visibility`)",
                "`joint`",
                "given",
                "names that are not known",
            ),
        ),
    ),
    "MMPose": Format(
        "MMPose or RTMPose predictions",
        (
            Kind(
                "JSON with `instance_info`, or its list; RTMPose",
                "`meta_info`: `keypoint_id2name`; without names by their number, but 17 can be COCO's or "
                "Human3.6M's: `--layout`",
                "given",
                "names that are not known",
            ),
        ),
    ),
    "COCO annotations": Format(
        "COCO annotations",
        (
            Kind(
                "JSON with `images`, `annotations`",
                "`categories[].keypoints`; without names by their number: 17, 26, 133, 136",
                "`width`, `height` of the images; rate given",
                "keypoints of several categories; names that are not known",
            ),
        ),
    ),
    "MediaPipe": Format(
        "MediaPipe landmarks",
        (
            Kind(
                "JSON of landmarks in many forms (`mediapipe.py` lists them)",
                "33 landmarks in MediaPipe's order, or the names of landmarks",
                "`width`, `height`, `fps` beside `frames`",
                "world landmarks",
            ),
        ),
    ),
    "DWPose": Format(
        "the JSON of DWPose or ControlNet",
        (
            Kind(
                "JSON of DWPose in ComfyUI or ControlNet: a frame with `people`, `canvas_width`, `canvas_height`,"
                " a list of them, or a folder with a file for each",
                "18 keypoints of OpenPose's COCO model",
                "the canvas; rate given",
                "canvases of several sizes",
            ),
        ),
    ),
    "AlphaPose": Format(
        "AlphaPose results",
        (
            Kind(
                "JSON list with `image_id`, `keypoints`, `idx`",
                "as COCO results",
                "given",
            ),
        ),
    ),
    "COCO results": Format(
        "COCO results",
        (
            Kind(
                "JSON list with `image_id`, `keypoints`",
                "by their number: 17, 26, 133, 136",
                "given",
            ),
        ),
    ),
}
"""The files that a user gives, by the name of the format, in the order of recognition."""

*_first, _last = (each.words for each in FILES.values())
IN_WORDS = f"{', '.join(_first)} or {_last}"
"""All of them in one phrase."""


def readme_table() -> list[list[str]]:
    """The table of the formats in README.md, its headings first."""
    headings = ["format", "what is read", "which keypoint is which", "image size, frame rate", "refused"]
    return [headings, *([name, *kind] for name, each in FILES.items() for kind in each.kinds)]
