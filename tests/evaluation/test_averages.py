"""The averages over frames, tracks and actions, against loops in float64."""

import numpy as np
import pytest
from helpers import oracles
from helpers.samples import make_track

from jaxpose.data.windows import pack
from jaxpose.evaluation import track_sums
from jaxpose.evaluation.averages import average_by_group, mean_of_finite, score
from jaxpose.evaluation.metric_records import PUBLISHED_KEYS
from jaxpose.evaluation.protocol import Protocol

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture(autouse=True, scope="module")
def small_chunks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(track_sums, "CHUNK", 32)
        yield


def poses(tracks):
    return np.asarray(pack(tracks).poses)


def test_averages_are_those_of_the_released_evaluation():
    names = (("Walking", 20), ("Walking 1", 7), ("Sitting", 33), ("SittingDown", 9))
    tracks = [make_track(frames=frames, seed=frames, action=action) for action, frames in names]
    targets = poses(tracks).astype(np.float64)
    predictions = targets + np.random.default_rng(0).normal(size=targets.shape) * 0.05
    scores = score(predictions.astype(np.float32), targets.astype(np.float32), tracks)

    def one_track(span, metric):
        p, t = predictions[span], targets[span]
        if metric in ("mpjve", "mpjae"):
            return oracles.time_derivative_error(p, t, 1 if metric == "mpjve" else 2)
        return np.mean([getattr(oracles, metric)(a, b) for a, b in zip(p, t, strict=True)])

    spans = {"Walking": [slice(0, 20), slice(20, 27)], "Sitting": [slice(27, 60)], "SittingDown": [slice(60, 69)]}
    assert list(scores["actions"]) == list(spans)
    for metric in PUBLISHED_KEYS:
        by_action = []
        for action, of_action in spans.items():
            lengths = [span.stop - span.start for span in of_action]
            expected = 1000 * np.average([one_track(span, metric) for span in of_action], weights=lengths)
            assert scores["actions"][action][metric] == pytest.approx(expected, rel=1e-4)
            by_action.append(expected)
        assert scores["average"][metric] == pytest.approx(np.mean(by_action), rel=1e-4)


def test_a_seam_between_tracks_is_not_motion():
    tracks = [make_track(frames=10, seed=1), make_track(frames=10, seed=2)]
    targets = np.repeat(np.float32([0, 1]), 10)[:, None, None] * np.ones((17, 3), np.float32)
    average = score(np.zeros_like(targets), targets, tracks)["average"]
    assert average["mpjve"] == average["mpjae"] == 0
    assert average["mpjpe"] == pytest.approx(500 * np.sqrt(3))


def test_tracks_too_short_for_a_derivative_do_not_count_towards_it():
    tracks = [make_track(frames=1), make_track(frames=2, action="Sitting"), make_track(frames=5)]
    targets = poses(tracks)
    scores = score(targets * np.float32(1.1), targets, tracks)
    only_long = score(targets[3:] * np.float32(1.1), targets[3:], tracks[2:])
    assert scores["actions"]["Walking"]["mpjve"] == pytest.approx(only_long["average"]["mpjve"])
    assert np.isfinite(scores["actions"]["Sitting"]["mpjve"])
    assert np.isnan(scores["actions"]["Sitting"]["mpjae"])
    assert scores["average"]["mpjae"] == scores["actions"]["Walking"]["mpjae"]


def test_scores_have_the_number_of_frames_and_their_rate():
    tracks = [make_track(frames=4), make_track(frames=3)]
    targets = poses(tracks)
    scores = score(targets, targets, tracks)
    assert (scores["frames"], scores["fps"]) == (7, 50)
    assert np.isnan(score(targets, targets, [tracks[0], tracks[1]._replace(fps=25.0)])["fps"])


def test_s11_directions_is_scored_if_the_protocol_includes_it():
    tracks = [make_track(frames=4), make_track(frames=3, subject="S11", action="Directions")]
    targets = poses(tracks)
    scores = score(targets * np.float32(1.1), targets, tracks)
    assert (list(scores["actions"]), scores["frames"]) == (["Walking"], 4)
    scores = score(targets * np.float32(1.1), targets, tracks, protocol=Protocol(s11_directions="all"))
    assert (list(scores["actions"]), scores["frames"]) == (["Walking", "Directions"], 7)


def test_one_frame_alone_can_be_scored():
    track = make_track(frames=1)
    targets = poses([track])
    average = score(targets, targets, [track])["average"]
    assert average["mpjpe"] == 0
    assert np.isnan(average["mpjve"])


def test_the_protocol_in_words_is_that_of_the_subjects():
    tracks = [make_track(frames=4, subject=subject) for subject in ("S9", "S11")]
    targets = poses(tracks)
    assert "S11/Directions is excluded; S9/Greeting" in score(targets, targets, tracks)["protocol"]
    assert "S11/" not in score(targets[:4], targets[:4], tracks[:1])["protocol"]
    others = [track._replace(camera="left") for track in tracks]
    assert "S9/" not in score(targets, targets, others)["protocol"]


def test_values_that_are_not_finite_have_no_weight():
    values, weights, groups = np.array([1, np.nan, 3, np.inf]), np.array([1.0, 5, 3, 7]), np.array([0, 0, 0, 1])
    np.testing.assert_array_equal(average_by_group(values, weights, groups), [2.5, np.nan])
    np.testing.assert_array_equal(average_by_group(values, np.stack([weights, 0 * weights]), groups)[1], [np.nan] * 2)
    np.testing.assert_array_equal(mean_of_finite(np.array([[1, np.nan], [np.nan, np.nan]]), axis=-1), [1, np.nan])
