"""The table of augmentations."""

import dataclasses

import pytest
from helpers.samples import DESCRIPTION

from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.data.transforms import TRANSFORMS


@pytest.mark.parametrize("name", TRANSFORMS)
def test_equal_arguments_share_one_transform(name):
    """So that runs of equal recipes share a compiled program."""
    make, other = TRANSFORMS[name], dataclasses.replace(Augmentation(), camera_roll=1.0, bone_length=0.01)
    assert make(DESCRIPTION, Augmentation()) is make(DESCRIPTION._replace(), Augmentation())
    assert make(DESCRIPTION, Augmentation()) is not make(DESCRIPTION, other)
