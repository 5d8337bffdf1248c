"""Fine-tune a network that was trained on other people: choose a schedule on training subjects, then report it once.

    jaxpose prepare cmu allasfamc.zip --out others --subjects 5 6 8 9 11 12 16 17 18 19 27 29 32 35 37 38 39 43 46 55 \
      60 64 90 93 118 124 135 140 143
    python -m experiments.finetuning validate --data cmu --others others --out runs/fine-tuning
    python -m experiments.finetuning test --data cmu --others others --out runs/fine-tuning

`validate` trains on S5 and tests on half of S1, and the other way round; `test` trains on S1 and S5 and tests on S9,
from three seeds, with the schedules of `CHOSEN`. Finished runs are kept: the same command continues with the others.
"""

import dataclasses
import itertools
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from rich.console import Console

from jaxpose.data.windows import pack
from jaxpose.evaluation.averages import score
from jaxpose.evaluation.metric_records import PUBLISHED_KEYS
from jaxpose.files.atomic import atomic_write_text
from jaxpose.files.guarded_read import read_json
from jaxpose.runs import job
from jaxpose.runs.folder import read_settings
from jaxpose.runs.trained import load_fitting, open_run
from jaxpose.runtime import tables
from jaxpose.runtime.devices import keep_compiled
from jaxpose.runtime.errors import InputError, cli_errors
from jaxpose.runtime.tables import Table
from jaxpose.training.config import PRESETS, Config

OTHERS = (
    "S5+S6+S8+S9+S11+S12+S16+S17+S18+S19+S27+S29+S32+S35+S37+S38+S39+S43+S46+S55+S64+S90+S93+S118+S124+S135+S140+S143"
)
"""CMU's subjects of the pre-training. Those of the target data (1, 2, 3) are not among them."""
OTHERS_TEST = "S60"  # only reported on

PRETRAINED = "pretrained"  # the run of the pre-training, in the folder of the runs


def tuned(epochs: int, learning_rate: float, schedule: str = "cosine") -> dict[str, Any]:
    """What a fine-tuning changes of the preset `quick`."""
    return {"epochs": epochs, "learning_rate": learning_rate, "schedule": schedule, "init": PRETRAINED}


VALIDATION: dict[str, dict[str, dict[str, Any]]] = {
    "S5 to S1": {
        **{f"2 epochs, cosine {rate:g}": tuned(2, rate) for rate in (1e-3, 3e-4, 1e-4)},
        **{f"2 epochs, staircase {rate:g}": tuned(2, rate, "staircase") for rate in (1e-3, 3e-4, 1e-4)},
    },
    "S1 to S5": {
        **{f"2 epochs, cosine {rate:g}": tuned(2, rate) for rate in (1e-3, 3e-4, 1e-4)},
        "BatchNorm's statistics alone": tuned(2, 1e-9) | {"steps": 100},
    },
    "other motions": {f"2 epochs, cosine {rate:g}": tuned(2, rate) for rate in (1e-3, 3e-4, 1e-4)},
}
"""Settings by split."""
SPLITS = {
    "S5 to S1": ("S5", "S1[50%:]"),
    "S1 to S5": ("S1", "S5"),
    "other motions": ("S1[:50%]+S5[:50%]", "S1[50%:]+S5[50%:]"),
    "test": ("S1+S5", "S9"),
}
"""To train on, and to test on."""
CHOSEN: dict[str, dict[str, Any]] = {
    "2 epochs": tuned(2, 3e-4),
    "8 epochs": tuned(8, 3e-4),
    "8 epochs, from scratch": {"epochs": 8},
    "8 epochs, from scratch, cosine": {"epochs": 8, "schedule": "cosine"},
}
"""The schedule that `validate` chose, for a quarter and for all of the steps of the preset, and trainings without."""


