"""The script that is run on a machine with a GPU runs to its end without one, at a small size."""

import json
import os
import runpy
import subprocess
import sys

import pytest
from helpers.places import ROOT

pytestmark = pytest.mark.system


def test_every_part_runs_and_is_reported(tmp_path):
    command = ["bash", str(ROOT / "experiments" / "gpu" / "check.sh"), str(tmp_path / "out"), "--small"]
    environment = os.environ | {"PYTHON": sys.executable, "JAX_PLATFORMS": "cpu"}
    ended = subprocess.run(command, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    found = json.loads((tmp_path / "out" / "check.json").read_text())
    assert found["small"]
    assert found["tests"]["tests"] >= 19
    assert found["tests"]["failures"] == found["tests"]["errors"] == found["tests"]["skipped"] == 0
    assert [(row["channels"], row["precision"]) for row in found["steps"]] == [
        (channels, precision) for channels in (8, 16) for precision in ("float32", "tf32", "bfloat16")
    ]
    assert all(row["seconds"]["jaxpose"] > 0 < row["share"] for row in found["steps"])
    assert found["kernels"]["in kernels"] > 0
    assert found["kernels"]["longest"][0]["seconds"] > 0
    assert [row["precision"] for row in found["epoch"]] == ["tf32", "bfloat16"]
    assert found["training"]["steps"] > 0
    assert found["training"]["last loss"] < found["training"]["first loss"]
    text = (tmp_path / "out" / "check.md").read_text()
    for heading in ("small: no measure of anything", "Training steps", "The longest kernels of a step", "it resumes"):
        assert heading in text
    assert "failed" not in text


def test_kernels_of_a_gpu_are_added_up_and_loops_are_not():
    """What the profiler gives: planes of devices beside the host's, whose events name operations."""

    class Of:
        def __init__(self, **fields):
            self.__dict__.update(fields)

    def event(operation, microseconds):
        return Of(duration_ns=1000 * microseconds, stats={"hlo_op": operation}.items() if operation else ())

    gpu = [Of(events=[event("fusion.1", 3), event("gemm", 10), event("while.2", 40)]), Of(events=[event("gemm", 12)])]
    planes = [Of(name="/host:CPU", lines=[Of(events=[event("gemm", 99)])]), Of(name="/device:GPU:0", lines=gpu)]
    script = runpy.run_path(str(ROOT / "experiments" / "gpu" / "kernels.py"))
    found = script["kernels"](
        Of(planes=[*planes, Of(name="/device:GPU:1", lines=[Of(events=[event(None, 5)])])]), calls=2
    )
    assert [(kernel.name, kernel.runs) for kernel in found] == [("gemm", 1), ("fusion.1", 0.5)]
    assert found[0].seconds == pytest.approx(11e-6)
    assert found[1] == ("fusion.1", pytest.approx(1.5e-6), 0.5)
