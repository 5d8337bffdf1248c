"""The progress bar says where a training is, and names millimetres only for a loss that is a length."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from jaxpose.runs import progress
from jaxpose.training.config import Config


@pytest.mark.parametrize(
    ("settings", "text"),
    [({}, "loss 123.5 mm"), ({"constraints": {"angle": 1.0}}, "loss 123.5 mm"), ({"loss": "mse"}, "loss 0.1235")],
)
def test_a_loss_has_a_unit_only_if_it_is_a_length(settings, text):
    assert progress.loss_text(0.12346, Config(**settings)) == text


def test_the_bar_shows_steps_loss_and_rate(monkeypatch):
    """Three batches of 16 windows of 2 frames in a second; an evaluation after them takes ten seconds."""
    now, shown = 100.0, io.StringIO()
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    console = Console(file=shown, width=120)
    job = SimpleNamespace(config=Config(), until=12, console=console, recipe=SimpleNamespace(batch_size=16, frames=2))
    with progress.show_progress(job, 3) as show:
        now += 1
        show(6, {"loss": 0.25, "learning_rate": 0.001})
        now += 10
        show(6, None)
        now += 2
        show(12, None)
    line = shown.getvalue().splitlines()[-1]
    assert "12/12 loss 250.0 mm, lr 1.0e-03, 96 frames/s" in line
