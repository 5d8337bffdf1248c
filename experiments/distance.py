"""Measure the error of lifting people who are far away, as they are and cropped: `python -m experiments.distance RUN`.

Every third test track of the run is moved away from its camera and projected again, with its detector noise in
proportion to the person's size in the image.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from jaxpose.cameras import Camera, project
from jaxpose.data.track import Track, person_extent, title_with_notice
from jaxpose.keypoints.detections import Detections
from jaxpose.kinematics import root_relative
from jaxpose.lifting.lift import Options, lift_person
from jaxpose.metrics import mpjpe
from jaxpose.runs.trained import TrainedModel, load_fitting, open_run
from jaxpose.runtime.command import run_command
from jaxpose.runtime.errors import InputError

METRES = (0, 2, 5, 10, 20)


@dataclasses.dataclass(frozen=True)
class Command:
    """Options of the experiment."""

    run: tyro.conf.Positional[Path]
    """The run's folder."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run_command(Command, measure, arguments, prog="python -m experiments.distance", description=__doc__)


def measure(command: Command) -> None:
    """Print the error by distance, without and with cropping.

    Raises:
      InputError: the run takes keypoints to which its poses cannot be projected.
    """
    lifter = open_run(command.run)
    description, tracks, split = load_fitting(lifter)
    if description.layout != description.skeleton:
        raise InputError(f"{command.run} takes {description.layout.name} keypoints, to which poses cannot be projected")
    table = Table("moved by, m", *map(str, METRES))
    for crop in (False, True):
        errors = [np.mean([track_error(lifter, track, metres, crop) for track in tracks[::3]]) for metres in METRES]
        table.add_row("cropped" if crop else "as it is", *(f"{1000 * value:.1f}" for value in errors))
    Console().print(table, f"P1 in mm, tracks averaged equally. {title_with_notice(description)}, {split}.")


def track_error(lifter: TrainedModel, track: Track, metres: float, crop: bool) -> float:
    """P1 of a track, in metres, whose subject is moved away from the camera."""
    moved = moved_away(track, metres)
    keypoints = np.concatenate([moved, np.ones_like(moved[..., :1])], axis=-1)
    layout, frames = lifter.description.layout, np.arange(len(keypoints))
    person = Detections("person", frames, keypoints, layout, track.width, track.height, track.fps)
    motion, _ = lift_person(person, lifter, Options(crop=crop))
    return float(mpjpe(motion.positions, root_relative(track.positions_3d)).mean())


def moved_away(track: Track, metres: float) -> np.ndarray:
    """Keypoints (T, K, 2) of a track whose subject is farther from the camera, the noise scaled with the person."""
    camera = Camera(track.orientation, track.translation, track.intrinsics, track.width, track.height)
    near = np.asarray(project(track.positions_3d, camera))
    far = np.asarray(project(track.positions_3d + np.float32([0, 0, metres]), camera))
    return far + (track.keypoints_2d[..., :2] - near) * np.float32(person_extent(far) / person_extent(near))


if __name__ == "__main__":
    main()
