"""Augmentations that model a 2D detector, each by the statistics of its errors, on people who turn before a camera."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.samples import DESCRIPTION
from scipy import stats

from jaxpose.cameras import Camera
from jaxpose.data.augmentation import detection, jitter, offsets, outliers
from jaxpose.data.augmentation.exchange import pairs_exchanged
from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.data.augmentation.unseen import LEAST_SEEN, groups_hidden
from jaxpose.data.transforms import TRANSFORMS
from jaxpose.data.windows import Windows
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17, Skeleton

DATA = DESCRIPTION._replace(channels=3)
KEY = jax.random.key(5)
BATCH, FRAMES, FOCAL = 600, 24, 2.5
RANGES = Augmentation(
    offset=0.03, jitter=(0.002, 0.04), jitter_correlation=(0.8, 0.8), outliers=0.05, exchange=0.3, unseen=0.6
)
NAMES = ("offsets", "jitter", "outliers", "exchange", "confidence", "unseen")
ZERO = {"offsets": "offset", "outliers": "outliers", "exchange": "exchange", "unseen": "unseen"}


def people(seed=0):
    """Exact keypoints, with confidence 1, of random bodies that turn round the vertical at four metres."""
    random = np.random.default_rng(seed)
    body = random.normal(size=(BATCH, 1, 17, 3)) * 0.4
    angle = random.uniform(0, 6, (BATCH, 1)) + np.linspace(0, 2, FRAMES)
    c, s, zero = np.cos(angle), np.sin(angle), np.zeros_like(angle)
    turn = np.stack([c, zero, s, zero, zero + 1, zero, -s, zero, c], axis=-1).reshape(BATCH, FRAMES, 3, 3)
    positions = np.einsum("bnij,bokj->bnki", turn, body) + np.float64([0, 0, 4])
    keypoints = positions[..., :2] / positions[..., 2:] * FOCAL
    lens = np.tile(np.float32([FOCAL, FOCAL, 0, 0, 0, 0, 0, 0, 0]), (BATCH, 1))
    size = np.full(BATCH, 2.0, np.float32)
    batch = Windows(
        keypoints=np.concatenate([keypoints, np.ones_like(keypoints[..., :1])], axis=-1),
        poses=None,
        visible=np.ones((BATCH, FRAMES), bool),
        sample=np.arange(BATCH),
        mirrored=np.zeros(BATCH, bool),
        root=None,
        positions=positions,
        camera=Camera(np.tile(np.float32([1, 0, 0, 0]), (BATCH, 1)), np.zeros((BATCH, 3)), lens, size, size),
    )
    return jax.tree.map(lambda a: np.asarray(a, np.float32) if a.dtype == np.float64 else a, batch)


PEOPLE = people()


@functools.cache
def compiled(name):
    return jax.jit(lambda key, batch: TRANSFORMS[name](DATA, RANGES)(key, batch).keypoints)


def apply(name, batch=PEOPLE, key=KEY):
    return np.asarray(compiled(name)(key, batch))


@functools.cache
def result(name):
    return apply(name)


def sizes(batch=PEOPLE):
    """Size of each person in the image, in float64."""
    places = np.float64(batch.keypoints[..., :2])
    square = np.square(places - places.mean(axis=2, keepdims=True)).sum(axis=-1)
    return 3.3 * np.sqrt(square.mean(axis=(1, 2)))


def errors(name):
    """Displacement of every keypoint, relative to the person's size: (B, N, K, 2)."""
    return (np.float64(result(name)) - PEOPLE.keypoints)[..., :2] / sizes()[:, None, None, None]


def binomial_agrees(successes, trials, share):
    return stats.binomtest(int(successes), int(trials), share).pvalue > 1e-3


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


def test_autoregressive_noise_is_the_recursion_in_float64():
    random = np.random.default_rng(0)
    innovations, correlation = random.normal(size=(5, 30, 4)), np.linspace(0, 0.99, 5)
    expected = innovations.copy()
    for frame in range(1, 30):
        fresh = np.sqrt(1 - correlation[:, None] ** 2) * innovations[:, frame]
        expected[:, frame] = correlation[:, None] * expected[:, frame - 1] + fresh
    new = jitter.autoregressive(jnp.float32(innovations), jnp.float32(correlation))
    np.testing.assert_allclose(new, expected, atol=1e-5)