def main(
    stage: tyro.conf.Positional[Literal["validate", "test"]],
    data: str,
    others: str,
    out: Path,
    seeds: tuple[int, ...] = (0, 1, 2),
) -> None:
    """Train what is missing, and print and write a table.

    Args:
      stage: validate, to choose a schedule on the subjects S1 and S5; test, to report the chosen one on S9.
      data: Folder of the prepared target data, with the subjects S1, S5 and S9.
      others: Folder of the prepared data of other people.
      out: Folder for the runs, and for the tables STAGE.md and STAGE.json.
      seeds: Seeds of the runs that are reported on S9.
    """
    with cli_errors():
        keep_compiled()
        base = dataclasses.replace(PRESETS["quick"], data=data)
        pretrain(others, out / PRETRAINED)
        plans = VALIDATION if stage == "validate" else {"test": CHOSEN}
        scores: dict[str, dict[str, list[dict[str, float]]]] = {}
        for split, plan in plans.items():
            train_split, test_split = SPLITS[split]
            rows = scores.setdefault(split, {})
            rows["pre-trained, not fine-tuned"] = [score_of(out / PRETRAINED, data, test_split)]
            for (name, changes), seed in itertools.product(plan.items(), seeds if stage == "test" else (0,)):
                settings = {**changes, "train_split": train_split, "test_split": test_split, "seed": seed}
                if "init" in settings:
                    settings["init"] = str(out / settings["init"])
                config = dataclasses.replace(base, **settings)
                rows.setdefault(name, []).append(train(config, out / slug(f"{split} {name} {seed}")))
            write(stage, out, scores)


def pretrain(others: str, run: Path) -> None:
    """Train on the other people, unless that is done."""
    splits = {"data": others, "train_split": OTHERS, "test_split": OTHERS_TEST}
    train(dataclasses.replace(PRESETS["quick"], **splits, epochs=4, seed=100), run)


def train(config: Config, run: Path) -> dict[str, float]:
    """Train, or continue, or keep what is done; returns the average errors on the test split.

    Raises:
      InputError: the folder holds a run with other settings.
    """
    begun = (run / "config.json").exists()
    if begun and read_settings(run)[0] != config:
        raise InputError(f"{run} is a run with other settings; remove it to train again")
    if not (run / "results.json").exists():
        job.train(config, run, resume=begun)
    return read_json(run / "results.json")["average"]


def score_of(run: Path, data: str, split: str) -> dict[str, float]:
    """Average errors of a run as it is, on other data."""
    model = open_run(run)
    _, tracks, _ = load_fitting(model, data, split)
    packed = pack(tracks)
    return score(model.lift(packed), np.asarray(packed.poses), tracks)["average"]


def mean_and_spread(runs: Sequence[dict[str, float]], metric: str) -> str:
    """Mean over seeds and, of several, their standard deviation."""
    values = [run[metric] for run in runs]
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{spread}"


def write(stage: str, out: Path, scores: dict[str, dict[str, list[dict[str, float]]]]) -> None:
    """Print a table for each split, and write them as Markdown and as JSON."""
    written = []
    for split, rows in scores.items():
        cells = [[name, *(mean_and_spread(runs, metric) for metric in PUBLISHED_KEYS)] for name, runs in rows.items()]
        caption = f"Trained on {SPLITS[split][0]}, tested on {SPLITS[split][1]}"
        written.append(Table(caption, ("", "P1", "P2", "P3", "MPJVE", "MPJAE"), cells))
        tables.show(Console(), written[-1])
    atomic_write_text(out / f"{stage}.md", "\n".join(map(tables.markdown, written)))
    atomic_write_text(out / f"{stage}.json", json.dumps(scores, indent=1) + "\n")


def slug(text: str) -> str:
    """A name as a folder's: "S5 to S1 8 epochs, cosine 0.001 0" to "S5-to-S1-8-epochs-cosine-0.001-0"."""
    return text.replace(",", "").replace("'", "").replace(" ", "-")


if __name__ == "__main__":
    tyro.cli(main, prog="python -m experiments.finetuning", config=(tyro.conf.FlagConversionOff,))
