"""Keypoints that are not seen: how often, which, and what is left."""

import numpy as np
from helpers.detected import FRAMES, PEOPLE, RANGES, apply, result

from jaxpose.data.augmentation.unseen import LEAST_SEEN
from jaxpose.skeleton import H36M_17


def test_what_is_hidden_is_zero_and_leaves_a_pose():
    new, old = result("unseen"), PEOPLE.keypoints
    inside = (np.abs(old[..., :2]) <= 1).all(axis=-1)
    gone, doubtful = new[..., 2] == 0, (new[..., 2] < 1) & (new[..., 2] > 0)
    assert (new[gone] == 0).all()
    np.testing.assert_array_equal(new[~gone & ~doubtful], old[~gone & ~doubtful])
    assert (new[doubtful][:, 2] <= 0.4).all()
    whole = inside.all(axis=(1, 2))
    changed = (gone | doubtful)[whole].any(axis=(1, 2))
    assert 0.5 < changed.mean() <= RANGES.unseen + 0.06  # a few events would leave no pose, and do not happen
    guessed = doubtful[whole].any(axis=(1, 2))[changed].mean()
    assert 0.2 < guessed < 0.4
    body = np.asarray([name not in ("head", "neck") for name in H36M_17.joints])
    seen = (new[:, FRAMES // 2, body, 2] > 0).sum(axis=1)
    assert seen.min() >= LEAST_SEEN


def test_what_is_outside_the_image_is_hidden_or_doubtful():
    """People at the right edge: keypoints outside are not as they were; inside, they are hidden as anywhere."""
    aside = PEOPLE.keypoints + np.float32([0.9, 0, 0])
    new = apply("unseen", PEOPLE.replace(keypoints=aside))
    outside = (np.abs(aside[..., :2]) > 1).any(axis=-1)
    assert outside.mean() > 0.3
    assert (new[outside][:, 2] <= 0.4).all()
    enough = (~outside[:, FRAMES // 2]).sum(axis=1) >= 10
    kept = np.asarray([(row[out][:, 2] > 0).any() for row, out in zip(new[enough], outside[enough], strict=True)])
    assert 0.15 < kept.mean() < 0.4
    body = np.asarray([name not in ("head", "neck") for name in H36M_17.joints])
    assert (new[:, FRAMES // 2, body, 2] > 0).sum(axis=1).min() >= LEAST_SEEN
