"""The benchmarks of work and streaming as commands: multiply-adds and memory near the minimum for every window."""

import json
import os
import subprocess
import sys

import pytest
from helpers.places import ROOT

pytestmark = pytest.mark.aot


def run_benchmark(name, out, *arguments):
    """Run a benchmark in a process of its own; return what it prints, and its rows."""
    command = [sys.executable, "-m", f"experiments.benchmarks.{name}", *map(str, arguments), "--out", str(out)]
    environment = os.environ | {"COLUMNS": "120"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    return result.stdout, json.loads(out.read_text("utf-8"))


def test_work_and_memory_are_near_the_minimum_for_every_window(tmp_path):
    """XLA's count and plan; norms, activations and copies of weights are a small part at this size."""
    _, rows = run_benchmark("work", tmp_path / "work.json", "--channels", 512, "--batch", 4096)
    assert [(row["frames"], row["training"]) for row in rows] == [
        (frames, training) for training in (False, True) for frames in (1, 3, 9, 27, 81, 243, 1000)
    ]
    # As many activations in the first layer as 4096 windows of one frame, which have 81 frames there.
    assert {row["frames"]: row["batch"] for row in rows}[1000] == 4096 * 81 // 1240
    for row in rows:
        assert 1 <= row["multiply_adds"] / row["direct_multiply_adds"] < 1.05, row
        # For the backward pass XLA also stores the inputs of the blocks: experiments/benchmarks/README.md.
        assert 1 <= row["memory"] / row["least_memory"] < (2.5 if row["training"] else 2.1), row


def test_the_benchmark_of_work_prints_its_rows(tmp_path):
    size = ("--channels", 8, "--filter-widths", 3, 3, "--batch", 2, "--frames", 1, 4)
    printed, rows = run_benchmark("work", tmp_path / "work.json", *size)
    assert [(row["frames"], row["batch"], row["training"]) for row in rows] == [
        (1, 2, False), (4, 1, False), (1, 2, True), (4, 1, True)
    ]  # fmt: skip
    for row in rows:
        more_work = row["multiply_adds"] / row["direct_multiply_adds"]
        more_memory = row["memory"] / row["least_memory"]
        assert more_work >= 1
        assert more_memory >= 1
        assert f"{more_work:.3f}×" in printed
        assert f"{more_memory:.2f}×" in printed


def test_the_benchmark_of_streaming_prints_its_rows(tmp_path):
    size = ("--channels", 8, "--filter-widths", 3, 3, "--batches", 2, "--rounds", 1)
    printed, rows = run_benchmark("streaming", tmp_path / "times.json", *size)
    assert [row["name"] for row in rows] == ["streamed frame", "minimal window", "dilated network"]
    assert all(row["name"] in printed and row["milliseconds"] > 0 for row in rows)
