"""A file of the published code becomes a run, a run becomes such a file, and what does not fit is refused."""

import json

import numpy as np
import pytest
from helpers.samples import published_weights

from jaxpose import convert, evaluate
from jaxpose.files.state_dicts import read_state_dict, write_state_dict
from jaxpose.models.configs import TemporalConfig
from jaxpose.runs import weights as weights_of_runs
from jaxpose.runs.folder import read_settings


@pytest.fixture
def stored(monkeypatch, tmp_path):
    """Pretend that a file holds some weights: a way around PyTorch."""

    def store(weights):
        monkeypatch.setattr(weights_of_runs, "read_state_dict", lambda file: weights)
        return str(tmp_path / "pretrained.bin")

    return store


def test_an_imported_run_is_evaluated(stored, prepared, tmp_path, capsys):
    weights = published_weights()
    convert.main([stored(weights), "--out", str(tmp_path / "run"), "--causal"])
    assert (
        "A network 'temporal': precision float32, filter_widths (3, 3), channels 8, dropout 0.25, causal True"
        in capsys.readouterr().out
    )
    config, description = read_settings(tmp_path / "run")
    assert config.model == TemporalConfig(filter_widths=(3, 3), channels=8, causal=True)
    assert (description.title, description.skeleton.name, description.channels) == ("pretrained.bin", "h36m_17", 2)
    assert description.fps == 50  # Human3.6M's
    evaluate.main([str(tmp_path / "run"), "--data", str(prepared), "--split", "S9"])
    assert "Sitting" in capsys.readouterr().out


def test_the_joints_come_from_the_data(stored, prepared, tmp_path):
    convert.main([stored(published_weights()), "--out", str(tmp_path / "run"), "--data", str(prepared)])
    config, description = read_settings(tmp_path / "run")
    assert (config.data, description.title) == (str(prepared), "sample motion")


@pytest.mark.parametrize(
    ("weights", "fault"),
    [
        (published_weights(joints=15), "the weights predict 15 joints, "),
        (published_weights(features=30), "the weights take 30 numbers a frame, but "),
        (published_weights(features=17), "the weights take 17 numbers a frame, but "),
        ({}, "weights of no known network, with no names; known are VideoPose3D (expand_conv.weight), "),
        (published_weights() | {"expand_bn.num_batches_tracked": np.array(-1)}, "num_batches_tracked is -1"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(stored, prepared, tmp_path, refusal, weights, fault):
    file = stored(weights)
    for data in ([], ["--data", str(prepared)]):
        line = refusal(convert.main, [file, "--out", str(tmp_path / "run"), *data])
        assert line.startswith(f"error: {file}: ")
        assert fault in line
    assert not (tmp_path / "run").exists()


def test_an_occupied_run_is_refused(stored, tmp_path, refusal):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes").touch()
    assert "already exists" in refusal(convert.main, [stored(published_weights()), "--out", str(tmp_path / "run")])


def test_a_file_becomes_a_run_and_a_file_again(tmp_path, capsys, refusal):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; it reads and writes the files")
    weights, files, run = published_weights((3, 7)), [tmp_path / "one.bin", tmp_path / "two.bin"], tmp_path / "run"
    write_state_dict(files[0], weights, key="model_pos", epoch=1, learning_rate=1.0)
    convert.main([str(files[0]), "--out", str(run)])
    convert.main([str(run), "--out", str(files[1])])
    assert "causal False, dense True" in capsys.readouterr().out
    assert json.loads((run / "config.json").read_text())["model"]["filter_widths"] == [3, 3]
    found = read_state_dict(files[1])
    assert found.keys() == weights.keys()
    assert all(np.array_equal(found[name], weights[name]) for name in weights)
    content = torch.load(files[1], weights_only=True)
    assert (content["epoch"], content["lr"]) == (80, pytest.approx(0.001 * 0.95**80))
    assert "two.bin already exists" in refusal(convert.main, [str(run), "--out", str(files[1])])
    assert "bin cannot be written" in refusal(convert.main, [str(run), "--out", str(tmp_path / "no" / "file.bin")])


def test_what_cannot_be_exported_is_refused(untrained, tmp_path, refusal):
    file = str(tmp_path / "weights.bin")
    for options in (["--causal"], ["--dense", "False"], ["--data", "h36m"]):
        line = refusal(convert.main, [str(untrained), "--out", file, *options])
        assert line.startswith(
            f"error: {untrained} is a run, whose architecture is known; remove all options but --out"
        )
    assert "is not a run" in refusal(convert.main, [str(tmp_path), "--out", file])
    assert not (tmp_path / "weights.bin").exists()
