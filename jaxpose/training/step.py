"""One step of training as a pure function: what is trained and how, the state, the loss, and the step itself."""

from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from jaxpose.data.track import Description
from jaxpose.training.state import State

Loss = Callable[[jax.Array, jax.Array], jax.Array]
"""Predicted and true poses (B, K, J, 3) to the scalar to minimise."""

Constraints = Callable[[jax.Array, "ConsecutiveWindows", jax.Array], tuple[jax.Array, dict[str, jax.Array]]]
"""Predicted poses (B, K, J, 3) of clips, the clips, and the epoch, a fraction, to what they add and its named parts."""


class ConsecutiveWindows(NamedTuple):
    """Short runs of consecutive frames, of which the constraints see how they move."""

    keypoints: jax.Array  # (B, before + K + after, K_2d, D) screen coordinates
    poses: jax.Array  # (B, K, J, 3) metres, root-relative
    visible: jax.Array  # (B, K) bool: false beyond the end of a track shorter than a clip


class Recipe(NamedTuple):
    """The static parts of training: what is trained, on what windows, and how."""

    model: nn.Module
    optimizer: optax.GradientTransformation
    learning_rate: optax.Schedule  # by step; the optimizer follows it
    momentum: optax.Schedule  # of BatchNorm, by step
    loss: Loss  # of the windows
    constraints: Constraints | None  # of the clips, if any
    clips: int  # per step
    clip_frames: int  # consecutive frames of a clip
    description: Description  # of the data: the joints of its poses, its keypoints
    frames: int  # consecutive output frames per window, K
    batch_size: int  # windows per step
    windows: int  # W, in the data; an epoch visits each twice, once mirrored
    mesh: Mesh  # the devices among which a batch is divided
    steps_per_epoch: int  # that visit every sample; the last batch is filled up with the epoch's first samples


def loss_of(
    params: optax.Params,
    state: State,
    keypoints: jax.Array,
    poses: jax.Array,
    recipe: Recipe,
    clips: ConsecutiveWindows | None,
) -> tuple[jax.Array, tuple[dict[str, jax.Array], optax.Params]]:
    """What a step descends.

    The position loss is of what the network predicts in training. The constraints are of what it predicts in
    evaluation, without dropout and by the running statistics, also for consecutive frames: from frame to frame what
    dropout does differs more than people move, and the constraints would fight its noise at the cost of position.

    Args:
      params: of the network.
      state: before the step; its parameters are not read.
      keypoints: (B, before + K + after, K_2d, D) screen coordinates.
      poses: (B, K, J, 3) metres, root-relative.
      recipe: static.
      clips: what the constraints see; None if there are none.

    Returns:
      The loss in metres; itself with its parts by name, and BatchNorm's statistics after the step.
    """
    dropout = jax.random.fold_in(jax.random.fold_in(state.key, 1), state.step)
    predictions, updated = recipe.model.apply(
        {"params": params, "batch_stats": state.batch_stats},
        keypoints,
        train=True,
        momentum=recipe.momentum(state.step),
        mutable=["batch_stats"],
        rngs={"dropout": dropout},
    )
    position = recipe.loss(predictions, poses)
    added, parts = 0, {}
    if clips is not None:
        steady = recipe.model.apply({"params": params, "batch_stats": state.batch_stats}, clips.keypoints)
        added, parts = recipe.constraints(steady, clips, state.step / recipe.steps_per_epoch)
    total = position + added
    return total, ({"loss": total, "position": position, **parts}, updated["batch_stats"])


def train_step(
    state: State, keypoints: jax.Array, poses: jax.Array, recipe: Recipe, clips: ConsecutiveWindows | None = None
) -> tuple[State, dict[str, jax.Array]]:
    """One step of gradient descent on one batch.

    Args:
      state: before the step.
      keypoints: (B, before + K + after, K_2d, D) screen coordinates.
      poses: (B, K, J, 3) metres, root-relative.
      recipe: static.
      clips: what the constraints see; None if there are none.

    Returns:
      The state after the step, and the loss with its parts by name. A step whose loss or gradient is not finite leaves
      the state as it was, and its `step` with it.
    """
    gradient, (parts, batch_stats) = jax.grad(loss_of, has_aux=True)(
        state.params, state, keypoints, poses, recipe, clips
    )
    # The optimiser squares the gradient; a square that overflows would stop its weight for ever.
    squares = sum(jnp.sum(leaf * leaf) for leaf in jax.tree.leaves(gradient))
    statistics = jnp.concatenate(jax.tree.leaves(batch_stats))
    finite = jnp.isfinite(parts["loss"]) & jnp.isfinite(squares) & jnp.all(jnp.isfinite(statistics))

    def update() -> tuple:
        updates, opt_state = recipe.optimizer.update(gradient, state.opt_state, state.params)
        return (state.step + 1, optax.apply_updates(state.params, updates), batch_stats, opt_state)

    before = (state.step, state.params, state.batch_stats, state.opt_state)
    after = jax.lax.cond(finite, update, lambda: before)
    return State(*after, key=state.key, sums=state.sums), parts
