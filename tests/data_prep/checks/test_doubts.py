"""What is doubtful about a split: people who are not upright, keypoints that are not those of the poses."""

import numpy as np
import pytest
from helpers import oracles
from helpers.samples import DESCRIPTION, make_track

from data_prep.checks.doubts import doubts_of_split, uprightness
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.skeleton import COCO_17, H36M_17

ANKLES = [H36M_17.index("left_ankle"), H36M_17.index("right_ankle")]
NOT_UPRIGHT = "most people are not upright: another axis than z is up in the poses"


def standing(direction, frames=30, camera="54138969"):
    """A track of a body whose head is in a direction of the world, from its ankles; and its exact keypoints."""
    track = make_track(frames=frames, camera=camera)
    turn = oracles.quaternion_matrix(track.orientation.astype(np.float64))
    positions = np.array(track.positions_3d)
    feet = positions[:, ANKLES].mean(axis=1)
    positions[:, H36M_17.index("head")] = feet + 1.5 * np.asarray(direction, float) @ turn
    return track._replace(positions_3d=positions.astype(np.float32))


def test_uprightness_is_the_cosine_to_the_world():
    for direction, cosine in (([0, 0, 1], 1), ([0, 0.6, 0.8], 0.8), ([1, 0, 0], 0), ([0, 0, -1], -1)):
        for camera in H36M_CAMERAS["S1"]:
            np.testing.assert_allclose(uprightness(standing(direction, camera=camera), H36M_17), cosine, atol=1e-5)
    unplaced = standing([0, 0, 1])._replace(orientation=np.float32([1, 0, 0, 0]))
    assert uprightness(unplaced, H36M_17).shape == (0,)
    assert uprightness(make_track(), COCO_17).shape == (0,)  # has no head


def test_people_who_lie_most_of_the_time():
    up, down, aside = (standing(direction) for direction in ([0, 0, 1], [0, 0, -1], [0, 1, 0]))
    assert doubts_of_split([up, up, aside], DESCRIPTION) == []
    for tracks in ([aside], [down, down, up]):
        (line,) = doubts_of_split(tracks, DESCRIPTION)
        assert line.startswith(NOT_UPRIGHT)


@pytest.mark.parametrize(
    "change",
    [
        lambda tracks: [track._replace(keypoints_2d=other.keypoints_2d) for track, other in _next(tracks)],
        lambda tracks: [track._replace(keypoints_2d=track.keypoints_2d / 500 - 1) for track in tracks],
        lambda tracks: [track._replace(keypoints_2d=track.keypoints_2d / 2) for track in tracks],
    ],
)
def test_keypoints_that_are_not_those_of_the_poses(change):
    """Of cameras in another order, without a unit, and of smaller images."""
    tracks = [make_track(seed=seed, camera=camera) for seed, camera in enumerate(H36M_CAMERAS["S1"])]
    assert [line for line in doubts_of_split(tracks, DESCRIPTION) if "keypoints" in line] == []
    lines = [line for line in doubts_of_split(change(tracks), DESCRIPTION) if "keypoints" in line]
    assert (
        "pixels from the projected poses: the cameras are in another order, the keypoints in another unit" in lines[0]
    )


def _next(tracks):
    return zip(tracks, [*tracks[1:], tracks[0]], strict=True)
