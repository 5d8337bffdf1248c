"""Devices and processes of a data-parallel program, and the programs that JAX compiles for them.

One program runs on any number of devices: parameters and data on each, the windows of a batch divided among them.
JAX's compiler divides the work and adds the communication between devices.
"""

import os
import tempfile
from pathlib import Path
from typing import TypeVar

import jax
import numpy as np
from jax.experimental.multihost_utils import process_allgather
from jax.sharding import Mesh, NamedSharding, PartitionSpec

Tree = TypeVar("Tree")


def join_cluster() -> None:
    """Join the other processes of a Slurm step or an Open MPI job, if there are any; call it before JAX is used."""
    if max(int(os.environ.get(size, 1)) for size in ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE")) > 1:
        jax.distributed.initialize()


def keep_compiled() -> None:
    """Turn on JAX's compilation cache, so that a second run of the same settings loads its programs.

    They are in `jaxpose` in the user's cache folder ($XDG_CACHE_HOME, ~/.cache): the last used, at most 64 MB. The
    user's own settings win: another folder (JAX_COMPILATION_CACHE_DIR), or none (JAX_ENABLE_COMPILATION_CACHE=0). Where
    nothing can be written, every run compiles.
    """
    decided = jax.config.jax_compilation_cache_dir is not None or not jax.config.jax_enable_compilation_cache
    if decided or jax.__version_info__ < (0, 10, 2):  # older ones print false alarms when a CPU loads a program
        return
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "jaxpose").expanduser()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # who can write programs here can make this user run them
        tempfile.TemporaryFile(dir=folder).close()
        # Of a program whose process was killed before it noted the time of use, JAX could never again drop any.
        for program in folder.glob("*-cache"):
            program.with_name(program.name.removesuffix("cache") + "atime").touch()
    except (OSError, RuntimeError):  # RuntimeError: the user has no home
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # JAX looks at every kept program whenever it adds one: keep few, and none that compiles in a moment.
    jax.config.update("jax_compilation_cache_max_size", 64 * 2**20)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def cpu_compiler_options(level: int) -> dict[str, int]:
    """Compiler options for a program that runs a few times: less optimisation where the program runs on a CPU.

    Other compilers take no such level: XLA's for GPUs refuses any below 2. The result depends on
    `jax.default_backend()`, which starts the backend: call it when a program is jitted, not while a module is imported.

    Args:
      level: LLVM's, 0 to 3.

    Returns:
      `compiler_options` of `jax.jit`; empty where JAX computes on anything but a CPU.
    """
    return {"xla_backend_optimization_level": level} if jax.default_backend() == "cpu" else {}


def bucket_length(frames: int, *, fewest: int) -> int:
    """The power of two to pad a track to, at least `fewest`: JAX compiles a program for each length."""
    return max(fewest, 1 << (frames - 1).bit_length())


def describe_devices() -> str:
    """Describe the devices that JAX computes on, such as "NVIDIA H100" or "2 × CPU in 2 processes"."""
    devices = jax.devices()
    cpu = devices[0].platform == "cpu"
    if len(devices) == 1:
        return f"{os.cpu_count()} CPU cores" if cpu else devices[0].device_kind
    return f"{len(devices)} × {'CPU' if cpu else devices[0].device_kind} in {jax.process_count()} processes"


def data_mesh() -> Mesh:
    """Make a mesh of all devices of all processes, with one axis, "data"."""
    return Mesh(np.asarray(jax.devices()), ("data",))


def replicate(tree: Tree, mesh: Mesh) -> Tree:
    """Put the arrays of a tree on every device; every process must hold the same values."""
    everywhere = NamedSharding(mesh, PartitionSpec())

    def put(array: jax.Array) -> jax.Array:
        if jax.dtypes.issubdtype(array.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(put(jax.random.key_data(array)), impl=jax.random.key_impl(array))
        values = np.asarray(array)
        return jax.make_array_from_callback(values.shape, everywhere, lambda index: values[index])

    return jax.tree.map(put, tree)


def addressable(tree: Tree) -> Tree:
    """Take the copy of replicated arrays that is on the first device of this process."""
    return jax.tree.map(lambda array: array.addressable_data(0), tree)


def max_over_processes(*numbers: int) -> tuple[int, ...]:
    """Return the maximum of each number over all processes, so that all decide alike; all processes must call this."""
    if jax.process_count() == 1:
        return numbers
    return tuple(int(number) for number in process_allgather(np.asarray(numbers)).max(axis=0))


def shard_in_jit(array: jax.Array, mesh: Mesh) -> jax.Array:
    """Divide the first axis of an array among the devices, inside a compiled function."""
    return jax.lax.with_sharding_constraint(array, NamedSharding(mesh, PartitionSpec("data")))


def replicate_in_jit(array: jax.Array, mesh: Mesh) -> jax.Array:
    """Put the whole of an array on every device, inside a compiled function."""
    return jax.lax.with_sharding_constraint(array, NamedSharding(mesh, PartitionSpec()))
