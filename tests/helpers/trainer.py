"""The trainer in a process of its own, to be killed, signalled, or left without room on the disk."""

import functools
import json
import os
import signal
import subprocess
import sys
import time

from jaxpose import train
from jaxpose.runs import checkpoint

SETTINGS = [
    "--filter-widths", "3", "--channels", "8", "--batch-size", "16", "--epochs", "3", "--log-every", "3",
    "--constraints", "velocity", "1", "--clips", "8", "--ramp", "0", "1", "--save-minutes", "0.005",
    "--train-split", "S1", "--test-split", "S9[:50%]", "--validation-split", "S9[50%:]",
]  # fmt: skip
"""A run of a few seconds; three records an epoch."""


def arguments(data, run, *more):
    """The arguments to start a run, or to resume it if it has begun."""
    begun = (run / "config.json").exists()
    return [*(["--resume", str(run)] if begun else [*SETTINGS, "--data", str(data), "--out", str(run)]), *more]


def start(data, run, *more):
    """Start or resume a run in a new process."""
    command = [sys.executable, "-m", "jaxpose.train", *arguments(data, run, *more)]
    environment = os.environ | {"COLUMNS": "200"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition, process, seconds=600.0):
    """Wait until the condition is true, the process has ended, or the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None and not condition():
        time.sleep(0.0005)


def log_lines(run):
    path = run / "metrics.jsonl"
    return path.read_bytes().splitlines(keepends=True) if path.exists() else []


def half_written(run):
    return any((run / "checkpoints").glob("*.orbax-checkpoint-tmp"))


def kill(process, run, moment, chance):
    """Kill a process with SIGKILL.

    Args:
      process: the trainer.
      run: its run.
      moment: "time", any; "checkpoint", while one is written; "log", as the log grows.
      chance: `random.Random`.

    Returns:
      Whether it was killed, and had not ended before.
    """
    if moment == "time":
        wait_for(lambda: False, process, chance.uniform(0, 6))
    elif moment == "checkpoint":
        wait_for(lambda: not half_written(run), process)
        wait_for(lambda: half_written(run), process)
    else:
        for _ in range(chance.randrange(1, 4)):  # past the lines that resuming cuts off and writes again
            wait_for(functools.partial(lambda lines: log_lines(run) != lines, log_lines(run)), process)
    time.sleep(chance.choice([0, 0, 0.002, 0.01, 0.05]))
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


def cut_last_line(run, before, chance):
    """Cut the log as if the kill had come while its last line was written.

    Nothing is cut that a kill cannot cut: a line that was there before, any line of a run that had ended (it holds no
    lock), and one after which a checkpoint was written: `append_log` has put it on the disk by then.
    """
    lines = log_lines(run)
    if lines and lines[-1] not in before and lines[-1].endswith(b"\n") and (run / ".lock").exists():
        step = json.loads(lines[-1])["step"]
        if all(saved <= step for saved in checkpoint.steps(run)):
            path = run / "metrics.jsonl"
            os.truncate(path, path.stat().st_size - chance.randrange(1, len(lines[-1])))


def train_with_kills(data, run, moments, chance):
    """Train a run to its end, killed and resumed again and again.

    Args:
      data: the prepared data set.
      run: the run's folder.
      moments: of the kills to come; those that were used are removed from the list.
      chance: `random.Random`.
    """
    while moments and (not (run / "results.json").exists() or (run / ".lock").exists()):
        before, process = log_lines(run), start(data, run)
        if kill(process, run, moments[-1], chance):
            moments.pop()
        if chance.random() < 0.6:
            cut_last_line(run, before, chance)
    if not (run / "results.json").exists() or (run / ".lock").exists():
        train.main(arguments(data, run))  # here: a process costs seconds
