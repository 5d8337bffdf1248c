"""The log: whole lines, on the disk before what relies on them, cut at the step from which training goes on."""

import json
import math
import os

import pytest

from jaxpose.runs.log import append_log, cut_log, read_log
from jaxpose.runtime.errors import InputError

RECORDS = [{"step": step, "loss": 0.5 / step} for step in (10, 20, 30)]


@pytest.fixture
def run(tmp_path):
    for record in RECORDS:
        append_log(tmp_path, record)
    return tmp_path


def test_a_line_that_was_cut_short_is_left_out(tmp_path, run):
    assert read_log(run) == RECORDS
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": 40})[:6])
    assert read_log(run) == RECORDS
    cut_log(run, 20)
    assert (run / "metrics.jsonl").read_text() == "".join(json.dumps(record) + "\n" for record in RECORDS[:2])


def test_without_a_log_there_are_no_records(tmp_path):
    assert read_log(tmp_path) == []
    cut_log(tmp_path, 10)
    assert read_log(tmp_path) == []


def test_a_line_is_on_the_disk_before_a_checkpoint_relies_on_it(run, monkeypatch):
    """A power cut must not keep a later checkpoint and lose the line: resuming would not write it again."""
    synced = []

    def fsync(descriptor):
        assert os.path.samestat(os.fstat(descriptor), (run / "metrics.jsonl").stat())
        synced.append((run / "metrics.jsonl").read_text().splitlines()[-1])

    monkeypatch.setattr(os, "fsync", fsync)
    append_log(run, {"step": 40, "loss": 0.25})
    assert synced == ['{"step": 40, "loss": 0.25}']


def test_a_loss_may_be_not_a_number(run):
    append_log(run, {"step": 40, "loss": math.nan})
    assert math.isnan(read_log(run)[-1]["loss"])


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "Expecting"),
        ("[1]", "it is not a JSON object with a step"),
        ('{"loss": 1}', "it is not a JSON object with a step"),
        ('{"step": -1}', "'step' is -1, not a number"),
        ('{"step": 1, "loss": "x"}', "'loss' is 'x', not a number"),
        ('{"step": 1, "loss": true}', "'loss' is True, not a number"),
        ('{"step": 1e300}', "'step' is 1e\\+300, not a number"),
    ],
)
def test_a_wrong_line_is_named(run, line, fault):
    with (run / "metrics.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match=rf"metrics.jsonl, line 4, cannot be read: {fault}.*; remove the line"):
        read_log(run)


def test_a_log_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "metrics.jsonl").mkdir()
    with pytest.raises(InputError, match=rf"metrics.jsonl cannot be written \(Is a directory\).*--resume {tmp_path}"):
        append_log(tmp_path, RECORDS[0])
