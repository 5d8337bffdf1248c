"""The command: a run leaves everything it promises, resumes exactly, and refuses bad input in one line."""

import contextlib
import dataclasses
import io
import json
import os
import re
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.event_files import events, logged, scalars
from helpers.places import ROOT
from helpers.samples import DESCRIPTION, make_track

from data_prep.writer import data_set
from jaxpose import evaluate, train
from jaxpose.losses import QUANTITIES
from jaxpose.models.configs import TemporalConfig
from jaxpose.runs import checkpoint
from jaxpose.runs.log import read_log
from jaxpose.runtime.devices import describe_devices
from jaxpose.training.config import PRESET_TEXTS, PRESETS

pytestmark = pytest.mark.usefixtures("compiled_soon")

SMALL = ["--filter-widths", "3", "3", "--channels", "16", "--batch-size", "16", "--epochs", "3", "--log-every", "4"]


VALIDATED = ["--test-split", "S9[50%:]", "--validation-split", "S9[:50%]"]


def arguments(prepared, out, *more):
    data = ["--data", str(prepared), "--train-split", "S1", "--test-split", "S9"]
    return [*SMALL, *data, "--out", str(out), *more]


@pytest.fixture(scope="module")
def run_and_output(prepared, tmp_path_factory):
    run, output = tmp_path_factory.mktemp("runs") / "whole", io.StringIO()
    with contextlib.redirect_stdout(output):
        train.main(arguments(prepared, run, *VALIDATED))
    return run, output.getvalue()


@pytest.fixture(scope="module")
def run(run_and_output):
    return run_and_output[0]


def test_a_run_leaves_what_it_promises(run):
    assert sorted(path.name for path in run.iterdir()) == [
        "checkpoints", "config.json", "curves.png", "data.json", "metrics.jsonl", "results.json", "results.md",
        "tensorboard",
    ]  # fmt: skip
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    scores = json.loads((run / "results.json").read_text())
    assert set(scores["average"]) == {"mpjpe", "p_mpjpe", "n_mpjpe", "mpjve", "mpjae"}
    assert set(scores["actions"]) == {"Sitting"}
    assert json.loads((run / "config.json").read_text())["model"]["channels"] == 16
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert records[-1]["epoch"] == 3
    assert sum("test_mpjpe" in record for record in records) == 3
    assert scalars(run) == logged(run)
    assert [value.tag for value in events(run)[-1].summary.value] == ["curves"]


def test_what_it_prints(run_and_output):
    _, out = run_and_output
    assert out.startswith(f"Training on {describe_devices()}.")
    assert describe_devices() == f"{os.cpu_count()} CPU cores"
    for expected in (
        "Training: sample motion, S1, 2 tracks", "epoch 1: loss", "frames/s", "lr 9.0e-04", "MPJPE (P1)", "Sitting",
        "average", "The run is in",
    ):  # fmt: skip
        assert expected in out
    assert "SYNTHETIC" not in out


@pytest.mark.parametrize("steps", [3, 7])
def test_a_resumed_run_ends_as_the_run_that_never_stopped(prepared, run, tmp_path, monkeypatch, steps):
    part = tmp_path / "part"
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "tensorboardX", None)  # on which nothing depends
        train.main(arguments(prepared, part, *VALIDATED, "--steps", str(steps)))
    assert not (part / "tensorboard").exists()
    config = json.loads((part / "config.json").read_text())
    assert config["steps"] == steps
    train.main(["--resume", str(part), "--steps", "None", "--change"])
    assert json.loads((part / "config.json").read_text())["steps"] is None
    for file in ("results.json", "metrics.jsonl"):
        assert (part / file).read_bytes() == (run / file).read_bytes()
    assert scalars(part) == logged(part) == scalars(run)


def test_a_cache_folder_that_cannot_be_written_stops_no_run(prepared, tmp_path, cache_folder):
    cache_folder.write_text("a file is in its place")
    train.main(arguments(prepared, tmp_path / "run", "--steps", "1"))
    assert (tmp_path / "run" / "results.json").is_file()


