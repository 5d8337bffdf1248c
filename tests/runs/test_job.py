"""The job that fills a run: what it keeps where, logs, prints, stops for and resumes."""

import contextlib
import json

import pytest

from jaxpose.runs import checkpoint, job
from jaxpose.runs.log import read_log
from jaxpose.runtime.errors import StopError
from jaxpose.training.step import NORMS

pytestmark = pytest.mark.usefixtures("compiled_soon")


def test_a_signal_saves_the_step_and_a_resumed_run_ends_as_if_there_had_been_none(
    config, tmp_path, monkeypatch, capsys
):
    whole, stopped, calls = tmp_path / "whole", tmp_path / "stopped", []
    job.train(config, whole)

    @contextlib.contextmanager
    def deferred_signals():
        """SIGTERM comes in the third call of a step."""
        yield lambda: calls.append(1) or 15 * (len(calls) == 3)

    with monkeypatch.context() as signals:
        signals.setattr(job.signals, "deferred_signals", deferred_signals)
        signals.setattr(job, "SECONDS", 1e-9)  # a step a call
        with pytest.raises(StopError, match="SIGTERM: step 3 is done and saved; continue with --resume "):
            job.train(config, stopped)  # in the middle of a record of the log
    assert checkpoint.steps(stopped) == [3]
    capsys.readouterr()
    job.train(config, stopped, resume=True)
    assert "Resuming at step 3 of 10." in capsys.readouterr().out
    for file in ("metrics.jsonl", "results.json"):
        assert (stopped / file).read_bytes() == (whole / file).read_bytes()
    job.train(config, stopped, resume=True)
    assert "All 10 steps are done already; evaluating again." in capsys.readouterr().out
    for file in ("metrics.jsonl", "results.json"):
        assert (stopped / file).read_bytes() == (whole / file).read_bytes()


def test_the_log_has_a_column_for_everything(config, tmp_path):
    job.train(config, tmp_path / "run")
    records = read_log(tmp_path / "run")
    columns = {"step", "epoch", "learning_rate", "momentum", "loss", "position"} | {*NORMS}
    assert [record["step"] for record in records] == [2, 4, 5, 7, 9, 10]
    for record in records:
        assert set(record) == columns | ({"test_mpjpe"} if record["step"] % 5 == 0 else set())
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["average"]["mpjpe"] > 0
