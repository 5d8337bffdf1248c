"""The errors of each track, against loops in float64 over each track alone; and in how many programs."""

import numpy as np
import pytest
from helpers import oracles
from helpers.samples import make_track

from jaxpose.data.windows import pack
from jaxpose.evaluation import averages, track_errors, track_sums
from jaxpose.evaluation.protocol import Protocol
from jaxpose.skeleton import H36M_17

pytestmark = pytest.mark.usefixtures("compiled_soon")
LENGTHS = (5, 1, 12, 2, 9)


@pytest.fixture(scope="module")
def tracks():
    recordings = ("Walking", "Sitting", "Walking 1", "Sitting", "Eating")
    return [make_track(frames=n, seed=n, action=a) for n, a in zip(LENGTHS, recordings, strict=True)]


@pytest.fixture(scope="module")
def motion(tracks):
    """Predictions and targets, (F, 17, 3)."""
    targets = np.asarray(pack(tracks).poses)
    noise = np.random.default_rng(0).normal(size=targets.shape).astype(np.float32)
    return targets + 0.05 * noise, targets


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch):
    monkeypatch.setattr(track_sums, "CHUNK", 8)  # tracks begin and end anywhere in them


def each(tracks, motion, every=1):
    """Predictions and targets of each track, in float64."""
    ends = np.cumsum([len(track.keypoints_2d) for track in tracks])
    parts = (np.split(np.float64(poses), ends[:-1]) for poses in motion)
    return [(p[::every], t[::every]) for p, t in zip(*parts, strict=True)]


