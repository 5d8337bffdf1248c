"""The counts of work and memory: against a count by hand, and that they notice work that nobody needs."""

import functools
import json

import jax
import jax.numpy as jnp
import pytest

from experiments.benchmarks import streaming, work
from jaxpose.models.temporal import TemporalModel


@pytest.mark.parametrize(
    ("frames", "held", "evaluation", "training"),
    [
        (1, [9, 3, 1], 9 + 3, 9 + 2 * 3 + 2 * 1),
        (2, [18, 6, 2], 18 + 6, 18 + 2 * 6 + 2 * 2),
        (100, [124, 118, 100], 3 * 118, 124 + 2 * 118 + 2 * 100),
    ],
)
def test_live_activations_are_those_counted_by_hand(frames, held, evaluation, training):
    model = TemporalModel(17, (3, 3, 3), channels=8)
    assert work.held(model, frames) == held
    assert work.live_activations(model, frames, training=False) == 8 * evaluation
    assert work.live_activations(model, frames, training=True) == 8 * training


def test_batches_hold_about_equally_much():
    model = TemporalModel(17, (3, 3, 3))
    assert [work.equal_batch(model, frames, 256) for frames in (1, 2, 100, 5000)] == [256, 128, 18, 1]


def test_frames_that_nobody_needs_are_noticed():
    """The published dilated network computes every frame of the window, where a third or less is needed."""
    model = TemporalModel(17, channels=512)
    keypoints = jax.ShapeDtypeStruct((4096, 243, 17, 2), jnp.float32)
    variables = jax.eval_shape(model.init, jax.random.key(0), keypoints)
    wasteful = jax.jit(functools.partial(streaming.rerun, model)).lower(variables, keypoints).compile()
    row = work.count(wasteful, model, 4096, 1, training=False)
    assert row.more_work > 3
    assert row.more_memory > 3


def test_the_command_prints_and_writes(tmp_path, capsys):
    work.main(channels=8, filter_widths=(3, 3), batch=2, frames=(1, 4), out=tmp_path / "work.json")
    rows = [work.Row(**row) for row in json.loads((tmp_path / "work.json").read_text("utf-8"))]
    assert [(row.frames, row.batch, row.training) for row in rows] == [
        (1, 2, False), (4, 1, False), (1, 2, True), (4, 1, True)
    ]  # fmt: skip
    assert all(row.more_work >= 1 and row.more_memory >= 1 for row in rows)
    printed = capsys.readouterr().out
    assert all(f"{row.more_work:.3f}×" in printed and f"{row.more_memory:.2f}×" in printed for row in rows)
