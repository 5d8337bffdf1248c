"""The command gives a run's own results again, and refuses data that the run does not fit."""

import csv
import json
import re
import shutil

import numpy as np
import pytest
from helpers.samples import DESCRIPTION, make_track

import jaxpose.data.load
from data_prep.writer import data_set
from jaxpose import evaluate, train
from jaxpose.data.smoothing import SMOOTHERS, butterworth, savitzky_golay
from jaxpose.data.track import track_lengths, track_name
from jaxpose.data.windows import pack
from jaxpose.evaluation.metric_records import METRICS, Metric
from jaxpose.evaluation.protocol import Protocol
from jaxpose.evaluation.track_selection import cut_into_chunks
from jaxpose.runs import trained
from jaxpose.runs.trained import load_fitting, open_run
from jaxpose.skeleton import COCO_17

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture(scope="module")
def run(untrained, tmp_path_factory):
    """A run with results, which tests do not change."""
    run = tmp_path_factory.mktemp("runs") / "run"
    shutil.copytree(untrained, run)
    evaluate.main([str(run), "--by"])
    return run


def test_gives_the_results_of_training_again(prepared, tmp_path, capsys):
    run = tmp_path / "run"
    small = ["--filter-widths", "3", "--channels", "8", "--steps", "1", "--batch-size", "8"]
    train.main([*small, "--data", str(prepared), "--train-split", "S1", "--test-split", "S9", "--out", str(run)])
    before = (run / "results.json").read_text()
    (run / "results.json").unlink()
    capsys.readouterr()
    evaluate.main([str(run)])
    assert (run / "results.json").read_text() == before
    assert "Sitting" in capsys.readouterr().out


def test_another_split_is_printed_and_not_written(run, capsys):
    before = (run / "results.json").read_text()
    evaluate.main([str(run), "--split", "S1"])
    assert "sample motion, S1 (TRAINED ON S1: these are not errors of unseen people)." in capsys.readouterr().out
    assert (run / "results.json").read_text() == before


def test_subjects_that_were_trained_on_are_in_every_form(run, tmp_path, capsys):
    """The run was trained on S1, not on S9; a second run, on both."""
    shutil.copytree(run, other := tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"train_split": "all", "allow_overlap": True}))
    out = ["--by", "subject", "camera", "joint", "--out", str(tmp_path / "out"), "--format", "md", "tex", "json", "csv"]
    evaluate.main([str(run), str(other), "--split", "S1+S9", *out])
    notice = "TRAINED ON S1 by run; S1, S9 by other: these are not errors of unseen people"
    texts = [(tmp_path / "out" / f"evaluation.{form}").read_text() for form in ("md", "tex")]
    tables = 2 + 1 + 2 * 4  # comparison, constraints; actions, subjects, cameras, joints and angles of each run
    for text in (capsys.readouterr().out, *texts):
        assert text.count(notice) >= tables
    facts = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert facts["split"] == "S1+S9"
    assert [facts["runs"][name]["trained_on"] for name in ("run", "other")] == [["S1"], ["S1", "S9"]]
    rows = [line.split(",") for line in (tmp_path / "out" / "evaluation.csv").read_text().splitlines()]
    assert {(row[0], row[-1]) for row in rows[1:]} == {("run", "S1"), ("other", "S1+S9"), ("ground truth", "")}

    evaluate.main([str(other)])
    assert "sample motion, S9 (TRAINED ON S9: these are not errors of unseen people)." in capsys.readouterr().out
    assert json.loads((other / "results.json").read_text())["trained_on"] == ["S9"]
    assert "TRAINED ON S9" in (other / "results.md").read_text()
    assert "TRAINED ON" not in (run / "results.md").read_text()
    assert json.loads((run / "results.json").read_text())["trained_on"] == []


