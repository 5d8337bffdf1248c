"""Runs of whole frames, against a count frame by frame."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data_prep.formats.whole_frames import chunks


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_chunks_are_the_whole_runs(valid):
    expected, number, at = [], 0, 0
    for whole, run in itertools.groupby(valid):
        length = len(list(run))
        if whole:
            expected.append((number, slice(at, at + length)))
        number, at = number + 1, at + length
    assert list(chunks(np.array(valid))) == expected


def test_no_frames_have_no_runs():
    assert list(chunks(np.zeros(0, bool))) == []
