"""Gaps against loops over frames, and against what was removed from real detections."""

import numpy as np
import pytest
from helpers.real_detections import caliscope, cmu, needs_cmu, needs_detections, sports2d
from helpers.walking import walk
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxpose.keypoints import gaps

SEEN = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9))


@given(SEEN)
def test_straight_lines_across_gaps(seen):
    """Values that lie on a line in time come back wherever there are two to know it from; seen ones always."""
    frames, keypoints = seen.shape
    line = np.arange(frames)[:, None, None] * np.array([1.0, -2.0]) + np.arange(keypoints)[:, None]
    filled = gaps.interpolate_missing(np.where(seen[..., None], line, np.nan), seen)
    for k in range(keypoints):
        if not seen[:, k].any():
            assert np.isnan(filled[:, k]).all()
            continue
        first, last = np.flatnonzero(seen[:, k])[[0, -1]]
        np.testing.assert_allclose(filled[first : last + 1, k], line[first : last + 1, k], atol=1e-12)
        np.testing.assert_array_equal(filled[:first, k], np.repeat(line[first : first + 1, k], first, axis=0))
        np.testing.assert_array_equal(
            filled[last + 1 :, k], np.repeat(line[last : last + 1, k], frames - last - 1, axis=0)
        )


def test_what_was_seen_is_not_touched_and_the_input_neither():
    values = np.random.default_rng(0).normal(size=(6, 2, 3)).astype(np.float32)
    before, seen = values.copy(), np.ones((6, 2), bool)
    filled = gaps.interpolate_missing(values, seen)
    filled[0] = 7
    np.testing.assert_array_equal(values, before)
    assert filled.dtype == np.float32


@given(SEEN)
def test_the_longest_gap_is_counted(seen):
    for k, found in enumerate(gaps.longest_gap(seen)):
        runs = "".join("x" if s else "." for s in seen[:, k]).split("x")
        assert found == max(map(len, runs))


def test_no_frames_have_no_gap():
    np.testing.assert_array_equal(gaps.longest_gap(np.ones((0, 3), bool)), [0, 0, 0])


@given(st.integers(1, 5))
def test_one_sight_is_held(where):
    seen = np.zeros((6, 1), bool)
    seen[where] = True
    values = np.full((6, 1, 2), np.nan)
    values[where] = [3, 4]
    np.testing.assert_array_equal(gaps.interpolate_missing(values, seen), np.tile([3.0, 4.0], (6, 1, 1)))


def carried_by_loops(values, seen, size):
    """`fill_gaps` for frames in which something is seen, one keypoint at a time."""
    filled = np.full(values.shape, np.nan)
    frames, keypoints = seen.shape
    for t, k in np.ndindex(frames, keypoints):
        if seen[t, k]:
            filled[t, k] = values[t, k]
            continue
        known = np.flatnonzero(seen[:, k])
        sources = [s for s in (*known[known < t][-1:], *known[known > t][:1]) if (seen[s] & seen[t]).any()]
        places = []
        for s in sources:
            common = np.flatnonzero(seen[s] & seen[t])
            weights = [1 / (((values[s, j] - values[s, k]) ** 2).sum() + (0.05 * size) ** 2) for j in common]
            then, now = (np.average(values[at, common], axis=0, weights=weights) for at in (s, t))
            spreads = [((values[at, common] - values[at, common].mean(axis=0)) ** 2).sum() for at in (s, t)]
            scale = ((spreads[1] + 0.1 * size**2) / (spreads[0] + 0.1 * size**2)) ** 0.5
            places.append(now + scale * (values[s, k] - then))
        if len(places) == 2:
            share = (t - sources[0]) / (sources[1] - sources[0])
            filled[t, k] = (1 - share) * places[0] + share * places[1]
        elif places:
            filled[t, k] = places[0]
    return filled


@given(SEEN, st.integers(0, 99))
def test_gaps_are_filled_as_loops_fill_them(seen, seed):
    values = np.random.default_rng(seed).uniform(0, 500, (*seen.shape, 2))
    filled = gaps.fill_gaps(np.where(seen[..., None], values, np.nan), seen)
    expected = carried_by_loops(values, seen, gaps.person_size(values, seen))
    known = np.isfinite(expected).all(axis=-1)
    np.testing.assert_allclose(filled[known], expected[known], rtol=1e-9)
    lines = gaps.interpolate_missing(np.where(known[..., None], expected, np.nan), known)
    np.testing.assert_allclose(filled[~known], lines[~known], rtol=1e-9)


