"""Lift the people of a keypoint file: choose tracks, lift each, and describe input and result in words."""

from collections.abc import Sequence

from jaxpose.data.track import SYNTHETIC_NOTICE
from jaxpose.export.motion import Motion
from jaxpose.keypoints.detections import Detections
from jaxpose.lifting.lift import DEFAULTS, USUAL_FPS, Options, lift_person, lifting_fps
from jaxpose.runs.trained import TrainedModel
from jaxpose.runtime.errors import InputError

_LISTED = 20  # tracks that are listed; a file may have hundreds


def describe_people(people: Sequence[Detections]) -> str:
    """One sentence about the tracks of a file, which are at least one."""
    first, count = people[0], "1 track" if len(people) == 1 else f"{len(people)} tracks"
    sizes = sorted({(person.width, person.height) for person in people})
    images = f"{len(sizes)} sizes, {sizes[0][0]} x {sizes[0][1]} to " if len(sizes) > 1 else ""
    return (
        f"{count} of {first.layout.name} keypoints in images of {images}{sizes[-1][0]} x {sizes[-1][1]} pixels at "
        f"{first.fps:g} frames/s."
    )


def list_tracks(people: Sequence[Detections]) -> list[str]:
    """A line for each track, the longest `_LISTED`: its frames, counted from 0, and their seconds in the video."""
    lines = []
    for person in people:
        first, last = int(person.frames[0]), int(person.frames[-1])
        begin, end = first / person.fps, (last + 1) / person.fps
        missing = last + 1 - first - len(person.frames)
        gaps = f", in {missing} of them nothing was seen" if missing else ""
        lines.append(
            f"track {person.name}: frames {first} to {last}, {begin:.2f} to {end:.2f} s ({end - begin:.2f} s){gaps}"
        )
    longest = sorted(range(len(people)), key=lambda index: -len(people[index].frames))[:_LISTED]
    others = [f"and {len(people) - _LISTED} shorter tracks"] if len(people) > _LISTED else []
    return [lines[index] for index in sorted(longest)] + others


def reading_notes(people: Sequence[Detections]) -> list[str]:
    """What was decided or left out when the people's files were read: each line once, though it is about them all."""
    return list(dict.fromkeys(note for person in people for note in person.notes))


def run_warnings(lifter: TrainedModel) -> list[str]:
    """Warnings about a run itself: trained on synthetic data, or at an unknown frame rate."""
    warnings = []
    if lifter.description.synthetic:
        warnings.append(f"the run was trained on {SYNTHETIC_NOTICE.replace(': these numbers say', ', which says')}")
    if lifter.description.fps is None:
        warnings.append(f"the run does not say at which frame rate it was trained; {USUAL_FPS:g} frames/s are assumed")
    return warnings


def choose_tracks(people: Sequence[Detections], names: Sequence[str]) -> list[Detections]:
    """The tracks with these ids; all tracks if there are no ids.

    Raises:
      InputError: there is no track of that id.
    """
    by_name = {person.name: person for person in people}
    if unknown := [name for name in names if name not in by_name]:
        longest = sorted(people, key=lambda person: -len(person.frames))[:8]
        raise InputError(
            f"--track {unknown[0]}: there is no such track; there are {len(people)}, the longest are "
            f"{', '.join(person.name for person in longest)}"
        )
    return [by_name[name] for name in dict.fromkeys(names)] or list(people)


def lift_people(
    people: Sequence[Detections],
    lifter: TrainedModel,
    options: Options = DEFAULTS,
    *,
    skip_failures: bool = False,
) -> tuple[list[Motion], list[str]]:
    """Lift several people's tracks.

    Args:
      people: their tracks.
      lifter: the run.
      options: how to lift each.
      skip_failures: leave out people who cannot be lifted, unless nobody can.

    Returns:
      The motions; and warnings, those about people who were left out among them.

    Raises:
      InputError: a person cannot be lifted; with `skip_failures`, nobody can.
    """
    motions, failures, warnings = [], [], []
    for person in people:
        try:
            motion, notes = lift_person(person, lifter, options)
        except InputError as error:
            if not skip_failures:
                raise
            failures.append(error)
            warnings.append(f"left out: {error}")
        else:
            motions.append(motion)
            warnings.extend(notes)
    if failures and not motions:
        raise failures[0]
    return motions, warnings


def describe_axes(
    lifter: TrainedModel, fps: float, *, crop: bool, camera_pitch: float | None, focal_length: float | None = None
) -> str:
    """One sentence or more about the axes, the origin and the frame rate of lifted poses.

    Args:
      lifter: the run.
      fps: of the video.
      crop: as given to `lift_people`.
      camera_pitch: degrees that the camera looks down, if the motion was turned upright; None for camera space.
      focal_length: as given to `lift_people`.
    """
    space = "camera space"
    if camera_pitch is not None:
        space = f"upright, of a camera that looks down by {camera_pitch:g}°, the lowest joint of a track on the floor"
    guess = ""
    if lifter.model.rays and focal_length is None:
        guess = " The focal length was taken for the longer side of the image; --focal-length names it."
    elif crop and not lifter.model.rays:
        space += " (the camera aimed at the person)"
    rate = lifting_fps(lifter, fps)
    resampled = f" Lifted at the run's {rate:g} frames/s and resampled." if fps != rate else ""
    return f"Poses: {space}; relative to the root, the path through the room is not estimated.{guess}{resampled}"
