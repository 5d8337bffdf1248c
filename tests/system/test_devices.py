"""Many devices and many processes give the answer of one, up to the order of summation."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxpose.runtime import devices
from jaxpose.runtime.errors import InputError
from jaxpose.training import loop, setup
from jaxpose.training.config import Config

WORKER = Path(__file__).parent / "worker_data_parallel.py"


def start(command, *, local_devices, rank=0, ranks=1, job=0, x64=False):
    """A process with that many CPU devices, as Slurm would start it."""
    environment = os.environ | {
        "JAX_PLATFORMS": "cpu",
        "JAX_NUM_CPU_DEVICES": str(local_devices),
        "JAX_ENABLE_X64": str(int(x64)),
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # as the fixture `compiled_soon`
        "PYTHONPATH": os.pathsep.join([str(WORKER.parent), str(WORKER.parent.parent)]),
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
    out, job = folder / f"{name}.npz", free_job()
    command = [str(WORKER), str(out), "float64" if x64 else "float32"]
    finish([
        start(command, local_devices=local_devices, rank=rank, ranks=ranks, job=job, x64=x64) for rank in range(ranks)
    ])  # fmt: skip
    return np.load(out)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("devices")


@pytest.fixture(scope="module")
def one_device(folder):
    return {x64: trained(folder, f"one-{x64}", local_devices=1, x64=x64) for x64 in (True, False)}


@pytest.mark.parametrize(
    ("local_devices", "ranks", "x64"),
    [(8, 1, True), (8, 1, False), (1, 2, True)],
    ids=["8", "8 in float32", "2 processes"],
)
def test_the_answer_is_that_of_one_device(folder, one_device, local_devices, ranks, x64):
    """The order of summation is all that may differ: 1e-10 in float64, 1e-4 in float32."""
    many = trained(folder, f"{local_devices}-{ranks}-{x64}", local_devices=local_devices, ranks=ranks, x64=x64)
    one = one_device[x64]
    assert one["devices"] == 1
    assert many["devices"] == local_devices * ranks
    assert set(one) == set(many)
    for name in set(one) - {"devices"}:
        assert one[name].dtype == many[name].dtype
        scale = np.abs(one[name]).max()
        np.testing.assert_allclose(many[name], one[name], rtol=0, atol=max(scale, 1e-3) * (1e-10 if x64 else 1e-4))


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


def test_a_batch_that_cannot_be_divided_is_refused(monkeypatch):
    class Three:
        size = 3

    monkeypatch.setattr(loop, "data_mesh", Three)
    with pytest.raises(InputError, match="--batch-size is 1024; it must be a multiple of the 3 devices"):
        setup.build_recipe(Config(), None, 10)


def test_alone_there_is_no_cluster_to_join():
    devices.join_cluster()
    assert jax.process_count() == 1


def test_programs_are_kept_in_the_users_cache_folder(cache_folder):
    devices.keep_compiled()
    assert jax.config.jax_compilation_cache_dir == str(cache_folder / "jaxpose")
    assert (cache_folder / "jaxpose").stat().st_mode & 0o777 == 0o700
    assert not any((cache_folder / "jaxpose").iterdir())
    assert 0 < jax.config.jax_compilation_cache_max_size < 1e9


def test_without_a_cache_folder_of_its_own_it_is_in_the_home(cache_folder, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(cache_folder))
    devices.keep_compiled()
    assert jax.config.jax_compilation_cache_dir == str(cache_folder / ".cache" / "jaxpose")


@pytest.mark.parametrize(
    ("setting", "value"), [("jax_compilation_cache_dir", "/elsewhere"), ("jax_enable_compilation_cache", False)]
)
def test_what_the_user_decided_about_the_cache_stays(cache_folder, setting, value):
    jax.config.update(setting, value)
    before = dict(jax.config.values)
    devices.keep_compiled()
    assert dict(jax.config.values) == before
    assert not cache_folder.exists()


def test_old_versions_of_jax_keep_nothing(cache_folder, monkeypatch):
    """They call every program that they load one for another kind of processor, on stderr, if it knows AVX-512."""
    monkeypatch.setattr(jax, "__version_info__", (0, 10, 1))
    devices.keep_compiled()
    assert jax.config.jax_compilation_cache_dir is None


def test_a_cache_folder_that_cannot_be_written_is_not_used(cache_folder):
    cache_folder.write_text("a file is in its place")
    devices.keep_compiled()
    assert jax.config.jax_compilation_cache_dir is None
