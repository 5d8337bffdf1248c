"""The plan of a run says what the run will do, and leaves nothing."""

import dataclasses
import os

import jax
import pytest
from helpers.samples import DESCRIPTION
from rich.console import Console

from jaxpose import train
from jaxpose.models.configs import TemporalConfig
from jaxpose.runs import dry_run, prepare
from jaxpose.training import setup
from jaxpose.training.config import Config

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture(scope="module")
def config(prepared):
    return Config(
        data=str(prepared), train_split="S1", test_split="S9", model=TemporalConfig(filter_widths=(3, 3), channels=8),
        batch_size=32, epochs=2, constraints={"velocity": 1.0}, clips=16,
    )  # fmt: skip


def plan_of(config):
    console = Console(quiet=True)
    return dict(dry_run.plan_rows(prepare.prepare(config, None, prepare.read_splits(config, console), console)))


def test_the_plan_says_what_the_run_will_do(config):
    plan = plan_of(config)
    assert plan["receptive field"].startswith("9 frames (4 before and 4 after")
    assert plan["windows"] == "65; with their mirror images 130 samples an epoch"
    assert plan["steps"] == "5 an epoch, 10 in all"
    assert plan["first batch, windows, keypoints"] == "(32, 9, 17, 2)"
    assert plan["first batch, windows, poses"] == "(32, 1, 17, 3)"
    assert plan["first batch, clips, keypoints"] == "(16, 11, 17, 2)"
    assert plan["first batch, clips, poses"] == "(16, 3, 17, 3)"
    assert set(plan["first batch, tracks"].split(", ")) == {"S1/Walking/55011271", "S1/Sitting/55011271"}
    shapes = setup.variable_shapes(setup.build_model(config, DESCRIPTION), DESCRIPTION)
    count = sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))
    assert plan["parameters"] == f"{count:,}"
    parameters, optimiser, data, temporary, everything = (
        float(plan[f"memory, {name}"].removesuffix(" MB"))
        for name in (
            "parameters", "optimiser", "training data", "temporary arrays of a step", "all of it on each device"
        )
    )  # fmt: skip
    assert parameters == pytest.approx(4 * count / 1e6, abs=0.05)
    assert everything == pytest.approx(parameters + optimiser + data + temporary, abs=0.2)
    assert temporary > 0


def test_steps_end_a_run_sooner(config):
    assert plan_of(dataclasses.replace(config, steps=3))["steps"] == "5 an epoch, 3 in all"


def test_a_dry_run_leaves_nothing(prepared, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ["--data", str(prepared), "--train-split", "S1", "--test-split", "S9", "--channels", "8"]
    train.main(["--dry-run", *options, "--batch-size", "32"])
    out = capsys.readouterr().out
    assert "Training: sample motion, S1, 2 tracks, 65 frames." in out
    assert "Nothing is written" in out
    assert not os.listdir(tmp_path)