def test_settings_are_flat_and_the_presets_their_defaults():
    command, preset = train.parse(["baseline", "--channels", "8", "--filter-widths", "3", "5", "--seed", "7"])
    assert preset == "baseline"
    assert command.config == dataclasses.replace(
        PRESETS["baseline"], model=TemporalConfig(channels=8, filter_widths=(3, 5)), seed=7
    )
    assert train.parse([]) == (train.Command(PRESETS["quick"]), "quick")
    assert train.parse(["--causal"])[0].config.model.causal


@pytest.mark.parametrize("command", [["-m", "jaxpose.train"], [str(ROOT / "jaxpose" / "train.py")]])
def test_help_names_presets_settings_and_terms_and_needs_no_jax(command, tmp_path):
    """As a module and as a script, from any folder: no file of the package hides one of the standard library."""
    # A `jax` that cannot be imported stands before the real one.
    (tmp_path / "jax.py").write_text("raise SystemExit('jax was imported')")
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    help = [sys.executable, *command, "--help"]
    out = subprocess.run(help, check=True, capture_output=True, text=True, cwd=tmp_path, env=environment).stdout
    words = " ".join(out.replace("│", " ").split())
    for word in (
        *PRESETS,
        *PRESET_TEXTS.values(),
        *QUANTITIES,
        "--filter-widths",
        "--train-split",
        "--camera-pitch",
        "--resume",
    ):
        assert word in words
    assert "Raises" not in words
    assert "Seed of the weights, the order of samples, and dropout." in words


PLUGIN = """
from jaxpose.models.configs import TemporalConfig
from jaxpose.training.config import PRESETS, PRESET_TEXTS, Config
PRESETS["tiny"] = Config(model=TemporalConfig(filter_widths=(3, 3), channels=16), batch_size=16, epochs=3, log_every=4)
PRESET_TEXTS["tiny"] = "the smallest network of the test"
"""


@pytest.fixture
def plugin(tmp_path):
    """A file that adds a preset, for the time of a test."""
    file = tmp_path / "tiny_preset.py"
    file.write_text(PLUGIN)
    yield str(file)
    sys.modules.pop("jaxpose_plugin_tiny_preset", None)
    for table in (PRESETS, PRESET_TEXTS):
        table.pop("tiny", None)


@pytest.mark.parametrize("words", [["--plugin", "FILE", "tiny"], ["tiny", "--plugin=FILE"]])
def test_a_plugin_adds_a_preset_before_and_after_its_name(plugin, prepared, tmp_path, words, capsys):
    words = [word.replace("FILE", plugin) for word in words]
    with pytest.raises(SystemExit):
        train.main([*words, "--help"])
    assert "tiny: the smallest network of the test." in capsys.readouterr().out
    data = ["--data", str(prepared), "--train-split", "S1", "--test-split", "S9", "--out", str(tmp_path / "run")]
    train.main([*words, *data, "--steps", "1"])
    assert json.loads((tmp_path / "run" / "config.json").read_text())["model"]["channels"] == 16


