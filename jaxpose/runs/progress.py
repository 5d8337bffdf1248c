"""The progress bar of a training: steps, loss, learning rate, frames per second and the time left."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jaxpose.runs.prepare import Job
from jaxpose.training.config import Config, loss_in_metres

COLUMNS = (BarColumn(12), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())

Show = Callable[[int, Mapping[str, float] | None], None]
"""A function to call with the number of steps taken, and with the log record that ends there, if one does."""


@contextlib.contextmanager
def show_progress(job: Job, done: int) -> Iterator[Show]:
    """Show a progress bar on the job's console, from the step `done` on.

    The rate is that since the last call of the function that is given: call it after an evaluation too, with the same
    step, and the evaluation does not count.
    """
    finished = done >= job.until  # a bar would stand at its end, and name a speed of zero
    with Progress(*COLUMNS, console=job.console, speed_estimate_period=300, disable=finished) as progress:
        task = progress.add_task("compiling", total=job.until, completed=done)
        last, began, text = done, time.monotonic(), ""

        def show(step: int, record: Mapping[str, float] | None) -> None:
            nonlocal last, began, text
            if record is not None:
                text = f"{loss_text(record['loss'], job.config)}, lr {record['learning_rate']:.1e}, "
            if step > last:
                speed = (step - last) * job.recipe.batch_size * job.recipe.frames / (time.monotonic() - began)
                progress.update(task, completed=step, description=f"{text}{speed:,.0f} frames/s")
            last, began = step, time.monotonic()

        yield show


def loss_text(loss: float, config: Config) -> str:
    """The training loss in words: in millimetres if it is a length, else without a unit."""
    return f"loss {1000 * loss:.1f} mm" if loss_in_metres(config) else f"loss {loss:.4g}"
