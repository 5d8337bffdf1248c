"""A run is never lost: killed at any moment and resumed, it ends with the bits of the run that was never stopped."""

import functools
import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time

import jax
import pytest

from jaxpose.runs import checkpoint, checksums
from jaxpose.runs.folder import read_settings
from jaxpose.training import setup

SETTINGS = [
    "--filter-widths", "3", "--channels", "8", "--batch-size", "16", "--epochs", "3", "--log-every", "3",
    "--constraints", "velocity", "1", "--clips", "8", "--ramp", "0", "1", "--save-minutes", "0.005",
    "--train-split", "S1", "--test-split", "S9[:50%]", "--validation-split", "S9[50%:]",
]  # fmt: skip


@pytest.fixture(scope="module")
def start(prepared, tmp_path_factory):
    """Start the trainer in a process of its own; all of them share their compiled programs."""
    environment = os.environ | {
        "JAX_ENABLE_COMPILATION_CACHE": "1",
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.mktemp("programs")),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "COLUMNS": "200",
    }

    def process(run, *more, resume=False, **options):
        own = ["--resume", str(run)] if resume else [*SETTINGS, "--data", str(prepared), "--out", str(run)]
        command = [sys.executable, "-m", "jaxpose.train", *own, *more]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, env=environment, **pipes | options)

    return process


def finish(process):
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err[-2000:]
    return out, err


def digest(run):
    """Of the parameters, statistics, optimiser state and step, of the log and of the results."""
    config, description = read_settings(run)
    recipe = setup.build_recipe(config, description, 65)
    state = checkpoint.load(run, setup.init.eval_shape(recipe, jax.random.key(0)).replace(key=jax.random.key(0)))
    sums = [hashlib.sha256(leaf.tobytes()).hexdigest() for leaf in jax.tree.leaves(state.replace(key=()))]
    files = [(run / name).read_bytes() for name in ("metrics.jsonl", "results.json", "config.json")]
    return [*sums, jax.random.key_data(state.key).tolist(), *files]


@pytest.fixture(scope="module")
def whole(start, tmp_path_factory):
    """A run that nobody stopped."""
    run = tmp_path_factory.mktemp("whole") / "run"
    finish(start(run))
    return run


def half_written(run):
    return any((run / "checkpoints").glob("*.orbax-checkpoint-tmp"))


def log_size(run):
    path = run / "metrics.jsonl"
    return path.stat().st_size if path.exists() else 0


def log_lines(run):
    return (run / "metrics.jsonl").read_bytes().splitlines(keepends=True) if log_size(run) else []


def grown(run, size):
    return log_size(run) != size


def wait_for(truth, process, seconds=600.0):
    """Until it is true, the process ends, or the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None and not truth():
        time.sleep(0.0005)


def kill(process, run, chance):
    """SIGKILL at a moment that chance chooses: a time, while a checkpoint is written, or as the log grows."""
    moment = chance.choice(["time", "checkpoint", "log", "log"])
    if moment == "time":
        wait_for(lambda: False, process, chance.uniform(0, 6))
    elif moment == "checkpoint":
        wait_for(lambda: not half_written(run), process)
        wait_for(lambda: half_written(run), process)
    else:
        for _ in range(chance.randrange(1, 4)):  # past the lines that resuming cuts off and writes again
            wait_for(functools.partial(grown, run, log_size(run)), process)
    time.sleep(chance.choice([0, 0, 0.002, 0.01, 0.05]))
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("kills", [12, pytest.param(300, marks=pytest.mark.slow)])
def test_killed_again_and_again_a_run_ends_as_the_run_that_was_never_stopped(start, whole, tmp_path, kills):
    chance, done = random.Random(kills), 0
    for number in range(kills):
        run = tmp_path / f"run-{number}"
        while not (run / "results.json").exists() or (run / ".lock").exists():
            process = start(run, resume=(run / "config.json").exists())
            if done < kills:
                before = log_lines(run)
                done += kill(process, run, chance)
                new = [line for line in log_lines(run)[-1:] if line not in before]
                if new and chance.random() < 0.6:  # as if the kill had cut the line that was being written
                    os.truncate(run / "metrics.jsonl", log_size(run) - chance.randrange(1, len(new[0])))
            else:
                finish(process)
        assert digest(run) == digest(whole)
        assert sorted(path.name for path in run.iterdir()) == sorted(path.name for path in whole.iterdir())
        if done >= kills:
            break
    assert done == kills


def test_the_same_seed_and_settings_give_the_same_bits(start, whole, tmp_path):
    finish(start(tmp_path / "again"))
    assert digest(tmp_path / "again") == digest(whole)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)]
)
def test_a_signal_finishes_the_step_and_saves(start, whole, tmp_path, number, code):
    run = tmp_path / "run"
    process = start(run, "--epochs", "3000")
    wait_for(lambda: log_size(run), process)
    process.send_signal(number)
    out, err = process.communicate(timeout=900)
    assert process.returncode == code, err
    (line,) = err.splitlines()
    step = checkpoint.steps(run)[-1]
    assert line == f"{number.name}: step {step} is done and saved; go on with --resume {run}"
    assert f"Stopping after step {step}" in out
    refused = start(run, "--epochs", "3", resume=True)
    _, err = refused.communicate()
    assert refused.returncode == 2
    assert f"these settings differ from those of {run}: epochs is 3000 there, 3 here; leave them away" in err
    assert json.loads((run / "config.json").read_text())["epochs"] == 3000


def test_a_full_disk_is_one_line_and_the_last_checkpoint_is_whole(start, whole, tmp_path):
    run = tmp_path / "run"
    process = start(run, "--epochs", "3000")
    wait_for(lambda: len(checkpoint.steps(run)) > 1, process)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))  # no file may grow any more
    _, err = process.communicate(timeout=900)
    assert process.returncode == 2, err
    (line,) = err.splitlines()
    assert line.startswith(f"error: {run}/metrics.jsonl cannot be written (") or "no checkpoint can be written" in line
    assert f"go on with --resume {run}" in line
    for step in checkpoint.steps(run):
        assert not checksums.find_damage(run / "checkpoints" / str(step))
    _, err = finish(start(run, "--epochs", "4", "--change", resume=True))
    assert not err


def test_two_processes_on_one_run(start, whole, tmp_path):
    run = tmp_path / "run"
    process = start(run, "--epochs", "3000")
    wait_for(lambda: checkpoint.steps(run), process)
    second = start(run, resume=True)
    _, err = second.communicate()
    assert second.returncode == 2
    assert f"{run} is being trained by process {process.pid} on " in err
    process.kill()
    process.communicate()
    assert (run / ".lock").exists()  # of a dead process, whose place is taken over
    finish(start(run, "--epochs", "3", "--change", resume=True))
