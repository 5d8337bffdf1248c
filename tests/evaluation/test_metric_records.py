"""A metric is one record: its values against NumPy, and its place in every table and file."""

import csv
import dataclasses
import io
import json

import numpy as np
import pytest
from helpers.made_up import made_up
from helpers.places import ROOT
from helpers.readme import readme_table
from helpers.samples import DESCRIPTION, make_track
from rich.console import Console

from jaxpose.data.windows import pack
from jaxpose.evaluation import metric_records, track_sums
from jaxpose.evaluation.averages import average, score
from jaxpose.evaluation.compare import EvaluatedRun, EvaluationSetting
from jaxpose.evaluation.evaluation_output import print_tables, write_tables
from jaxpose.evaluation.metric_records import METRICS, OPTIONAL, PUBLISHED, Metric
from jaxpose.evaluation.paper_tables import ACTIONS
from jaxpose.evaluation.protocol import VIDEOPOSE3D, Protocol
from jaxpose.evaluation.report_tables import all_tables
from jaxpose.evaluation.track_errors import measure_tracks
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17, layout
from jaxpose.training.config import Config

pytestmark = pytest.mark.usefixtures("compiled_soon")
SETTING = EvaluationSetting(DESCRIPTION, "S9", VIDEOPOSE3D, "sample motion")
LENGTHS = {"Walking": 30, "Walking 1": 11, "Eating": 20, "Eating 1": 25}


@pytest.fixture(autouse=True, scope="module")
def small_chunks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(track_sums, "CHUNK", 32)
        yield


@pytest.fixture(scope="module")
def tracks():
    return [make_track(frames=n, seed=n, action=action, subject="S9") for action, n in LENGTHS.items()]


@pytest.fixture(scope="module")
def targets(tracks):
    return np.asarray(pack(tracks).poses)


def predict(targets, seed):
    """Poses with errors of up to half a metre, so that the share of correct joints is between none and all."""
    return targets + np.random.default_rng(seed).normal(scale=0.08, size=targets.shape).astype(np.float32)


def last_joint(predictions, targets):
    """A metric of a user: the height error of the last joint, by frame and by joint."""
    return abs(predictions - targets)[:, -1, 1]


def heights(predictions, targets):
    return abs(predictions - targets)[..., 1]


MINE = Metric("mine", "Mine", "heights", "km", "of the last joint", last_joint, heights, scale=1e-3, digits=7)


@pytest.mark.parametrize("root", ["kept", "subtracted"])
def test_optional_metrics_of_each_track(tracks, targets, root):
    predictions = predict(targets, 0)
    found = measure_tracks(
        predictions, targets, tracks, protocol=Protocol(root=root), skeleton=H36M_17, metrics=OPTIONAL
    )
    assert found.metrics == OPTIONAL
    ends = np.cumsum([*LENGTHS.values()])[:-1]
    for index, (p, t) in enumerate(zip(*(np.split(np.float64(x), ends) for x in (predictions, targets)), strict=True)):
        at_root = p - p[:, :1] if root == "subtracted" else p
        errors = np.sqrt(((at_root - t) ** 2).sum(-1))
        pck = 100 * (errors < 0.15).mean()
        assert 20 < pck < 80
        assert found.means["pck"][index] == pytest.approx(pck)
        curve = [(errors < threshold / 1000).mean() for threshold in range(0, 151, 5)]
        assert found.means["auc"][index] == pytest.approx(100 * np.mean(curve))
        lengths = {bone: np.sqrt(((p[:, bone[1]] - p[:, bone[0]]) ** 2).sum(-1)) for bone in H36M_17.bones}
        spread = [np.sqrt(((values - values.mean()) ** 2).mean()) for values in lengths.values()]
        assert found.means["mpsce"][index] == pytest.approx(1000 * np.mean(spread), rel=1e-3)
        pairs = [[lengths[H36M_17.bones[bone]] for bone in pair] for pair in H36M_17.bone_pairs]
        assert found.means["mpsse"][index] == pytest.approx(1000 * np.mean([abs(a - b) for a, b in pairs]), rel=1e-4)


