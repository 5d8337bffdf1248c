"""The formats of keypoint files in words, for help and messages: imports nothing heavy, so that `--help` is quick."""

from collections.abc import Mapping

FILES: Mapping[str, str] = {
    "OpenPose": "the folder that OpenPose writes",
    "npz": "an npz archive of keypoints",
    "CSV": "a CSV table",
    "MMPose": "MMPose or RTMPose predictions",
    "COCO annotations": "COCO annotations",
    "MediaPipe": "MediaPipe landmarks",
    "DWPose": "the JSON of DWPose or ControlNet",
    "AlphaPose": "AlphaPose results",
    "COCO results": "COCO results",
}
"""The files that a user gives, by the name of the format, in the order of recognition."""

*_first, _last = FILES.values()
IN_WORDS = f"{', '.join(_first)} or {_last}"
"""All of them in one phrase."""
