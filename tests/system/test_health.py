"""A long run stays as small as it was: memory, open files, compiled programs."""

import os
from pathlib import Path

import jax
import numpy as np
import pytest
from helpers.samples import DESCRIPTION, make_track

from data_prep.writer import data_set
from jaxpose import train
from jaxpose.runs import job

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc"),
]


@pytest.mark.parametrize(
    ("steps", "growth"), [(500, 0.02), pytest.param(10_000, 0.01, marks=pytest.mark.slow)], ids=["500", "10000"]
)
def test_nothing_grows(tmp_path, monkeypatch, steps, growth):
    """The least of the last fifth of a run, when nothing is under way, against the least of the second fifth.

    By then all that an epoch does, evaluating and saving too, has been done twice, and is done eight times more.
    """
    compiled, samples, append_log = [], [], job.append_log
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, *_, **__: compiled.append(event) if event.endswith("backend_compile_duration") else None
    )

    def sampled(run, record):
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        samples.append((resident, len(os.listdir("/proc/self/fd")), len(compiled)))
        append_log(run, record)

    monkeypatch.setattr(job, "append_log", sampled)
    data_set.write(
        tmp_path / "data",
        DESCRIPTION,
        lambda subject: [make_track(subject=subject, frames=steps // 10)],  # a tenth of the steps is an epoch
        text="made by the tests",
    )
    train.main([
        "--filter-widths", "3", "--channels", "8", "--batch-size", "2", "--epochs", "10",
        "--log-every", str(steps // 50), "--data", str(tmp_path / "data"), "--train-split", "S1", "--test-split", "S9",
        "--out", str(tmp_path / "run"),
    ])  # fmt: skip
    assert len(samples) == 50
    before, after = (np.min(samples[part], axis=0) for part in (slice(10, 20), slice(40, 50)))
    print(f"{steps} steps: resident {before[0] / 1e6:.1f} to {after[0] / 1e6:.1f} MB, files {before[1]} to {after[1]}")
    assert after[0] < (1 + growth) * before[0]
    assert after[1] < before[1] + 6  # less than one for each epoch; a checkpoint that is being written has some open
    assert after[2] == before[2]
