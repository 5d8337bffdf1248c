"""The network of single frames by the commands: trained, evaluated, exported, imported and used on a file."""

import json

import numpy as np
import pytest
from helpers.places import SHARED
from helpers.samples import make_track, published_linear_weights

from jaxpose import convert, evaluate, predict, train
from jaxpose.data.windows import pack
from jaxpose.files.state_dicts import read_state_dict
from jaxpose.runs.folder import read_settings
from jaxpose.runs.log import read_log
from jaxpose.runs.trained import open_run
from jaxpose.skeleton import H36M_16

pytestmark = pytest.mark.usefixtures("compiled_soon")

GOLDEN = SHARED / "data" / "goldens" / "linear_64.npz"


@pytest.fixture(scope="module")
def run(prepared, tmp_path_factory):
    """A run of the preset, made small."""
    run = tmp_path_factory.mktemp("runs") / "run"
    settings = ["--channels", "32", "--batch-size", "16", "--epochs", "8", "--learning-rate", "0.01"]
    data = ["--data", str(prepared), "--train-split", "S1", "--test-split", "S9"]
    train.main(["linear", *settings, *data, "--out", str(run)])
    return run


def test_it_trains_and_is_evaluated(run, capsys):
    log = read_log(run)
    assert log[-1]["loss"] < 0.8 * log[0]["loss"]
    assert log[-1]["test_mpjpe"] < log[0]["test_mpjpe"]
    evaluate.main([str(run), "--no-mirror"])
    assert "not averaged with the mirrored prediction" in " ".join(capsys.readouterr().out.split())
    lifter = open_run(run)
    poses = lifter.lift(pack([make_track(subject="S9", frames=25, seed=25)]), mirrored=False)
    np.testing.assert_array_equal(poses[:, 0], 0)


def test_it_becomes_published_weights_that_predict_the_same(run, prepared, tmp_path):
    convert.main([str(run), "--out", str(tmp_path / "weights.npz")])
    convert.main([str(tmp_path / "weights.npz"), "--out", str(tmp_path / "plain"), "--data", str(prepared)])
    config, _ = read_settings(tmp_path / "plain")
    assert (config.model.max_norm, config.model.root, config.loss) == (None, "predicted", "z_mse")
    frames = pack([make_track(subject="S9", frames=25, seed=25)])
    np.testing.assert_allclose(open_run(tmp_path / "plain").lift(frames), open_run(run).lift(frames), atol=1e-5)


def test_it_lifts_a_file_of_keypoints(run, tmp_path):
    track = make_track(frames=30)
    np.savez(tmp_path / "k.npz", keypoints=track.keypoints_2d, layout="h36m", width=1000, height=1000, fps=50)
    predict.main([str(run), str(tmp_path / "k.npz"), "--out", str(tmp_path / "motion.npz"), "--smooth", "none"])
    with np.load(tmp_path / "motion.npz") as motion:
        np.testing.assert_array_equal(motion["positions_0"], open_run(run).lift(pack([track])))


@pytest.mark.parametrize("source", ["made", "golden"])
def test_published_weights_become_a_run_of_16_joints_and_weights_again(source, tmp_path, capsys):
    if source == "golden" and not GOLDEN.is_file():
        pytest.skip(f"{GOLDEN} is not on this machine")
    file = GOLDEN if source == "golden" else tmp_path / "published.npz"
    if source == "made":
        np.savez(file, **published_linear_weights())
    convert.main([str(file), "--out", str(tmp_path / "run")])
    assert "A network 'linear': precision float32, channels" in capsys.readouterr().out
    _, description = read_settings(tmp_path / "run")
    assert (description.skeleton, description.layout, description.channels) == (H36M_16, H36M_16, 2)
    assert json.loads((tmp_path / "run" / "config.json").read_text())["model"]["kind"] == "linear"
    convert.main([str(tmp_path / "run"), "--out", str(tmp_path / "again.npz")])
    weights, again = read_state_dict(file), read_state_dict(tmp_path / "again.npz")
    assert again.keys() == weights.keys()
    assert all(np.array_equal(again[name], weights[name]) for name in weights)
    track = make_track(frames=12)  # keypoints of 17 joints are converted to 16
    np.savez(tmp_path / "k.npz", keypoints=track.keypoints_2d, layout="h36m", width=1000, height=1000, fps=50)
    predict.main([str(tmp_path / "run"), str(tmp_path / "k.npz"), "--out", str(tmp_path / "motion.npz")])
    with np.load(tmp_path / "motion.npz") as motion:
        assert motion["positions_0"].shape == (12, 16, 3)


def test_options_of_another_network_and_other_joints_are_refused(tmp_path, refusal):
    np.savez(tmp_path / "w.npz", **published_linear_weights())
    line = refusal(convert.main, [str(tmp_path / "w.npz"), "--out", str(tmp_path / "run"), "--causal"])
    assert "by SemGCN's code, which has no such setting; remove --causal" in line
    np.savez(tmp_path / "w.npz", **published_linear_weights(joints=14))
    line = refusal(convert.main, [str(tmp_path / "w.npz"), "--out", str(tmp_path / "run")])
    assert "the weights predict 14 joints, and not the 17 or 16 of Human3.6M; name the prepared data set" in line
    np.savez(tmp_path / "w.npz", a=np.zeros(3, np.float32))
    line = refusal(convert.main, [str(tmp_path / "w.npz"), "--out", str(tmp_path / "run")])
    assert "weights of no known network, with a; known are VideoPose3D (expand_conv.weight), " in line
    assert not (tmp_path / "run").exists()
