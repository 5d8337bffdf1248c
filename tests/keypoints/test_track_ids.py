"""Track ids are exact, of one field a file, and none where they tell nobody apart."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.keypoints.track_ids import meaningful_ids, person_id, person_ids
from jaxpose.runtime.errors import InputError

PATH = Path("dance.json")


def ids(detections):
    return person_ids(PATH, detections, [f"detection {n}" for n in range(len(detections))])


def test_ids_as_files_have_them():
    same = [7, 7.0, "7", "7.0", [7], [[7.0]], [[7.0], [7.0]], [7, -1], " 7 "]
    assert {person_id(PATH, person, "x") for person in same} == {"7"}
    none = [-1, -1.0, "-1", [-1], None, "", [], [[]], "nan", float("nan"), float("inf"), [1, 2]]
    assert {person_id(PATH, person, "x") for person in none} == {None}
    assert person_id(PATH, "007", "x") == "007"
    assert person_id(PATH, 0.5, "x") == "0.5"


@pytest.mark.parametrize("person", [True, {}, [[{}]], [False]])
def test_what_is_no_id_is_refused(person):
    with pytest.raises(InputError, match=r"dance\.json: x has the track id .*; it must be a number or text"):
        person_id(PATH, person, "x")


@given(
    st.sets(st.integers(0, 2**53), max_size=20), st.sampled_from([float, str, lambda n: [n], lambda n: [[float(n)]]])
)
def test_different_numbers_are_different_people(numbers, written):
    """Also beyond six digits, where 1234567.0 and 1234568.0 look alike in short."""
    read = [person_id(PATH, json.loads(json.dumps(written(number))), "x") for number in numbers]
    assert read == [str(number) for number in numbers]


def test_the_field_that_has_ids_is_taken():
    assert ids([{"track_id": None, "idx": [3.0]}, {"track_id": None, "idx": 4}]) == ["3", "4"]
    assert ids([{"track_id": 1, "idx": 9}, {"track_id": 2, "idx": 9}]) == ["1", "2"]
    assert ids([{"track_id": 1, "idx": 8}, {"idx": 9}]) == ["8", "9"]  # numbers of two fields are not mixed
    assert ids([{"attributes": {"occluded": False, "track_id": 5}}, {"attributes": []}]) == ["5", None]
    assert ids([{"person_id": [0]}, {"person_id": [-1]}]) == ["0", None]
    assert ids([{"instance_id": 3}, {}]) == ["3", None]
    assert ids([{}, {}]) == [None, None]


def test_alphapose_without_tracking_has_no_ids():
    assert ids([{"idx": [0.0]}, {"idx": [[0.0], [0.0]]}]) == [None, None]
    assert ids([{"idx": [0.0]}, {"idx": [1.0]}]) == ["0", "1"]


def test_ids_that_tell_nobody_apart_are_left_out():
    one_for_all = meaningful_ids([0, 0, 1], ["0", "0", "0"])
    assert one_for_all == ([None] * 3, "the track id 0 is that of several people in a frame: it is not used")
    counted = meaningful_ids(range(5), list("abcde"))
    assert counted == ([None] * 5, "every detection has a track id of its own: these are not used")


@pytest.mark.parametrize(
    ("frames", "people"),
    [
        ([0, 1, 2], ["0", "0", "0"]),  # one person
        ([0, 0, 0, 0, 0, 0], list("abcdef")),  # one photograph
        ([0, 0, 1, 1, 2, 2], list("ababab")),
        ([0, 0, 1, 1, 1], ["a", "b", "a", "a", "b"]),  # a fault of one frame, which is refused later
        ([0, 1, 2], [None, None, None]),
    ],
)
def test_ids_that_can_be_right_are_kept(frames, people):
    assert meaningful_ids(frames, people) == (people, "")
