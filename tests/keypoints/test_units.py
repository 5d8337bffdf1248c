"""Pixels or shares of the image: nearly all poses decide, and what can be neither is refused."""

from pathlib import Path

import numpy as np
import pytest
from helpers.detector_files import people
from helpers.standing import standing_pixels

from jaxpose.keypoints.units import are_divided_by_size, seen_keypoints
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17

PATH = Path("walk.json")
PIXELS = people(count=1, frames=40)[0].astype(np.float64)  # in an image of 1000 x 800
SHARES = PIXELS / (1000, 800, 1)


def test_keypoints_are_seen_with_a_place_and_a_confidence():
    points = np.array([[(1, 2, 0.5), (1, 2, 0), (1, 2, np.nan), (np.nan, 2, 1), (1, np.inf, 1), (0, 0, 1), (1, 2, -1)]])
    assert seen_keypoints(points).tolist() == [[True, False, False, False, False, True, False]]


def test_pixels_and_shares_are_told_apart():
    assert not are_divided_by_size(PATH, PIXELS)
    assert are_divided_by_size(PATH, SHARES)
    assert are_divided_by_size(PATH, SHARES[:1])
    assert not are_divided_by_size(PATH, PIXELS[:0])
    assert not are_divided_by_size(PATH, PIXELS * (1, 1, 0))


@pytest.mark.parametrize("far", [2.1, 50.0, -7.0])
def test_single_keypoints_do_not_decide(far):
    shares = SHARES.copy()
    shares[:, 3, :2] = far  # one of 17 in every pose
    shares[0, :, :2] = 500.0  # and one pose of 40
    assert are_divided_by_size(PATH, shares)
    pixels = PIXELS.copy()
    pixels[:, 3, :2] = 0.5
    pixels[0, :, :2] = 1.5
    assert not are_divided_by_size(PATH, pixels)


def test_keypoints_that_were_not_seen_do_not_decide():
    shares = SHARES.copy()
    shares[:, 5:] = (900, 700, 0)
    shares[7] = np.nan
    assert are_divided_by_size(PATH, shares)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_poses_of_both_units_are_refused(share):
    mixed = np.where(np.arange(40)[:, None, None] < 40 * share, SHARES, PIXELS)
    with pytest.raises(InputError, match=rf"walk\.json: x and y are at most 2 in {40 * share:.0f} of 40 poses"):
        are_divided_by_size(PATH, mixed)


def test_a_person_who_is_half_outside_is_inside_enough():
    shares = SHARES.copy()
    shares[..., 0] -= np.median(shares[..., 0])
    assert are_divided_by_size(PATH, shares)


def test_coordinates_about_zero_are_refused():
    """Metres about the hips; and pixels scaled to -1 to 1, of a person in the image's middle."""
    metres = (standing_pixels(COCO_17.joints) - (960, 500)) / 240
    scaled = standing_pixels(COCO_17.joints) / (960, 500) - 1
    for xy in (metres, scaled):
        with pytest.raises(InputError, match=r"x and y lie about zero \(\d\d% are negative\)"):
            are_divided_by_size(PATH, np.concatenate([xy, np.ones((17, 1))], axis=-1)[None])
