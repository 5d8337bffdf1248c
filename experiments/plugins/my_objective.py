"""An objective of one's own, on a stream of one's own: bones keep their length over clips drawn from anywhere.

    jaxpose train --plugin experiments/plugins/my_objective.py --objectives steady_bones

It needs no true poses, and so would serve keypoints alone.
"""

import functools

import chex
import jax
import jax.numpy as jnp

from jaxpose.data.track import Description
from jaxpose.data.windows import Windows, gather_windows
from jaxpose.kinematics import bone_lengths
from jaxpose.models.lifter import Prediction, Progress
from jaxpose.runtime.devices import shard_in_jit
from jaxpose.skeleton import Skeleton
from jaxpose.training.config import Config
from jaxpose.training.objectives import OBJECTIVES, constant
from jaxpose.training.step import Objective, Recipe, Samples, Stream
from jaxpose.training.streams import STREAMS

CLIPS, FRAMES = 64, 8  # of a step


def take_anywhere(recipe: Recipe, stream: Stream, samples: Samples, key: jax.Array, progress: Progress) -> Windows:
    """Take clips that begin at frames drawn anew at every step, divided among the devices."""
    starts = shard_in_jit(jax.random.randint(key, (CLIPS,), 0, len(samples.tracks.keypoints)), recipe.mesh)
    return gather_windows(samples.tracks, starts, FRAMES, recipe.model.context)


@functools.lru_cache  # the same objective for the same skeleton: runs that differ in the seed share their programs
def steady_bones(skeleton: Skeleton) -> Objective:
    """How far, in metres, bone lengths are from their mean over a clip; from the first epoch on."""

    def value(prediction: Prediction, windows: Windows, weight: chex.Numeric) -> tuple[jax.Array, dict[str, jax.Array]]:
        lengths = bone_lengths(prediction.poses, skeleton)  # (B, K, number of bones)
        change = jnp.mean(jnp.abs(lengths - jnp.mean(lengths, axis=1, keepdims=True)))
        return weight * change, {"steady_bones": change}

    return Objective("steady_bones", "anywhere", train=False, weight=constant, value=value, terms=("steady_bones",))


def make_objective(config: Config, description: Description) -> Objective:
    """The objective for the settings and the data of a training."""
    return steady_bones(description.skeleton)


STREAMS["anywhere"] = take_anywhere
OBJECTIVES["steady_bones"] = make_objective
