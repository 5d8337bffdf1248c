"""The temporal stack fed one frame at a time, in constant memory.

A window recomputes most of what the window one frame earlier computed. A stream keeps it: each layer has a ring buffer
of its latest inputs, as long as the reach of its taps, and a new frame costs one position per layer. Dilated and dense
stacks differ only in the frames of a ring that they read.

The poses are those of the whole track in evaluation, with the first frame repeated before the track's start. A causal
stack gives the pose of the newest frame. A symmetric one needs `after = model.context[1]` future frames and gives the
pose of the frame `after` earlier: drop the first `after` poses, and repeat the last frame of the track `after` times.

    step = jax.jit(temporal_streaming.step, static_argnums=0, donate_argnums=2)  # the state is updated in place
    state = temporal_streaming.init(model, variables, first)
    for keypoints in frames:  # (B, K_2d, D) each, the first one included
        state, poses = step(model, variables, state, keypoints)

The same by scan: `jax.lax.scan(functools.partial(temporal_streaming.step, model, variables), state, frames)`.

A stack that aims the camera (`aimed.AimedLifter`) streams likewise, from rays: it keeps the frames of the running box,
and the orientations of the aimed camera until the poses of their frames are out.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxpose.models.aimed import AimedLifter, aim
from jaxpose.models.convolution import Reading
from jaxpose.models.layers import BatchNormReLU
from jaxpose.models.ops import Precision, matmul
from jaxpose.models.temporal import TemporalModel, receptive_plan
from jaxpose.numerics import as_floating
from jaxpose.rotations import rotate
from jaxpose.shapes import require_rank


class Ring(NamedTuple):
    """Ring buffer of the latest values of B people, such as the inputs of one layer."""

    frames: jax.Array  # (R, B, ...); of a layer, R = (width - 1) · dilation + 1, the reach of its taps
    newest: jax.Array  # () int32, index of the latest value; the next index holds the oldest, which is overwritten next


class AimedState(NamedTuple):
    """State of a stream of an `AimedLifter`."""

    rays: Ring  # of the frames that aim the camera
    orientations: Ring  # of the aimed camera, from the frame whose pose is next
    inner: tuple[Ring, ...]  # state of the inner network


StreamState = tuple[Ring, ...] | AimedState
"""State of a stream: a ring for each convolution over time. Its size does not depend on the number of frames seen."""


def init(model: TemporalModel | AimedLifter, variables: optax.Params, keypoints: jax.Array) -> StreamState:
    """Initial state of a stream, with the first frame repeated before its start.

    Every layer is then constant over time, so that all rings are filled from one frame.

    Args:
      model: the stack, causal or symmetric, dilated or dense; or such a one that aims the camera.
      variables: its parameters and running statistics.
      keypoints: (B, K_2d, D) screen coordinates of the first frame, or rays; pass it to `step` as well.

    Returns:
      The state before the first frame.
    """
    if isinstance(model, AimedLifter):
        require_rank(keypoints, "keypoints", "(B, K, C)")
        rays = _full_ring(as_floating(keypoints), sum(model.margin) + 1)
        aimed, orientation = _aim_newest(rays, model.margin)
        orientations = _full_ring(orientation, model.inner.context[1] + 1)
        return AimedState(rays, orientations, init(model.inner, _inner(variables), aimed))

    def fill(reading: Reading, _: int, x: jax.Array) -> Ring:
        return _full_ring(x, (reading.width - 1) * reading.dilation + 1)

    state, _ = _lift(model, variables, keypoints, fill)
    return state


def step(
    model: TemporalModel | AimedLifter, variables: optax.Params, state: StreamState, keypoints: jax.Array
) -> tuple[StreamState, jax.Array]:
    """Process one more frame and return the pose of the frame `model.context[1]` earlier (0 for a causal stack).

    Args:
      model: the stack; static under `jax.jit`.
      variables: its parameters and running statistics.
      state: of the same people; donate it under `jax.jit`, or every call copies it.
      keypoints: (B, K_2d, D) screen coordinates of the new frame, or rays.

    Returns:
      The new state, and (B, J, 3) metres, relative to the root.

    Raises:
      ValueError: the state has another number of people, or the keypoints another shape.
    """
    if isinstance(state, AimedState):
        require_rank(keypoints, "keypoints", "(B, K, C)")
        rays = _pushed(state.rays, as_floating(keypoints))
        aimed, orientation = _aim_newest(rays, model.margin)
        orientations = _pushed(state.orientations, orientation)
        inner, poses = step(model.inner, _inner(variables), state.inner, aimed)
        oldest = orientations.frames[(orientations.newest + 1) % len(orientations.frames)]
        return AimedState(rays, orientations, inner), rotate(oldest[:, None], poses)

    def push(_: Reading, layer: int, x: jax.Array) -> Ring:
        return _pushed(state[layer], x)

    return _lift(model, variables, keypoints, push)


def _full_ring(x: jax.Array, size: int) -> Ring:
    """A ring of one value (B, ...), repeated."""
    return Ring(jnp.repeat(x[None], size, axis=0), jnp.zeros((), jnp.int32))


def _pushed(ring: Ring, x: jax.Array) -> Ring:
    """A ring whose oldest value is replaced by a new one (B, ...); raises `ValueError` for one of another shape."""
    frames, newest = ring
    if x.shape != frames.shape[1:]:
        raise ValueError(f"the state is of a batch of {frames.shape[1]}, the keypoints of {len(x)}; init makes a state")
    newest = (newest + 1) % len(frames)
    # Written before it is read, and the old ring is never read: XLA then updates it without a copy.
    return Ring(jax.lax.dynamic_update_index_in_dim(frames, x, newest, axis=0), newest)


def _aim_newest(rays: Ring, margin: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
    """Aim in the one frame whose whole margin is in a ring: keypoints (B, K + 1, D) and orientation (B, 4)."""
    order = (rays.newest + 1 + jnp.arange(len(rays.frames))) % len(rays.frames)
    aimed, orientation = aim(rays.frames[order].swapaxes(0, 1), margin)
    return aimed[:, 0], orientation[:, 0]


def _inner(variables: optax.Params) -> optax.Params:
    """Variables of the inner network of an `AimedLifter`."""
    return {collection: values["inner"] for collection, values in variables.items()}


def multiply_adds(model: TemporalModel, features: int) -> int:
    """Multiply-adds of one streamed frame for one person: one position per layer.

    Args:
      model: the stack.
      features: numbers per input frame, K_2d · D.

    Returns:
      Multiply-adds of the convolutions, as `temporal.multiply_adds` counts those of a window.
    """
    expand, *blocks = _layer_readings(model)
    inputs = expand.width * features + sum(block.width + 1 for block in blocks) * model.channels
    return (inputs + 3 * model.num_joints) * model.channels


def _layer_readings(model: TemporalModel) -> tuple[Reading, ...]:
    """Width, dilation and residual tap of each convolution over time; the frames of the readings are not used."""
    return receptive_plan(model.filter_widths, 1, causal=model.causal, dense=model.dense)


def _lift(
    model: TemporalModel,
    variables: optax.Params,
    keypoints: jax.Array,
    update: Callable[[Reading, int, jax.Array], Ring],
) -> tuple[StreamState, jax.Array]:
    """Lift one frame; `update` returns the ring of a layer, given its number and its newest input (B, C)."""
    require_rank(keypoints, "keypoints", "(B, K, C)")
    keypoints = as_floating(keypoints)
    batch = len(keypoints)
    params, statistics = variables["params"], variables["batch_stats"]

    def activate(x: jax.Array, name: str) -> jax.Array:
        norm = {"params": params[name], "batch_stats": statistics[name]}
        return BatchNormReLU().apply(norm, x, train=False, momentum=0)

    def convolve(x: jax.Array, name: str, precision: Precision = model.precision) -> jax.Array:
        """Convolve one position, (B, taps, C) or (B, C), by one matrix product: its taps are neighbours in memory."""
        kernel = params[name]["kernel"]
        return matmul(x.reshape(batch, math.prod(x.shape[1:])), kernel.reshape(-1, kernel.shape[-1]), precision)

    expand, *blocks = _layer_readings(model)
    state = [update(expand, 0, keypoints.reshape(batch, math.prod(keypoints.shape[1:])))]
    x = activate(convolve(_taps(state[0], expand), "expand", model.coordinate_precision), "expand_norm")
    for block, reading in enumerate(blocks, start=1):
        state.append(update(reading, block, x))
        taps = _taps(state[block], reading)
        x = activate(convolve(taps, f"dilated_{block}"), f"dilated_norm_{block}")
        x = activate(convolve(x, f"pointwise_{block}"), f"pointwise_norm_{block}")
        x = taps[:, reading.residual] + x
    x = convolve(x, "shrink", model.coordinate_precision) + params["shrink"]["bias"]
    return tuple(state), x.reshape(batch, model.num_joints, 3)


def _taps(ring: Ring, reading: Reading) -> jax.Array:
    """Read a layer's taps from its ring: (B, width, C), oldest first."""
    ages = reading.dilation * jnp.arange(reading.width - 1, -1, -1)
    return ring.frames[(ring.newest - ages) % len(ring.frames)].swapaxes(0, 1)
