"""The formats of motion files in words, for help and messages: imports nothing heavy, so that `--help` is quick."""

from collections.abc import Mapping
from typing import Literal, NamedTuple


class Format(NamedTuple):
    """A file format for motion."""

    people: Literal["all", "one"]  # in a file
    axes: str
    unit: str
    use: str  # the programs that read it
    marks_filled: bool = True  # says which joints were interpolated


FORMATS: Mapping[str, Format] = {
    ".npz": Format("all", "the motion's own, named in the file", "m", "NumPy"),
    ".json": Format("all", "the motion's own, named in the file", "m", "any language"),
    ".csv": Format("all", "the motion's own", "m", "spreadsheets, R, pandas"),
    ".zip": Format("all", "the motion's own, named in the file", "m", "programs for OpenPose's 3D JSON"),
    ".bvh": Format("one", "y up", "m", "animation: Blender, MotionBuilder", marks_filled=False),
    ".trc": Format("one", "y up", "mm", "OpenSim", marks_filled=False),
    ".c3d": Format("one", "z up", "mm", "biomechanics (package c3d)"),
}
"""The formats, by suffix; `writers.WRITERS` has the writer of each."""

*_first, _last = FORMATS
SUFFIXES = f"{', '.join(_first)} or {_last}"
"""All suffixes in one phrase."""


def describe_formats() -> str:
    """A line for each format: suffix, unit, axes and use."""
    return "\n".join(f"- {suffix}: {each.unit}; axes: {each.axes}; for {each.use}" for suffix, each in FORMATS.items())
