"""Whole tracks against one pass over each, and the averages against loops in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import oracles
from helpers.samples import DESCRIPTION, make_track
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.data.windows import PackedTracks, pack
from jaxpose.evaluation import averages, predict_tracks
from jaxpose.evaluation.protocol import Protocol
from jaxpose.evaluation.track_errors import METRICS
from jaxpose.kinematics import mirror
from jaxpose.models.temporal import TemporalModel
from jaxpose.runtime.devices import data_mesh
from jaxpose.skeleton import H36M_17

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture(scope="module")
def model():
    return TemporalModel(17, (3, 3), 8)


@pytest.fixture(scope="module")
def variables(model):
    return model.init(jax.random.key(0), jnp.zeros((1, 9, 17, 2)))


@pytest.mark.parametrize("windows", [{4: 3}, {16: 1, 4: 2}, {64: 2}])
def test_lifting_is_one_pass_over_each_padded_track(model, variables, windows, monkeypatch):
    monkeypatch.setattr(predict_tracks, "WINDOWS", windows)
    tracks = [make_track(frames=frames, seed=frames) for frames in (20, 1, 7, 33)]
    data = pack(tracks)
    lifted = predict_tracks.predict_tracks(model, variables, data, DESCRIPTION, data_mesh())
    start = 0
    for track in tracks:
        own = slice(start, start := start + len(track.keypoints_2d))
        keypoints = np.pad(np.asarray(data.keypoints[own]), ((4, 4), (0, 0), (0, 0)), mode="edge")
        direct = model.apply(variables, keypoints[None])[0]
        mirrored = model.apply(variables, mirror(keypoints, H36M_17)[None])[0]
        np.testing.assert_allclose(lifted[own], (direct + mirror(mirrored, H36M_17)) / 2, atol=1e-5)


def test_without_the_mirror_it_is_one_prediction(model, variables):
    track = make_track(frames=20)
    data = pack([track])
    lifted = predict_tracks.predict_tracks(model, variables, data, DESCRIPTION, data_mesh(), mirrored=False)
    padded = np.pad(np.asarray(data.keypoints), ((4, 4), (0, 0), (0, 0)), mode="edge")
    np.testing.assert_allclose(lifted, model.apply(variables, padded[None])[0], atol=1e-5)


def test_few_programs_lift_tracks_of_any_length(model, variables):
    """A program for each length of window, however many tracks there are and however long they are."""
    small = TemporalModel(17, (3,), 2)
    weights = small.init(jax.random.key(0), jnp.zeros((1, 3, 17, 2)))
    before = predict_tracks._predict_windows._cache_size()
    for lengths in ((1,), (33, 2), (31, 300, 4500), (2047,), (2049, 700, 1, 5000)):
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
    for frames, starts in predict_tracks._batches(np.asarray(lengths), devices):
        assert 0 < len(starts) <= predict_tracks.WINDOWS[frames] * devices
        for start in starts:
            seen[start : min(start + frames, ends[np.searchsorted(ends, start, side="right")])] += 1
            computed += frames
    assert (seen == 1).all()
    assert computed <= 2 * ends[-1] + 32 * len(lengths)  # nothing is padded to more than twice its length, but by 32


def test_mirrored_averaging_is_equivariant(model, variables):
    track = make_track(frames=20)
    data = pack([track])
    flipped = data._replace(keypoints=mirror(data.keypoints, H36M_17))
    lifted, lifted_flipped = (
        predict_tracks.predict_tracks(model, variables, d, DESCRIPTION, data_mesh()) for d in (data, flipped)
    )
    np.testing.assert_allclose(mirror(jnp.asarray(lifted), H36M_17), lifted_flipped, atol=1e-5)


def test_averages_are_those_of_the_released_evaluation():
    names = (("Walking", 20), ("Walking 1", 7), ("Sitting", 33), ("SittingDown", 9))
    tracks = [make_track(frames=frames, seed=frames, action=action) for action, frames in names]
    targets = np.asarray(pack(tracks).poses, np.float64)
    predictions = targets + np.random.default_rng(0).normal(size=targets.shape) * 0.05
    scores = averages.score(jnp.asarray(predictions, jnp.float32), jnp.asarray(targets, jnp.float32), tracks)

    def one_track(own, metric):
        p, t = predictions[own], targets[own]
        if metric in ("mpjve", "mpjae"):
            return oracles.time_derivative_error(p, t, 1 if metric == "mpjve" else 2)
        return np.mean([getattr(oracles, metric)(a, b) for a, b in zip(p, t, strict=True)])

    spans = {"Walking": [slice(0, 20), slice(20, 27)], "Sitting": [slice(27, 60)], "SittingDown": [slice(60, 69)]}
    assert list(scores["actions"]) == list(spans)
    for metric in METRICS:
        by_action = []
        for action, owned in spans.items():
            lengths = [own.stop - own.start for own in owned]
            expected = 1000 * np.average([one_track(own, metric) for own in owned], weights=lengths)
            assert scores["actions"][action][metric] == pytest.approx(expected, rel=1e-4)
            by_action.append(expected)
        assert scores["average"][metric] == pytest.approx(np.mean(by_action), rel=1e-4)


def test_a_seam_between_tracks_is_not_motion():
    tracks = [make_track(frames=10, seed=1), make_track(frames=10, seed=2)]
    targets = jnp.concatenate([jnp.zeros((10, 17, 3)), jnp.ones((10, 17, 3))])
    average = averages.score(jnp.zeros_like(targets), targets, tracks)["average"]
    assert average["mpjve"] == average["mpjae"] == 0
    assert average["mpjpe"] == pytest.approx(500 * np.sqrt(3))


def test_tracks_too_short_for_a_derivative_do_not_count_towards_it():
    tracks = [make_track(frames=1), make_track(frames=2, action="Sitting"), make_track(frames=5)]
    targets = pack(tracks).poses
    scores = averages.score(targets * 1.1, targets, tracks)
    only_long = averages.score(targets[3:] * 1.1, targets[3:], tracks[2:])
    assert scores["actions"]["Walking"]["mpjve"] == pytest.approx(only_long["average"]["mpjve"])
    assert np.isfinite(scores["actions"]["Sitting"]["mpjve"])
    assert np.isnan(scores["actions"]["Sitting"]["mpjae"])
    assert scores["average"]["mpjae"] == scores["actions"]["Walking"]["mpjae"]


def test_frames_and_their_rate_are_told():
    tracks = [make_track(frames=4), make_track(frames=3)]
    targets = pack(tracks).poses
    scores = averages.score(targets, targets, tracks)
    assert (scores["frames"], scores["fps"]) == (7, 50)
    assert np.isnan(averages.score(targets, targets, [tracks[0], tracks[1]._replace(fps=25.0)])["fps"])


def test_s11_directions_counts_if_the_protocol_says_so():
    tracks = [make_track(frames=4), make_track(frames=3, subject="S11", action="Directions")]
    targets = pack(tracks).poses
    scores = averages.score(targets * 1.1, targets, tracks)
    assert (list(scores["actions"]), scores["frames"]) == (["Walking"], 4)
    scores = averages.score(targets * 1.1, targets, tracks, protocol=Protocol(s11_directions="all"))
    assert (list(scores["actions"]), scores["frames"]) == (["Walking", "Directions"], 7)


def test_one_frame_alone_can_be_scored():
    track = make_track(frames=1)
    targets = pack([track]).poses
    average = averages.score(targets, targets, [track])["average"]
    assert average["mpjpe"] == 0
    assert np.isnan(average["mpjve"])
