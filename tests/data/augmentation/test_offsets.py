"""Offsets of keypoints on the body against equations in NumPy and float64, and their distribution."""

import numpy as np
import pytest
from helpers.detected import BATCH, DATA, FOCAL, KEY, PEOPLE, RANGES, result
from scipy import stats

from jaxpose.data.augmentation import detection, offsets
from jaxpose.data.transforms import TRANSFORMS
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17, Skeleton


def test_offsets_need_hips_and_shoulders():
    point = Skeleton("point", ("nose",), (-1,))
    with pytest.raises(InputError, match="no 'left_hip'"):
        TRANSFORMS["offsets"](DATA._replace(skeleton=point, layout=point), RANGES)


def unit(vector):
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def test_offsets_are_constant_in_axes_of_the_body():
    """One offset explains all frames of a keypoint, exactly: both image coordinates are linear equations of it."""
    points = np.float64(PEOPLE.positions)
    hips, shoulders = ([points[..., H36M_17.index(f"{side}_{part}"), :] for side in ("left", "right")]
                       for part in ("hip", "shoulder"))  # fmt: skip
    left = unit(hips[0] - hips[1])
    trunk = sum(shoulders) - sum(hips)
    up = unit(trunk - (trunk * left).sum(axis=-1, keepdims=True) * left)
    axes = np.stack([left, up, np.cross(left, up)], axis=-1)  # columns
    seen = np.float64(result("offsets"))[..., :2] / FOCAL
    found = np.zeros((40, 17, 3))
    for row in range(40):
        for joint in range(17):
            place, view = points[row, :, joint], seen[row, :, joint]
            matrix = axes[row, :, :2] - view[..., None] * axes[row, :, 2:]
            right = view * place[:, 2:] - place[:, :2]
            found[row, joint], *_ = np.linalg.lstsq(matrix.reshape(-1, 3), right.ravel(), rcond=None)
            np.testing.assert_allclose(matrix @ found[row, joint], right, atol=2e-5)
    drawn = np.asarray(offsets.draw_offsets(KEY, BATCH, H36M_17))[:40] * RANGES.offset
    np.testing.assert_allclose(found, drawn, atol=5e-4)


@pytest.mark.parametrize("layout", [COCO_17, H36M_17])
def test_offsets_are_normal_and_mostly_mirror_images(layout):
    drawn = np.asarray(offsets.draw_offsets(KEY, 4000, layout))
    scaled = drawn / detection.by_kind(layout, offsets.SCALES, np.nan)[:, None]
    midline = [joint for joint, other in enumerate(layout.mirrored) if joint == other]
    assert stats.kstest(scaled[:, layout.left].ravel(), "norm").pvalue > 1e-3
    assert stats.kstest(scaled[:, midline, 1:].ravel(), "norm").pvalue > 1e-3
    np.testing.assert_allclose(scaled[:, midline, 0].std(axis=0), np.sqrt(1 - offsets.SYMMETRIC), rtol=0.06)
    for a, b in zip(layout.left, layout.right, strict=True):
        common = [np.corrcoef(scaled[:, a, axis], scaled[:, b, axis])[0, 1] for axis in range(3)]
        np.testing.assert_allclose(common, np.float64([-1, 1, 1]) * offsets.SYMMETRIC, atol=0.04)
    mirrored = drawn[:, layout.mirrored] * [-1, 1, 1]
    for joint in range(layout.num_joints):
        assert stats.ks_2samp(drawn[:2000, joint, 0], mirrored[2000:, joint, 0]).pvalue > 1e-4
