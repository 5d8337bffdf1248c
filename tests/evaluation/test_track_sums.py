"""Sums by track, against loops over each track alone, wherever chunks begin and end."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.evaluation import track_sums

LENGTHS = st.lists(st.integers(1, 20), min_size=1, max_size=6)


@pytest.fixture(autouse=True, scope="module")
def small_chunks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(track_sums, "CHUNK", 8)
        yield


def compute(values):
    """Values of a frame, and differences with the frames after it."""
    assert len(values) == 10
    return {"value": values[:-2], "first": values[1:-1] - values[:-2], "second": np.diff(values, 2)[:, None] * [1, 2]}


@given(LENGTHS, st.integers(0, 2**32 - 1))
def test_sums_are_those_of_each_track(lengths, seed):
    values = np.random.default_rng(seed).normal(size=sum(lengths)).astype(np.float32)
    orders = {"first": 1, "second": 2}
    sums, squares = track_sums.sum_by_track(compute, [values], np.asarray(lengths), orders=orders, squared=["value"])
    assert squares.keys() == {"value"}
    for index, track in enumerate(np.split(values, np.cumsum(lengths)[:-1])):
        track = track.astype(np.float64)
        assert sums["value"][index] == pytest.approx(track.sum())
        assert squares["value"][index] == pytest.approx((track**2).sum())
        assert sums["first"][index] == pytest.approx(np.diff(track).sum(), abs=1e-5)
        np.testing.assert_allclose(sums["second"][index], np.diff(track, 2).sum() * np.array([1, 2]), atol=1e-5)


def test_a_chunk_is_computed_while_the_one_before_is_added(monkeypatch):
    events = []

    def record(values):
        events.append("compute")
        return {"value": values[:-2]}

    add = track_sums._add_by_track
    monkeypatch.setattr(track_sums, "_add_by_track", lambda *arguments: (events.append("add"), add(*arguments)))
    track_sums.sum_by_track(record, [np.ones(30, np.float32)], np.asarray([30]))
    assert events == ["compute", "compute", "add", "compute", "add", "compute", "add", "add"]
