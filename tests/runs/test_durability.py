"""A run is never lost: killed at any moment and resumed, it ends with the bits of the run that was never stopped."""

import hashlib
import json
import os
import random
import resource
import signal

import jax
import numpy as np
import pytest
from helpers import trainer

from jaxpose import train
from jaxpose.runs import checkpoint, checksums, job
from jaxpose.runs.folder import read_settings
from jaxpose.training import setup
from jaxpose.training.state import to_checkpoint

LONG = ("--epochs", "3000")


@pytest.fixture(scope="module")
def whole(prepared, tmp_path_factory):
    """A run that nobody stopped, made in this process; the others load the programs that it compiles."""
    run = tmp_path_factory.mktemp("whole") / "run"
    train.main(trainer.arguments(prepared, run))
    return run


@pytest.fixture(autouse=True)
def processes(monkeypatch):
    """The processes that a test starts; none outlives it."""
    started, start = [], trainer.start

    def noted(*arguments):
        started.append(start(*arguments))
        return started[-1]

    monkeypatch.setattr(trainer, "start", noted)
    yield started
    for process in started:
        process.kill()
        process.communicate()


def digest(run):
    """Of the parameters, statistics, optimiser state and step, of the log and of the results."""
    config, description = read_settings(run)
    recipe = setup.build_recipe(config, description, 65)
    state = checkpoint.load(run, to_checkpoint(setup.init(recipe, jax.random.key(0))))
    sums = [hashlib.sha256(np.asarray(leaf).tobytes()).hexdigest() for leaf in jax.tree.leaves(state | {"key": ()})]
    files = [(run / name).read_text() for name in ("metrics.jsonl", "results.json", "config.json")]
    return [*sums, jax.random.key_data(state["key"]).tolist(), *files]


@pytest.mark.parametrize(
    "kills", [3, pytest.param(12, marks=pytest.mark.system), pytest.param(300, marks=pytest.mark.slow)]
)
def test_killed_again_and_again_a_run_ends_as_the_run_that_was_never_stopped(prepared, whole, tmp_path, kills):
    chance = random.Random(kills)
    moments = ["log", "checkpoint", "log"] if kills == 3 else []
    moments += [chance.choice(["time", "checkpoint", "log", "log"]) for _ in range(kills - len(moments))]
    for number in range(kills):
        run = tmp_path / f"run-{number}"
        trainer.train_with_kills(prepared, run, moments, chance)
        assert digest(run) == digest(whole)
        assert sorted(path.name for path in run.iterdir()) == sorted(path.name for path in whole.iterdir())
        if not moments:
            break
    assert not moments


@pytest.mark.system
def test_the_same_seed_and_settings_give_the_same_bits(prepared, whole, tmp_path):
    process = trainer.start(prepared, tmp_path / "again")
    _, err = process.communicate(timeout=900)
    assert process.returncode == 0, err[-2000:]
    assert digest(tmp_path / "again") == digest(whole)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.system)]
)
def test_a_signal_finishes_the_step_and_saves(prepared, whole, tmp_path, refusal, number, code):
    run = tmp_path / "run"
    process = trainer.start(prepared, run, *LONG)
    trainer.wait_for(lambda: trainer.log_lines(run), process)
    process.send_signal(number)
    out, err = process.communicate(timeout=900)
    assert process.returncode == code, err
    announced, line = err.splitlines()
    assert announced == job.STOPPING
    step = checkpoint.steps(run)[-1]
    assert line == f"{number.name}: step {step} is done and saved; continue with --resume {run}"
    assert f"Stopping after step {step}" in out
    assert f"these settings differ from those of {run}: epochs is 3000" in refusal(
        train.main, trainer.arguments(prepared, run, "--epochs", "3")
    )
    assert json.loads((run / "config.json").read_text())["epochs"] == 3000


def test_a_full_disk_is_one_line_and_the_last_checkpoint_is_whole(prepared, whole, tmp_path, capsys):
    run = tmp_path / "run"
    process = trainer.start(prepared, run, *LONG)
    trainer.wait_for(lambda: len(checkpoint.steps(run)) > 1, process)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))  # no file may grow any more
    _, err = process.communicate(timeout=900)
    assert process.returncode == 2, err
    assert len(err.splitlines()) == 1, err
    (line,) = err.splitlines()
    assert line.startswith(f"error: {run}/metrics.jsonl cannot be written (") or "no checkpoint can be written" in line
    assert f"continue with --resume {run}" in line
    for step in checkpoint.steps(run):
        assert not checksums.find_damage(run / "checkpoints" / str(step))
    capsys.readouterr()
    train.main(trainer.arguments(prepared, run, "--epochs", "4", "--change"))
    assert not capsys.readouterr().err
    assert not trainer.half_written(run)


def test_two_processes_on_one_run(prepared, whole, tmp_path, refusal):
    run = tmp_path / "run"
    process = trainer.start(prepared, run, *LONG)
    trainer.wait_for(lambda: checkpoint.steps(run), process)
    message = refusal(train.main, trainer.arguments(prepared, run))
    assert f"{run} is being trained by process {process.pid} on {os.uname().nodename} since " in message
    process.kill()
    process.communicate()
    assert (run / ".lock").exists()  # of a dead process, whose place is taken over
    train.main(trainer.arguments(prepared, run, "--epochs", "3", "--change"))
    assert (run / "results.json").exists()