def test_other_data_of_the_same_joints(run, tmp_path, capsys):
    before = (run / "results.json").read_text()
    other = DESCRIPTION._replace(title="other motion", synthetic=True, splits=("S9",))
    data_set.write(tmp_path / "other", other, lambda split: [make_track(subject=split)], text="other")
    evaluate.main([str(run), "--data", str(tmp_path / "other")])
    printed = capsys.readouterr().out
    assert "SYNTHETIC motion: these numbers say nothing about real people. other motion, S9." in printed
    assert (run / "results.json").read_text() == before


def test_everything_is_written_where_it_is_said(run, tmp_path, capsys):
    shutil.copytree(run, copied := tmp_path / "copied")
    evaluate.main([str(copied), "--by", "subject", "camera", "--format", "md", "tex", "csv", "json", "--chunk", "9"])
    printed = capsys.readouterr().out
    files = {path.name for path in (copied / "evaluation").iterdir()}
    assert files == {f"evaluation.{form}" for form in ("md", "tex", "csv", "json")}
    assert {line.removeprefix("wrote ") for line in printed.splitlines() if line.startswith("wrote ")} == {
        str(copied / "evaluation" / file) for file in files
    }
    assert "not comparable: the subjects are S9, not S9 and S11" in printed
    numbers = json.loads((copied / "evaluation" / "evaluation.json").read_text())
    assert numbers["switches"]["chunk"] == 9
    assert f"{numbers['runs']['copied']['average']['mpjpe']:.1f}" in printed
    assert printed.count("95 % bootstrap confidence intervals") == 1
    assert (copied / "results.json").read_text() == (run / "results.json").read_text()


def test_other_metrics_are_in_every_form(run, tmp_path, capsys, monkeypatch):
    """Those of jaxpose, and one that is a record alone; `results.json` keeps the published ones."""
    before = (run / "results.json").read_text()
    mine = Metric("mine", "Mine", "heights", "mm", "of the head", lambda p, t: abs(p - t)[:, 10, 1])
    monkeypatch.setitem(METRICS, "mine", mine)
    keys = ["mpjpe", "p_mpjpe", "pck", "auc", "mpsce", "mpsse", "mine"]
    out = ["--out", str(tmp_path), "--format", "md", "tex", "csv", "json"]
    evaluate.main([str(run), "--metrics", *keys, "--by", "subject", *out])
    headings = [METRICS[key].heading for key in keys]
    for text in (capsys.readouterr().out, *((tmp_path / f"evaluation.{form}").read_text() for form in ("md", "tex"))):
        assert all(heading in text for heading in headings)
        assert "MPJVE" not in text
    with (tmp_path / "evaluation.csv").open(newline="") as file:
        averages = [row["metric"] for row in csv.DictReader(file) if row["low"] or row["group"] == "all"]
    assert averages[: len(keys) + 1] == ["frames", *keys]
    numbers = json.loads((tmp_path / "evaluation.json").read_text())["runs"][run.name]
    assert [*numbers["average"]] == [*numbers["intervals"]] == keys
    assert numbers["average"]["mpsce"] == pytest.approx(numbers["constraints"]["bone_length_std"]["predicted"])
    assert numbers["average"]["mpsse"] == pytest.approx(numbers["constraints"]["symmetry_error"]["predicted"])
    assert numbers["per_second"] == {}
    assert (run / "results.json").read_text() == before


def test_help_lists_the_metrics(capsys):
    with pytest.raises(SystemExit):
        evaluate.main(["--help"])
    words = capsys.readouterr().out.split()
    assert {f"{key}," for key in METRICS} <= set(words)


def test_runs_are_compared_with_the_first_on_data_that_are_loaded_once(run, tmp_path, monkeypatch, capsys):
    loads, load = [], jaxpose.data.load.load
    monkeypatch.setattr(trained, "load", lambda *names: (loads.append(names), load(*names))[1])
    shutil.copytree(run, tmp_path / "again")
    evaluate.main([str(run), str(tmp_path / "again"), "--by", "--out", str(tmp_path / "both"), "--format", "json"])
    assert capsys.readouterr().out.index("Comparison: sample motion, S9.") < 10
    assert len(loads) == 1
    numbers = json.loads((tmp_path / "both" / "evaluation.json").read_text())
    assert numbers["differences"]["again"]["mpjpe"] == {  # each action has one recording
        "difference": 0, "interval": [None, None], "p_value": None, "corrected_p_value": None, "significant": False
    }  # fmt: skip


