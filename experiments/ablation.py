"""Train with each constraint term, and compare with the same training without: an ablation on real motion.

    python -m data_prep.h36m --archives data_3d_h36m.npz --keypoints data_2d_h36m_noisy.npz --out cmu
    python -m experiments.ablation --data cmu --out runs/ablation

Every setting trains from three seeds on S1 and S5 and is tested on S9. Choose weights on parts of S1 and S5, never on
S9: `--train-split S1 --test-split S5`. A score is the mean over the ends of the last three epochs, because scores of
single epochs vary more than the settings differ. Finished runs are kept: the same command continues with the others.
"""

import dataclasses
import json
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import tyro
from matplotlib.figure import Figure
from rich.console import Console

from jaxpose.data.load import load
from jaxpose.data.track import Description, Track, title_with_notice, track_lengths
from jaxpose.data.windows import PackedTracks, pack, window_starts
from jaxpose.evaluation.averages import score
from jaxpose.evaluation.metric_records import PUBLISHED_KEYS
from jaxpose.evaluation.predict_tracks import predict_tracks
from jaxpose.files.atomic import atomic_write, atomic_write_text
from jaxpose.files.guarded_read import read_json
from jaxpose.models.configs import TemporalConfig
from jaxpose.runtime import tables
from jaxpose.runtime.devices import keep_compiled, replicate
from jaxpose.runtime.errors import InputError, cli_errors
from jaxpose.runtime.tables import Table
from jaxpose.training import loop, setup
from jaxpose.training.config import PRESETS, Config, from_dict, to_dict
from jaxpose.training.state import State
from jaxpose.training.step import Recipe
from jaxpose.visualization import figures

JOINT_AWARE = {"constraints": PRESETS["joint-aware"].constraints}
BASE = Config(model=TemporalConfig(filter_widths=(3, 3, 3), channels=256), batch_size=512, epochs=8, clips=128)
TERMS = ("angle", "distance", "symmetry", "range_of_motion", "velocity", "acceleration", "angular_acceleration")
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    **{term: {"constraints": {term: 1.0}} for term in TERMS},
    "all": {"constraints": dict.fromkeys(TERMS, 1.0)},
    "all, halved": {"constraints": dict.fromkeys(TERMS, 0.5)},
    "joint-aware": JOINT_AWARE,
    # Fewer clips; 28 are as large a part of the batch as the preset's.
    **{f"joint-aware, {clips} clips": JOINT_AWARE | {"clips": clips} for clips in (64, 32, 28)},
    # Batches of windows of three frames, without constraints: as many windows, and as many frames, as the baseline's.
    "none, as many windows": {"frames": 3},
    "none, as many frames": {"frames": 3, "batch_size": BASE.batch_size // 3},
}
"""What each setting changes of `BASE`."""

BASELINE = "none"
LAST = 3  # epochs whose scores are averaged
PAPER = {"mpjpe": -0.01, "mpjve": -0.07, "mpjae": -0.13}
"""The paper's margins over its own baseline."""


class Data(NamedTuple):
    """The tracks of both splits."""

    description: Description
    train: list[Track]
    test: list[Track]


def train_and_score(config: Config, data: Data) -> dict[str, Any]:
    """Train, and score the test tracks at the end of each of the last epochs.

    Args:
      config: the settings; its data and splits are not read.
      data: the tracks of both splits.

    Returns:
      `scores`, an average over actions by metric for each of these epochs; `record`, the last one of the log;
      `seconds`.
    """
    began = time.monotonic()
    starts = window_starts(track_lengths(data.train), config.frames)
    recipe = setup.build_recipe(config, data.description, len(starts))
    packed, starts = (replicate(arrays, recipe.mesh) for arrays in (pack(data.train), starts))
    test = jax.device_get(pack(data.test))
    records: list[dict[str, float]] = []
    scores: list[dict[str, float]] = []

    def after_epoch(state: State, _: int, record: dict[str, float]) -> None:
        records.append(record)
        if record["epoch"] > config.epochs - LAST:
            scores.append(_average(recipe, state, test, data))

    loop.run(
        setup.init(recipe, jax.random.key(config.seed)),
        recipe,
        packed,
        starts,
        until=config.epochs * recipe.steps_per_epoch,
        log_every=recipe.steps_per_epoch,
        after_call=after_epoch,
    )
    return {"scores": scores, "record": records[-1], "seconds": time.monotonic() - began}


def _average(recipe: Recipe, state: State, test: PackedTracks, data: Data) -> dict[str, float]:
    predictions = predict_tracks(recipe.model, state.variables, test, data.description, recipe.mesh)
    return score(predictions, test.poses, data.test)["average"]


def mean_and_spread(runs: list[dict[str, Any]], metric: str) -> tuple[float, float]:
    """Mean and standard deviation of a metric over the seeds; the deviation of a single seed is zero."""
    values = [statistics.mean(scores[metric] for scores in run["scores"]) for run in runs]
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def rows(runs: Mapping[str, list[dict[str, Any]]]) -> list[list[str]]:
    """Table rows, one for each setting: name, mean ± deviation and change by metric, and minutes a run."""
    table = []
    for name, seeds in runs.items():
        cells = []
        for metric in PUBLISHED_KEYS:
            mean, spread = mean_and_spread(seeds, metric)
            change = mean / mean_and_spread(runs[BASELINE], metric)[0] - 1
            cells.append(f"{mean:.2f} ± {spread:.2f}" + ("" if name == BASELINE else f" ({change:+.1%})"))
        minutes = statistics.median(run["seconds"] for run in seeds) / 60
        table.append([name, *cells, f"{minutes:.1f}"])
    return table


