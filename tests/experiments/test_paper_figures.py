"""The paper's figures: what is drawn is what the runs and the paper say, and what cannot be drawn is named."""

import dataclasses
import json

import numpy as np
import pytest
from helpers.samples import DESCRIPTION
from hypothesis import given
from hypothesis import strategies as st

from experiments.paper import drawing, figures
from jaxpose.evaluation import paper_tables, results_file
from jaxpose.runs.folder import write_settings
from jaxpose.runs.log import append_log
from jaxpose.skeleton import HUMANEVA_15
from jaxpose.training.config import PRESETS, Config

TRIO = [PRESETS[name] for name in ("baseline", "baseline-2048", "joint-aware")]
TEST_SET = {"frames": 543_344, "fps": 50.0}


def make_run(
    folder, config=PRESETS["baseline"], *, description=DESCRIPTION, actions=("Walking", "Sitting"), seed=0, **scored
):
    """A run that has ended, with errors at random."""
    random = np.random.default_rng(seed)
    table = {
        action: dict(zip(results_file.HEADINGS, random.uniform(1, 60, 5).tolist(), strict=True)) for action in actions
    }
    average = {metric: float(np.mean([row[metric] for row in table.values()])) for metric in results_file.HEADINGS}
    write_settings(folder, config, description)
    for step in range(1, 7):
        loss = float(random.uniform(0.05, 0.1))
        record = {"step": step, "epoch": step / 2, "learning_rate": 1e-3, "loss": loss, "position": loss}
        if config.constraints:
            record["position"] = loss / 2
        append_log(folder, record | ({"test_mpjpe": loss / 3} if step % 2 == 0 else {}))
    scores = {"average": average, "actions": table} | {"frames": 1000, "fps": 50.0} | scored
    results_file.write_results(folder, scores, description, config.test_split)
    return folder


@pytest.fixture(scope="module")
def trio(tmp_path_factory):
    """The three that the paper compares, as if trained on Human3.6M."""
    folder, description = tmp_path_factory.mktemp("runs"), DESCRIPTION._replace(title="Human3.6M, cpn")
    actions = sorted(paper_tables.ACTIONS)
    made = [make_run(folder / f"run-{n}", config, description=description, actions=actions, seed=n, **TEST_SET)
            for n, config in enumerate(TRIO)]  # fmt: skip
    return [figures.read(folder) for folder in made]


@pytest.fixture(scope="module")
def drawn(trio):
    return dict(figures.draw(trio))


def heights(figure):
    """Of the bars, by label."""
    (axes,) = figure.axes
    return {bars.get_label(): [bar.get_height() for bar in bars] for bars in axes.containers}


def groups(figure):
    return [text.get_text() for text in figure.axes[0].get_xticklabels()]


def test_the_presets_are_called_by_what_differs():
    labels, differences = figures.label(TRIO, ["a", "b", "c"])
    assert labels == ["1024 channels", "2048 channels", "2048 channels, constraints"]
    assert differences == "The runs also differ: epochs 80 / epochs 80 / epochs 85."


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([{}], ["a"]),
        ([{}, {}], ["a", "b"]),
        ([{"seed": 0}, {"seed": 1}], ["seed 0", "seed 1"]),
        ([{}, {"constraints": {"angle": 1.0}}], ["no constraints", "constraints"]),
        ([{}, {"constraints": {"angle": 1.0}, "clips": 4}], ["no constraints", "constraints"]),
        (
            [{}, {"constraints": {"velocity": 1.0, "angle": 0.5}}, {"constraints": {"angle": 1.0}}],
            ["no constraints", "constraints angle 0.5 velocity 1", "constraints angle 1"],
        ),
        (
            [{"causal": True}, {"causal": True, "channels": 8}, {}],
            ["1024 channels, causal", "8 channels, causal", "1024 channels"],
        ),
        ([{"channels": 8}, {"channels": 8}, {}], ["8 channels, a", "8 channels, b", "1024 channels"]),
        ([{}, {"filter_widths": (3, 3)}], ["filters 3-3-3-3-3", "filters 3-3"]),
        ([{}, {"steps": 500}], ["no steps", "steps 500"]),
    ],
)
def test_labels(changes, expected):
    labels, differences = figures.label(
        [dataclasses.replace(Config(), **change) for change in changes], "abc"[: len(changes)]
    )
    assert labels == expected
    assert not differences