def test_predictions_are_saved_by_name_of_track(run, tmp_path):
    evaluate.main([str(run), "--save", str(tmp_path / "poses.npz"), "--by"])
    lifter = open_run(run)
    _, tracks, _ = load_fitting(lifter)
    lifted = lifter.lift(pack(tracks))
    with np.load(tmp_path / "poses.npz") as saved:  # which refuses to unpickle
        assert saved["tracks"].tolist() == [track_name(track) for track in tracks]
        begin = 0
        for track in tracks:
            poses = saved[track_name(track)]
            np.testing.assert_array_equal(poses, lifted[begin : begin + len(track.keypoints_2d)])
            begin += len(poses)
        assert begin == len(lifted)


@pytest.fixture(scope="module")
def poses(run, tmp_path_factory):
    """The predictions of the run, in a file."""
    path = tmp_path_factory.mktemp("poses") / "poses.npz"
    evaluate.main([str(run), "--save", str(path), "--by"])
    return path


def averages(folder):
    with (folder / "evaluation.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["group"] == "all"]
    return {(row["run"], row["metric"]): row["value"] for row in rows}


def test_predictions_from_a_file_have_the_errors_of_the_run_that_made_them(run, prepared, poses, tmp_path, capsys):
    before = (run / "results.json").read_text()
    data = ["--data", str(prepared), "--split", "S9", "--format", "csv", "md"]
    capsys.readouterr()
    evaluate.main(["--predictions", str(poses), *data, "--out", str(tmp_path / "alone")])
    printed = capsys.readouterr().out
    assert "poses.npz: sample motion, S9." in printed
    assert "poses.npz: poses from a file are scored as they are; " in printed
    evaluate.main([str(run), "--predictions", str(poses), *data, "--out", str(tmp_path / "both")])
    assert "Comparison: sample motion, S9." in (tmp_path / "both" / "evaluation.md").read_text()
    alone, both = averages(tmp_path / "alone"), averages(tmp_path / "both")
    assert len(alone) > 10
    for (name, metric), value in alone.items():
        assert both[name, metric] == value
        assert name == "ground truth" or both[run.name, metric] == value
    assert (run / "results.json").read_text() == before


def test_predictions_from_a_file_are_cut_into_chunks(prepared, poses, tmp_path):
    data = ["--predictions", str(poses), "--data", str(prepared), "--split", "S9", "--format", "csv", "--by"]
    evaluate.main([*data, "--out", str(tmp_path / "whole")])
    evaluate.main([*data, "--out", str(tmp_path / "chunks"), "--chunk", "8"])  # of 40 frames and of 25
    whole, chunks = (averages(tmp_path / name) for name in ("whole", "chunks"))
    assert (whole["poses.npz", "frames"], chunks["poses.npz", "frames"]) == ("65", "72")
    assert float(chunks["poses.npz", "mpjpe"]) == pytest.approx(float(whole["poses.npz", "mpjpe"]), rel=0.05)


def test_smoothed_predictions_are_rows_beside_the_plain_ones_in_every_form(run, prepared, poses, tmp_path, capsys):
    """Their numbers are those of a file in which each track was smoothed by itself; `results.json` has plain ones."""
    shutil.copytree(run, own := tmp_path / "own")
    (own / "results.json").unlink()
    names = ["own", "own, savgol 3.6 Hz", "own, butterworth 6 Hz", "own, one-euro 1 Hz"]
    command = ["--smooth", "savgol", "butterworth:6", "one-euro", "--by", "--format", "md", "tex", "csv", "json"]
    evaluate.main([str(own), *command])
    assert (own / "results.json").read_text() == (run / "results.json").read_text()
    printed, out = capsys.readouterr().out, own / "evaluation"
    for text in (printed, *((out / f"evaluation.{form}").read_text() for form in ("md", "tex"))):
        assert all(name in text for name in names)
        assert "Rows that name a filter are of the predictions of the row before them, smoothed in time" in text
    facts = json.loads((out / "evaluation.json").read_text())
    assert ([*facts["runs"]], [*facts["differences"]], facts["differences_from"]) == (names, names[1:], "own")
    assert [facts["runs"][name]["smoothing"] for name in names] == [
        None,
        {"filter": "savgol", "cutoff": 3.6, "causal": False},
        {"filter": "butterworth", "cutoff": 6.0, "causal": False},
        {"filter": "one-euro", "cutoff": 1.0, "causal": True},
    ]

    with np.load(poses) as file:
        members = dict(file)
    for name in members["tracks"]:
        members[name] = butterworth(members[name], 50.0, 6.0)
    np.savez(tmp_path / "smooth.npz", **members)
    data = ["--data", str(prepared), "--split", "S9", "--by", "--format", "csv", "--out", str(tmp_path / "out")]
    evaluate.main(["--predictions", str(tmp_path / "smooth.npz"), str(poses), "--smooth", "butterworth:6", *data])
    of_run, of_files = averages(out), averages(tmp_path / "out")
    metrics = [metric for name, metric in of_run if name == "own"]
    assert {"mpjae", "bone_length_std"} <= {*metrics}
    for metric in metrics:
        assert of_run["own", metric] == of_files["poses.npz", metric]
        smooth = of_run["own, butterworth 6 Hz", metric]
        assert smooth == of_files["smooth.npz", metric] == of_files["poses.npz, butterworth 6 Hz", metric]
    assert of_run["own, butterworth 6 Hz", "mpjae"] < of_run["own", "mpjae"]


def test_chunks_are_smoothed_one_by_one(prepared, poses, tmp_path):
    data = ["--predictions", str(poses), "--data", str(prepared), "--split", "S9", "--by", "--format", "csv"]
    evaluate.main([*data, "--chunk", "9", "--smooth", "savgol", "--out", str(tmp_path)])
    _, tracks = jaxpose.data.load.load(str(prepared), "S9")
    with np.load(poses) as file:
        predicted = [track._replace(positions_3d=file[track_name(track)]) for track in tracks]
    chunks, scored = (cut_into_chunks(each, Protocol(chunk=9)) for each in (predicted, tracks))
    smooth = np.concatenate([savitzky_golay(chunk.positions_3d, chunk.fps, 3.6) for chunk in chunks[0]])
    targets = np.concatenate([track.positions_3d - track.positions_3d[:, :1] for track in scored[1]])
    by_track = np.split(1000 * (smooth - targets), np.cumsum(track_lengths(scored[1]))[:-1])
    errors = [np.sqrt(np.sum(np.diff(each, 2, axis=0) ** 2, axis=-1)).mean() for each in by_track]  # of two actions
    found = averages(tmp_path)
    assert float(found["poses.npz, savgol 3.6 Hz", "mpjae"]) == pytest.approx(np.mean(errors), rel=1e-4)
    assert float(found["poses.npz", "mpjae"]) != pytest.approx(np.mean(errors), rel=1e-3)


def test_help_lists_the_filters(capsys):
    with pytest.raises(SystemExit):
        evaluate.main(["--help"])
    assert {f"{name}," for name in SMOOTHERS} <= set(capsys.readouterr().out.split())


def test_a_file_without_a_track_of_the_split_is_refused(prepared, poses, refusal):
    line = refusal(evaluate.main, ["--predictions", str(poses), "--data", str(prepared), "--split", "S1"])
    assert "poses.npz lacks" in line
    assert "S1/" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--predictions", "a.npz"], "--predictions without a run: name the data set with --data and its subjects"),
        (["RUN", "--predictions", "a.npz", "a.npz"], "a file of --predictions is named twice; name each once"),
        (["RUN", "--predictions", "a.npz"], "a.npz: no such file"),
        (["RUN", "--predictions", "a.npz", "--format", "md"], "several runs are compared; name the folder"),
        (
            ["--predictions", "a.npz", "--data", "d", "--split", "s", "--format", "md"],
            "name a folder for them with --out",
        ),
        ([], "no run is named; give the folder of at least one"),
        (["RUN", "--out", "there"], "--out names a folder, but no file is to be written; choose files with --format"),
        (["RUN", "RUN"], "a run is named twice; name each once"),
        (["RUN", "OTHER", "--format", "md"], "several runs are compared; name the folder for the files with --out"),
        (["RUN", "OTHER", "--save", "a.npz"], "--save writes whole tracks of one run; name one run"),
        (["RUN", "--chunk", "9", "--save", "a.npz"], "--save writes whole tracks of one run; .* remove --chunk"),
        (["RUN", "--save", "a.npy"], "--save is a.npy; it must end with .npz"),
        (["RUN", "--metrics", "mpjpe", "pdj"], "--metrics names 'pdj'; the metrics are mpjpe, p_mpjpe, .*, mpsse"),
        (["RUN", "--smooth", "savgl"], "--smooth names 'savgl'; the filters are .*; perhaps you meant savgol"),
        (["RUN", "--smooth", "savgol:0"], "--smooth savgol:0: the cut-off is '0'; it must be a number above 0, in Hz"),
        (["RUN", "--smooth", "savgol", "savgol"], "--smooth names a filter with one cut-off twice"),
        (["RUN", "--every", "0"], "--every is 0; it must be at least 1"),
        (["RUN", "--save", "nowhere/a.npz"], "nowhere/a.npz cannot be written"),
        (["RUN", "--format", "md", "--out", "RUN/config.json"], "RUN/config.json cannot be made"),
    ],
)
def test_contradictions_are_refused(run, arguments, message, refusal):
    line = refusal(evaluate.main, [argument.replace("RUN", str(run)) for argument in arguments])
    assert re.search(message.replace("RUN", re.escape(str(run))), line)