HEAD = ("constraints", "P1", "P2", "P3", "MPJVE", "MPJAE", "minutes")


def draw(runs: Mapping[str, list[dict[str, Any]]], caption: str) -> Figure:
    """Draw the change from the baseline in per cent, with the standard deviation over seeds and the paper's margins."""
    figure = Figure(figsize=(11, 0.3 * len(runs) + 1.6), layout="constrained")
    figure.suptitle(caption, fontsize=9)
    panels = figure.subplots(1, len(PUBLISHED_KEYS), sharey=True)
    names = [name for name in runs if name != BASELINE]
    for axes, metric in zip(panels, PUBLISHED_KEYS, strict=True):
        base, _ = mean_and_spread(runs[BASELINE], metric)
        scores = np.reshape([mean_and_spread(runs[name], metric) for name in names], (-1, 2))
        changes, spreads = 100 * (scores / base - [1, 0]).T
        axes.barh(names, changes, xerr=spreads, color=np.where(changes < 0, figures.LEFT, figures.RIGHT), ecolor="0.4")
        axes.axvline(0, color="0.3", linewidth=1)
        if metric in PAPER:
            axes.axvline(100 * PAPER[metric], color="0.3", linewidth=1, linestyle=":", label="the paper's margin")
        axes.set(title=metric.upper().replace("_", "-"), xlabel="% against none")
    panels[0].invert_yaxis()
    panels[0].legend(fontsize=7)
    return figure


def main(
    data: str,
    out: Path,
    settings: tuple[str, ...] = tuple(SETTINGS),
    seeds: tuple[int, ...] = (0, 1, 2),
    train_split: str = "S1+S5",
    test_split: str = "S9",
    schedule: str = BASE.schedule,
) -> None:
    """Train every setting from every seed, and compare with training without constraints.

    Args:
      data: Folder of a prepared data set with the subjects S1, S5 and S9.
      out: Folder for the scores of the runs, and for ablation.md, ablation.json and ablation.png.
      settings: Settings to run; training without constraints is always among them.
      seeds: Seeds to train each setting from.
      train_split: Subjects, or parts of them, to train on.
      test_split: Subjects to test on. To choose weights, give parts of S1 and S5.
      schedule: Schedule of the learning rate. With staircase the last epoch of so short a training has 0.7 of the first
        rate, and scores scatter; with cosine it falls to zero.
    """
    with cli_errors():
        if unknown := set(settings) - set(SETTINGS):
            raise InputError(f"there is no setting {min(unknown)!r}; choose from {'; '.join(SETTINGS)}")
        keep_compiled()
        base = dataclasses.replace(BASE, data=data, train_split=train_split, test_split=test_split, schedule=schedule)
        description, train = load(data, train_split)
        splits = Data(description, train, load(data, test_split)[1])
        console, runs = Console(), {}
        for name in dict.fromkeys((BASELINE, *settings)):
            for seed in seeds:
                config = dataclasses.replace(base, seed=seed, **SETTINGS[name])
                runs.setdefault(name, []).append(load_or_train(out, name, config, splits, console))
        how = f"trained on {train_split}, tested on {test_split}, {schedule}, seeds {', '.join(map(str, seeds))}"
        caption = f"{title_with_notice(description)}: {how}"
        table = Table(caption, HEAD, rows(runs))
        tables.show(console, table)
        atomic_write_text(out / "ablation.md", tables.markdown(table))
        atomic_write_text(out / "ablation.json", json.dumps(runs, indent=1) + "\n")
        atomic_write(out / "ablation.png", draw(runs, caption).savefig)


def load_or_train(out: Path, name: str, config: Config, data: Data, console: Console) -> dict[str, Any]:
    """Load the scores of a run if there are some with these settings, else train it.

    Raises:
      InputError: the file does not hold the scores of a run.
    """
    path = out / f"{name.replace(', ', '-').replace(' ', '-')}-{config.seed}.json"
    try:
        saved = read_json(path)
        rows({BASELINE: [saved]})
        if from_dict(saved["config"]) == config:
            return saved
    except FileNotFoundError:
        pass
    except (InputError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
        raise InputError(f"{path} holds no scores of a run ({error!r:.100}); remove it to train again") from error
    run = {"config": to_dict(config)} | train_and_score(config, data)
    out.mkdir(parents=True, exist_ok=True)
    atomic_write_text(path, json.dumps(run, indent=1) + "\n")
    mean, _ = mean_and_spread([run], "mpjpe")
    console.print(f"{name}, seed {config.seed}: MPJPE {mean:.1f} mm, {run['seconds']:.0f} s")
    return run


if __name__ == "__main__":
    tyro.cli(main, prog="python -m experiments.ablation")
