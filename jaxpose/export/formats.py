"""The formats of motion files in words, for help and messages: imports nothing heavy, so that `--help` is quick."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple


class Format(NamedTuple):
    """A file format for motion."""

    people: Literal["all", "one"]  # in a file
    axes: str
    units: tuple[str, ...]  # keys of `UNITS`, the usual one first
    use: str  # the programs that read it
    marks_filled: bool = True  # says which joints were interpolated
    has_start: bool = True  # says at which frame of the video a person appears
    constant_bones: bool = False  # holds one length for each bone


UNITS: Mapping[str, int] = {"m": 1, "cm": 100, "mm": 1000}
"""Units of length, and how many of them are a metre."""
Unit = Literal["m", "cm", "mm"]

_ANY = tuple(UNITS)

FORMATS: Mapping[str, Format] = {
    ".npz": Format("all", "the motion's own, named in the file", _ANY, "NumPy"),
    ".json": Format("all", "the motion's own, named in the file", _ANY, "any language"),
    ".csv": Format("all", "the motion's own", _ANY, "spreadsheets, R, pandas"),
    ".zip": Format("all", "the motion's own, named in the file", _ANY, "programs for OpenPose's 3D JSON"),
    ".bvh": Format(
        "one", "y up", _ANY, "animation: Blender, MotionBuilder", False, has_start=False, constant_bones=True
    ),
    ".trc": Format("one", "y up", ("mm",), "OpenSim", False),
    ".c3d": Format("one", "z up", ("mm",), "biomechanics (package c3d)"),
}
"""The formats, by suffix; `writers.WRITERS` has the writer of each."""

*_first, _last = FORMATS
SUFFIXES = f"{', '.join(_first)} or {_last}"
"""All suffixes in one phrase."""


def in_words(units: Sequence[str]) -> str:
    """Units in a phrase: "m, cm or mm"."""
    return " or ".join(filter(None, [", ".join(units[:-1]), units[-1]]))


def readme_table() -> list[list[str]]:
    """The table of the formats in README.md, its headings first."""
    headings = ["suffix", "people in a file", "axes", "unit", "filled joints are marked", "for"]
    return [
        headings,
        *(
            [
                f"`{suffix}`",
                each.people,
                each.axes,
                in_words(each.units),
                "yes" if each.marks_filled else "no",
                each.use,
            ]
            for suffix, each in FORMATS.items()
        ),
    ]


def describe_formats() -> str:
    """A line for each format: suffix, unit, axes and use."""
    return "\n".join(
        f"- {suffix}: {in_words(each.units)}; axes: {each.axes}; for {each.use}" for suffix, each in FORMATS.items()
    )
