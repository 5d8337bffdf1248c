"""A run's log as TensorBoard event files in `RUN/tensorboard`, if tensorboardX is installed.

`metrics.jsonl` stays the source of truth: the events are copied from it anew whenever a run begins or goes on, and
nothing reads them back. So they are complete even where tensorboardX was installed later, or the disk was full.

An error here ends the copying with one line on stderr and never the training, and every point can be read at once.
tensorboardX's `SummaryWriter` holds neither promise: its thread dies of a full disk with a traceback, later calls wait
for it without end, and `flush` does not wait for its queue. Its `EventsWriter`, used here, has no thread and raises.
"""

import contextlib
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from jaxpose.runs.log import read_log

FOLDER = "tensorboard"  # within the run's

Result = TypeVar("Result")


@contextlib.contextmanager
def open_events(run: Path) -> Iterator[Callable[[Mapping[str, float]], None]]:
    """Copy the run's log into a new event file, and give the function that copies each record that follows.

    The file begins with the event that makes TensorBoard drop the points of earlier files of the run. The log has no
    clock: the time of an event is that of its copy.

    Args:
      run: the run's folder.

    Yields:
      A function to call with every record added to the log; it does nothing without tensorboardX or after an error.
    """
    writer = _attempt(run, _copy_log, run)

    def add(record: Mapping[str, float]) -> None:
        nonlocal writer
        writer = writer and _attempt(run, _write_record, writer, record)

    try:
        yield add
    finally:
        if writer:
            _attempt(run, writer.close)


def add_image(run: Path, png: Path, step: int) -> None:
    """Add a PNG file to the run's events, under the name of the file; does nothing without tensorboardX.

    Args:
      run: the run's folder.
      png: the file.
      step: of the run, when it was drawn.
    """
    _attempt(run, _write_image, run, png, step)


def _copy_log(run: Path) -> Any:
    """Open a new event file with all records of the log in it."""
    writer = _event_file(run)
    _write(writer, 0, session_log={"status": "START"})  # TensorBoard drops what it knows from step 0 on
    for record in read_log(run):
        _write_record(writer, record, flush=False)
    writer.flush()
    return writer


def _write_record(writer: Any, record: Mapping[str, float], *, flush: bool = True) -> Any:
    """Write every number of a record but the step, by its name in the log; returns the writer."""
    values = [{"tag": name, "simple_value": value} for name, value in record.items() if name != "step"]
    _write(writer, int(record["step"]), summary={"value": values})
    if flush:
        writer.flush()
    return writer


def _write_image(run: Path, png: Path, step: int) -> None:
    """Write the image into an event file of its own."""
    with contextlib.closing(_event_file(run, f".{png.stem}")) as writer, Image.open(png) as image:
        content = {"width": image.width, "height": image.height, "colorspace": 4}  # 4: RGBA
        content["encoded_image_string"] = png.read_bytes()
        _write(writer, step, summary={"value": [{"tag": png.stem, "image": content}]})


def _write(writer: Any, step: int, **content: Any) -> None:
    """Write one event."""
    from tensorboardX.proto.event_pb2 import Event

    writer.write_event(Event(wall_time=time.time(), step=step, **content))


def _event_file(run: Path, suffix: str = "") -> Any:
    """Open a new event file; importing tensorboardX takes a moment, and more where PyTorch is installed."""
    from tensorboardX.event_file_writer import EventsWriter

    (run / FOLDER).mkdir(exist_ok=True)
    return EventsWriter(str(run / FOLDER / "events"), suffix)


def _attempt(run: Path, function: Callable[..., Result], *arguments: Any) -> Result | None:
    """Call a function; None without tensorboardX, or with a line on stderr if the function raises."""
    if importlib.util.find_spec("tensorboardX") is None:
        return None
    try:
        return function(*arguments)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        print(f"no more events in {run / FOLDER} ({reason}); the training goes on", file=sys.stderr)
        return None
