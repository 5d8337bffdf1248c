"""Prepare captures in BVH files, of any skeleton, seen by the cameras of Human3.6M.

    jaxpose prepare bvh anna/*.bvh ben/*.bvh --map mixamo --scale 0.01 --out captures
    jaxpose train baseline --data captures

A file is one recording; its subject has the name of the folder that the file is in. The map gives the joints of the
files that are the 17 of Human3.6M. It is cmu, mixamo, or a JSON file with a name for each of the 17, or a list of names
whose mean position is taken: {"pelvis": "Hips", …, "thorax": ["LeftArm", "RightArm"], …}. The end site of a joint has
the name of the joint, with `_end`. A prefix up to a colon, as in `mixamorig:Hips`, may be left out.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import tyro

from data_prep.writer.command import Output, check_options, report, run, write
from jaxpose.runtime.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Command(Output):
    """The arguments of `jaxpose prepare bvh`."""

    files: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="FILE")]
    """BVH files, each in the folder of its subject."""
    joint_map: Annotated[str, tyro.conf.arg(name="map", metavar="MAP")]
    """The joints of the files that are those of Human3.6M: cmu, mixamo, or a JSON file."""
    scale: float | None = None
    """Metres per unit of length of the files, such as 0.01 for centimetres; without it, likely ones are shown."""
    up: Literal["y", "z"] = "y"
    """Axis of the files that points up."""
    fps: float = 50.0
    """Frames per second to write."""
    skip: int = 0
    """Frames to leave out at the beginning of every file; 1 where they begin with a T-pose, as CMU's do."""
    seed: int | None = 0
    """Seed of the noise on the keypoints; None for exact projections."""
    title: str = "BVH captures"
    """Name of the data in reports."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    run(Command, prepare, arguments, name="bvh", description=__doc__)


def prepare(command: Command) -> None:
    """Write the data set, and print its size.

    Raises:
      InputError: an option is out of its range, a file violates the format, or the folder cannot be written.
    """
    check_options(fps=command.fps, seed=command.seed)
    if command.skip < 0:
        raise InputError(f"--skip is {command.skip}; it must not be below zero")
    if not command.files:
        raise InputError("there are no files to prepare; name some")

    from data_prep.sources import bvh
    from data_prep.writer.data_set import check_output_folder

    check_output_folder(command.out)
    if command.scale is None or not 0 < command.scale < float("inf"):
        raise InputError(bvh.likely_scales(command.files[0], command.up))
    options = bvh.Options(
        bvh.by_subject(command.files), bvh.read_map(command.joint_map), command.scale, command.up, command.fps,
        command.skip, command.seed,
    )  # fmt: skip
    sizes = write(command, bvh.make_source(options, command.title))
    report(command.out, sizes, bvh.lost_views(options, sizes))


if __name__ == "__main__":
    main()
