"""The command: a run leaves everything it promises, resumes exactly, and refuses bad input in one line."""

import dataclasses
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from event_files import events, logged, scalars
from samples import DESCRIPTION, make_track

from data_prep import contract
from jaxpose import train
from jaxpose.config import PRESETS
from jaxpose.errors import InputError

SMALL = ["--filter-widths", "3", "3", "--channels", "16", "--batch-size", "16", "--epochs", "3", "--log-every", "4"]


def arguments(prepared, out, *more):
    return [*SMALL, "--data", str(prepared), "--train-split", "S1", "--test-split", "S9", "--out", str(out), *more]


@pytest.fixture(scope="module")
def run(prepared, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "whole"
    train.main(arguments(prepared, run))
    return run


def test_a_run_leaves_what_it_promises(run):
    assert sorted(path.name for path in run.iterdir()) == [
        "checkpoints", "config.json", "curves.png", "data.json", "metrics.jsonl", "results.json", "results.md",
        "tensorboard",
    ]  # fmt: skip
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    scores = json.loads((run / "results.json").read_text())
    assert set(scores["average"]) == {"mpjpe", "p_mpjpe", "n_mpjpe", "mpjve", "mpjae"}
    assert set(scores["actions"]) == {"Walking", "Sitting"}
    assert json.loads((run / "config.json").read_text())["channels"] == 16
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert records[-1]["epoch"] == 3
    assert sum("test_mpjpe" in record for record in records) == 3
    assert scalars(run) == logged(run)
    assert [value.tag for value in events(run)[-1].summary.value] == ["curves"]


def test_what_it_prints(prepared, tmp_path, capsys):
    train.main(arguments(prepared, tmp_path / "run", "--epochs", "1"))
    out = capsys.readouterr().out
    assert out.startswith("Training on ")
    for expected in (
        "To train: sample motion, S1, 2 tracks", "epoch 1: loss", "frames/s", "lr 1.0e-03", "MPJPE (P1)", "Sitting",
        "average", "The run is in",
    ):  # fmt: skip
        assert expected in out
    assert "SYNTHETIC" not in out


@pytest.mark.parametrize("steps", [3, 7])
def test_a_resumed_run_ends_as_the_run_that_never_stopped(prepared, run, tmp_path, monkeypatch, steps):
    part = tmp_path / "part"
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "tensorboardX", None)  # on which nothing depends
        train.main(arguments(prepared, part, "--steps", str(steps)))
    assert not (part / "tensorboard").exists()
    config = json.loads((part / "config.json").read_text())
    assert config["steps"] == steps
    (part / "config.json").write_text(json.dumps(config | {"steps": None}))
    train.main(["--resume", str(part)])
    assert (part / "results.json").read_text() == (run / "results.json").read_text()
    whole, rest = ((folder / "metrics.jsonl").read_text().splitlines() for folder in (run, part))
    assert [line for line in rest if line in whole][-1] == whole[-1]
    assert scalars(part) == logged(part)


def test_a_killed_run_resumes_from_its_last_epoch(prepared, run, tmp_path):
    """SIGKILL after the first checkpoint; the resumed run ends with the results of the uninterrupted one."""
    killed = tmp_path / "killed"
    child = subprocess.Popen(
        [sys.executable, "-m", "jaxpose.train", *arguments(prepared, killed)],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"COLUMNS": "200"},
    )  # fmt: skip
    with child:
        for line in child.stdout:
            if line.startswith("epoch 2"):
                break
        child.send_signal(signal.SIGKILL)
    train.main(["--resume", str(killed)])
    assert (killed / "results.json").read_text() == (run / "results.json").read_text()
    assert (killed / "metrics.jsonl").read_text() == (run / "metrics.jsonl").read_text()
    assert scalars(killed) == scalars(run)


