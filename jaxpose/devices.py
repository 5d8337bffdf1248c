"""One program on any number of devices: parameters and data on each, the windows of a batch divided among them.

JAX's compiler divides the work and adds the exchanges between devices; nothing here talks to another device itself.
"""

import os
from typing import TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

Tree = TypeVar("Tree")


def join_cluster() -> None:
    """Find the other processes of a Slurm step or an Open MPI job; alone, do nothing. Before anything else of JAX."""
    if max(int(os.environ.get(size, 1)) for size in ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE")) > 1:
        jax.distributed.initialize()


def data_mesh() -> Mesh:
    """All devices of all processes in a row, the axis "data"."""
    return Mesh(np.asarray(jax.devices()), ("data",))


def replicate(tree: Tree, mesh: Mesh) -> Tree:
    """The arrays of a tree on every device; each process has the same ones to begin with."""
    everywhere = NamedSharding(mesh, PartitionSpec())

    def put(array: jax.Array) -> jax.Array:
        if jax.dtypes.issubdtype(array.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(put(jax.random.key_data(array)), impl=jax.random.key_impl(array))
        values = np.asarray(array)
        return jax.make_array_from_callback(values.shape, everywhere, lambda index: values[index])

    return jax.tree.map(put, tree)


def divide(array: jax.Array, mesh: Mesh) -> jax.Array:
    """Inside a compiled function: divide the first axis among the devices, and with it all that is made from it."""
    return jax.lax.with_sharding_constraint(array, NamedSharding(mesh, PartitionSpec("data")))


def gather(array: jax.Array, mesh: Mesh) -> jax.Array:
    """Inside a compiled function: the whole array on every device again."""
    return jax.lax.with_sharding_constraint(array, NamedSharding(mesh, PartitionSpec()))