@pytest.mark.parametrize("every", [1, 3])
def test_errors_of_each_track(tracks, motion, every):
    found = track_errors.measure_tracks(*motion, tracks, protocol=Protocol(every=every))
    assert found.frames.tolist() == [-(-n // every) for n in LENGTHS]
    assert set(found.fps.tolist()) == {50 / every}
    for index, (p, t) in enumerate(each(tracks, motion, every)):
        for metric in ("mpjpe", "p_mpjpe", "n_mpjpe"):
            expected = 1000 * np.mean([getattr(oracles, metric)(a, b) for a, b in zip(p, t, strict=True)])
            assert found.means[metric][index] == pytest.approx(expected, rel=1e-4)
        for order, metric in enumerate(("mpjpe", "mpjve", "mpjae")):
            if len(p) <= order:
                assert np.isnan(found.means[metric][index])
                continue
            by_joint = 1000 * np.sqrt((np.diff(p - t, order, axis=0) ** 2).sum(-1)).mean(0)
            np.testing.assert_allclose(found.means[f"joint_{metric}"][index], by_joint, rtol=1e-4, atol=1e-6)
            assert found.means[metric][index] == pytest.approx(by_joint.mean(), rel=1e-4)


def test_body_statistics_of_predictions_and_targets(tracks, motion):
    found = track_errors.measure_tracks(*motion, tracks, skeleton=H36M_17)
    for index, of_track in enumerate(each(tracks, motion)):
        for prefix, poses in zip(("", "ground_truth_"), of_track, strict=True):
            lengths = np.stack([np.sqrt(((poses[:, c] - poses[:, p]) ** 2).sum(-1)) for p, c in H36M_17.bones], -1)
            np.testing.assert_allclose(
                found.means[f"{prefix}bone_length_std"][index], 1000 * lengths.std(0), rtol=1e-3, atol=2e-3
            )
            gaps = [np.abs(lengths[:, a] - lengths[:, b]).mean() for a, b in H36M_17.bone_pairs]
            np.testing.assert_allclose(
                found.means[f"{prefix}symmetry_error"][index], 1000 * np.float64(gaps), rtol=1e-3, atol=1e-3
            )
            for column, angle in enumerate(H36M_17.angles):
                a, vertex, b = (poses[:, joint] for joint in angle.joints)
                u, v = a - vertex, b - vertex
                cosine = (u * v).sum(-1) / np.sqrt((u * u).sum(-1) * (v * v).sum(-1))
                degrees = np.rad2deg(np.arccos(np.clip(cosine, -1, 1)))
                low, high = angle.range_deg
                share = ((degrees < low) | (degrees > high)).mean()
                assert found.means[f"{prefix}rom_violation_rate"][index, column] == pytest.approx(share)


def test_bones_of_constant_length_have_no_deviation():
    """To a micrometre, although their lengths are float32 numbers near half a metre, whose squares have four digits."""
    pose = np.random.default_rng(1).normal(size=(1, 17, 3)).astype(np.float32)
    still = np.repeat(pose, 30, 0)
    found = track_errors.measure_tracks(still, still, [make_track(frames=30)], skeleton=H36M_17)
    assert np.max(found.means["bone_length_std"]) < 1e-3


def test_the_root_can_be_subtracted(tracks, motion):
    found = track_errors.measure_tracks(*motion, tracks, protocol=Protocol(root="subtracted"))
    expected = track_errors.measure_tracks(motion[0] - motion[0][:, :1], motion[1], tracks)
    for name, values in expected.means.items():
        np.testing.assert_allclose(found.means[name], values, rtol=1e-5)
    assert not found.means["joint_mpjpe"][:, 0].any()


def test_frames_actions_and_differences_weigh_as_they_are_told(tracks, motion):
    of_frames = track_errors.measure_tracks(*motion, tracks)
    of_differences = track_errors.measure_tracks(*motion, tracks, protocol=Protocol(derivative_weights="differences"))
    values, lengths = of_frames.means["mpjve"], np.asarray(LENGTHS)
    walking, sitting = [0, 2], [3]  # the other recording of Sitting has one frame
    for found, weights in ((of_frames, lengths), (of_differences, lengths - 1)):
        means = [np.average(values[own], weights=weights[own]) for own in (walking, sitting, [4])]
        assert averages.average(found, "mpjve", over="actions") == pytest.approx(np.mean(means))
        known = walking + sitting + [4]
        pooled = np.average(values[known], weights=weights[known])
        assert averages.average(found, "mpjve", over="frames") == pytest.approx(pooled)
    np.testing.assert_array_equal(of_differences.weights["mpjpe"], lengths)


def test_tracks_that_are_excluded_change_nothing(tracks, motion):
    with_excluded = [
        make_track(frames=12, subject="S11", action="Directions") if index == 2 else track
        for index, track in enumerate(tracks)
    ]
    keep = np.r_[0:6, 18:29]
    found = track_errors.measure_tracks(*motion, with_excluded)
    expected = track_errors.measure_tracks(*(poses[keep] for poses in motion), [*tracks[:2], *tracks[3:]])
    assert found.actions.tolist() == ["Walking", "Sitting", "Sitting", "Eating"]
    assert found.human36m.all()
    for name, values in expected.means.items():
        np.testing.assert_allclose(found.means[name], values, rtol=1e-6)


def test_some_of_the_tracks_keep_every_field(tracks, motion):
    found = track_errors.measure_tracks(*motion, tracks, skeleton=H36M_17)
    chosen = found.take(found.actions == "Sitting")
    assert chosen.cameras.tolist() == ["55011271"] * 2
    assert chosen.frames.tolist() == [1, 2]
    assert chosen.means.keys() == chosen.weights.keys() == found.means.keys()
    for name, values in found.means.items():
        np.testing.assert_array_equal(chosen.means[name], values[[1, 3]])
        np.testing.assert_array_equal(chosen.weights[name], found.weights[name][[1, 3]])


def test_frames_that_are_not_numbers_spoil_their_track_alone(tracks, motion):
    predictions = motion[0].copy()
    predictions[7] = np.nan  # of the third track
    found = track_errors.measure_tracks(predictions, motion[1], tracks).means["mpjpe"]
    assert np.isnan(found).tolist() == [False, False, True, False, False]


def test_one_program_measures_any_data(tracks, motion):
    before = track_errors._errors._cache_size()
    for lengths in ((3,), (29,), (4, 20, 5)):
        track_errors.measure_tracks(
            *(poses[: sum(lengths)] for poses in motion),
            [tracks[0]._replace(keypoints_2d=np.zeros((n, 17, 2), np.float32)) for n in lengths],
        )
    assert track_errors._errors._cache_size() - before <= 1
