"""Predictions of whole tracks, against one pass over each padded track; and in how many programs."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.samples import DESCRIPTION, make_track
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.data.windows import PackedTracks, pack
from jaxpose.evaluation import predict_tracks
from jaxpose.kinematics import mirror
from jaxpose.models.lifter import Lifter, Prediction
from jaxpose.models.temporal import TemporalModel
from jaxpose.runtime.devices import data_mesh
from jaxpose.skeleton import H36M_17

pytestmark = pytest.mark.usefixtures("compiled_soon")
LENGTHS = (20, 1, 7, 33)
MODEL = TemporalModel(17, (3, 3), 8)


@functools.cache
def variables():
    return jax.jit(MODEL.init)(jax.random.key(0), np.zeros((1, 9, 17, 2), np.float32))


@functools.cache
def packed():
    return pack([make_track(frames=frames, seed=frames) for frames in LENGTHS])


def one_pass(keypoints, mirrored=True):
    """Each track alone, its edge frames repeated, padded to one length for one program."""
    apply = jax.jit(MODEL.apply)
    flip = jax.jit(mirror, static_argnums=1)

    def lift(keypoints):
        padded = np.pad(keypoints, ((4, 4), (0, 0), (0, 0)), mode="edge")
        padded = np.pad(padded, ((0, 48 - len(padded)), (0, 0), (0, 0)))
        return np.asarray(apply(variables(), padded[None]).poses[0])[: len(keypoints)]

    def flipped(positions, skeleton):
        padded = np.pad(positions, ((0, 48 - len(positions)), (0, 0), (0, 0)))
        return np.asarray(flip(padded, skeleton))[: len(positions)]

    poses = []
    for track in np.split(np.asarray(keypoints), np.cumsum(LENGTHS)[:-1]):
        direct = lift(track)
        if mirrored:
            direct = (direct + flipped(lift(flipped(track, H36M_17)), H36M_17)) / 2
        poses.append(direct)
    return np.concatenate(poses)


def predict(data, **options):
    return predict_tracks.predict_tracks(MODEL, variables(), data, DESCRIPTION, data_mesh(), **options)


@pytest.mark.parametrize("windows", [{4: 3}, {16: 1, 4: 2}, {64: 2}])
def test_windows_give_what_one_pass_over_each_padded_track_gives(windows, monkeypatch):
    monkeypatch.setattr(predict_tracks, "WINDOWS", windows)
    np.testing.assert_allclose(predict(packed()), one_pass(packed().keypoints), atol=1e-5)


def test_without_the_mirror_it_is_one_prediction():
    expected = one_pass(packed().keypoints, mirrored=False)
    np.testing.assert_allclose(predict(packed(), mirrored=False), expected, atol=1e-5)


def test_mirrored_averaging_is_equivariant():
    flip = jax.jit(mirror, static_argnums=1)
    mirrored = packed()._replace(keypoints=np.asarray(flip(packed().keypoints, H36M_17)))
    np.testing.assert_allclose(flip(predict(packed()), H36M_17), predict(mirrored), atol=1e-5)


def test_few_programs_lift_tracks_of_any_length():
    """One for each length of window, however many tracks there are and however long they are."""
    small = TemporalModel(17, (3,), 2)
    weights = jax.jit(small.init)(jax.random.key(0), np.zeros((1, 3, 17, 2), np.float32))
    before = predict_tracks._predict_windows._cache_size()
    for lengths in ((1,), (33, 2), (31, 300, 4500), (2047,), (2049, 700, 100, 1, 5000)):
        frames = sum(lengths)
        ends = np.cumsum(lengths, dtype=np.int32)
        keypoints = np.random.default_rng(0).normal(size=(frames, 17, 2)).astype(np.float32)
        track = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
        first = ends - np.asarray(lengths, np.int32)
        data = PackedTracks(keypoints, np.zeros((frames, 17, 3), np.float32), track, first, ends - 1)
        lifted = predict_tracks.predict_tracks(small, weights, data, DESCRIPTION, data_mesh())
        assert np.isfinite(lifted).all()
    assert predict_tracks._predict_windows._cache_size() - before == len(predict_tracks.WINDOWS)


@given(st.lists(st.integers(1, 6000), min_size=1, max_size=5), st.integers(1, 3))
def test_windows_cover_every_frame_once(lengths, devices):
    ends = np.cumsum(lengths)
    seen, computed = np.zeros(ends[-1], int), 0
    for frames, at_once, tiles in predict_tracks.window_batches(np.asarray(lengths), devices):
        assert 0 < len(tiles.start) <= at_once == predict_tracks.WINDOWS[frames] * devices
        for start, begin, end in zip(*tiles, strict=True):
            assert begin == start
            assert end == min(start + frames, ends[np.searchsorted(ends, start, side="right")])
            seen[begin:end] += 1
            computed += frames
    assert (seen == 1).all()
    assert computed <= 2 * ends[-1] + 32 * len(lengths)  # nothing is padded to more than twice its length, but by 32


def nearest_windows(length, frames):
    """For each frame of a track, the first frame of the window whose middle is nearest; the earlier one of two."""
    starts = [0]
    while starts[-1] + frames < length:
        starts.append(min(starts[-1] + max(frames // 2, 1), length - frames))
    return [min(starts, key=lambda start: abs(start + (frames - 1) / 2 - frame)) for frame in range(length)]


@given(st.lists(st.integers(1, 300), min_size=1, max_size=5), st.integers(1, 90), st.integers(1, 3))
def test_every_frame_is_kept_once_from_the_window_whose_middle_is_nearest(lengths, frames, devices):
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)  # of each frame's track
    expected = first + np.concatenate([nearest_windows(length, frames) for length in lengths])
    found = np.full(sum(lengths), -1)
    for output, at_once, tiles in predict_tracks.tile(np.asarray(lengths), frames, devices):
        assert output == frames
        assert 0 < len(tiles.start) <= at_once == max(predict_tracks.FRAMES_AT_ONCE // frames, 1) * devices
        for start, begin, end in zip(*tiles, strict=True):
            assert start <= begin < end <= start + frames
            assert (found[begin:end] == -1).all()
            found[begin:end] = start
    np.testing.assert_array_equal(found, expected)


class Clip(Lifter):
    """A network of six frames whose poses depend on the frame, on its place in the window, and on all of the input."""

    @property
    def context(self):
        return 2, 1

    @property
    def frames(self):
        return 6

    def __call__(self, keypoints, *, train=False, progress=None):
        return Prediction(clip_poses(jnp, keypoints))


def clip_poses(numpy, keypoints):
    """(..., 2 + 6 + 1, 17, 2) keypoints to (..., 6, 17, 3); in NumPy or JAX."""
    middle = keypoints[..., 2:8, :, :]
    place = numpy.arange(6, dtype=numpy.float32)[:, None]
    total = keypoints.sum((-3, -2, -1))[..., None, None] / 100
    return numpy.stack([middle[..., 0] + place, middle[..., 1] ** 2 * place, middle[..., 0] * total], axis=-1)


def flipped(values):
    """Left and right exchanged, x negated."""
    return values[..., H36M_17.mirrored, :] * np.float32([-1, 1, 1])[: values.shape[-1]]


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_network_of_a_fixed_number_of_frames_is_given_overlapping_windows(mirrored, monkeypatch):
    monkeypatch.setattr(predict_tracks, "FRAMES_AT_ONCE", 24)  # four windows: more than one batch, the last not full
    expected = []
    for track in np.split(np.asarray(packed().keypoints), np.cumsum(LENGTHS)[:-1]):
        for frame, start in enumerate(nearest_windows(len(track), 6)):
            window = track[np.clip(np.arange(start - 2, start + 7), 0, len(track) - 1)]
            poses = clip_poses(np, window)
            if mirrored:
                poses = (poses + flipped(clip_poses(np, flipped(window)))) / 2
            expected.append(poses[frame - start])
    found = predict_tracks.predict_tracks(Clip(), {}, packed(), DESCRIPTION, data_mesh(), mirrored=mirrored)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("frames", "windows", "shortest"),
    [(1, 0, 1), (15, 0, 1), (16, 1, 1), (32, 1, 1), (47, 1, 2), (48, 2, 2), (64, 2, 2), (80, 3, 3)],
)
def test_a_window_that_is_half_full_is_worth_it(frames, windows, shortest):
    left = np.asarray([frames])
    assert predict_tracks.count_windows(left, 32, is_shortest=False).tolist() == [windows]
    assert predict_tracks.count_windows(left, 32, is_shortest=True).tolist() == [shortest]
