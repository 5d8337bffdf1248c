"""The job that fills a run: what it keeps where, logs, prints, stops for and resumes."""

import contextlib
import dataclasses
import json
import os
import shutil
import signal

import pytest

from jaxpose.runs import checkpoint, job
from jaxpose.runs.log import read_log
from jaxpose.runtime.errors import InputError, StopError
from jaxpose.training import loop
from jaxpose.training.step import NORMS

pytestmark = pytest.mark.usefixtures("compiled_soon")


def test_a_signal_saves_the_step_and_a_resumed_run_ends_as_if_there_had_been_none(
    config, tmp_path, monkeypatch, capsys
):
    whole, stopped, calls = tmp_path / "whole", tmp_path / "stopped", []
    job.train(config, whole)

    @contextlib.contextmanager
    def deferred_signals(note):
        """SIGTERM comes while the third call of steps runs."""
        yield lambda: calls.append(1) or 15 * (len(calls) >= 3)

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
    assert f"{stopped} is complete: all 10 steps are done" in capsys.readouterr().out
    (stopped / "results.json").unlink()
    job.train(config, stopped, resume=True)
    printed = capsys.readouterr().out
    assert "All 10 steps are done already; evaluating again." in printed
    assert "10/10" not in printed  # no progress bar
    for file in ("metrics.jsonl", "results.json"):
        assert (stopped / file).read_bytes() == (whole / file).read_bytes()


def test_a_run_is_complete_when_its_last_step_is_saved_and_evaluated(config, tmp_path, capsys):
    run = tmp_path / "run"
    job.train(config, run)
    assert job.is_complete(run, config)
    assert not job.is_complete(run, dataclasses.replace(config, epochs=3))
    assert job.is_complete(run, dataclasses.replace(config, epochs=3, steps=10))
    assert not job.is_complete(run, dataclasses.replace(config, epochs=3, steps=11))
    os.utime(run / "results.json", ns=(0, 0))  # of a checkpoint before the last
    assert not job.is_complete(run, config)
    os.utime(run / "results.json")
    checksums = run / "checkpoints" / "10" / "checksums.json"
    checksums.write_text(checksums.read_text().replace("sha256", "sha"))
    assert not job.is_complete(run, config)
    assert not job.is_complete(tmp_path / "none", config)


def test_missing_data_are_named_before_a_run_goes_on(config, tmp_path):
    """A complete run needs none."""
    run = tmp_path / "run"
    data = shutil.copytree(config.data, tmp_path / "data")
    config = dataclasses.replace(config, data=str(data))
    job.train(dataclasses.replace(config, steps=2), run)
    data.rename(tmp_path / "elsewhere")
    job.train(dataclasses.replace(config, steps=2), run, resume=True)
    message = f"{run} was trained on sample motion, in the folder {data}, which is not there; .* --data DIR --change$"
    with pytest.raises(InputError, match=message):
        job.train(config, run, resume=True)


@pytest.mark.parametrize("moment", ["queued", "read"])
@pytest.mark.parametrize("call", [2, 5, 9, 10])
def test_a_signal_is_heard_after_at_most_two_queued_calls(config, tmp_path, monkeypatch, call, moment):
    """A call has one step here; the fifth and the tenth end an epoch, the tenth is the last."""
    run, queued, read = tmp_path / "run", [], []

    def noted(function, calls, sends):
        def call_and_send(*arguments, **named):
            calls.append(1)
            if sends and len(calls) == call:
                signal.raise_signal(signal.SIGTERM)
            return function(*arguments, **named)

        return call_and_send

    monkeypatch.setattr(job, "SECONDS", 1e-9)
    config = dataclasses.replace(config, log_every=1)
    monkeypatch.setattr(loop, "train_steps", noted(loop.train_steps, queued, moment == "queued"))
    monkeypatch.setattr(loop, "record", noted(loop.record, read, moment == "read"))
    with pytest.raises(StopError):
        job.train(config, run)
    assert call <= len(queued) <= min(call + 1, 10)
    assert checkpoint.steps(run)[-1] == len(queued)
    steps = [record["step"] for record in read_log(run)]
    assert steps == [step for step in range(1, len(queued) + 1) if step % 5 or step < len(queued)]


def test_after_a_signal_in_an_evaluation_no_step_is_queued(config, tmp_path, monkeypatch):
    """The evaluation is finished, so that its results are in the log."""
    run, queued, train_steps = tmp_path / "run", [], loop.train_steps
    monkeypatch.setitem(job.EVALUATIONS, "signal", lambda job, predictions: signal.raise_signal(signal.SIGTERM) or {})
    monkeypatch.setattr(loop, "train_steps", lambda *arguments: queued.append(arguments[2]) or train_steps(*arguments))
    with pytest.raises(StopError, match="step 5 is done and saved"):
        job.train(config, run)
    assert sum(queued) == 5
    assert checkpoint.steps(run) == [5]
    assert read_log(run)[-1]["step"] == 5
    monkeypatch.undo()
    whole = tmp_path / "whole"
    job.train(config, run, resume=True)
    job.train(config, whole)
    assert (run / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()


def test_an_evaluation_is_abandoned_after_a_signal_and_made_again(config, tmp_path, monkeypatch):
    run, whole, batches, predict_tracks = tmp_path / "run", tmp_path / "whole", [], job.predict_tracks

    def predict(*arguments, before_batch):
        def signal_comes():
            batches.append(1)
            signal.raise_signal(signal.SIGTERM)
            before_batch()

        return predict_tracks(*arguments, before_batch=signal_comes)

    with monkeypatch.context() as patched:
        patched.setattr(job, "predict_tracks", predict)
        with pytest.raises(StopError, match="step 5 is done and saved"):
            job.train(config, run)
    assert len(batches) == 1
    assert checkpoint.steps(run) == [5]
    assert [record["step"] for record in read_log(run)] == [2, 4]
    job.train(config, run, resume=True)
    job.train(config, whole)
    for file in ("metrics.jsonl", "results.json"):
        assert (run / file).read_bytes() == (whole / file).read_bytes()


def test_it_is_said_at_once_what_a_signal_waits_for(config, tmp_path, monkeypatch, capfd):
    train_steps = loop.train_steps
    monkeypatch.setattr(
        loop, "train_steps", lambda *arguments: signal.raise_signal(signal.SIGINT) or train_steps(*arguments)
    )
    with pytest.raises(StopError):
        job.train(config, tmp_path / "run")
    assert capfd.readouterr().err == f"{job.STOPPING}\n"


def test_what_is_printed_of_another_loss_has_no_unit(config, tmp_path, capsys):
    job.train(dataclasses.replace(config, loss="mse", epochs=1), tmp_path / "run")
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch 1: "))
    loss = read_log(tmp_path / "run")[-1]["loss"]
    assert line.startswith(f"epoch 1: loss {loss:.4g}, test MPJPE ")


def test_the_log_has_a_column_for_everything(config, tmp_path):
    job.train(config, tmp_path / "run")
    records = read_log(tmp_path / "run")
    columns = {"step", "epoch", "learning_rate", "momentum", "loss", "position"} | {*NORMS}
    assert [record["step"] for record in records] == [2, 4, 5, 7, 9, 10]
    for record in records:
        assert set(record) == columns | ({"test_mpjpe"} if record["step"] % 5 == 0 else set())
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["average"]["mpjpe"] > 0