def test_a_second_run_compiles_no_training_step_and_gives_the_same_bits(prepared, tmp_path):
    """JAX leaves a note of the time beside a compiled program whenever it loads it."""
    user = os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "1", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    runs, notes = (tmp_path / "first", tmp_path / "second"), []
    for run in runs:
        command = [sys.executable, "-m", "jaxpose.train", *arguments(prepared, run, "--steps", "1")]
        assert not subprocess.run(command, check=True, capture_output=True, env=user).stderr
        (note,) = (tmp_path / "cache" / "jaxpose").glob("jit_train_steps-*-atime")
        notes.append(note.read_bytes())
    assert notes[0] != notes[1]
    for file in ("metrics.jsonl", "results.json"):
        assert (runs[0] / file).read_bytes() == (runs[1] / file).read_bytes()


def test_a_cache_folder_that_cannot_be_written_stops_no_run(prepared, tmp_path, cache_folder):
    cache_folder.write_text("a file is in its place")
    train.main(arguments(prepared, tmp_path / "run", "--steps", "1"))
    assert (tmp_path / "run" / "results.json").is_file()


def test_settings_are_flat_and_the_presets_their_defaults():
    command, preset = train.parse(["baseline", "--channels", "8", "--filter-widths", "3", "5", "--seed", "7"])
    assert preset == "baseline"
    assert command.config == dataclasses.replace(PRESETS["baseline"], channels=8, filter_widths=(3, 5), seed=7)
    assert train.parse([]) == (train.Command(PRESETS["quick"]), "quick")
    assert train.parse(["--causal"])[0].config.causal


def test_help_names_presets_and_settings(capsys):
    with pytest.raises(SystemExit) as stop:
        train.parse(["--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    for word in (*PRESETS, "--filter-widths", "--train-split", "--resume"):
        assert word in out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["enormous"], "there is no preset 'enormous'; choose one of quick, baseline, baseline-2048, joint-aware"),
        (["--filter-widths", "4"], "--filter-widths is (4,); it must be odd numbers above zero"),
        (["--data", "/nowhere"], "/nowhere is not a prepared data set (no such folder)"),
        (["--train-split", "S2"], "the built-in data has no split 'S2'"),
        (["--resume", "/nowhere"], "/nowhere holds no run: there is no config.json"),
        (["--resume", "/nowhere", "--channels", "3"], "--resume takes its settings from the run"),
        (["--resume", "/nowhere", "--out", "/elsewhere"], "--resume takes its settings from the run"),
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
    import shutil

    changed = tmp_path / "changed"
    shutil.copytree(run, changed)
    config = json.loads((changed / "config.json").read_text())
    (changed / "config.json").write_text(json.dumps(config | {"channels": 32, "epochs": 4}))
    assert "is of another architecture than config.json describes" in refusal(train.main, ["--resume", str(changed)])


def test_tracks_shorter_than_the_receptive_field_are_padded(tmp_path):
    tracks = {s: [make_track(subject=s, frames=n, action=f"A{n}") for n in (1, 2, 5)] for s in ("S1", "S9")}
    contract.write(tmp_path / "data", DESCRIPTION, tracks.__getitem__, text="short tracks")
    train.main(arguments(tmp_path / "data", tmp_path / "run", "--frames", "3"))
    scores = json.loads((tmp_path / "run" / "results.json").read_text())
    assert np.isfinite(scores["average"]["mpjae"])
    assert scores["actions"]["A1"]["mpjve"] is None


def test_a_loss_that_diverges_is_one_line(prepared, tmp_path, refusal):
    line = refusal(train.main, arguments(prepared, tmp_path / "run", "--learning-rate", "1e30"))
    assert "the loss is" in line
    assert "lower --learning-rate" in line


def test_resume_with_other_data_gone_is_refused(run, tmp_path, refusal):
    import shutil

    moved = tmp_path / "moved"
    shutil.copytree(run, moved)
    config = json.loads((moved / "config.json").read_text())
    (moved / "config.json").write_text(json.dumps(config | {"data": "/gone"}))
    assert "/gone is not a prepared data set" in refusal(train.main, ["--resume", str(moved)])


def test_importing_the_trainer_imports_no_tensorflow():
    code = "import sys, jaxpose.train, jaxpose.evaluate, data_prep.h36m; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_device_is_named():
    assert train.device() == f"{os.cpu_count()} CPU cores"


def test_parse_refuses_before_it_trains():
    with pytest.raises(InputError):
        train.parse(["--epochs", "0"])
