"""The command gives the run's own results again, and refuses data that the run does not fit."""

import json
import shutil

import pytest
from samples import DESCRIPTION, make_track

from data_prep import contract
from jaxpose import evaluate, train
from jaxpose.skeleton import COCO_17


@pytest.fixture(scope="module")
def run(prepared, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "run"
    small = ["--filter-widths", "3", "3", "--channels", "8", "--steps", "3", "--batch-size", "8"]
    train.main([*small, "--data", str(prepared), "--train-split", "S1", "--test-split", "S9", "--out", str(run)])
    return run


def test_gives_the_results_of_training_again(run, capsys):
    before = (run / "results.json").read_text()
    (run / "results.json").unlink()
    evaluate.main([str(run)])
    assert (run / "results.json").read_text() == before
    assert "Sitting" in capsys.readouterr().out


def test_another_split_is_printed_and_not_written(run, capsys):
    before = (run / "results.json").read_text()
    evaluate.main([str(run), "--split", "S1"])
    assert "sample motion, S1." in capsys.readouterr().out
    assert (run / "results.json").read_text() == before


def test_other_data_of_the_same_joints(run, capsys):
    evaluate.main([str(run), "--data", "synthetic", "--split", "S9"])
    assert "SYNTHETIC" in capsys.readouterr().out


def test_other_joints_are_refused(run, tmp_path, capsys, refusal):
    other = DESCRIPTION._replace(layout=COCO_17, splits=("S9",))
    contract.write(tmp_path / "coco", other, lambda split: [make_track(subject=split)], text="COCO")
    capsys.readouterr()
    line = refusal(evaluate.main, [str(run), "--data", str(tmp_path / "coco"), "--split", "S9"])
    assert line.endswith(f"has layout coco_17, but {run} was trained on h36m_17")


def test_no_run_and_no_checkpoint_are_refused(run, tmp_path, refusal):
    assert "holds no run" in refusal(evaluate.main, [str(tmp_path)])
    shutil.copytree(run, tmp_path / "empty", ignore=shutil.ignore_patterns("checkpoints"))
    assert "holds no checkpoint; train first" in refusal(evaluate.main, [str(tmp_path / "empty")])
    assert not (tmp_path / "empty" / "checkpoints").exists()


def test_a_changed_architecture_is_refused(run, tmp_path, refusal):
    changed = tmp_path / "changed"
    shutil.copytree(run, changed)
    config = json.loads((changed / "config.json").read_text())
    (changed / "config.json").write_text(json.dumps(config | {"filter_widths": [3, 5]}))
    line = refusal(evaluate.main, [str(changed)])
    assert "params/dilated_1/kernel is (3, 8, 8) in the checkpoint, (5, 8, 8) in the model" in line
