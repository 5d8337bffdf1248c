"""Who is who in a file: ids, scores and places together, whatever the order of the detections."""

from pathlib import Path

import numpy as np
import pytest
from helpers.detector_files import people
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.keypoints import identities
from jaxpose.keypoints.identities import identify
from jaxpose.runtime.errors import InputError

PATH = Path("dance.json")
COUNT, LENGTH = 3, 8
FRAMES, TRUTH = (part.ravel() for part in np.meshgrid(np.arange(LENGTH), np.arange(COUNT)))
POSES = people(count=COUNT, frames=LENGTH).astype(np.float64).reshape(-1, 17, 3)
NAMES = [f"p{person}" for person in TRUTH]
SCORES = [0.9] * len(POSES)


def same_partition(found, truth):
    return len(set(zip(found, truth, strict=True))) == len(set(found)) == len(set(truth))


@given(st.permutations(range(len(POSES))), st.sets(st.integers(0, len(POSES) - 1), max_size=len(POSES)))
def test_people_are_found_in_any_order_with_any_ids_missing(order, missing):
    ids = [None if row in missing else NAMES[row] for row in order]
    found = identify(PATH, FRAMES[order], POSES[order], ids)
    truth = [NAMES[row] for row in order]
    assert found.rows.tolist() == [*range(len(POSES))]
    assert same_partition(found.people, truth)
    named = {(person, known) for person, known in zip(found.people, ids, strict=True) if known is not None}
    assert all(person == known for person, known in named)  # ids in the file are kept
    assert bool(found.notes) == (0 < len(missing) < len(POSES))


@given(st.permutations(range(len(POSES) + 4)), st.integers(0, len(POSES) - 1))
def test_boxes_over_a_person_are_not_people(order, row):
    """One over the whole person, of any score, and a few over a part of one, of low scores."""
    part = POSES[row] * [1, 0.4, 1]
    part[:, 1] += 0.55 * POSES[row][:, 1].mean()
    extra = np.stack([POSES[row] + np.array([4, 4, 0]), part, part + np.array([2, 0, 0]), part - np.array([2, 0, 0])])
    poses, frames = np.concatenate([POSES, extra])[order], np.append(FRAMES, [FRAMES[row]] * 4)[order]
    scores = np.array([*SCORES, 0.8, 0.2, 0.3, 0.1])[order]
    found = identify(PATH, frames, poses, [None] * len(poses), scores=scores)
    assert [order[at] for at in found.rows] == [at for at in order if at < len(POSES)]
    assert same_partition(found.people, [NAMES[at] for at in order if at < len(POSES)])
    (note,) = found.notes
    assert note.startswith("dance.json: 4 of 28 detections show a person again, with a lower score, and are left out; ")


def test_the_lowest_score_is_that_of_the_detector_or_the_keypoints():
    scores = np.where(TRUTH == 1, 0.2, 0.9)
    found = identify(PATH, FRAMES, POSES, NAMES, scores=scores, min_score=0.5)
    assert set(found.people) == {"p0", "p2"}
    assert found.notes == ("dance.json: 8 of 24 detections have a score below 0.5 and are left out",)
    weak = POSES * np.where(TRUTH == 1, 0.1, 1)[:, None, None] ** [0, 0, 1]
    assert set(identify(PATH, FRAMES, weak, NAMES, min_score=0.3).people) == {"p0", "p2"}
    with pytest.raises(
        InputError, match=r"dance.json: no person has a score of 2 or more, the highest is 0\.9; give a"
    ):
        identify(PATH, FRAMES, POSES, NAMES, scores=SCORES, min_score=2)


def test_a_score_of_zero_keeps_those_who_stand_before_others():
    child = POSES * [1, 0.4, 1] + [0, 200, 0]
    frames, poses = np.append(FRAMES, FRAMES[:LENGTH]), np.concatenate([POSES, child[:LENGTH]])
    scores = [*SCORES, *[0.3] * LENGTH]
    assert len(set(identify(PATH, frames, poses, [None] * 32, scores=scores).people)) == COUNT
    assert len(set(identify(PATH, frames, poses, [None] * 32, scores=scores, min_score=0).people)) == COUNT + 1


def test_an_id_for_everybody_is_said_to_be_none():
    found = identify(PATH, FRAMES, POSES, ["0"] * len(POSES))
    assert same_partition(found.people, NAMES)
    assert "the track id 0 is that of several people in a frame" in found.notes[0]


def test_ids_missing_here_and_there_are_counted():
    ids = [None if row in (0, 5) else name for row, name in enumerate(NAMES)]
    assert identify(PATH, FRAMES, POSES, ids).notes == (
        "dance.json: 2 of 24 detections have no track id: 2 joined the nearest track",
    )
    ids = [None if person == 1 else name for person, name in zip(TRUTH, NAMES, strict=True)]
    assert identify(PATH, FRAMES, POSES, ids).notes == (
        "dance.json: 8 of 24 detections have no track id: 0 joined the nearest track, "
        "8 are further tracks, new1 and on",
    )


def test_ids_that_are_places_in_a_list_are_doubted():
    """Detectors sort people by score, so that the places change."""
    places = [str((person + frame // 2) % COUNT) for person, frame in zip(TRUTH, FRAMES, strict=True)]
    (note,) = identify(PATH, FRAMES, POSES, places).notes
    assert "people jump by half their size or more in 9 of 21 steps from a frame to the next" in note
    assert identify(PATH, FRAMES, POSES, NAMES).notes == ()


def test_few_frames_and_several_people_are_linked_with_a_note():
    found = identify(PATH, FRAMES * 60, POSES, [None] * len(POSES))
    assert same_partition(found.people, NAMES)
    assert "detections are 60 frames apart and have no track ids: their place alone tells who is who" in found.notes[0]
    assert identify(PATH, FRAMES[:LENGTH] * 60, POSES[:LENGTH], [None] * LENGTH).notes == ()


def test_a_crowd_in_one_frame_is_a_wrong_number(monkeypatch):
    monkeypatch.setattr(identities, "MAX_PEOPLE", 10)
    with pytest.raises(InputError, match=r"24 detections in frame 7, more than the 10 that are read; check the frame"):
        identify(PATH, FRAMES * 0 + 7, POSES, NAMES)
