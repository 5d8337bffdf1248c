"""What holds of all errors of a detector, and what they share, by distributions in SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.detected import BATCH, DATA, KEY, NAMES, PEOPLE, RANGES, ZERO, apply, people, result, sizes
from scipy import stats

from jaxpose.data.augmentation import detection
from jaxpose.data.augmentation.exchange import pairs_exchanged
from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.data.augmentation.unseen import groups_hidden
from jaxpose.data.transforms import TRANSFORMS
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17


@pytest.mark.parametrize("name", NAMES)
def test_the_key_decides_and_windows_do_not_touch_each_other(name):
    """Same bits for the same key, others for another; a window is the same beside other people."""
    first = result(name)
    assert np.isfinite(first).all()
    assert first.shape == PEOPLE.keypoints.shape
    np.testing.assert_array_equal(apply(name), first)
    assert (apply(name, key=jax.random.key(6)) != first).any()
    half = BATCH // 2
    both = jax.tree.map(lambda old, new: np.concatenate([old[:half], new[half:]]), PEOPLE, people(seed=1))
    np.testing.assert_array_equal(apply(name, both)[:half], first[:half])


@pytest.mark.parametrize("name", [*ZERO, "jitter"])
def test_a_range_of_zero_changes_nothing(name):
    ranges = Augmentation(**{ZERO[name]: 0.0}) if name in ZERO else Augmentation(jitter=(0.0, 0.0))
    assert TRANSFORMS[name](DATA, ranges)(KEY, PEOPLE) is PEOPLE


@pytest.mark.parametrize("name", NAMES)
def test_keypoints_without_a_confidence_are_taken(name):
    plain = PEOPLE.replace(keypoints=PEOPLE.keypoints[..., :2])
    new = jax.eval_shape(TRANSFORMS[name](DATA, RANGES), KEY, plain)
    assert new.keypoints.shape == plain.keypoints.shape
    assert TRANSFORMS["confidence"](DATA, RANGES)(KEY, plain) is plain


@pytest.mark.parametrize("name", ["offsets", "confidence"])
def test_what_needs_poses_says_so(name):
    with pytest.raises(InputError, match=f"{name} needs poses and cameras"):
        TRANSFORMS[name](DATA, RANGES)(KEY, PEOPLE.replace(positions=None, camera=None))


def test_noise_is_nearly_normal():
    drawn = np.asarray(detection.noise(KEY, (400, 500)), np.float64)
    np.testing.assert_allclose([drawn.mean(), drawn.std(), stats.kurtosis(drawn.ravel())], [0, 1, -0.3], atol=0.02)
    assert stats.kstest(drawn.ravel(), "norm").statistic < 0.01
    assert abs(np.corrcoef(drawn[:, 1:].ravel(), drawn[:, :-1].ravel())[0, 1]) < 0.01


@pytest.mark.parametrize(("whole", "edge", "longest"), [(0.3, 0.3, None), (0.0, 0.0, 5), (0.0, 1.0, None)])
def test_runs_are_runs(whole, edge, longest):
    mask = np.asarray(detection.runs(KEY, (3000,), 20, whole=whole, edge=edge, longest=longest))
    lengths = mask.sum(axis=1)
    assert lengths.min() >= 1
    assert (np.abs(np.diff(mask, axis=1)).sum(axis=1) <= 2).all()
    if longest:
        counts = np.bincount(lengths, minlength=longest + 1)[1:]
        expected = np.diff(np.log(np.arange(1, longest + 2))) / np.log(longest + 1)
        assert len(counts) == longest
        assert stats.chisquare(counts, expected * 3000).pvalue > 1e-3
    if edge == 1:
        assert (mask[:, 0] | mask[:, -1]).all()
    if whole:
        assert whole - 0.03 < np.mean(lengths == 20) < whole + 0.08


@pytest.mark.parametrize("layout", [COCO_17, H36M_17])
def test_groups_of_the_body_are_mirror_images_of_groups(layout):
    for groups, shares in (groups_hidden(layout), pairs_exchanged(layout)):
        table = {tuple(group): share for group, share in zip(groups.tolist(), shares.tolist(), strict=True)}
        np.testing.assert_allclose(sum(shares), 1, rtol=1e-6)
        for group, share in zip(groups, shares, strict=True):
            assert group.any()
            np.testing.assert_allclose(table[tuple(group[list(layout.mirrored)].tolist())], share)


def test_the_size_of_a_person_is_of_the_image():
    size = np.asarray(detection.person_size(jnp.asarray(PEOPLE.keypoints)))
    np.testing.assert_allclose(size, sizes(), rtol=1e-5)
    np.testing.assert_allclose(detection.person_size(jnp.asarray(PEOPLE.keypoints[:3] * 2)), 2 * size[:3], rtol=1e-5)
