"""Many devices and many processes give the answer of one, up to the order of summation."""

import functools
import json
import os
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest
from helpers import data_parallel
from helpers.places import ROOT

pytestmark = pytest.mark.usefixtures("compiled_soon")


def start(command, *, local_devices, rank=0, ranks=1, job=0, x64=False):
    """A process with that many CPU devices, as Slurm would start it."""
    environment = os.environ | {
        "JAX_PLATFORMS": "cpu",
        "JAX_NUM_CPU_DEVICES": str(local_devices),
        "JAX_ENABLE_X64": str(int(x64)),
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # as the fixture `compiled_soon`
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
    }
    if ranks > 1:
        environment |= {
            "SLURM_JOB_ID": str(job), "SLURM_STEP_NODELIST": "127.0.0.1", "SLURM_STEP_NUM_NODES": "1",
            "SLURM_NTASKS": str(ranks), "SLURM_STEP_NUM_TASKS": str(ranks),
            "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank),
        }  # fmt: skip
    return subprocess.Popen([sys.executable, *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(processes):
    outputs = [process.communicate(timeout=300) for process in processes]
    for process, (_, error) in zip(processes, outputs, strict=True):
        assert process.returncode == 0, error.decode()[-2000:]
    return [out.decode() for out, _ in outputs]


def free_job():
    """A Slurm job number whose port, which JAX derives from it, is free on this machine."""
    for job in range(os.getpid(), os.getpid() + 1000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", job % 2**12 + (65535 - 2**12 + 1))):
                return job
    raise AssertionError("no free port")


def trained(folder, name, *, local_devices, ranks=1, x64=True):
    """What `data_parallel.train` leaves in processes with that many devices."""
    out, job = folder / f"{name}.npz", free_job()
    command = [data_parallel.__file__, str(out), "float64" if x64 else "float32"]
    finish([
        start(command, local_devices=local_devices, rank=rank, ranks=ranks, job=job, x64=x64) for rank in range(ranks)
    ])  # fmt: skip
    return np.load(out)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("devices")


@functools.cache
def on_one_device(x64):
    """The same in this process, which has one."""
    with jax.enable_x64(x64):
        return data_parallel.train("float64" if x64 else "float32")


@pytest.mark.parametrize(
    ("local_devices", "ranks", "x64"),
    [
        (8, 1, True),
        pytest.param(8, 1, False, marks=pytest.mark.system),
        pytest.param(1, 2, True, marks=pytest.mark.system),
    ],
    ids=["8", "8 in float32", "2 processes"],
)
def test_the_answer_is_that_of_one_device(folder, local_devices, ranks, x64):
    """The order of summation is all that may differ: 1e-10 in float64, 1e-4 in float32."""
    many = trained(folder, f"{local_devices}-{ranks}-{x64}", local_devices=local_devices, ranks=ranks, x64=x64)
    one = on_one_device(x64)
    assert one["devices"] == 1
    assert many["devices"] == local_devices * ranks
    assert set(one) == set(many)
    for name in set(one) - {"devices"}:
        assert one[name].dtype == many[name].dtype
        scale = np.abs(one[name]).max()
        np.testing.assert_allclose(many[name], one[name], rtol=0, atol=max(scale, 1e-3) * (1e-10 if x64 else 1e-4))


@pytest.mark.system
def test_the_command_trains_under_a_launcher(prepared, folder):
    """Two processes, one run: one of them writes and prints."""
    run, job = folder / "run", free_job()
    small = ["--filter-widths", "3", "3", "--channels", "8", "--batch-size", "8", "--epochs", "1"]
    data = ["--data", str(prepared), "--train-split", "S1", "--test-split", "S9", "--out", str(run)]
    command = ["-m", "jaxpose.train", *small, *data]
    outputs = finish([start(command, local_devices=1, rank=rank, ranks=2, job=job) for rank in range(2)])
    assert "Training on 2 × CPU in 2 processes." in outputs[0]
    assert all(line.startswith("[Gloo]") for line in outputs[1].splitlines())
    assert set(json.loads((run / "results.json").read_text())["actions"]) == {"Walking", "Sitting"}
    again = start(["-m", "jaxpose.evaluate", str(run)], local_devices=1)  # its checkpoint opens on one device
    before = json.loads((run / "results.json").read_text())["average"]
    finish([again])
    after = json.loads((run / "results.json").read_text())["average"]
    assert after == pytest.approx(before, rel=1e-4)


@pytest.mark.system
def test_a_run_goes_on_with_another_number_of_devices(prepared, folder):
    """Its checkpoint is of one device, then of two; the answer is that of one up to the order of summation."""
    small = ["--filter-widths", "3", "--channels", "8", "--batch-size", "16", "--epochs", "2", "--dropout", "0"]
    data = ["--data", str(prepared), "--train-split", "S1", "--test-split", "S9"]
    errors = []
    for name, count in (("one", 1), ("two", 2)):
        out = folder / f"goes-on-{name}"
        finish([start(["-m", "jaxpose.train", *small, *data, "--steps", "7", "--out", str(out)], local_devices=1)])
        go_on = ["-m", "jaxpose.train", "--resume", str(out), "--steps", "None", "--change"]
        (printed,) = finish([start(go_on, local_devices=count)])
        assert printed.startswith("Training on 2 × CPU" if count == 2 else "Training on ")
        log = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        errors.append([value for record in log for value in record.values()])
    np.testing.assert_allclose(*errors, rtol=1e-4)