def test_other_metrics_change_no_published_one(tracks, targets):
    predictions = predict(targets, 0)
    alone = measure_tracks(predictions, targets, tracks, skeleton=H36M_17)
    together = measure_tracks(predictions, targets, tracks, skeleton=H36M_17, metrics=(*OPTIONAL, *PUBLISHED))
    assert together.means.keys() - alone.means.keys() == {metric.key for metric in OPTIONAL}
    for name, values in alone.means.items():
        np.testing.assert_allclose(together.means[name], values, rtol=1e-6)
    chosen = together.take(together.actions == "Eating")
    assert chosen.metrics == together.metrics
    np.testing.assert_array_equal(chosen.means["auc"], together.means["auc"][2:])


@pytest.fixture(scope="module")
def forms(tracks, targets, tmp_path_factory):
    """A comparison of two seeds in all metrics and one of a user, in every form: texts, tables, runs."""
    runs = [
        EvaluatedRun(
            f"run{seed}",
            dataclasses.replace(Config(), seed=seed),
            measure_tracks(
                predict(targets, seed), targets, tracks, skeleton=H36M_17, metrics=(*METRICS.values(), MINE)
            ),
        )
        for seed in (0, 1)
    ]
    tables = all_tables(runs, SETTING, ("subject", "camera", "joint"))
    written = write_tables(tmp_path_factory.mktemp("forms"), ("md", "tex", "csv", "json"), tables, runs, SETTING)
    console = Console(markup=False, width=240, file=io.StringIO())
    print_tables(console, tables, SETTING)
    return {path.name: path.read_text() for path in written} | {"console": console.file.getvalue()}, tables, runs


@pytest.mark.parametrize("metric", [*METRICS.values(), MINE], ids=lambda metric: metric.key)
def test_a_record_is_in_every_form(forms, metric):
    texts, tables, runs = forms
    for name in ("evaluation.md", "console"):
        assert metric.heading in texts[name]
    assert metric.heading.replace("%", r"\%") in texts["evaluation.tex"]
    value = float(average(runs[0].errors, metric.key, over="actions"))
    cell = f"{value:.{metric.digits}f}"
    for name in ("evaluation.md", "evaluation.tex", "console"):
        assert cell in texts[name]

    def row(table, label):
        """The cells of a row, by heading."""
        (cells,) = (cells for cells in tables[table].rows if cells[0] == label)
        return dict(zip(tables[table].header, cells, strict=True))

    assert row("actions_1", "average")[metric.heading] == row("comparison", "run0")[metric.heading] == cell
    assert row("subjects_1", "S9")[metric.heading] == row("cameras_1", "55011271")[metric.heading] == cell
    assert " to " in row("actions_1", "95 % bootstrap confidence interval")[metric.heading]
    assert row("comparison", "  difference")[metric.heading][0] in "+-"
    assert " ± " in row("seeds", "run0, run1")[metric.heading]
    assert (metric.heading in row("joints_1", "pelvis")) == bool(metric.per_joint)

    plain = csv.DictReader(io.StringIO(texts["evaluation.csv"]))
    whole = ("run0", "all", "average", metric.key)
    (written,) = (line for line in plain if (line["run"], line["group"], line["name"], line["metric"]) == whole)
    assert float(written["value"]) == pytest.approx(value)
    assert float(written["low"]) < value < float(written["high"])

    numbers = json.loads(texts["evaluation.json"])
    run = numbers["runs"]["run0"]
    assert f"{metric.quantity} in {metric.unit}" in numbers["units"].lower()
    for values in (run["average"], run["subjects"]["S9"], run["cameras"]["55011271"]):
        assert values[metric.key] == pytest.approx(value)
    assert run["intervals"][metric.key][0] < value < run["intervals"][metric.key][1]
    assert run["actions"]["Eating"].keys() == {*METRICS, "mine"}
    assert (metric.key in run["joints"]) == bool(metric.per_joint)
    assert (metric.key in run["per_second"]) == bool(metric.order)
    assert {"difference", "interval"} < numbers["differences"]["run1"][metric.key].keys()