def test_settings_beside_resume_are_the_run_s_or_named(run, refusal):
    line = refusal(train.main, ["--resume", str(run), "--channels", "32", "--seed", "3"])
    assert f"these settings differ from those of {run}: seed is 0 in the run, 3 on the command line; " in line
    assert (
        "channels is 16 in the run, 32 on the command line; remove them to keep the run's settings, or add --change"
        in line
    )


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["enormous"], "there is no preset 'enormous'; choose one of quick, baseline, baseline-2048, joint-aware"),
        (["--filter-widths", "4"], "--filter-widths is (4,); it must be odd numbers above zero"),
        (["--epochs", "0"], "--epochs is 0; it must be at least 1"),
        (["--data", "/nowhere"], "/nowhere is not a prepared data set (no such folder)"),
        (["--train-split", "S2"], "the built-in data has no split 'S2'"),
        (["--resume", "/nowhere"], "/nowhere is not a run: it has no config.json"),
        (["--resume", "/nowhere", "--out", "/elsewhere"], "--resume continues in the run's own folder; remove --out"),
        (["--profile", "-1"], "--profile is -1; it must be a number of steps, or 0 for no trace"),
        (["--plugin", "/nowhere.py"], "--plugin /nowhere.py is not a file; name a Python file"),
        (["quick", "--plugin"], "--plugin names no file; name a Python file"),
        (["--save-minutes", "0"], "--save-minutes is 0.0; it must be above 0"),
    ],
)
def test_bad_arguments_are_one_line(argv, message, refusal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refusal(train.main, argv).startswith(f"error: {message}")
    assert not os.listdir(tmp_path)  # nothing is left behind


def test_bad_types_exit_with_2(capsys):
    with pytest.raises(SystemExit) as stop:
        train.main(["--channels", "many"])
    assert stop.value.code == 2


def test_an_occupied_folder_is_refused(prepared, run, refusal):
    before = sorted(run.rglob("*"))
    assert "already exists; name another folder with --out" in refusal(train.main, arguments(prepared, run))
    assert sorted(run.rglob("*")) == before


def test_an_unknown_split_names_the_known_ones(prepared, tmp_path, refusal):
    line = refusal(train.main, [*arguments(prepared, tmp_path / "run"), "--test-split", "S5"])
    assert "split 'S5' is unknown or empty; the subjects are S1, S9" in line


def test_a_changed_architecture_is_refused_on_resume(prepared, run, tmp_path, refusal):
    changed = tmp_path / "changed"
    shutil.copytree(run, changed)
    config = json.loads((changed / "config.json").read_text())
    (changed / "config.json").write_text(
        json.dumps(config | {"model": config["model"] | {"channels": 32}, "epochs": 4})
    )
    assert "is of another architecture than config.json describes" in refusal(train.main, ["--resume", str(changed)])


def test_tracks_shorter_than_the_receptive_field_are_padded(tmp_path):
    tracks = {s: [make_track(subject=s, frames=n, action=f"A{n}") for n in (1, 2, 5)] for s in ("S1", "S9")}
    data_set.write(tmp_path / "data", DESCRIPTION, tracks.__getitem__, text="short tracks")
    train.main(arguments(tmp_path / "data", tmp_path / "run", "--frames", "3"))
    scores = json.loads((tmp_path / "run" / "results.json").read_text())
    assert np.isfinite(scores["average"]["mpjae"])
    assert scores["actions"]["A1"]["mpjve"] is None


def test_a_loss_that_diverges_is_one_line(prepared, tmp_path, refusal):
    line = refusal(train.main, arguments(prepared, tmp_path / "run", "--learning-rate", "1e30"))
    assert re.search(r"the loss is (nan|inf) between steps 1 and 2; lower --learning-rate", line)
    assert re.search(r"position is (nan|inf); the first layer whose output is not finite is ", line)
    assert "the largest weight is " in line
    assert "e+30 in " in line
    assert line.endswith("there is no checkpoint yet")


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A data set with one keypoint that is far outside the image."""
    folder = tmp_path_factory.mktemp("broken") / "data"
    walk, sit = (make_track(action=action, seed=3) for action in ("Walking", "Sitting"))
    sit = sit._replace(keypoints_2d=np.array(sit.keypoints_2d))
    sit.keypoints_2d[7, 5] = 1e35
    tracks = {"S1": [walk, sit], "S9": [walk._replace(subject="S9")]}
    data_set.write(folder, DESCRIPTION, tracks.__getitem__, text="a keypoint is broken")
    return folder


@pytest.mark.compilations(70)  # --debug-nans runs the operations of a step one by one
def test_a_step_that_is_not_finite_is_explained_and_its_batch_kept(broken, tmp_path, refusal):
    run = tmp_path / "run"
    line = refusal(train.main, arguments(broken, run, "--debug-nans"))
    step = int(re.search(r" between steps (\d+) and ", line)[1])
    assert "the largest of the keypoints 2e+32 in S1/Sitting/55011271 about frame " in line
    assert "jaxpose/models/layers.py:" in line
    file = run / f"not-finite-{step + 1}.npz"
    assert f"the batch is in {file}" in line
    with np.load(file) as batch:  # no pickle in it
        worst = np.abs(batch["keypoints"]).max(axis=(1, 2, 3)).argmax()
        assert batch["tracks"][worst] == "S1/Sitting/55011271"
        assert 7 - 4 <= batch["frame"][worst] <= 7 + 4


def test_the_validation_split_is_never_the_test_split(prepared, tmp_path, refusal):
    line = refusal(train.main, arguments(prepared, tmp_path / "run", "--validation-split", "S9[:50%]"))
    assert "--validation-split S9[:50%] holds the recording S9/Walking of --test-split S9; " in line
    assert not (tmp_path / "run").exists()


def test_training_on_the_test_split_is_refused_or_said_to_be(prepared, tmp_path, refusal, capsys):
    """In `results.md`, `results.json`, and whatever evaluates the run again."""
    run, both = tmp_path / "run", ["--train-split", "S1+S9", "--steps", "1"]
    line = refusal(train.main, arguments(prepared, run, *both))
    assert "--test-split S9 holds the recording S9/Walking and 1 more of --train-split S1+S9; " in line
    assert "--allow-overlap trains all the same" in line
    assert not run.exists()
    train.main(arguments(prepared, run, *both, "--allow-overlap"))
    notice = "sample motion, S9 (TRAINED ON S9: these are not errors of unseen people)."
    assert notice in capsys.readouterr().out
    assert notice in (run / "results.md").read_text()
    assert json.loads((run / "results.json").read_text())["trained_on"] == ["S9"]
    assert json.loads((run / "config.json").read_text())["allow_overlap"] is True
    (run / "results.json").unlink()
    train.main(["--resume", str(run)])  # which evaluates again, and is allowed to by the run's own settings
    assert notice in capsys.readouterr().out


def test_the_best_by_the_validation_split_is_kept(run):
    log = read_log(run)
    errors = {record["step"]: record["validation_mpjpe"] for record in log if "validation_mpjpe" in record}
    assert len(errors) == 3
    like = {"step": jax.ShapeDtypeStruct((), jnp.int32)}
    assert checkpoint.load(run, like, "best")["step"] == min(errors, key=errors.get)
    assert checkpoint.load(run, like)["step"] == max(errors)


def test_the_best_can_be_evaluated(run, capsys):
    before = (run / "results.json").read_bytes()
    evaluate.main([str(run), "--checkpoint", "best"])
    assert "whole, best checkpoint: sample motion, S9" in capsys.readouterr().out
    assert (run / "results.json").read_bytes() == before


def test_a_damaged_checkpoint_is_named_and_the_run_goes_on_from_the_one_before(run, tmp_path, capsys):
    damaged = tmp_path / "damaged"
    shutil.copytree(run, damaged)
    last = damaged / "checkpoints" / str(checkpoint.steps(run)[-1])
    path = sorted(last.glob("default/ocdbt.process_0/d/*"))[0]
    path.write_bytes(path.read_bytes()[:-1])
    train.main(["--resume", str(damaged)])
    assert f"warning: {path} is damaged" in capsys.readouterr().err
    for file in ("metrics.jsonl", "results.json"):
        assert (damaged / file).read_bytes() == (run / file).read_bytes()


def test_resume_without_the_data_is_refused_unless_the_run_is_complete(run, tmp_path, refusal, capsys):
    moved = tmp_path / "moved"
    shutil.copytree(run, moved)
    config = json.loads((moved / "config.json").read_text())
    (moved / "config.json").write_text(json.dumps(config | {"data": "/gone", "data_from_run": "gone"}))
    train.main(["--resume", str(moved)])
    assert f"{moved} is complete: all " in capsys.readouterr().out
    (moved / "results.json").unlink()
    line = refusal(train.main, ["--resume", str(moved)])
    assert f"{moved} was trained on sample motion, in the folder /gone, which is not there" in line
    assert line.endswith("with --data DIR --change")


def test_the_data_of_a_run_that_goes_on_may_be_named_from_anywhere(prepared, tmp_path, monkeypatch, untrained, refusal):
    """A relative path is that of the run if it leads to the same folder; another folder is another setting."""
    monkeypatch.chdir(prepared.parent)
    command, _ = train.parse(["--resume", str(untrained), "--data", prepared.name])
    assert command.config.data == str(prepared)
    monkeypatch.chdir(tmp_path)
    line = refusal(train.main, ["--resume", str(untrained), "--data", prepared.name])
    assert f"data is '{prepared}' in the run, '{prepared.name}' on the command line" in line
