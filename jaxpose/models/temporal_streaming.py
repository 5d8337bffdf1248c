"""The temporal stack fed one frame at a time: one position per layer and frame, in constant memory.

A window computes again what its neighbour computed a frame earlier. A stream remembers it: each layer keeps a ring of
its latest inputs, as many frames as its taps reach over, and a new frame costs one position per layer. Dilated and
dense stacks differ only in which frames of a ring are read.

The poses are those of the whole track in evaluation, with the first frame repeated before the track's start. A causal
stack answers at once. A symmetric one sees `after = model.context[1]` frames of future and answers that much later:
drop the first `after` poses, and at the end of the track give its last frame `after` times more.

    step = jax.jit(streaming.step, static_argnums=0, donate_argnums=2)  # donated: the state is updated in place
    state = streaming.init(model, variables, first)
    for keypoints in frames:  # (B, K_2d, D) each, the first one included
        state, poses = step(model, variables, state, keypoints)

The same by scan: `jax.lax.scan(functools.partial(streaming.step, model, variables), state, frames)`.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import optax

from jaxpose.models.layers import BatchNorm
from jaxpose.models.ops import Precision, Reading, matmul
from jaxpose.models.temporal import TemporalModel, receptive_plan
from jaxpose.numerics import as_floating


class Ring(NamedTuple):
    """The latest inputs of one layer, of B people."""

    frames: jax.Array  # (reach, B, C), where reach = (width - 1) · dilation + 1
    newest: jax.Array  # () int32, where the latest one is; the oldest comes next, and will be written over


StreamState = tuple[Ring, ...]
"""What a stream remembers: one ring for each layer over time. Its size depends on the stack, not on the frames seen."""


def init(model: TemporalModel, variables: optax.Params, keypoints: jax.Array) -> StreamState:
    """Begin a stream, as if its first frame had been there for ever: a constant input is constant in every layer.

    Args:
      model: the stack, causal or symmetric, dilated or dense.
      variables: its parameters and running statistics.
      keypoints: (B, K_2d, D) screen coordinates of the first frame, which `step` is then given as well.

    Returns:
      The state before the first frame.
    """

    def fill(reading: Reading, _: int, x: jax.Array) -> Ring:
        reach = (reading.width - 1) * reading.dilation + 1
        return Ring(jnp.repeat(x[None], reach, axis=0), jnp.zeros((), jnp.int32))

    state, _ = _lift(model, variables, keypoints, fill)
    return state


def step(
    model: TemporalModel, variables: optax.Params, state: StreamState, keypoints: jax.Array
) -> tuple[StreamState, jax.Array]:
    """Take one more frame in, and give the pose of the frame `model.context[1]` earlier: for a causal stack, its own.

    Args:
      model: the stack; static under `jit`.
      variables: its parameters and running statistics.
      state: of the same people; donate it under `jit`, or every call copies it.
      keypoints: (B, K_2d, D) screen coordinates of the new frame.

    Returns:
      The new state, and (B, J, 3) metres, relative to the root.

    Raises:
      AssertionError: the state is of another number of people.
    """

    def push(_: Reading, layer: int, x: jax.Array) -> Ring:
        frames, newest = state[layer]
        chex.assert_shape(x, frames.shape[1:])
        newest = (newest + 1) % len(frames)
        # Written before it is read, and the old ring not read at all: nothing then has to be copied.
        return Ring(jax.lax.dynamic_update_index_in_dim(frames, x, newest, axis=0), newest)

    return _lift(model, variables, keypoints, push)


def multiply_adds(model: TemporalModel, features: int) -> int:
    """The multiply-adds that one frame of one person takes in a stream: one position per layer.

    Args:
      model: the stack.
      features: numbers per input frame, K_2d · D.

    Returns:
      Multiply-adds of the convolutions, counted as `temporal.multiply_adds` counts those of a window.
    """
    expand, *blocks = _readings(model)
    inputs = expand.width * features + sum(block.width + 1 for block in blocks) * model.channels
    return (inputs + 3 * model.num_joints) * model.channels


def _readings(model: TemporalModel) -> tuple[Reading, ...]:
    """The width, dilation and residual of each layer; the frames that a window would hold do not matter here."""
    return receptive_plan(model.filter_widths, 1, causal=model.causal, dense=model.dense)


def _lift(
    model: TemporalModel,
    variables: optax.Params,
    keypoints: jax.Array,
    remember: Callable[[Reading, int, jax.Array], Ring],
) -> tuple[StreamState, jax.Array]:
    """One frame through the stack; `remember` gives the ring of a layer whose newest input is (B, C)."""
    chex.assert_rank(keypoints, 3)
    keypoints = as_floating(keypoints)
    batch = len(keypoints)
    params, statistics = variables["params"], variables["batch_stats"]

    def activate(x: jax.Array, name: str) -> jax.Array:
        norm = {"params": params[name], "batch_stats": statistics[name]}
        return jax.nn.relu(BatchNorm().apply(norm, x, train=False, momentum=0))

    def convolve(x: jax.Array, name: str, precision: Precision = model.precision) -> jax.Array:
        """One position, (B, taps, C) or (B, C): the taps are neighbours in memory, one matrix product does it all."""
        kernel = params[name]["kernel"]
        return matmul(x.reshape(batch, math.prod(x.shape[1:])), kernel.reshape(-1, kernel.shape[-1]), precision)

    expand, *blocks = _readings(model)
    state = [remember(expand, 0, keypoints.reshape(batch, math.prod(keypoints.shape[1:])))]
    x = activate(convolve(_taps(state[0], expand), "expand", model.coordinate_precision), "expand_norm")
    for block, reading in enumerate(blocks, start=1):
        state.append(remember(reading, block, x))
        taps = _taps(state[block], reading)
        x = activate(convolve(taps, f"dilated_{block}"), f"dilated_norm_{block}")
        x = activate(convolve(x, f"pointwise_{block}"), f"pointwise_norm_{block}")
        x = taps[:, reading.residual] + x
    x = convolve(x, "shrink", model.coordinate_precision) + params["shrink"]["bias"]
    return tuple(state), x.reshape(batch, model.num_joints, 3)


def _taps(ring: Ring, reading: Reading) -> jax.Array:
    """(B, width, C): the frames of a ring that a layer sees, oldest first."""
    ages = reading.dilation * jnp.arange(reading.width - 1, -1, -1)
    return ring.frames[(ring.newest - ages) % len(ring.frames)].swapaxes(0, 1)
