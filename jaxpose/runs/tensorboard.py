"""A run's log as TensorBoard shows it: event files in `RUN/tensorboard`, where tensorboardX is installed.

`metrics.jsonl` stays the source of truth. The events are copies of its records, made anew from it whenever a run begins
or goes on, and nothing reads them back. What goes wrong here ends the copying, with a note, and never the training:
hence tensorboardX's `EventsWriter`, which raises, and not its `SummaryWriter`, whose thread dies of a full disk while
those who feed it wait for ever.
"""

import contextlib
import importlib.util
import struct
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

from jaxpose.runs.log import read_log

FOLDER = "tensorboard"  # within the run's


@contextlib.contextmanager
def open_events(run: Path) -> Iterator[Callable[[Mapping[str, float]], None]]:
    """Copy the run's log into a new event file, and give the function that copies each record that follows.

    Older event files are emptied, because the log may have been cut since; a TensorBoard that watches is told to forget
    them. The log has no clock: the time of an event is that of its copy.

    Args:
      run: the run's folder.

    Yields:
      To be called with every record added to the log; does nothing without tensorboardX, or once copying has failed.
    """
    with contextlib.closing(_copy(run)) as copy:
        next(copy, None)

        def add(record: Mapping[str, float]) -> None:
            with contextlib.suppress(StopIteration):  # the copying has ended
                copy.send(record)

        yield add


def add_image(run: Path, png: Path, step: int) -> None:
    """Show a PNG file with the run's events, under the name of the file; does nothing without tensorboardX.

    Args:
      run: the run's folder.
      png: the file.
      step: of the run, when it was drawn.
    """
    if _installed():
        with _harmless(run), contextlib.closing(_event_file(run, f".{png.stem}")) as events:
            content = png.read_bytes()
            width, height = struct.unpack(">II", content[16:24])  # of its first chunk, IHDR
            image = {"width": width, "height": height, "colorspace": 4, "encoded_image_string": content}  # 4: RGBA
            _write(events, step, summary={"value": [{"tag": png.stem, "image": image}]})


def _copy(run: Path) -> Generator[None, Mapping[str, float], None]:
    """Write the log into a new event file, then every record that is sent."""
    if not _installed():
        return
    with _harmless(run):
        for old in (run / FOLDER).glob("events.out.tfevents.*"):
            old.write_bytes(b"")  # a TensorBoard that watches would wait for ever for a file that is removed
        with contextlib.closing(_event_file(run)) as events:
            _write(events, 0, session_log={"status": "START"})  # whatever TensorBoard knows from step 0 on is void
            for record in read_log(run):
                _write_record(events, record)
            while True:
                events.flush()
                _write_record(events, (yield))


def _write_record(events: Any, record: Mapping[str, float]) -> None:
    """Every number of a record but the step, by its name in the log."""
    values = [{"tag": name, "simple_value": value} for name, value in record.items() if name != "step"]
    _write(events, int(record["step"]), summary={"value": values})


def _write(events: Any, step: int, **content: Any) -> None:
    """Write one event, now."""
    from tensorboardX.proto.event_pb2 import Event

    events.write_event(Event(wall_time=time.time(), step=step, **content))


def _event_file(run: Path, suffix: str = "") -> Any:
    """A new event file of the run, open; importing tensorboardX takes a moment, and more where PyTorch is installed."""
    from tensorboardX.event_file_writer import EventsWriter

    (run / FOLDER).mkdir(exist_ok=True)
    return EventsWriter(str(run / FOLDER / "events"), suffix)


def _installed() -> bool:
    """Whether tensorboardX can be imported; nothing is, yet."""
    return importlib.util.find_spec("tensorboardX") is not None


@contextlib.contextmanager
def _harmless(run: Path) -> Iterator[None]:
    """Turn what goes wrong into a note."""
    try:
        yield
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        print(f"no more events in {run / FOLDER} ({reason}); the training goes on", file=sys.stderr)
