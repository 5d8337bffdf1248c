"""What a training step takes on an NVIDIA card: measured where there is one, else computed by XLA's GPU compiler.

The calls are those of `jaxpose train` and `jaxpose evaluate`, for data of Human3.6M's size. What is computed is a lower
bound, read from the compiled program (`runtime.cuda_compiler`); nothing is run.
"""

import statistics
import time
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from jaxpose.cameras import Camera
from jaxpose.data.track import Description
from jaxpose.data.windows import PackedTracks
from jaxpose.evaluation import predict_tracks
from jaxpose.models.ops import Precision
from jaxpose.models.temporal import multiply_adds
from jaxpose.runtime import cuda_compiler
from jaxpose.runtime.devices import replicate
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17
from jaxpose.training import loop, setup
from jaxpose.training.config import Config
from jaxpose.training.step import Samples, order_key

HUMAN36M = Description("Human3.6M", False, H36M_17, H36M_17, 2, ("S1", "S5", "S6", "S7", "S8", "S9", "S11"))

TRAIN_FRAMES, TRAIN_TRACKS = 1_559_752, 600  # S1, S5, S6, S7 and S8 at 50 Hz in four views


def motion(key: jax.Array, frames: int, tracks: int) -> PackedTracks:
    """Random numbers in the shape of that many frames of Human3.6M, cut into tracks of equal length.

    The people stand five metres before their cameras.
    """
    ends = (jnp.arange(1, tracks + 1) * (frames // tracks)).at[-1].set(frames)
    keypoints, poses = jax.random.split(key)
    straight = jnp.asarray([1.0, 0, 0, 0])
    camera = Camera(straight, jnp.zeros(3), jnp.asarray([2.0, 2, *[0.0] * 7]), jnp.asarray(2.0), jnp.asarray(2.0))
    return PackedTracks(
        keypoints=jax.random.normal(keypoints, (frames, HUMAN36M.layout.num_joints, HUMAN36M.channels)),
        poses=jax.random.normal(poses, (frames, HUMAN36M.skeleton.num_joints, 3)),
        track=jnp.searchsorted(ends, jnp.arange(frames), side="right").astype(jnp.int32),
        first=jnp.concatenate([jnp.zeros(1, jnp.int32), ends[:-1]]),
        last=ends - 1,
        root=jnp.broadcast_to(jnp.asarray([0.0, 0, 5]), (frames, 3)),
        camera=jax.tree.map(lambda field: jnp.broadcast_to(field, (tracks, *field.shape)), camera),
    )


def training_call(config: Config, mesh: Mesh) -> jax.stages.Traced:
    """The step program as `jaxpose train` calls it, for all training frames of Human3.6M."""
    recipe = setup.build_recipe(config, HUMAN36M, TRAIN_FRAMES // config.frames)._replace(mesh=mesh)
    data = jax.eval_shape(lambda: motion(jax.random.key(0), TRAIN_FRAMES, TRAIN_TRACKS))
    starts = jax.ShapeDtypeStruct((recipe.windows,), jnp.int32)
    state = setup.init_program(recipe).eval_shape(jax.random.key(0))
    samples = Samples(data, starts, jax.eval_shape(order_key, state))
    return loop.step_program(recipe).trace(*cuda_compiler.on_every_device((state, samples), mesh))


def initial_state_call(config: Config, mesh: Mesh) -> jax.stages.Traced:
    """The program that makes the first state of a run."""
    recipe = setup.build_recipe(config, HUMAN36M, TRAIN_FRAMES // config.frames)._replace(mesh=mesh)
    key = jax.eval_shape(lambda: jax.random.key(0))
    return setup.init_program(recipe).trace(cuda_compiler.on_every_device(key, mesh))


def evaluation_call(config: Config, mesh: Mesh) -> jax.stages.Traced:
    """The largest call of `predict_tracks.predict_tracks`, whatever the data."""
    model = setup.build_model(config, HUMAN36M)
    frames, windows = next(iter(predict_tracks.WINDOWS.items()))
    shape = (windows * mesh.size, frames + sum(model.context), HUMAN36M.layout.num_joints, HUMAN36M.channels)
    arguments = cuda_compiler.on_every_device(
        (setup.variable_shapes(model, HUMAN36M), jax.ShapeDtypeStruct(shape, jnp.float32)), mesh
    )
    return predict_tracks._predict_windows.trace(model, *arguments, HUMAN36M, mesh, mirrored=True)


COMPUTED, MEASURED = "computed, not run", "measured"

PAPER_EPOCH = 3600  # seconds on an RTX 2080 Ti: "each epoch takes approximately 1 hour to train"


class Row(NamedTuple):
    """One card at one precision."""

    card: str
    gpus: int
    precision: Precision
    how: str  # COMPUTED or MEASURED
    memory: int | None  # bytes of one GPU, at the peak
    available: int | None  # bytes that one GPU has
    flops: float  # of one step, on one GPU
    bytes: float | None  # that one step moves on one GPU
    step: float  # seconds
    epoch: float  # seconds


def gpu_present() -> bool:
    """Whether this machine has NVIDIA's driver, on Linux or in its Windows subsystem; asks without starting JAX."""
    return any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/dxg"))


def computed(card: str, config: Config, gpus: int = 1) -> Row:
    """Compile a training step for a card and read what it will take.

    Raises:
      InputError: the compiler is not installed, or the batch cannot be divided.
    """
    if not cuda_compiler.available():
        raise InputError(
            "this machine has no GPU to measure, and the GPU compiler is not installed: pip install '.[cuda-aot]'"
        )
    if config.batch_size % gpus:
        raise InputError(f"--gpus is {gpus}; it must divide the batch of {config.batch_size}")
    described = cuda_compiler.CARDS[card]
    plan = cuda_compiler.compile_call(training_call(config, cuda_compiler.card_mesh(described, gpus)))
    step = cuda_compiler.roofline(plan, described, config.model.precision)
    epoch = step * steps_per_epoch(config)
    fields = (COMPUTED, plan.peak, described.memory, plan.flops, plan.bytes, step, epoch)
    return Row(described.name, gpus, config.model.precision, *fields)


def measured(config: Config, steps: int, *, frames: int = TRAIN_FRAMES, repeats: int = 5) -> Row:
    """Train on random data on the devices that there are, and time it.

    Args:
      config: what to train.
      steps: of one compiled call.
      frames: of the data.
      repeats: calls, of which the median counts.

    Returns:
      The row; its FLOPs are the analytic ones, its epoch one of Human3.6M whatever `frames` is.
    """
    recipe = setup.build_recipe(config, HUMAN36M, frames // config.frames)
    data, starts = replicate(_random_data(config, frames), recipe.mesh)
    state = setup.init(recipe, jax.random.key(config.seed))
    samples = Samples(data, starts, order_key(state))
    state, _ = loop.train_steps(state, samples, 1, recipe)  # compiles
    jax.block_until_ready(state)
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        state, _ = jax.block_until_ready(loop.train_steps(state, samples, steps, recipe))
        times.append((time.perf_counter() - begin) / steps)
    step, device, count = statistics.median(times), jax.devices()[0], jax.device_count()
    memory = device.memory_stats() or {}  # a CPU keeps none
    features = data.keypoints.shape[1] * data.keypoints.shape[2]
    work = multiply_adds(recipe.model, features, config.frames, training=True)
    flops = 2 * work * config.batch_size / count
    fields = (MEASURED, memory.get("peak_bytes_in_use"), memory.get("bytes_limit"), flops, None)
    return Row(device.device_kind, count, config.model.precision, *fields, step, step * steps_per_epoch(config))


def _random_data(config: Config, frames: int) -> tuple[PackedTracks, jax.Array]:
    """Frames of as many tracks as Human3.6M has, and the starts of their windows."""
    tracks = min(TRAIN_TRACKS, frames)
    data = jax.jit(motion, static_argnums=(1, 2))(jax.random.key(config.seed), frames, tracks)
    return data, jnp.arange(frames // config.frames, dtype=jnp.int32) * config.frames


def steps_per_epoch(config: Config) -> int:
    """Steps that show all training frames of Human3.6M, and their mirror images, once."""
    return setup.build_recipe(config, HUMAN36M, TRAIN_FRAMES // config.frames).steps_per_epoch
