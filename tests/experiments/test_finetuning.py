"""The fine-tuning experiment pre-trains once, starts from that run, and keeps what is done."""

import dataclasses
import json
import runpy

import numpy as np
import pytest
from helpers.places import ROOT

from jaxpose.models.configs import TemporalConfig
from jaxpose.runs.folder import read_settings
from jaxpose.runtime.errors import InputError
from jaxpose.training.config import Config

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture
def names():
    """The script's names, with a small network and the made-up data of two subjects."""
    script = runpy.run_path(str(ROOT / "experiments" / "finetuning.py"))
    seen = script["main"].__globals__
    seen["PRESETS"] = {"quick": Config(model=TemporalConfig(filter_widths=(3,), channels=8), batch_size=64)}
    seen |= {"OTHERS": "S1", "OTHERS_TEST": "S9", "SPLITS": {"test": ("S1", "S9")}}
    seen["CHOSEN"] = {"tuned": script["tuned"](1, 3e-4), "scratch": {"epochs": 1}}
    return seen


def test_one_command_trains_and_compares(names, prepared, tmp_path, monkeypatch, capsys):
    names["main"]("test", str(prepared), str(prepared), tmp_path, seeds=(0, 1))
    scores = json.loads((tmp_path / "test.json").read_text())["test"]
    assert {name: len(runs) for name, runs in scores.items()} == {
        "pre-trained, not fine-tuned": 1, "tuned": 2, "scratch": 2,
    }  # fmt: skip
    assert read_settings(tmp_path / "test-tuned-1")[0].init == str(tmp_path / "pretrained")
    assert read_settings(tmp_path / "test-scratch-1")[0].init is None
    results = json.loads((tmp_path / "test-tuned-1" / "results.json").read_text())
    assert scores["tuned"][1] == results["average"]
    (row,) = (line for line in (tmp_path / "test.md").read_text().splitlines() if line.startswith("| tuned "))
    errors = [run["mpjpe"] for run in scores["tuned"]]
    assert row.split("|")[2].strip() == f"{np.mean(errors):.2f} ± {np.std(errors, ddof=1):.2f}"

    monkeypatch.setattr(names["job"], "train", lambda *_, **__: pytest.fail("a run that is done was trained again"))
    names["main"]("test", str(prepared), str(prepared), tmp_path, seeds=(0, 1))
    other = dataclasses.replace(read_settings(tmp_path / "pretrained")[0], seed=5)
    with pytest.raises(InputError, match="pretrained is a run with other settings; remove it to train again"):
        names["train"](other, tmp_path / "pretrained")
