"""Devices: what is put on them comes back the same, and compiled programs are kept where the user wants them."""

import os
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from jax._src import lru_cache

from jaxpose.runtime import devices


@pytest.fixture
def mesh():
    return devices.data_mesh()


def test_the_mesh_has_all_devices_in_a_row(mesh):
    assert mesh.axis_names == ("data",)
    assert list(mesh.devices) == jax.devices()


def test_what_is_replicated_is_the_same_on_every_device(mesh):
    tree = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "count": np.int32(7), "key": jax.random.key(3)}
    result = devices.replicate(tree, mesh)
    assert all(leaf.sharding.is_fully_replicated for leaf in jax.tree.leaves(result))
    np.testing.assert_array_equal(result["a"], tree["a"])
    assert int(result["count"]) == 7
    assert jax.random.key_data(result["key"]).tolist() == jax.random.key_data(tree["key"]).tolist()
    one = devices.addressable(result["a"])
    assert one.devices() == {jax.devices()[0]}
    np.testing.assert_array_equal(one, tree["a"])


def test_sharding_changes_no_value(mesh):
    """On one device there is nothing to divide; tests/system/test_devices.py has eight."""
    values = np.arange(12, dtype=np.float32).reshape(4, 3)
    sharded, again = jax.jit(
        lambda array: (
            devices.shard_in_jit(array, mesh),
            devices.replicate_in_jit(devices.shard_in_jit(array, mesh), mesh),
        )
    )(values)
    assert sharded.sharding.is_equivalent_to(jax.NamedSharding(mesh, jax.P("data")), 2)
    assert again.sharding.is_fully_replicated
    np.testing.assert_array_equal(sharded, values)
    np.testing.assert_array_equal(again, values)


def test_one_process_decides_alone():
    assert devices.max_over_processes(3, 0, True) == (3, 0, 1)


def test_processes_decide_alike(monkeypatch):
    """Each gets the maximum over all of them."""
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(devices, "process_allgather", lambda numbers: np.stack([numbers, [0, 5]]))
    assert devices.max_over_processes(3, 0) == (3, 5)


@pytest.mark.parametrize(
    ("platform", "count", "expected"),
    [
        ("cpu", 1, f"{os.cpu_count()} CPU cores"),
        ("gpu", 1, "NVIDIA H100"),
        ("cpu", 2, "2 × CPU in 2 processes"),
        ("gpu", 8, "8 × NVIDIA H100 in 2 processes"),
    ],
)
def test_devices_are_described(monkeypatch, platform, count, expected):
    device = SimpleNamespace(platform=platform, device_kind="NVIDIA H100" if platform == "gpu" else "cpu")
    monkeypatch.setattr(jax, "devices", lambda: [device] * count)
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    assert devices.describe_devices() == expected


@pytest.mark.parametrize("variable", ["SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE"])
def test_processes_of_a_launcher_join(monkeypatch, variable):
    joined = []
    monkeypatch.setattr(jax.distributed, "initialize", lambda: joined.append(True))
    for tasks in ("1", "2"):
        monkeypatch.setenv(variable, tasks)
        devices.join_cluster()
        assert joined == [True] * (tasks == "2")


def test_alone_there_is_no_cluster_to_join():
    devices.join_cluster()
    assert jax.process_count() == 1


def test_programs_are_kept_in_the_users_cache_folder(cache_folder):
    devices.keep_compiled()
    assert jax.config.jax_compilation_cache_dir == str(cache_folder / "jaxpose")
    assert (cache_folder / "jaxpose").stat().st_mode & 0o777 == 0o700
    assert not any((cache_folder / "jaxpose").iterdir())
    assert 0 < jax.config.jax_compilation_cache_max_size < 1e9


def test_a_program_whose_time_of_use_was_not_noted_can_be_dropped(cache_folder):
    """As after a kill between the two files; JAX would warn at every program that it keeps."""
    folder = cache_folder / "jaxpose"
    folder.mkdir(parents=True)
    (folder / "jit_step-1f-cache").write_bytes(bytes(90))
    cache = lru_cache.LRUCache(str(folder), max_size=100)
    with pytest.raises(FileNotFoundError):
        cache.put("jit_step-2e", bytes(50))
    devices.keep_compiled()
    cache.put("jit_step-2e", bytes(50))
    assert sorted(path.name for path in folder.glob("*-cache")) == ["jit_step-2e-cache"]


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


def test_a_cpu_takes_its_compiler_options():
    assert devices.cpu_compiler_options(1) == {"xla_backend_optimization_level": 1}
    assert jax.jit(lambda number: 2 * number, compiler_options=devices.cpu_compiler_options(1))(3) == 6


@pytest.mark.parametrize("backend", ["gpu", "tpu"])
def test_other_compilers_are_given_none(backend, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    assert devices.cpu_compiler_options(1) == {}
