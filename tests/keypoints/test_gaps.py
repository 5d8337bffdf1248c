"""Gaps against NumPy's loop over frames."""

import numpy as np
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
