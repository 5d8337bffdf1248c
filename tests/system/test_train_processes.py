"""The trainer in processes of its own: compiled programs that a second run finds, and what an import brings along."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.system

SMALL = ["--filter-widths", "3", "3", "--channels", "16", "--batch-size", "16", "--epochs", "3", "--log-every", "4"]


def test_a_second_run_compiles_no_training_step_and_gives_the_same_bits(prepared, tmp_path):
    """JAX leaves a note of the time beside a compiled program whenever it loads it."""
    user = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    user |= {"JAX_PLATFORMS": "cpu", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    runs, notes = (tmp_path / "first", tmp_path / "second"), []
    for run in runs:
        data = ["--data", str(prepared), "--train-split", "S1", "--test-split", "S9", "--out", str(run)]
        command = [sys.executable, "-m", "jaxpose.train", *SMALL, *data, "--steps", "1"]
        assert not subprocess.run(command, check=True, capture_output=True, env=user).stderr
        (note,) = (tmp_path / "cache" / "jaxpose").glob("jit_train_steps-*-atime")
        notes.append(note.read_bytes())
    assert notes[0] != notes[1]
    for file in ("metrics.jsonl", "results.json"):
        assert (runs[0] / file).read_bytes() == (runs[1] / file).read_bytes()


def test_importing_the_trainer_imports_no_tensorflow():
    code = "import sys, jaxpose.train, jaxpose.evaluate, data_prep.h36m; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
