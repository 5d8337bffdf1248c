"""The ranges of the augmentations validate themselves, and can be compared and hashed."""

import dataclasses

import pytest

from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.runtime.errors import InputError


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"camera_pitch": (45.0, -20.0)}, "--camera-pitch is (45.0, -20.0); it must be two numbers, the first not"),
        ({"camera_pitch": (-90.0, 0.0)}, "--camera-pitch is (-90.0, 0.0); it must be above -90 and below 90"),
        ({"camera_pitch": (0.0, 90.0)}, "--camera-pitch is (0.0, 90.0)"),
        ({"camera_roll": -1.0}, "--camera-roll is -1.0; it must be from 0 to 180"),
        ({"camera_roll": 181.0}, "--camera-roll is 181.0"),
        ({"camera_distance": (0.0, 2.0)}, "--camera-distance is (0.0, 2.0); it must be above 0"),
        ({"camera_distance": (3.0, 2.0)}, "--camera-distance is (3.0, 2.0); it must be two numbers"),
        ({"focal_length": (1.0, float("inf"))}, "--focal-length is (1.0, inf)"),
        ({"person_size": (float("nan"), 1.0)}, "--person-size is (nan, 1.0)"),
        ({"body_size": 0.3}, "--body-size is 0.3; it must be at least 0 and below 0.3"),
        ({"bone_length": -0.1}, "--bone-length is -0.1"),
        ({"offset": float("nan")}, "--offset is nan"),
        ({"jitter": (-0.1, 0.1)}, "--jitter is (-0.1, 0.1); it must be from 0 to below 1"),
        ({"jitter_correlation": (0.0, 1.0)}, "--jitter-correlation is (0.0, 1.0)"),
        ({"outliers": 1.5}, "--outliers is 1.5; it must be from 0 to 1"),
        ({"exchange": -0.5}, "--exchange is -0.5"),
        ({"unseen": float("nan")}, "--unseen is nan"),
        ({"camera_roll": "much"}, "--camera-roll is 'much'; it must be of type float"),
    ],
)
def test_unusable_ranges_are_refused(setting, expected):
    with pytest.raises(InputError) as error:
        Augmentation(**setting)
    assert str(error.value).startswith(expected)


def test_ranges_of_one_value_and_the_ends_are_allowed():
    fixed = Augmentation(
        camera_pitch=(30.0, 30.0), camera_roll=0.0, camera_distance=(4.0, 4.0), body_size=0.0, bone_length=0.0,
        jitter=(0.0, 0.0), jitter_correlation=(0.0, 0.0), outliers=0.0, exchange=1.0, unseen=1.0,
    )  # fmt: skip
    assert fixed == dataclasses.replace(fixed)
    assert hash(fixed) == hash(dataclasses.replace(fixed))
    assert fixed != Augmentation()
