"""A file of the published code becomes a run, a run becomes such a file, and what does not fit is refused."""

import hashlib
import json

import numpy as np
import pytest
from helpers.samples import published_weights

from jaxpose import convert, evaluate
from jaxpose.files.state_dicts import read_state_dict, write_state_dict
from jaxpose.models.configs import TemporalConfig
from jaxpose.runs import weights as weights_of_runs
from jaxpose.runs.folder import read_settings
from jaxpose.runs.lifter_file import read_lifter_file


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
        assert line == f"error: {untrained} is a run, whose architecture is known; remove {options[0]}"
    assert "is not a run" in refusal(convert.main, [str(tmp_path), "--out", file])
    assert not (tmp_path / "weights.bin").exists()


def test_a_run_becomes_a_lifter_file_and_is_exported_from_it(untrained, tmp_path, capsys, refusal):
    file, card = tmp_path / "lifter.npz", tmp_path / "card.md"
    card.write_text("# A lifter\n")
    convert.main([str(untrained), "--out", str(file), "--lifter", "float32", "--card", str(card)])
    printed = capsys.readouterr().out
    assert f"The lifter is in {file}: 0.0 MB, step 0\n" in printed
    assert f"SHA-256 {hashlib.sha256(file.read_bytes()).hexdigest()}\n" in printed
    assert read_lifter_file(file).card == "# A lifter\n"
    for source in (untrained, file):
        convert.main([str(source), "--out", str(tmp_path / f"{source.stem}-published.npz")])
    one, other = (read_state_dict(tmp_path / f"{source.stem}-published.npz") for source in (untrained, file))
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)
    convert.main([str(file), "--out", str(tmp_path / "half.npz"), "--lifter", "float16"])
    assert read_lifter_file(tmp_path / "half.npz").card == "# A lifter\n"
    assert "already exists" in refusal(convert.main, [str(untrained), "--out", str(file), "--lifter", "float32"])


def test_options_of_lifter_files_that_do_not_fit_are_refused(untrained, tmp_path, refusal):
    out = ["--out", str(tmp_path / "o.npz")]
    line = refusal(convert.main, [str(untrained), *out, "--card", "no.md"])
    assert line.endswith("--card is put into a lifter file; add --lifter float16 or --lifter float32")
    line = refusal(convert.main, [str(untrained), *out, "--card", "no.md", "--lifter", "float16"])
    assert "--card no.md cannot be read" in line
    line = refusal(convert.main, [str(tmp_path / "w.bin"), *out, "--lifter", "float16"])
    assert line.endswith("w.bin is not a run, and --lifter is for exporting one; remove it")
    line = refusal(convert.main, [str(untrained), *out, "--lifter", "float16", "--checkpoint", "best"])
    assert "has no best checkpoint" in line
    assert not (tmp_path / "o.npz").exists()


def test_a_lifter_file_is_evaluated(untrained, prepared, tmp_path, capsys, refusal):
    """On data that are named, with the errors of the run; nothing is written beside the file."""
    file = tmp_path / "lifter.npz"
    convert.main([str(untrained), "--out", str(file), "--lifter", "float32"])
    tables = []
    for source in (untrained, file):
        capsys.readouterr()
        evaluate.main([str(source), "--data", str(prepared), "--split", "S9"])
        tables.append([line.split()[1:] for line in capsys.readouterr().out.splitlines() if " Sitting " in line])
    assert tables[0] == tables[1] != []
    assert "comes without the data" in refusal(evaluate.main, [str(file)])
    line = refusal(evaluate.main, [str(file), "--data", str(prepared), "--split", "S9", "--format", "md"])
    assert line == f"error: {file} is a file; name a folder for the tables with --out"
    assert list(tmp_path.iterdir()) == [file]