def test_other_joints_are_refused(run, tmp_path, capsys, refusal):
    other = DESCRIPTION._replace(layout=COCO_17, splits=("S9",))
    data_set.write(tmp_path / "coco", other, lambda split: [make_track(subject=split)], text="COCO")
    capsys.readouterr()
    line = refusal(evaluate.main, [str(run), "--data", str(tmp_path / "coco"), "--split", "S9"])
    assert line.endswith(f"has layout coco_17, but {run} was trained on h36m_17")


def test_no_run_and_no_checkpoint_are_refused(run, tmp_path, refusal):
    assert "is not a run" in refusal(evaluate.main, [str(tmp_path)])
    shutil.copytree(run, tmp_path / "empty", ignore=shutil.ignore_patterns("checkpoints"))
    assert "has no checkpoint; train first" in refusal(evaluate.main, [str(tmp_path / "empty")])
    assert not (tmp_path / "empty" / "checkpoints").exists()
    assert "has no best checkpoint; train with --validation-split" in refusal(
        evaluate.main, [str(run), "--checkpoint", "best"]
    )


def test_a_changed_architecture_is_refused(run, tmp_path, refusal):
    changed = tmp_path / "changed"
    shutil.copytree(run, changed)
    config = json.loads((changed / "config.json").read_text())
    (changed / "config.json").write_text(json.dumps(config | {"model": config["model"] | {"filter_widths": [5]}}))
    line = refusal(evaluate.main, [str(changed)])
    assert "params/expand/kernel is (3, 34, 8) in the checkpoint, (5, 34, 8) in the model" in line
