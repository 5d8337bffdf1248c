"""TensorBoard's events are what the log says, after every way in which a run can go."""

import sys

import numpy as np
import pytest
from helpers.event_files import events, logged, scalars
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import SessionLog

from jaxpose.runs import tensorboard
from jaxpose.runs.log import append_log, cut_log

RECORDS = [
    {"step": 50 * n, "epoch": n / 2, "learning_rate": 1e-3 * 0.95**n, "momentum": 0.1, "loss": 0.3 / n}
    | ({"test_mpjpe": 0.2 / n} if n % 2 == 0 else {})
    for n in range(1, 6)
]


def train(run, records):
    """What training does with a log and its events."""
    with tensorboard.open_events(run) as add_event:
        for record in records:
            append_log(run, record)
            add_event(record)


def test_every_number_of_the_log_is_a_point(tmp_path):
    train(tmp_path, RECORDS)
    assert len(scalars(tmp_path)) == 5 * 4 + 2
    assert scalars(tmp_path) == logged(tmp_path)


def test_points_can_be_read_while_training_goes_on(tmp_path):
    with tensorboard.open_events(tmp_path) as add_event:
        for record in RECORDS:
            append_log(tmp_path, record)
            add_event(record)
            assert scalars(tmp_path) == logged(tmp_path)


@pytest.mark.parametrize("step", [0, 100, 250])
def test_a_resumed_run_has_no_point_twice(tmp_path, step):
    train(tmp_path, RECORDS)
    (tmp_path / "tensorboard" / "mine.txt").write_text("stays")
    cut_log(tmp_path, step)
    others = [record | {"loss": 7.0} for record in RECORDS if record["step"] > step]
    train(tmp_path, others)
    assert scalars(tmp_path) == logged(tmp_path)
    assert sum(value == 7.0 for _, _, value in scalars(tmp_path)) == len(others)
    assert (tmp_path / "tensorboard" / "mine.txt").is_file()


def test_a_watching_tensorboard_is_told_to_forget(tmp_path):
    """The session log's start makes it drop what it holds from that step on."""
    train(tmp_path, RECORDS)
    version, start, *points = events(tmp_path)
    assert version.file_version == "brain.Event:2"
    assert (start.step, start.session_log.status) == (0, SessionLog.START)
    assert all(point.HasField("summary") for point in points)


@given(st.lists(st.floats(), max_size=3))
def test_no_number_breaks_it(tmp_path_factory, values):
    run = tmp_path_factory.mktemp("run")
    train(run, [{"step": n, "loss": value} for n, value in enumerate(values)])
    with np.errstate(over="ignore"):
        expected = np.asarray(values, np.float32)
    np.testing.assert_array_equal(np.asarray([value for *_, value in scalars(run)], np.float32), expected)


def test_an_image_is_the_file(tmp_path):
    Figure(figsize=(3, 2)).savefig(tmp_path / "curves.png", dpi=50)
    train(tmp_path, RECORDS)
    tensorboard.add_image(tmp_path, tmp_path / "curves.png", 250)
    *_, last = events(tmp_path)
    (value,) = last.summary.value
    assert (last.step, value.tag, value.image.width, value.image.height) == (250, "curves", 150, 100)
    assert value.image.encoded_image_string == (tmp_path / "curves.png").read_bytes()
    assert scalars(tmp_path) == logged(tmp_path)


def test_without_tensorboardx_nothing_happens(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    train(tmp_path, RECORDS)
    tensorboard.add_image(tmp_path, tmp_path / "curves.png", 250)
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]
    assert capsys.readouterr() == ("", "")


# tensorboardX leaves its file to the garbage collector where the last flush fails.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("method", "after"), [("write_event", 0), ("write_event", 4), ("flush", 2), ("close", 0)])
def test_a_full_disk_ends_the_copying_and_nothing_else(tmp_path, monkeypatch, capsys, method, after):
    calls, true = iter(range(100)), getattr(EventsWriter, method)

    def fail(writer, *arguments):
        true(writer, *arguments)
        if next(calls) >= after:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(EventsWriter, method, fail)
    train(tmp_path, RECORDS)
    assert len(logged(tmp_path)) == 22
    (line,) = capsys.readouterr().err.splitlines()
    assert f"no more events in {tmp_path / 'tensorboard'} (OSError: [Errno 28] No space left on device)" in line


def test_a_folder_that_cannot_be_created_is_noted(tmp_path, capsys):
    (tmp_path / "tensorboard").write_text("a file is in its place")
    train(tmp_path, RECORDS)
    tensorboard.add_image(tmp_path, tmp_path / "curves.png", 250)
    first, second = capsys.readouterr().err.splitlines()
    assert "FileExistsError" in first
    assert "FileExistsError" in second


def test_what_ends_the_training_is_not_held_back(tmp_path):
    def stopped():
        yield RECORDS[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, stopped())
    assert scalars(tmp_path) == logged(tmp_path)
    assert len(scalars(tmp_path)) == 4