def test_jitter_has_its_size_its_scales_and_its_correlation():
    error = errors("jitter")
    scales = detection.error_scales(H36M_17)
    np.testing.assert_allclose(np.sqrt(np.mean(np.float64(scales) ** 2)), 1, rtol=1e-6)
    assert scales[H36M_17.index("left_hip")] > scales[H36M_17.index("left_wrist")]
    lag_1 = (error[:, 1:] * error[:, :-1]).sum() / np.sqrt((error[:, 1:] ** 2).sum() * (error[:, :-1] ** 2).sum())
    assert abs(lag_1 - 0.8) < 0.03
    assert abs((error[..., 0] * error[..., 1]).sum() / (error**2).sum()) < 0.02
    of_keypoint = np.median(np.abs(error / scales[:, None]), axis=(1, 3))
    spread = np.median(of_keypoint, axis=1) / stats.norm.ppf(0.75)
    assert stats.kstest(spread, stats.loguniform(*RANGES.jitter).cdf).statistic < 0.1
    relative = of_keypoint / np.median(of_keypoint, axis=1, keepdims=True)
    np.testing.assert_allclose(np.median(relative, axis=0), 1, atol=0.08)
    assert 0.005 < np.mean(relative > 2.5) < 0.05  # bursts through most of a window


def test_noise_is_nearly_normal():
    drawn = np.asarray(detection.noise(KEY, (400, 500)), np.float64)
    np.testing.assert_allclose([drawn.mean(), drawn.std(), stats.kurtosis(drawn.ravel())], [0, 1, -0.3], atol=0.02)
    assert stats.kstest(drawn.ravel(), "norm").statistic < 0.01
    assert abs(np.corrcoef(drawn[:, 1:].ravel(), drawn[:, :-1].ravel())[0, 1]) < 0.01


@pytest.mark.parametrize("share", [0.01, 0.2, 1.0])
def test_rate_of_starts_gives_the_share(share):
    random, frames = np.random.default_rng(0), 200_000
    wrong, left = np.zeros(frames, bool), 0
    rate = outliers.start_rate(share, outliers.LENGTHS)
    starts, lengths = random.uniform(size=frames) < rate, random.choice(outliers.LENGTHS, frames)
    for frame in range(frames):
        left = lengths[frame] if starts[frame] else left - 1
        wrong[frame] = left > 0
    np.testing.assert_allclose(wrong.mean(), share, rtol=0.1)


def test_outliers_have_their_share_their_runs_and_their_places():
    error = errors("outliers")
    wrong = (error != 0).any(axis=-1)
    np.testing.assert_allclose(wrong.mean(), RANGES.outliers, rtol=0.05)
    np.testing.assert_allclose(wrong.mean(axis=(0, 2)), RANGES.outliers, rtol=0.25)  # from the first frame on
    places, exact = np.float64(result("outliers")[..., :2]), np.float64(PEOPLE.keypoints[..., :2])
    b, n, k = np.nonzero(wrong)
    at_a_joint = (np.abs(places[b, n, k, None] - exact[b, n]).max(axis=-1) == 0).any(axis=-1)
    assert abs(at_a_joint.mean() - outliers.AT_A_JOINT) < 0.05
    step = error[b, n, k][~at_a_joint].ravel()
    assert stats.kstest(step, stats.uniform(-1, 2).cdf).statistic < 0.04
    padded = np.pad(wrong, [(0, 0), (1, 1), (0, 0)]).swapaxes(1, 2).reshape(-1).astype(int)
    lengths = np.nonzero(np.diff(padded) == -1)[0] - np.nonzero(np.diff(padded) == 1)[0]
    assert 0.4 < np.mean(lengths == 1) < 0.6
    assert 0.06 < np.mean(lengths >= 5) < 0.2


