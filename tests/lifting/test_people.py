"""People of a file: those who are asked for are lifted or refused, the others as far as they are seen."""

import numpy as np
import pytest
from helpers.lifters import aiming_lifter, person, untrained_lifter
from helpers.samples import make_track

from jaxpose.lifting.people import (
    choose_tracks,
    describe_axes,
    describe_people,
    lift_people,
    list_tracks,
    reading_notes,
    run_warnings,
)
from jaxpose.runtime.errors import InputError

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture(scope="module")
def people():
    """Three people: ann is seen, ben has a gap, of cat there is the upper body without the arms."""
    keypoints = np.repeat(make_track(frames=6).keypoints_2d[None], 3, axis=0).copy()
    keypoints[1, 2:4] = np.nan
    keypoints[2, :, [1, 2, 3, 4, 5, 6, 12, 13, 15, 16]] = np.nan
    return [person(track)._replace(name=name) for name, track in zip(("ann", "ben", "cat"), keypoints, strict=True)]


def test_images_of_several_sizes_are_said():
    one = person(np.zeros((1, 17, 2)))
    described = describe_people([one, one._replace(width=1920, height=1080), one])
    assert described.startswith("3 tracks of h36m_17 keypoints in images of 2 sizes, ")
    assert described.endswith(" to 1920 x 1080 pixels at 50 frames/s.")


def test_tracks_are_chosen_by_id_each_once(people):
    assert choose_tracks(people, ()) == people
    assert [track.name for track in choose_tracks(people, ("cat", "ann", "cat"))] == ["cat", "ann"]
    with pytest.raises(InputError, match="--track bob: there is no such track; there are 3, the longest are ann, ben"):
        choose_tracks(people, ("ann", "bob"))


def test_people_who_cannot_be_lifted_are_left_out_or_refused(people):
    lifter = untrained_lifter()
    motions, warnings = lift_people(people, lifter, skip_failures=True)
    assert [motion.name for motion in motions] == ["ann", "ben"]
    assert warnings[0].startswith("track ben: 33.3% of the keypoints were not seen")
    assert warnings[1].startswith("left out: track cat: 7 of the 17 keypoints that the run needs are seen, too few for")
    with pytest.raises(InputError, match="track cat: 7 of the 17 keypoints"):
        lift_people(people, lifter)
    with pytest.raises(InputError, match="track cat: 7 of the 17 keypoints"):
        lift_people(people[2:], lifter, skip_failures=True)
    assert lift_people([], lifter) == ([], [])


def test_files_and_runs_are_described(people):
    text = "of h36m_17 keypoints in images of 1000 x 1000 pixels at 50 frames/s."
    assert describe_people(people) == f"3 tracks {text}"
    assert describe_people(people[:1]) == f"1 track {text}"
    lifter = untrained_lifter()
    assert run_warnings(lifter) == []
    unknown = lifter._replace(description=lifter.description._replace(synthetic=True, fps=None))
    synthetic, rate = run_warnings(unknown)
    assert synthetic == "the run was trained on SYNTHETIC motion, which says nothing about real people."
    assert rate.endswith("50 frames/s are assumed")


def test_tracks_are_listed_with_frames_and_seconds():
    one = person(np.zeros((4, 17, 2)), fps=25.0, frames=[10, 11, 13, 14])
    assert list_tracks([one, person(np.zeros((1, 17, 2)))]) == [
        "track ann: frames 10 to 14, 0.40 to 0.60 s (0.20 s), in 1 of them nothing was seen",
        "track ann: frames 0 to 0, 0.00 to 0.02 s (0.02 s)",
    ]
    crowd = [person(np.zeros((1 + (number > 3), 17, 2)))._replace(name=str(number)) for number in range(24)]
    *listed, rest = list_tracks(crowd)
    assert [line.split(":")[0] for line in listed] == [f"track {number}" for number in range(4, 24)]
    assert rest == "and 4 shorter tracks"


def test_what_a_reader_says_of_a_file_is_said_once(people):
    ann, ben, cat = people
    noted = [ann._replace(notes=("a.json: two boxes",)), ben._replace(notes=("a.json: two boxes", "b")), cat]
    assert reading_notes(noted) == ["a.json: two boxes", "b"]


def test_axes_are_described():
    lifter = untrained_lifter()
    assert describe_axes(lifter, 50.0, crop=False, camera_pitch=None).startswith("Poses: camera space; relative to the")
    text = describe_axes(lifter, 25.0, crop=True, camera_pitch=10.0)
    assert "upright, of a camera that looks down by 10°" in text
    assert "(the camera aimed at the person)" in text
    assert text.endswith("Lifted at the run's 50 frames/s and resampled.")


def test_axes_of_a_network_that_aims_are_those_of_the_real_camera():
    lifter = aiming_lifter()
    text = describe_axes(lifter, 30.0, crop=True, camera_pitch=None)
    assert text == (
        "Poses: camera space; relative to the root, the path through the room is not estimated. The focal length was "
        "taken for the longer side of the image; --focal-length names it."
    )
    known = describe_axes(lifter, 120.0, crop=False, camera_pitch=None, focal_length=900.0)
    assert known.endswith("is not estimated. Lifted at the run's 60 frames/s and resampled.")
