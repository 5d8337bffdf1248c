"""Position against motion: the noise of the made keypoints, what filters do, the rows, and the whole command."""

import importlib
import json
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.samples import DESCRIPTION, make_track

from jaxpose.data.load import load
from jaxpose.data.smoothing import SMOOTHERS, Smoothing, smooth_tracks
from jaxpose.data.synthetic.detector_noise import jitter_spread
from jaxpose.models.configs import TemporalConfig
from jaxpose.skeleton import H36M_17

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture(scope="module")
def script():
    modules = [
        importlib.import_module(f"experiments.frontier.{name}") for name in ("detectors", "measured", "__main__")
    ]
    return SimpleNamespace(**{name: value for module in modules for name, value in vars(module).items()})


def keypoints(script, track, detector, fps=None, seed=0):
    return script.see([track], DESCRIPTION, script.Condition(detector, fps), seed)[0].keypoints_2d


@pytest.mark.parametrize("correlation", [0, 0.8, 0.95])
def test_noise_has_the_spread_and_the_correlation_asked_for(script, correlation):
    noise = script.correlated_noise(np.random.default_rng(0), 20_000, H36M_17, correlation)
    np.testing.assert_allclose(noise.std(axis=(0, 2)), jitter_spread(H36M_17), rtol=0.08)
    per_joint = noise / jitter_spread(H36M_17)[:, None]
    for lag in (1, 3):
        found = np.corrcoef(per_joint[lag:].ravel(), per_joint[:-lag].ravel())[0, 1]
        assert found == pytest.approx(correlation**lag, abs=0.02)
    x, y = per_joint.transpose(2, 0, 1).reshape(2, -1)
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.03


def test_the_first_frame_is_as_noisy_as_the_rest(script):
    draws = [script.correlated_noise(np.random.default_rng(seed), 3, H36M_17, 0.95) for seed in range(300)]
    spread = np.std(draws, axis=(0, 3)) / jitter_spread(H36M_17)  # (3, J)
    np.testing.assert_allclose(spread.mean(axis=1), 1, atol=0.04)


@pytest.mark.parametrize("fps", [25, 100])
def test_noise_lasts_as_long_at_any_frame_rate(script, fps):
    track = make_track(frames=1500)
    seen = script.see([track], DESCRIPTION, script.Condition("0.8", fps), 0)[0]
    assert seen.fps == fps
    assert len(seen.keypoints_2d) == len(seen.positions_3d) == (len(track.positions_3d) - 1) * fps // 50 + 1
    noise = (seen.keypoints_2d - script.projected(seen.positions_3d, track)) / jitter_spread(H36M_17)[:, None]
    assert np.corrcoef(noise[1:].ravel(), noise[:-1].ravel())[0, 1] == pytest.approx(0.8 ** (50 / fps), abs=0.03)


def test_without_noise_keypoints_are_those_of_the_camera(script):
    track = make_track()
    np.testing.assert_allclose(script.projected(track.positions_3d, track), track.keypoints_2d, atol=1e-3)


def test_draws_depend_on_the_name_and_the_seed_alone(script):
    track, other = make_track(), make_track(action="Eating")
    drawn = keypoints(script, track, "bursts")
    both = script.see([other, track], DESCRIPTION, script.Condition("bursts"), 0)
    np.testing.assert_array_equal(both[1].keypoints_2d, drawn)
    assert np.abs(both[0].keypoints_2d - drawn).max() > 1
    assert np.abs(keypoints(script, track, "bursts", seed=1) - drawn).max() > 1
    assert drawn.dtype == np.float32


def test_bursts_displace_limbs_and_exchange_sides(script):
    frames, limbs = 20_000, [H36M_17.index(f"left_{name}") for name in ("hip", "knee", "ankle")]
    places = np.tile(1000.0 * np.arange(17)[:, None], (frames, 1, 2))
    moved = script.with_bursts(np.random.default_rng(0), places, H36M_17, 50.0) - places
    exchanged, off = np.abs(moved).max(axis=-1) > 900, np.abs(moved).max(axis=-1) > 0
    trunk = [H36M_17.index(name) for name in ("pelvis", "spine", "left_shoulder", "right_shoulder")]
    assert not off[:, trunk].any()
    for joint in limbs:
        assert exchanged[:, joint].mean() == pytest.approx(0.02, abs=0.01)
        assert (off & ~exchanged)[:, joint].mean() == pytest.approx(0.02, abs=0.01)
    alone = (off & ~exchanged)[:, limbs[0]]
    together = moved[alone][:, limbs]
    np.testing.assert_allclose(together, np.broadcast_to(together[:, :1], together.shape), atol=1e-6)
    assert together[:, 0].std() == pytest.approx(60, rel=0.25)


def test_runs_hold_the_share_and_last_as_long_as_asked(script):
    run = script.drawn_runs(np.random.default_rng(0), 200_000, 0.1, (0.1, 0.2), 50.0)
    assert (run >= 0).mean() == pytest.approx(0.1, abs=0.01)
    assert {*np.bincount(run[run >= 0])[1:-1]} <= set(range(11))
    assert np.bincount(run[run >= 0]).max() == 10