def test_the_values_of_a_users_metric(forms, targets):
    _, _, (run, _) = forms
    errors = np.abs(predict(targets, 0) - targets)[..., 1] / 1000
    split = np.split(errors, np.cumsum([*LENGTHS.values()])[:-1])
    np.testing.assert_allclose(run.errors.means["mine"], [of[:, -1].mean() for of in split], rtol=1e-4)
    np.testing.assert_allclose(run.errors.means["joint_mine"], [of.mean(0) for of in split], rtol=1e-4)


def test_units_say_which_metrics_are_better_when_higher():
    assert metric_records.describe_units(PUBLISHED) == (
        "Positions in mm, velocity in mm/frame, acceleration in mm/frame²"
    )
    assert metric_records.describe_units(OPTIONAL) == ("Shares of joints in % (higher is better), bone lengths in mm")
    assert [key for key, metric in METRICS.items() if metric.higher_is_better] == ["pck", "auc"]


def test_a_record_in_the_list_can_be_named(monkeypatch):
    monkeypatch.setitem(METRICS, "mine", MINE)
    assert metric_records.choose_metrics(["mine", "mpjpe"]) == (MINE, METRICS["mpjpe"])
    assert metric_records.describe_metrics().endswith("mine, of the last joint (km)")
    with pytest.raises(InputError, match=r"--metrics names 'pdj'; the metrics are mpjpe, .*, mpsse, mine"):
        metric_records.choose_metrics(["mpjpe", "pdj"])


@pytest.mark.parametrize(("keys", "message"), [((), "names no metric"), (("pck", "pck"), "names a metric twice")])
def test_no_metric_and_the_same_twice_are_refused(keys, message):
    with pytest.raises(InputError, match=message):
        metric_records.choose_metrics(keys)


def test_what_cannot_be_measured_is_refused(tracks, targets):
    with pytest.raises(ValueError, match="mpsce is a statistic of bones; give the skeleton"):
        score(targets, targets, tracks, metrics=OPTIONAL)
    with pytest.raises(ValueError, match="mine has order 3; the highest is 2"):
        score(targets, targets, tracks, metrics=[MINE._replace(order=3)])
    with pytest.raises(ValueError, match="mine must have either per_frame or a statistic"):
        score(targets, targets, tracks, metrics=[MINE._replace(statistic="symmetry_error")])


def test_a_skeleton_without_bones_has_no_statistic_of_them(tracks, targets):
    points = layout("points", 17, (), ())
    found = measure_tracks(targets, targets, tracks, skeleton=points, metrics=OPTIONAL)
    assert np.isnan(found.means["mpsce"]).all()
    assert (found.means["pck"] == 100).all()


@pytest.mark.parametrize(
    ("keys", "numbers"),
    [(("p_mpjpe", "pck"), {"8"}), (("mpjae", "mpsse", "mpjve"), {"6", "9", "10"}), (("auc",), set())],
)
def test_the_papers_tables_are_those_of_the_chosen_metrics(keys, numbers):
    errors = made_up(ACTIONS, metrics=metric_records.choose_metrics(keys))
    tables = all_tables([EvaluatedRun("run", Config(), errors)], SETTING._replace(incomparable=""), ("joint",))
    assert {name.removeprefix("paper_") for name in tables if name.startswith("paper_")} == numbers
    assert [*tables["actions"].header[1:]] == [METRICS[key].heading for key in keys]


def test_the_readme_lists_every_metric():
    text = (ROOT / "jaxpose" / "evaluation" / "README.md").read_text("utf-8")
    section = text.split("## Metrics\n")[1].split("\n## ")[0]
    assert [line for line in section.splitlines() if line.startswith("| `")] == [
        f"| `{key}` | {metric.heading} | {metric.unit} | {metric.definition} |" for key, metric in METRICS.items()
    ]
    assert readme_table("jaxpose/evaluation/README.md", "key") == metric_records.readme_table()
