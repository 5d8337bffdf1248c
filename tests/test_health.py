"""A long run stays as small as it was: memory, open files, compiled programs."""

import os
from pathlib import Path

import jax
import pytest

from jaxpose import train

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")


@pytest.mark.parametrize(
    ("steps", "growth"), [(500, 0.03), pytest.param(10_000, 0.01, marks=pytest.mark.slow)], ids=["500", "10000"]
)
def test_nothing_grows(prepared, tmp_path, monkeypatch, steps, growth):
    """From a fifth of the run to its end: by then everything that the run does has been done several times."""
    compiled, samples, log = [], [], train.append_log
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, *_, **__: compiled.append(event) if event.endswith("backend_compile_duration") else None
    )

    def sampled(run, record):
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        samples.append((record["step"], resident, len(os.listdir("/proc/self/fd")), len(compiled)))
        log(run, record)

    monkeypatch.setattr(train, "append_log", sampled)
    train.main([
        "--filter-widths", "3", "--channels", "8", "--batch-size", "2", "--epochs", "1000", "--log-every", "20",
        "--steps", str(steps), "--data", str(prepared), "--train-split", "S1", "--test-split", "S9",
        "--out", str(tmp_path / "run"),
    ])  # fmt: skip
    begun = [sample for sample in samples if sample[0] >= steps // 5]
    (_, *first), (_, *last) = begun[0], begun[-1]
    print(f"{steps} steps: resident {first[0] / 1e6:.1f} to {last[0] / 1e6:.1f} MB, files {first[1]} to {last[1]}")
    assert last[0] < (1 + growth) * first[0]
    assert last[1] <= first[1] + 2  # a checkpoint that is being written
    assert last[2] == first[2]
