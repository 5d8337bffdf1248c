"""The paper's figures show the numbers of the runs and of the paper, and say why runs are not comparable."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from helpers.samples import DESCRIPTION

from jaxpose.evaluation import paper_tables
from jaxpose.evaluation.metric_records import METRICS, PUBLISHED_KEYS
from jaxpose.evaluation.paper_figures import FinishedRun, check_runs, paper_figures
from jaxpose.evaluation.results_file import Results
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import HUMANEVA_15
from jaxpose.training.config import PRESETS, Config

TRIO = [PRESETS[name] for name in ("baseline", "baseline-2048", "joint-aware")]


def make_run(
    name, config=PRESETS["baseline"], *, description=DESCRIPTION, actions=("Walking", "Sitting"), seed=0, **results
):
    """A run that has ended, with errors at random."""
    random = np.random.default_rng(seed)
    log = []
    for step in range(1, 7):
        loss = float(random.uniform(0.05, 0.1))
        position = loss / 2 if config.constraints else loss
        log.append({"step": step, "epoch": step / 2, "learning_rate": 1e-3, "loss": loss, "position": position})
        if step % 2 == 0:
            log[-1]["test_mpjpe"] = loss / 3
    groups = (*actions, "average")
    errors = {group: dict(zip(PUBLISHED_KEYS, random.uniform(1, 60, 5).tolist(), strict=True)) for group in groups}
    numbers = Results(errors, frames=1000, fps=50.0)._replace(**results)
    return FinishedRun(Path("runs", name), config, description, log, numbers)


def as_human36m(name, config=PRESETS["baseline"], **changes):
    actions = changes.pop("actions", sorted(paper_tables.ACTIONS))
    return make_run(name, config, actions=actions, **{"frames": 543_344, "fps": 50.0} | changes)


@pytest.fixture(scope="module")
def trio():
    """The three runs that the paper compares, as if trained on Human3.6M."""
    description = DESCRIPTION._replace(title="Human3.6M, cpn")
    return [as_human36m(f"run-{n}", config, description=description, seed=n) for n, config in enumerate(TRIO)]


@pytest.fixture(scope="module")
def drawn(trio):
    return dict(paper_figures(trio))


def heights(figure):
    """Of the bars, by label."""
    (axes,) = figure.axes
    return {bars.get_label(): [bar.get_height() for bar in bars] for bars in axes.containers}


def test_curves_are_the_logs(trio, drawn):
    figure = drawn["curves"]
    training, test = figure.axes
    labels = ["1024 channels", "2048 channels", "2048 channels, constraints"]
    assert [line.get_label() for line in training.lines] == [*labels, f"{labels[-1]}: position loss alone"]
    assert [line.get_label() for line in test.lines] == labels
    for line, run in zip(training.lines, [*trio, trio[-1]], strict=True):
        name = "loss" if line.get_linestyle() == "-" else "position"
        np.testing.assert_allclose(line.get_xydata(), [(r["epoch"], 1000 * r[name]) for r in run.log])
    for line, run in zip(test.lines, trio, strict=True):
        points = [(r["epoch"], 1000 * r["test_mpjpe"]) for r in run.log if "test_mpjpe" in r]
        np.testing.assert_allclose(line.get_xydata(), points)
    assert len({line.get_color() for line in test.lines}) == 3
    assert "Human3.6M, cpn, S9+S11." in figure.get_suptitle()
    assert "The runs also differ: epochs 80 / epochs 80 / epochs 85." in figure.get_suptitle().replace("\n", " ")


def test_losses_of_other_units_are_drawn_without_one(trio):
    runs = [trio[0], trio[1]._replace(config=dataclasses.replace(trio[1].config, loss="mse"))]
    training, test = dict(paper_figures(runs, []))["curves"].axes
    assert (training.get_ylabel(), test.get_ylabel()) == ("", "mm")
    for line, run in zip(training.lines, runs, strict=True):
        np.testing.assert_allclose(line.get_xydata(), [(r["epoch"], r["loss"]) for r in run.log])


def test_human36m_stands_beside_the_paper(trio, drawn):
    for metric, number in paper_tables.BY_ACTION.items():
        bars = heights(drawn[metric])
        for method in ("Pavllo'19", "Ours"):
            (row,) = (row for row in paper_tables.load_rows(number) if row.method.replace(" ", "") == method)
            assert bars.pop(f"{method}, as printed in the paper") == [float(cell) for cell in row.cells.values()]
        for values, run in zip(bars.values(), trio, strict=True):
            assert values == [run.results.errors[action][metric] for action in (*paper_tables.ACTIONS, "average")]
        labels = [text.get_text() for text in drawn[metric].axes[0].get_xticklabels()]
        assert labels == [*paper_tables.ACTIONS, "average"]
    note = drawn["mpjae"].axes[0].get_xlabel().replace("\n", " ")
    assert "Pavllo'19 in the paper (mean 2.29): the average is not the mean of the row." in note
    assert paper_tables.SHIFTED in note
    assert [text.get_text() for text in drawn["mpjae"].axes[0].texts][:2] == ["2.44", "2.12"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"description": DESCRIPTION._replace(synthetic=True)}, "the motion is synthetic"),
        ({"description": DESCRIPTION._replace(skeleton=HUMANEVA_15)}, "the skeleton is"),
        ({"config": Config(test_split="S9")}, "the subjects are S9, not S9 and S11"),
        ({"actions": ("Walking",)}, "the actions are not the fifteen of Human3.6M"),
        ({"frames": 543_343}, "these are 543,343 frames at 50 frames/s, and published results are of 543,344 at 50"),
        ({"fps": float("nan")}, "these are 543,344 frames at nan frames/s"),
        ({"trained_on": ("S9",)}, "these subjects were trained on: S9"),
    ],
)
def test_other_data_stand_alone_and_say_why(change, reason):
    run = as_human36m("run", **change)
    figure = dict(paper_figures([run], [METRICS["mpjpe"]]))["mpjpe"]
    assert heights(figure) == {"run runs/run": [row["mpjpe"] for row in run.results.errors.values()]}
    assert f"Not comparable with the paper's rows: {reason}" in figure.axes[0].get_xlabel().replace("\n", " ")
    assert ("SYNTHETIC" in figure.get_suptitle()) == run.description.synthetic
    assert ("TRAINED ON S9" in figure.get_suptitle()) == bool(run.results.trained_on)


def test_without_a_log_there_are_no_curves():
    assert [name for name, _ in paper_figures([make_run("a")._replace(log=[])], [METRICS["mpjae"]])] == ["mpjae"]


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], "there is nothing to draw; name the folder of at least one run"),
        ([make_run("a"), make_run("b/../a")], "a is named twice"),
        ([make_run("a"), make_run("b", actions=("Walking",))], r"have different actions \(Sitting\); draw them sep"),
        ([make_run("a"), make_run("b", description=DESCRIPTION._replace(synthetic=True))], "is of synthetic motion"),
        ([make_run("a")._replace(log=[{"step": 1}])], r"metrics.jsonl has a line without epoch or loss"),
    ],
)
def test_runs_that_cannot_be_in_one_figure_are_refused(runs, message):
    with pytest.raises(InputError, match=message):
        check_runs(runs)