def test_exchanges_are_of_groups_and_runs():
    new, old = result("exchange"), PEOPLE.keypoints
    swapped = (new != old).any(axis=-1)
    np.testing.assert_array_equal(new, np.where(swapped[..., None], old[:, :, H36M_17.mirrored], old))
    chosen = swapped.any(axis=(1, 2))
    assert binomial_agrees(chosen.sum(), BATCH, RANGES.exchange)
    groups, shares = pairs_exchanged(H36M_17)
    np.testing.assert_allclose(shares.sum(), 1, rtol=1e-6)
    found = np.zeros(len(groups))
    for window in swapped[chosen]:
        frames = np.nonzero(window.any(axis=1))[0]
        assert (np.diff(frames) == 1).all()
        assert (window[frames] == window[frames[0]]).all()
        found += (groups == window[frames[0]]).all(axis=1)
    assert found.sum() == chosen.sum()
    assert stats.chisquare(found, np.float64(shares) / np.float64(shares).sum() * found.sum()).pvalue > 1e-3
    everywhere = swapped.any(axis=2).all(axis=1)[chosen].mean()
    assert 0.2 < everywhere < 0.5


def test_confidences_fall_with_the_error_and_have_their_own_scale():
    noisy = PEOPLE.replace(keypoints=result("jitter"))
    exact, new = np.float64(PEOPLE.keypoints), apply("confidence", noisy)
    np.testing.assert_array_equal(new[..., :2], noisy.keypoints[..., :2])
    value, distance = new[..., 2], np.linalg.norm((noisy.keypoints - exact)[..., :2], axis=-1) / sizes()[:, None, None]
    assert value.min() > 0
    assert value.max() <= 1
    silent = (value == 1).all(axis=(1, 2))
    assert binomial_agrees(silent.sum(), BATCH, 0.1)
    bins = np.quantile(distance[~silent], np.linspace(0, 1, 9))
    which = np.clip(np.searchsorted(bins, distance) - 1, 0, 7)
    means = [value[~silent][which[~silent] == index].mean() for index in range(8)]
    assert (np.diff(means) < 0).all()
    assert means[0] - means[-1] > 0.15
    moderate = np.nonzero(~silent & (np.median(distance, axis=(1, 2)) > 0.01))[0]
    order = [stats.spearmanr(distance[row].ravel(), value[row].ravel()).statistic for row in moderate]
    assert np.mean(np.asarray(order) < 0) > 0.9
    assert np.std(np.mean(value[~silent], axis=(1, 2))) > 0.1


def test_half_of_the_detectors_are_sure_of_exchanged_keypoints():
    """Both sides exchanged, nothing else wrong: about as sure as of exact ones in half of the windows."""
    exchanged = PEOPLE.replace(keypoints=PEOPLE.keypoints[:, :, H36M_17.mirrored])
    value = np.median(apply("confidence", exchanged)[..., 2], axis=(1, 2)) / np.median(
        result("confidence")[..., 2], axis=(1, 2)
    )
    assert binomial_agrees((value > 0.9).sum(), BATCH, 0.55)


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


@pytest.mark.parametrize("layout", [COCO_17, H36M_17])
def test_groups_of_the_body_are_mirror_images_of_groups(layout):
    for groups, shares in (groups_hidden(layout), pairs_exchanged(layout)):
        table = {tuple(group): share for group, share in zip(groups.tolist(), shares.tolist(), strict=True)}
        np.testing.assert_allclose(sum(shares), 1, rtol=1e-6)
        for group, share in zip(groups, shares, strict=True):
            assert group.any()
            np.testing.assert_allclose(table[tuple(group[list(layout.mirrored)].tolist())], share)


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


def test_the_size_of_a_person_is_of_the_image():
    size = np.asarray(detection.person_size(jnp.asarray(PEOPLE.keypoints)))
    np.testing.assert_allclose(size, sizes(), rtol=1e-5)
    np.testing.assert_allclose(detection.person_size(jnp.asarray(PEOPLE.keypoints[:3] * 2)), 2 * size[:3], rtol=1e-5)
