"""Runs of older versions open, go on and are evaluated as if they had been made today.

Their `config.json` is flat, for there was one kind of network; a checkpoint is of a state with a field `batch_stats`,
and sums the values of fewer names for the next line of the log.
"""

import json
import shutil
from typing import Any

import flax.struct
import jax
import numpy as np
import pytest

from jaxpose import evaluate, train
from jaxpose.models.configs import TemporalConfig
from jaxpose.runs import checkpoint
from jaxpose.runs.folder import read_settings
from jaxpose.runs.log import read_log
from jaxpose.runs.trained import open_run
from jaxpose.training import setup
from jaxpose.training.state import to_checkpoint

pytestmark = pytest.mark.usefixtures("compiled_soon")

SETTINGS = {
    "data": "synthetic", "train_split": "S1", "test_split": "S9", "validation_split": None, "filter_widths": [3, 3],
    "channels": 8, "dropout": 0.25, "causal": False, "dense": False, "precision": "float32", "frames": 1,
    "constraints": {}, "ramp": [1.0, 2.0], "clips": 128, "clip_frames": 3, "batch_size": 32, "epochs": 2,
    "steps": None, "learning_rate": 0.001, "learning_rate_decay": 0.95, "seed": 0, "log_every": 2, "keep": 2,
    "save_minutes": 10.0,
}  # fmt: skip
"""All settings that `config.json` had, in its order."""


class OldState(flax.struct.PyTreeNode):
    """What a checkpoint held: its fields are the folders of the tree."""

    step: jax.Array
    params: Any
    batch_stats: Any
    opt_state: Any
    key: jax.Array
    sums: dict[str, jax.Array]


@pytest.fixture(scope="module")
def runs(prepared, tmp_path_factory):
    """A run that was never stopped; one that was stopped at step 4; and the same as an older version left it."""
    folder = tmp_path_factory.mktemp("runs")
    whole, stopped, old = (folder / name for name in ("whole", "stopped", "old"))
    arguments = ["--data", str(prepared), "--train-split", "S1", "--test-split", "S9", "--filter-widths", "3", "3"]
    arguments += ["--channels", "8", "--batch-size", "32", "--epochs", "2", "--log-every", "2"]
    arguments += ["--clips", "128"]  # the default when the older version wrote its settings
    train.main([*arguments, "--out", str(whole)])
    train.main([*arguments, "--out", str(stopped), "--steps", "4"])

    shutil.copytree(stopped, old, ignore=shutil.ignore_patterns("checkpoints"))
    config, description = read_settings(stopped)
    like = to_checkpoint(setup.init(setup.build_recipe(config, description, 65), jax.random.key(0)))
    state = checkpoint.load(stopped, like)
    state["sums"] = {name: state["sums"][name] for name in ("steps", "loss", "position", "gradient_norm")}
    with checkpoint.open_checkpoints(old) as checkpoints:
        checkpoint.save(checkpoints, 4, OldState(**state))
    (old / "config.json").write_text(json.dumps(SETTINGS | {"data": str(prepared)}, indent=2))
    return whole, stopped, old


def test_the_settings_are_read(runs):
    whole, _, old = runs
    assert read_settings(old)[0] == read_settings(whole)[0]
    assert read_settings(old)[0].model == TemporalConfig(filter_widths=(3, 3), channels=8)


def test_the_weights_are_opened_and_evaluated(runs, capsys):
    _, stopped, old = runs
    jax.tree.map(np.testing.assert_array_equal, open_run(old).variables, open_run(stopped).variables)
    (old / "results.json").unlink()
    evaluate.main([str(old)])
    assert (old / "results.json").read_bytes() == (stopped / "results.json").read_bytes()


def test_it_goes_on_and_ends_as_the_run_that_was_never_stopped(runs, tmp_path):
    whole, _, old = runs
    run = shutil.copytree(old, tmp_path / "run")
    train.main(["--resume", str(run)])
    assert (run / "results.json").read_bytes() == (whole / "results.json").read_bytes()
    after = [record for record in read_log(whole) if record["step"] > 4]
    assert [record for record in read_log(run) if record["step"] > 4] == after
    assert json.loads((run / "config.json").read_text())["model"]["kind"] == "temporal"