def test_only_causal_filters_count_for_causal_runs(script):
    all_of_them = [Smoothing(SMOOTHERS[name], 2.0) for name in SMOOTHERS]

    def lifter(causal):
        return SimpleNamespace(config=SimpleNamespace(model=TemporalConfig(causal=causal)))

    assert script.filters_for([lifter(False)], all_of_them) == all_of_them
    assert [s.smoother.name for s in script.filters_for([lifter(False), lifter(True)], all_of_them)] == ["one-euro"]


@pytest.mark.parametrize("name", ["savgol", "butterworth", "one-euro"])
def test_stronger_smoothing_never_raises_the_difference_between_frames(name):
    track, random = make_track(frames=500), np.random.default_rng(0)
    predictions = track.positions_3d + random.normal(scale=0.01, size=track.positions_3d.shape).astype(np.float32)

    def difference(poses):
        return np.linalg.norm(np.diff(poses, axis=0), axis=-1).mean()

    found = [
        difference(smooth_tracks(predictions, [track], Smoothing(SMOOTHERS[name], cutoff)))
        for cutoff in (0.5, 1.0, 1.5, 2.5, 3.6, 6.0, 8.0, 25.0)
    ]
    assert found == sorted(found)
    assert found[-1] == pytest.approx(difference(predictions), rel=1e-6)


def test_the_best_cut_off_has_the_least_velocity_error(script):
    weak, strong = (Smoothing(SMOOTHERS["savgol"], hertz) for hertz in (8.0, 2.0))
    plain, better, worse = (
        script.Row("a", smoothing, [{"mpjve": value - 1}, {"mpjve": value + 1}])
        for smoothing, value in ((None, 9), (weak, 5), (strong, 6))
    )
    assert script.best_rows([plain, worse, better]) == [plain, better]
    mean, spread = script.mean_and_spread(plain.runs, "mpjve")
    assert (mean, spread) == (9, pytest.approx(np.std([8, 10], ddof=1)))


def test_the_command_measures_prints_and_writes(script, untrained, prepared, tmp_path, capsys):
    twice = tmp_path / "twice"
    twice.symlink_to(untrained)
    script.main([
        f"two={untrained}", f"two={twice}", f"one={untrained}", "--detector", "prepared", "bursts", "--fps", "25",
        "--cutoffs", "6", "2", "--one-euro-cutoffs", "1", "--out", str(tmp_path / "out"),
    ])  # fmt: skip
    numbers = json.loads((tmp_path / "out" / "frontier.json").read_text())
    seen = [(condition["detector"], condition["fps"]) for condition in numbers["conditions"]]
    assert seen == [("prepared", None), ("bursts", 25)]
    first = numbers["conditions"][0]
    filters = [(row["label"], row["filter"], row["cutoff"]) for row in first["rows"]]
    of_one = [(None, None), ("savgol", 2), ("savgol", 6), ("butterworth", 2), ("butterworth", 6), ("one-euro", 1)]
    assert filters == [(label, *row) for label in ("two", "one") for row in of_one]
    assert first["rows"][0]["runs"] == first["rows"][6]["runs"] * 2

    _, tracks = load(str(prepared), "S9")
    poses = [np.float64(track.positions_3d - track.positions_3d[:, :1]) for track in tracks]
    pose = np.concatenate(poses).mean(axis=0)
    constant = first["references"]["constant pose"]
    errors = [np.linalg.norm(of - pose, axis=-1).mean() for of in poses]
    assert constant["mpjpe"] == pytest.approx(1000 * np.mean(errors), rel=1e-4)
    for key, order in (("mpjve", 1), ("mpjae", 2)):  # of two actions, a track each
        errors = [np.linalg.norm(np.diff(of, order, axis=0), axis=-1).mean() for of in poses]
        assert constant[key] == pytest.approx(1000 * np.mean(errors), rel=1e-3)
    truth = [first["references"][f"true poses, butterworth {hertz} Hz"]["mpjpe"] for hertz in ("3.6", "6", "10")]
    assert truth == sorted(truth, reverse=True)

    shown = capsys.readouterr().out
    assert "sample motion, S9; keypoints as prepared, 50 frames/s" in shown
    assert "limbs far off and sides exchanged for some frames, 25 frames/s" in shown
    row = next(line for line in shown.splitlines() if "one, one-euro 1 Hz" in line)
    assert f"{first['rows'][-1]['runs'][0]['mpjve']:.2f}" in row
    assert any("two, one-euro 1 Hz" in line and "± 0.00" in line for line in shown.splitlines())
    assert (tmp_path / "out" / "frontier.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a=x", "--fps", "25"], "--fps changes the rate of projected keypoints"),
        (["a=x", "--cutoffs", "0"], "--cutoffs must be numbers above 0"),
        (["nothing"], "'nothing' is not LABEL=RUN"),
        (["a=x", "a=x"], "'a=x' is named twice"),
    ],
)
def test_what_cannot_be_used_is_named(script, arguments, message, tmp_path, refusal):
    assert message in refusal(script.main, [*arguments, "--out", str(tmp_path)])