@given(SEEN, st.integers(0, 99))
def test_a_body_that_glides_anywhere_is_filled_exactly(seen, seed):
    random = np.random.default_rng(seed)
    seen[:, 0] = True
    body = random.uniform(0, 100, (1, seen.shape[1], 2)) + random.uniform(0, 1000, (len(seen), 1, 2))
    filled = gaps.fill_gaps(np.where(seen[..., None], body, np.nan), seen)
    known = seen.any(axis=0)
    np.testing.assert_allclose(filled[:, known], body[:, known], atol=1e-6)
    assert np.isnan(filled[:, ~known]).all()


@given(SEEN, st.floats(0.01, 100), st.floats(-1e4, 1e4), st.booleans(), st.integers(0, 99))
def test_the_place_the_scale_the_mirror_image_and_the_direction_of_time_do_not_matter(seen, scale, x, mirrored, seed):
    values = np.random.default_rng(seed).uniform(0, 500, (*seen.shape, 2))
    factor = scale * np.array([-1 if mirrored else 1, 1])
    moved = gaps.fill_gaps((values * factor + x)[::-1], seen[::-1])[::-1]
    np.testing.assert_allclose(
        moved, gaps.fill_gaps(values, seen) * factor + x, rtol=1e-6, atol=1e-6 * scale + 1e-9 * abs(x)
    )


def test_a_body_that_comes_nearer_takes_its_hidden_joints_along():
    """At twice the size, a joint is filled nearer to where it is than if its offset had kept its size."""
    scale = np.linspace(1, 2, 60)[:, None, None]
    body = scale * walk(1)[0]
    seen = np.ones(body.shape[:2], bool)
    seen[1:, :5] = False  # the face
    filled = gaps.fill_gaps(body, seen)
    offset = body[0, :5] - body[0, 5:7].mean(axis=0)
    kept = body[:, 5:7].mean(axis=1, keepdims=True) + offset
    assert np.abs(filled - body)[-1, :5].max() < 0.5 * np.abs(kept[-1] - body[-1, :5]).max()


def test_frames_without_anybody_are_bridged_by_lines():
    body, seen = walk(40), np.ones((40, 17), bool)
    seen[10:15] = False
    filled = gaps.fill_gaps(body, seen)
    np.testing.assert_allclose(filled, gaps.interpolate_missing(body, seen))


def removed(track, lengths, share, seed=0):
    """What is left (T, K) of a track after random runs of frames of every keypoint are removed."""
    random, seen = np.random.default_rng(seed), np.isfinite(track).all(axis=-1)
    for keypoint in range(seen.shape[1]):
        frame = random.integers(0, 30)
        while frame < len(seen):
            length = random.choice(lengths)
            seen[frame : frame + length, keypoint] = False
            frame += length + int(random.exponential(np.mean(lengths) / share))
    return seen


def mean_errors(tracks, lengths, share=0.15):
    """The mean errors of what was removed, of `fill_gaps` and of lines, relative to the person's size."""
    errors = []
    for track in tracks:
        seen = removed(track, lengths, share)
        hidden = np.isfinite(track).all(axis=-1) & ~seen & seen.any(axis=0)
        size = gaps.person_size(track, np.isfinite(track).all(axis=-1))
        errors.append(
            [
                np.linalg.norm(fill(track, seen)[hidden] - track[hidden], axis=-1).sum() / size
                for fill in (gaps.fill_gaps, gaps.interpolate_missing)
            ]
            + [hidden.sum()]
        )
    relative, straight, count = np.sum(errors, axis=0)
    return relative / count, straight / count


@needs_detections
@pytest.mark.parametrize("lengths", [(1, 2, 3), (5, 10), (30, 60)], ids=str)
@pytest.mark.parametrize("file", ["sports2d", "caliscope"])
def test_what_is_removed_from_real_detections_is_filled_better_than_by_lines(file, lengths):
    tracks = [sports2d()[..., :2]] if file == "sports2d" else [track[..., :2] for track in caliscope()]
    relative, straight = mean_errors(tracks, lengths)
    assert relative < (0.7 if file == "sports2d" else 0.95) * straight


@needs_cmu
def test_what_is_removed_from_motion_capture_is_filled_better_than_by_lines_if_the_gap_is_long():
    """In short gaps, the noise of other keypoints, which is independent here, adds less than 20 %."""
    tracks = list(cmu("S9").values())
    long, long_straight = mean_errors(tracks, (30, 60))
    short, short_straight = mean_errors(tracks, (1, 2, 3))
    assert long < 0.7 * long_straight
    assert short < 1.25 * short_straight
