"""Streams of batches: all windows of the training data in turn, and clips of consecutive frames around them."""

import jax
import jax.numpy as jnp

from jaxpose.data.shuffle import shuffled
from jaxpose.data.windows import Windows, gather_windows, recentre
from jaxpose.models.lifter import Progress
from jaxpose.runtime.devices import shard_in_jit
from jaxpose.training.step import Recipe, Samples, Stream


def next_samples(recipe: Recipe, key: jax.Array, step: jax.Array) -> jax.Array:
    """The samples of the step that follows `step` others: a part of the order of its epoch, computed by itself.

    Args:
      recipe: static.
      key: of the order, `Samples.key`. The order of an epoch is a function of it and the epoch: a run can resume
        anywhere.
      step: how many came before.

    Returns:
      (B,) int32: sample i < W is window i, sample W + i, if there are any, is its mirror image. An epoch shows each of
      them once; its last batch is filled up with its first ones.
    """
    epoch, step = step // recipe.steps_per_epoch, step % recipe.steps_per_epoch
    position = (step * recipe.batch_size + jnp.arange(recipe.batch_size)) % recipe.samples
    return shuffled(jax.random.fold_in(key, epoch), position, recipe.samples)


def take_windows(recipe: Recipe, stream: Stream, samples: Samples, key: jax.Array, progress: Progress) -> Windows:
    """Take the next windows of the epoch, divided among the devices; on these the position loss acts."""
    sample = shard_in_jit(next_samples(recipe, samples.key, progress.step), recipe.mesh)
    return _gather(recipe, stream, samples, key, sample, samples.starts[sample % recipe.windows])


def take_clips(recipe: Recipe, stream: Stream, samples: Samples, key: jax.Array, progress: Progress) -> Windows:
    """Take the first windows of the same batch once more, with the frames around them.

    The constraints act on these: velocities need several frames, of which the position loss needs no more than one.
    """
    sample = shard_in_jit(next_samples(recipe, samples.key, progress.step), recipe.mesh)
    start = samples.starts[sample % recipe.windows]
    sample, start = (shard_in_jit(array[: stream.windows], recipe.mesh) for array in (sample, start))
    start = recentre(samples.tracks, start, recipe.frames, stream.frames)
    return _gather(recipe, stream, samples, key, sample, start)


def _gather(
    recipe: Recipe, stream: Stream, samples: Samples, key: jax.Array, sample: jax.Array, start: jax.Array
) -> Windows:
    """Gather windows by their first frames; samples from W on are to be mirrored. The key draws frame rates."""
    context, mirrored, spacing = recipe.model.context, sample >= recipe.windows, None
    if recipe.frame_rates is not None:
        low, high = recipe.frame_rates
        spacing = recipe.description.fps / jax.random.uniform(key, start.shape, minval=low, maxval=high)
    return gather_windows(
        samples.tracks, start, stream.frames, context, sample=sample, mirrored=mirrored, spacing=spacing
    )


STREAMS = {"windows": take_windows, "clips": take_clips}
"""How streams take their batches, by the name that objectives give."""
