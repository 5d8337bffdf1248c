"""Ctrl-C ends every command within a second and without a traceback, whatever it does."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
from helpers.h36m_files import SUBJECTS, contents, save_archives
from helpers.places import ROOT

from jaxpose.runs.checkpoint import steps
from jaxpose.runs.job import STOPPING

pytestmark = pytest.mark.system

SECONDS = 3.0
"""A second, and a wide margin for a busy machine."""


@contextlib.contextmanager
def started(*words):
    """A command in a session of its own, which is killed at the end."""
    command = [sys.executable, "-m", *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, **pipes) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def press(process):
    """Press Ctrl-C, which reaches all processes of a terminal's group: exit code, stderr and seconds until the end."""
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    return process.returncode, err, time.monotonic() - began


@pytest.mark.parametrize("delay", [0.4, 0.7, 1.0, 1.6, 2.4])
@pytest.mark.parametrize("name", ["train", "evaluate", "predict"])
def test_while_a_command_imports_and_begins(untrained, tmp_path, name, delay):
    arguments = {
        "train": ["--out", tmp_path / "run"],  # the built-in data take seconds
        "evaluate": [untrained],
        "predict": [untrained, tmp_path / "keypoints.npz", "--out", tmp_path / "motion.npz"],
    }
    with started(f"jaxpose.{name}", *arguments[name]) as process:
        time.sleep(delay)
        if process.poll() is not None:
            pytest.skip(f"it ended by itself in {delay} s")
        code, err, seconds = press(process)
    if err.startswith("error: ") or (code, err) == (-signal.SIGINT, ""):  # Python gives its handlers up as it ends
        pytest.skip(f"its work was done, and it was ending, in {delay} s")
    assert (code, err) == (130, "interrupted\n")
    assert seconds < SECONDS
    assert not (tmp_path / "run").exists()


def test_while_compiled_code_runs():
    """Python raises nothing before the main thread is back from it, here in five seconds."""
    program = (
        "import sys, jaxpose; from jaxpose.runtime import signals; signals.end_soon_after_interrupts(); "
        "import hashlib; print('ready', flush=True); hashlib.pbkdf2_hmac('sha256', b'a', b'b', 20_000_000)"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, **pipes) as process:
        assert process.stdout.readline() == "ready\n"
        code, err, seconds = press(process)
    assert (code, err) == (130, "interrupted\n")
    assert seconds < SECONDS


def test_a_training_says_what_it_finishes_and_saves_it(prepared, tmp_path):
    run = tmp_path / "run"
    data = ["--data", prepared, "--train-split", "S1", "--test-split", "S9", "--batch-size", "16"]
    network = ["--filter-widths", "3", "--channels", "8", "--epochs", "1000000", "--log-every", "1"]
    with started("jaxpose.train", *data, *network, "--out", run) as process:
        log = run / "metrics.jsonl"  # the first evaluation compiles, which is not interrupted
        while process.poll() is None and not (log.exists() and "test_mpjpe" in log.read_text("utf-8")):
            time.sleep(0.05)
        code, err, seconds = press(process)
    said, done = err.splitlines()
    assert (code, said) == (130, STOPPING)
    assert done.startswith("SIGINT: step ")
    assert steps(run)[-1] >= 1
    assert seconds < SECONDS


@pytest.mark.parametrize("delay", [0.0, 0.7])
def test_the_workers_of_a_command(tmp_path, delay):
    """The first worker imports, or reads, when the delay is over."""
    files = {subject: contents(tmp_path, subject) for subject in SUBJECTS}
    (tmp_path / "archives").mkdir()
    archives = save_archives(tmp_path / "archives", files)
    out = tmp_path / "out"
    with started("data_prep.h36m", "--archives", archives, "--out", out, "--jobs", "2") as process:
        while process.poll() is None and len(session_of(process)) < 3:
            time.sleep(0.02)
        time.sleep(delay)
        if process.poll() is not None:
            pytest.skip(f"it ended by itself in {delay} s")
        code, err, seconds = press(process)
        assert (code, err) == (130, "interrupted\n")
        assert seconds < SECONDS
        time.sleep(0.5)
        assert not session_of(process)
    assert not out.exists()


def session_of(process):
    """The processes that this one has started, and itself."""
    shown = subprocess.run(["ps", "-eo", "sid,stat"], capture_output=True, text=True, check=True).stdout
    lines = [line.split() for line in shown.splitlines()]
    return [line for line in lines if line[0] == str(process.pid) and not line[1].startswith("Z")]