@given(
    st.lists(
        st.builds(
            Config,
            channels=st.sampled_from([8, 16]),
            causal=st.booleans(),
            seed=st.integers(0, 2),
            constraints=st.dictionaries(st.sampled_from(["angle", "ratio"]), st.sampled_from([0.5, 1.0])),
            clips=st.sampled_from([4, 8]),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_no_two_runs_have_one_label(configs):
    labels, _ = figures.label(configs, [f"run-{number}" for number in range(len(configs))])
    assert len(set(labels)) == len(configs)
    assert all(labels)


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


@pytest.mark.parametrize("count", [1, 5, 6, 40])
def test_every_run_has_its_colour(count):
    assert len({str(colour) for colour in drawing.colours(count)}) == count


def test_human36m_stands_beside_the_paper(trio, drawn):
    for metric, number in paper_tables.BY_ACTION.items():
        bars = heights(drawn[metric])
        for method in ("Pavllo'19", "Ours"):
            (row,) = (row for row in paper_tables.load(number) if row.method.replace(" ", "") == method)
            assert bars.pop(f"{method}, as the paper prints it") == [float(cell) for cell in row.cells.values()]
        for values, run in zip(bars.values(), trio, strict=True):
            assert values == [run.errors[action][metric] for action in (*paper_tables.ACTIONS, "average")]
        assert groups(drawn[metric]) == [*paper_tables.ACTIONS, "average"]
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
    ],
)
def test_other_data_stand_alone_and_say_why(tmp_path, change, reason):
    run = figures.read(make_run(tmp_path / "run", **{"actions": paper_tables.ACTIONS} | TEST_SET | change))
    figure = next(figure for name, figure in figures.draw([run]) if name == "mpjpe")
    assert heights(figure) == {f"run {run.folder}": [row["mpjpe"] for row in run.errors.values()]}
    assert f"Not comparable with the paper's rows: {reason}" in figure.axes[0].get_xlabel().replace("\n", " ")
    assert ("SYNTHETIC" in figure.get_suptitle()) == run.description.synthetic


def test_the_command_writes_every_figure_twice(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(figures, "METRICS", ("p_mpjpe", "mpjae"))  # the others are drawn alike
    description = DESCRIPTION._replace(title="$1 a_frame", synthetic=True)
    folder = make_run(tmp_path / "run $1", description=description, actions=("A$", "B$"))
    undefined = json.loads((folder / "results.json").read_text())
    undefined["average"]["mpjae"] = undefined["actions"]["A$"]["mpjae"] = None
    (folder / "results.json").write_text(json.dumps(undefined))
    (folder / "metrics.jsonl").unlink()  # as weights that came from elsewhere
    figures.main([str(folder), "--out", str(tmp_path / "new" / "figures")])
    written = {path.name: path.read_bytes() for path in (tmp_path / "new" / "figures").iterdir()}
    assert written.keys() == {f"{metric}.{kind}" for metric in figures.METRICS for kind in ("png", "pdf")}
    for name, content in written.items():
        assert content.startswith(b"%PDF" if name.endswith("pdf") else b"\x89PNG")
        assert b"/Type3" not in content
    assert "SYNTHETIC motion" in capsys.readouterr().out


def damaged(folder, file, content):
    make_run(folder)
    (folder / file).unlink() if content is None else (folder / file).write_text(content)
    return [folder]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda at: [], "there is nothing to draw; name the folder of one run or more"),
        (lambda at: [at / "none"], "none is not a run: it has no config.json"),
        (lambda at: damaged(at / "a", "results.json", None), "a has no results yet: let it end (--resume)"),
        (lambda at: damaged(at / "a", "results.json", "[]"), "results.json does not hold the results of a run"),
        (lambda at: damaged(at / "a", "results.json", '{"actions": 1}'), "results.json does not hold the results"),
        (lambda at: damaged(at / "a", "results.json", "{"), "results.json does not hold the results of a run"),
        (lambda at: damaged(at / "a", "metrics.jsonl", "{\n"), "metrics.jsonl, line 1, cannot be read: "),
        (lambda at: damaged(at / "a", "metrics.jsonl", '{"step": 1}\n'), "metrics.jsonl has a line without epoch"),
        (lambda at: damaged(at / "a", "metrics.jsonl", "[1]\n"), "metrics.jsonl, line 1, cannot be read: "),
        (lambda at: [make_run(at / "a"), at / "b" / ".." / "a"], "a is named twice"),
        (lambda at: [make_run(at / "a"), make_run(at / "b", actions=("Walking",))], "of different actions (Sitting)"),
        (
            lambda at: [make_run(at / "a"), make_run(at / "b", description=DESCRIPTION._replace(synthetic=True))],
            "b is of synthetic motion; draw them apart",
        ),
    ],
)
def test_what_cannot_be_drawn_is_one_line(tmp_path, refusal, make, message):
    (tmp_path / "b").mkdir()
    folders = make(tmp_path)
    assert message in refusal(figures.main, [*map(str, folders), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path, refusal):
    folder = make_run(tmp_path / "a")
    assert "choose another --out" in refusal(figures.main, [str(folder), "--out", str(folder / "config.json" / "x")])
