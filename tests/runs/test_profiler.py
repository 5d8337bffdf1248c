"""A trace of training steps holds what XLA ran, also if the training ends or is stopped before the steps are over."""

import signal

import jax
import pytest

from jaxpose.runs import job, profiler
from jaxpose.runs.log import read_log
from jaxpose.runtime.errors import StopError

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture(autouse=True)
def one_step_a_call(monkeypatch):
    monkeypatch.setattr(job, "SECONDS", 1e-9)


def traced(run):
    """Whether XLA's threads executed operations, and how many calls of training steps were queued, in the one trace."""
    (file,) = (run / profiler.FOLDER).rglob("*.xplane.pb")
    assert len(list((run / profiler.FOLDER).rglob("perfetto_trace.json.gz"))) == 1
    lines = [line for plane in jax.profiler.ProfileData.from_file(str(file)).planes for line in plane.lines]
    operations = {event.name for line in lines if "XLA" in line.name for event in line.events}
    python = [event.name for line in lines if line.name == "python" for event in line.events]
    return any("fusion" in name for name in operations), sum(name.endswith(" train_steps") for name in python)


def test_a_trace_holds_the_operations_of_a_few_steps(config, tmp_path):
    job.train(config, tmp_path / "run", profile=3)
    executed, calls = traced(tmp_path / "run")
    assert executed
    assert 3 <= calls <= 5
    assert read_log(tmp_path / "run")[-1]["step"] == 10


def test_a_training_that_ends_sooner_leaves_its_trace(config, tmp_path):
    job.train(config, tmp_path / "run", profile=1000)
    executed, calls = traced(tmp_path / "run")
    assert executed
    assert calls >= 5


def test_a_training_that_is_stopped_leaves_its_trace(config, tmp_path, monkeypatch):
    monkeypatch.setitem(job.EVALUATIONS, "stop", lambda *_: signal.raise_signal(signal.SIGTERM) or {})
    with pytest.raises(StopError):
        job.train(config, tmp_path / "run", profile=1000)
    executed, calls = traced(tmp_path / "run")
    assert executed
    assert 3 <= calls < 10


def test_without_the_option_nothing_is_traced(config, tmp_path):
    job.train(config, tmp_path / "run")
    assert not (tmp_path / "run" / profiler.FOLDER).exists()
