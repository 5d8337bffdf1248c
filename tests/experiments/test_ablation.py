"""The ablation trains its settings, compares them with the baseline, and continues where it stopped."""

import dataclasses
import functools
import json
import runpy
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.corpus import assert_refuses
from helpers.places import ROOT
from helpers.samples import DESCRIPTION, make_track
from rich.console import Console

from jaxpose.losses import QUANTITIES
from jaxpose.models.configs import TemporalConfig
from jaxpose.training.config import Config

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture(scope="module")
def ablation():
    """The script's names: those that its functions see, so that a test may replace them."""
    return SimpleNamespace(**runpy.run_path(str(ROOT / "experiments" / "ablation.py")))


@pytest.fixture
def replace(ablation, monkeypatch):
    """Replace a name of the script."""

    def replace(name, value):
        monkeypatch.setitem(ablation.main.__globals__, name, value)

    return replace


@pytest.fixture
def tiny(replace):
    splits = {
        "S1+S5": [make_track(seed=0), make_track(seed=1, action="Eating")],
        "S9": [make_track(seed=2, subject="S9"), make_track(seed=3, subject="S9", action="Eating")],
    }
    replace("load", lambda data, split: (DESCRIPTION, splits[split]))
    base = Config(model=TemporalConfig(filter_widths=(3,), channels=8), batch_size=16, epochs=4, clips=8, ramp=(1, 2))
    replace("BASE", base)
    return base


@pytest.mark.system
def test_one_command_trains_and_compares(ablation, tiny, tmp_path, replace, capsys):
    ablation.main("somewhere", tmp_path, settings=("angle",), seeds=(0, 1))
    runs = json.loads((tmp_path / "ablation.json").read_text())
    seeds = {name: [run["config"]["seed"] for run in of] for name, of in runs.items()}
    assert seeds == {"none": [0, 1], "angle": [0, 1]}
    assert runs["angle"][0]["config"]["constraints"] == {"angle": 1.0}
    assert all(len(run["scores"]) == ablation.LAST for of in runs.values() for run in of)
    assert "angle" in runs["angle"][0]["record"]
    assert "angle" not in runs["none"][0]["record"]

    none, angle = (
        np.mean([np.mean([s["mpjae"] for s in run["scores"]]) for run in runs[name]]) for name in ("none", "angle")
    )
    lines = (tmp_path / "ablation.md").read_text().splitlines()
    (row,) = (line for line in lines if line.startswith("| angle "))
    assert f"{angle:.2f} ± " in row.split("|")[6]
    assert f"({angle / none - 1:+.1%})" in row.split("|")[6]
    assert (tmp_path / "ablation.png").stat().st_size > 10_000

    replace("train_and_score", lambda *_: pytest.fail("a run that is done was trained again"))
    capsys.readouterr()
    ablation.main("somewhere", tmp_path, settings=("angle",), seeds=(0, 1))
    assert "seed" in capsys.readouterr().out  # the caption
    assert set(json.loads((tmp_path / "ablation.json").read_text())) == {"none", "angle"}


def test_a_kept_run_with_other_settings_is_trained_again(ablation, tiny, tmp_path, replace):
    trained = []

    def train_and_score(config, data):
        trained.append(config.model.channels)
        return {"scores": [dict.fromkeys(ablation.PUBLISHED_KEYS, 1.0)], "record": {}, "seconds": 1.0}

    replace("train_and_score", train_and_score)
    ablation.main("somewhere", tmp_path, settings=("none",), seeds=(0,))
    replace("BASE", dataclasses.replace(tiny, model=TemporalConfig(filter_widths=(3,), channels=4)))
    for _ in range(2):
        ablation.main("somewhere", tmp_path, settings=("none",), seeds=(0,))
    assert trained == [8, 4]
    ablation.main("somewhere", tmp_path, settings=("none",), seeds=(0,), test_split="S1+S5")
    assert trained == [8, 4, 4]  # of other tracks, it is another run
    ablation.main("somewhere", tmp_path, settings=("none",), seeds=(0,), schedule="cosine")
    config = json.loads((tmp_path / "none-0.json").read_text())["config"]
    assert (config["model"]["channels"], config["schedule"]) == (4, "cosine")


def test_a_damaged_kept_run_is_refused(ablation, tiny, tmp_path, replace):
    run = {"scores": [dict.fromkeys(ablation.PUBLISHED_KEYS, 1.0)] * 2, "record": {}, "seconds": 1.0}
    replace("train_and_score", lambda *_: run)
    kept = functools.partial(ablation.load_or_train, tmp_path, "none", tiny, None, Console(quiet=True))
    kept()
    assert_refuses(kept, tmp_path / "none-0.json")


def test_an_unknown_setting_is_named(ablation, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        ablation.main("somewhere", tmp_path, settings=("sideways",))
    assert stopped.value.code == 2
    assert "there is no setting 'sideways'; choose from none; angle" in capsys.readouterr().err


def test_every_setting_is_one(ablation):
    for changes in ablation.SETTINGS.values():
        config = dataclasses.replace(ablation.BASE, **changes)
        assert set(config.constraints) <= set(QUANTITIES)
    assert set(ablation.TERMS) == set(list(QUANTITIES)[:7])
