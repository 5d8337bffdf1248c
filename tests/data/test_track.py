"""Tracks: their names, the size of people in them, and what breaks the data contract."""

import re

import numpy as np
import pytest
from helpers.samples import DESCRIPTION, make_track
from helpers.tracks import LEGS, changed_track, leg_track

from jaxpose.data.track import (
    SYNTHETIC_NOTICE,
    contract_violation,
    description_from_dict,
    find_track,
    first_not_finite,
    person_extent,
    title_with_notice,
    track_lengths,
    track_name,
)
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17


def test_the_extent_is_the_larger_side_of_the_box_in_the_median_frame():
    keypoints = np.zeros((3, 4, 3))
    keypoints[:, 1, 0], keypoints[:, 2, 1], keypoints[..., 2] = [10, 30, 20], [5, 5, 40], 99
    assert person_extent(keypoints) == 30  # of 10, 30 and 40


def test_tracks_have_names_and_numbers():
    clips = [("Walking 1", "a"), ("Walking", "1"), ("Walking", "0"), ("Walking", "b")]
    some = [make_track(frames=1)._replace(action=action, camera=camera) for action, camera in clips]
    assert find_track(some, None, "") is some[0]
    for track in some:
        assert find_track(some, track_name(track), "") is track  # a camera called 0 is that, not the first
    assert find_track(some, "S1/Walking/2", "") is some[3]
    for wrong in ("S1/Walking/3", "S1/Walking/-1", "S1/Walking", "", "S2/Walking/0"):
        with pytest.raises(InputError, match="it has 4, such as S1"):
            find_track(some, wrong, "data")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (leg_track(), ""),
        (leg_track(frames=1), ""),
        (leg_track()._replace(positions_3d=np.ones((0, 3, 3), np.float32)), ""),
        (changed_track("positions_3d", np.nan, at=(1, 2, 0)), "positions_3d are not finite at frame 1"),
        (changed_track("keypoints_2d", -np.inf, at=(2, 0, 1)), "keypoints_2d are not finite at frame 2"),
        (changed_track("intrinsics", np.nan, at=4), "intrinsics is not 9 finite numbers"),
        (changed_track("translation", np.inf), "translation is not 3 finite numbers"),
        (changed_track("orientation", 1.0), "orientation is not a unit quaternion"),
        (leg_track()._replace(keypoints_2d=np.ones((5, 2, 2))), "3 frames of positions_3d and 5 of keypoints_2d"),
        (leg_track(frames=0), "0 frames of positions_3d and 0 of keypoints_2d"),
        (leg_track()._replace(positions_3d=np.ones((3, 17, 3))), r"shape \(3, 17, 3\), not \(frames, 3, 3\) .*'leg'"),
        (leg_track()._replace(keypoints_2d=np.ones((3, 2, 3))), r"shape \(3, 2, 3\), not \(frames, 2, 2\) .*'eyes'"),
        (leg_track()._replace(positions_3d=np.ones(9)), r"positions_3d have shape \(9,\)"),
        (leg_track()._replace(translation=np.ones(4)), "translation is not 3 finite numbers"),
        (leg_track()._replace(fps=0.0), "fps 0.0, width 9 and height 8 must be above zero"),
        (leg_track()._replace(fps=float("nan")), "must be above zero"),
        (leg_track()._replace(width=0), "must be above zero"),
    ],
)
def test_violations_name_the_track_the_field_and_the_frame(bad, message):
    violation = contract_violation(bad, LEGS)
    if message:
        assert violation.startswith("S1/Walking/left: ")
    assert re.search(message, violation) if message else violation == ""


@pytest.mark.parametrize("field", ["subject", "action", "camera"])
@pytest.mark.parametrize("text", ["a\nb", "\x1b[2J", "\0", "x" * 501])
def test_names_that_a_terminal_or_a_path_would_obey_are_no_names(field, text):
    track = make_track()._replace(**{field: text})
    assert f"{field} is not one line" in contract_violation(track, DESCRIPTION)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", 5), ("title", "a\nb"), ("title", "\ud800"), ("synthetic", "no"), ("channels", 4), ("channels", None),
        ("fps", "50"), ("fps", True), ("fps", 0), ("fps", float("nan")), ("extent", -1.0), ("extent", []),
        ("splits", "S1"), ("splits", [1]), ("splits", ["\x07"]), ("skeleton", []), ("layout", None), ("skeleton", {}),
        ("skeleton", H36M_17.to_dict() | {"parents": [0.5] * 17}), ("fresh", 1),
        ("skeleton", H36M_17.to_dict() | {"joints": [1] * 17}),
        ("skeleton", H36M_17.to_dict() | {"left": 3}), ("layout", H36M_17.to_dict() | {"angles": [{}]}),
        ("skeleton", H36M_17.to_dict() | {"name": "x" * 1000}),
    ],
)  # fmt: skip
def test_descriptions_of_other_kinds(field, value):
    valid = DESCRIPTION._asdict() | {field: getattr(DESCRIPTION, field).to_dict() for field in ("skeleton", "layout")}
    assert description_from_dict(valid) == DESCRIPTION
    with pytest.raises(ValueError, match=r"\w"):
        description_from_dict(valid | {field: value})


def test_synthetic_data_are_called_so():
    assert title_with_notice(DESCRIPTION) == DESCRIPTION.title
    assert title_with_notice(DESCRIPTION._replace(synthetic=True)) == f"{SYNTHETIC_NOTICE} {DESCRIPTION.title}"


def test_lengths_and_the_first_frame_that_is_not_finite():
    np.testing.assert_array_equal(track_lengths([leg_track(frames=n) for n in (3, 1)]), [3, 1])
    frames = np.zeros((4, 2, 3))
    assert first_not_finite(frames) is None
    frames[2, 1, 0] = frames[3, 0, 0] = np.inf
    assert first_not_finite(frames) == 2
