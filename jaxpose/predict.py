"""Lift 2D keypoints to 3D: `python -m jaxpose.predict RUN KEYPOINTS --out FILE`.

KEYPOINTS is what a 2D detector wrote: an npz archive, COCO annotations or results, AlphaPose, MMPose or RTMPose,
MediaPipe landmarks, a CSV table, or OpenPose's folder; which of these is told by its content. The suffix of FILE says
what is written: .npz, .json or .csv, in metres; .bvh, .trc or .c3d, in the axes and units of those who read them
(`exports`). Poses are about the root: how somebody moves, not where.
"""

import dataclasses
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tyro

from jaxpose.data.track import SYNTHETIC_NOTICE
from jaxpose.export import writers
from jaxpose.export.motion import LEVEL_CAMERA, Motion, upright
from jaxpose.keypoints import readers
from jaxpose.keypoints.detections import Detections, Overrides
from jaxpose.lifting.lift import USUAL_FPS, lift_person, named_layout, training_fps
from jaxpose.rotations import quaternion_from_axis_angle, quaternion_multiply
from jaxpose.runs import Which
from jaxpose.runs.trained import TrainedModel, open_run
from jaxpose.runtime.devices import keep_compiled
from jaxpose.runtime.errors import InputError, cli_errors


@dataclasses.dataclass(frozen=True)
class Command:
    """What the command line says."""

    run: tyro.conf.Positional[Path]
    """The run's folder."""
    keypoints: tyro.conf.Positional[Path]
    """The file, or OpenPose's folder."""
    out: Path
    """The file to write; its suffix names the format."""
    size: tuple[int, int] | None = None
    """Width and height of the images in pixels, where KEYPOINTS does not say."""
    fps: float | None = None
    """Frames a second of the video, where KEYPOINTS does not say."""
    layout: str | None = None
    """Which keypoint is which, where KEYPOINTS does not say: coco_17, halpe_26, body_25, …"""
    track: tuple[str, ...] = ()
    """Lift these people, by their track ids; without it, all."""
    min_confidence: float = 0.0
    """Keypoints whose confidence is not above it count as not seen, and are interpolated."""
    crop: bool = False
    """Lift as if the video had been cropped around each person: for those who are small in the image, or at its edge.
    Camera space is then that of a camera which is aimed at the person."""
    checkpoint: Which = "last"
    """Of the run: the last, or the best on its validation split."""
    upright: float | None = None
    """Write upright poses (z up), of a camera that is not rolled and looks down by so many degrees; 0 is level.
    Without it, poses are in camera space: x right, y down, z forward."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    with cli_errors():
        command = tyro.cli(Command, args=arguments, prog="python -m jaxpose.predict", description=__doc__)
        keep_compiled()
        predict(command)


def predict(command: Command) -> None:
    """Lift the people of a file and write their motion; what the user should know goes to stderr.

    Raises:
      InputError: there is no such run, the keypoints cannot be used, or the file cannot be written.
    """
    writers.check_path(command.out)
    if command.upright is not None and not abs(command.upright) <= 90:
        raise InputError(f"--upright {command.upright:g}: a camera looks down by -90 to 90 degrees")
    lifter = open_run(command.run, command.checkpoint)
    layout = None if command.layout is None else named_layout(command.layout, lifter)
    kind, people = readers.read(command.keypoints, Overrides(layout, command.size, command.fps))
    first = people[0]
    print(
        f"{kind}: {len(people)} {'track' if len(people) == 1 else 'tracks'} of {first.layout.name} keypoints in images "
        f"of {first.width} x {first.height} pixels at {first.fps:g} frames/s."
    )
    if lifter.description.synthetic:
        _warn(f"the run was trained on {SYNTHETIC_NOTICE.replace(': these numbers say', ', which says')}")
    if lifter.description.fps is None:
        _warn(f"the run does not say at which frame rate it was trained; {USUAL_FPS:g} frames/s are assumed")
    motions = _lifted(_chosen(people, command.track), lifter, command)
    if command.upright is not None:
        motions = [upright(motion, camera_looking_down(command.upright)) for motion in motions]
    for file in writers.write(command.out, motions):
        print(f"Written: {file}")
    print(_frame_of_reference(command, first.fps, lifter))


def camera_looking_down(degrees: float) -> np.ndarray:
    """(4,) orientation of a camera that is not rolled and looks down by so many degrees, as `cameras.Camera` has it."""
    tilt = quaternion_from_axis_angle(np.float32([-math.radians(degrees), 0, 0]))
    return np.asarray(quaternion_multiply(tilt, LEVEL_CAMERA))


def _chosen(people: list[Detections], names: tuple[str, ...]) -> list[Detections]:
    """The tracks of these names, all if there are none; raises `InputError` if one is not there."""
    by_name = {person.name: person for person in people}
    if unknown := [name for name in names if name not in by_name]:
        longest = sorted(people, key=lambda person: -len(person.frames))[:8]
        raise InputError(
            f"--track {unknown[0]}: there is no such track; there are {len(people)}, the longest are "
            f"{', '.join(person.name for person in longest)}"
        )
    return [by_name[name] for name in dict.fromkeys(names)] or people


def _lifted(people: list[Detections], lifter: TrainedModel, command: Command) -> list[Motion]:
    """The motion of those who can be lifted; raises `InputError` if nobody can, or one who was asked for."""
    motions, faults, remarks = [], [], []
    for person in people:
        try:
            motion, notes = lift_person(person, lifter, min_confidence=command.min_confidence, crop=command.crop)
        except InputError as error:
            faults.append(error)
            remarks.append(f"left out: {error}")
        else:
            motions.append(motion)
            remarks.extend(notes)
    if faults and (command.track or not motions):
        raise faults[0]
    for remark in remarks:
        _warn(remark)
    return motions


def _frame_of_reference(command: Command, fps: float, lifter: TrainedModel) -> str:
    """What the poses are relative to, for people who read no manual."""
    space = "camera space"
    if command.upright is not None:
        space = (
            f"upright, of a camera that looks down by {command.upright:g}°, the lowest joint of a track on the floor"
        )
    if command.crop:
        space += " (the camera aimed at the person)"
    rate = training_fps(lifter)
    turned = f" Lifted at the run's {rate:g} frames/s and resampled." if fps != rate else ""
    return f"Poses: {space}; about the root, the way through the room is not estimated.{turned}"


def _warn(text: str) -> None:
    """Say something on stderr."""
    print(f"warning: {' '.join(text.split())}", file=sys.stderr)


if __name__ == "__main__":
    main()
