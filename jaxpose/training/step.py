"""One step of training as a pure function: the recipe, a batch, the loss, and the step itself."""

import functools
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


class ConsecutiveWindows(NamedTuple):
    """Windows of a few consecutive frames each, on which the constraints act."""

    keypoints: jax.Array  # (B, before + K + after, K_2d, D) screen coordinates
    poses: jax.Array  # (B, K, J, 3) metres, root-relative
    visible: jax.Array  # (B, K) bool: false beyond the end of a track shorter than K frames


ConstraintLoss = Callable[[jax.Array, ConsecutiveWindows, jax.Array], tuple[jax.Array, dict[str, jax.Array]]]
"""Predicted poses (B, K, J, 3), their windows and the epoch (a fraction) to the loss and its unweighted terms."""


class Constraints(NamedTuple):
    """The constraint losses of a recipe, and the windows that they act on."""

    loss: ConstraintLoss
    terms: tuple[str, ...]  # the names that `loss` returns
    windows: int  # per step, the first ones of the batch
    frames: int  # consecutive frames of a window


class Batch(NamedTuple):
    """Windows that one step trains on."""

    keypoints: jax.Array  # (B, before + K + after, K_2d, D) screen coordinates
    poses: jax.Array  # (B, K, J, 3) metres, root-relative
    consecutive: ConsecutiveWindows | None = None  # for the constraints, if the recipe has any


class Recipe(NamedTuple):
    """The static part of training. Recipes of equal settings are equal, so that they share compiled programs."""

    model: nn.Module
    optimizer: optax.GradientTransformation
    learning_rate: optax.Schedule  # by step; the optimizer follows it
    momentum: optax.Schedule  # of BatchNorm, by step
    loss: Loss  # of the position
    constraints: Constraints | None
    description: Description  # of the data: its skeleton, keypoint layout and channels
    frames: int  # consecutive output frames of a window, K
    batch_size: int  # windows per step
    windows: int  # W, in the data; an epoch visits each twice, once mirrored
    mesh: Mesh  # the devices among which a batch is divided

    @property
    def steps_per_epoch(self) -> int:
        """Steps that visit every sample once; the last batch is filled up with the epoch's first samples."""
        return -(-2 * self.windows // self.batch_size)

    @property
    def on_cpu(self) -> bool:
        """True if the devices are a CPU's."""
        return self.mesh.devices.flat[0].platform == "cpu"

    @property
    def logged(self) -> tuple[str, ...]:
        """Names of the values that `train_step` returns beside the state."""
        terms = self.constraints.terms if self.constraints else ()
        return ("loss", "position", *terms, "gradient_norm")


def loss_of(
    params: optax.Params, state: State, batch: Batch, recipe: Recipe
) -> tuple[jax.Array, tuple[dict[str, jax.Array], optax.Params]]:
    """Compute the training loss of a batch: the position loss and the constraint loss.

    The position loss compares predictions in training mode. The constraints act on predictions in evaluation mode,
    without dropout and with the running statistics: dropout changes a prediction from frame to frame more than people
    move, and the constraints would fit its noise at the cost of position.

    Args:
      params: of the network.
      state: before the step; its parameters are not read.
      batch: what to train on.
      recipe: static.

    Returns:
      The loss in metres; the loss with its terms by name, and the updated batch statistics.
    """
    dropout = jax.random.fold_in(jax.random.fold_in(state.key, 1), state.step)
    predictions, updated = recipe.model.apply(
        {"params": params, "batch_stats": state.batch_stats},
        batch.keypoints,
        train=True,
        momentum=recipe.momentum(state.step),
        mutable=["batch_stats"],
        rngs={"dropout": dropout},
    )
    loss = position = recipe.loss(predictions, batch.poses)
    terms = {}
    if batch.consecutive is not None:
        evaluated = recipe.model.apply(
            {"params": params, "batch_stats": state.batch_stats}, batch.consecutive.keypoints
        )
        constraint_loss, terms = recipe.constraints.loss(
            evaluated, batch.consecutive, state.step / recipe.steps_per_epoch
        )
        loss = position + constraint_loss
    return loss, ({"loss": loss, "position": position, **terms}, updated["batch_stats"])


def train_step(state: State, batch: Batch, recipe: Recipe) -> tuple[State, dict[str, jax.Array]]:
    """Take one step of gradient descent on one batch.

    Args:
      state: before the step.
      batch: what to train on.
      recipe: static.

    Returns:
      The state after the step, and by name (`Recipe.logged`) the loss, its terms and the Euclidean norm of the
      gradient. If the loss, the gradient or a batch statistic is not finite, the state is returned as it was, with
      the same `step`.
    """
    gradient, (terms, batch_stats) = jax.grad(loss_of, has_aux=True)(state.params, state, batch, recipe)
    # AMSGrad keeps the largest square of a gradient: one that overflows would freeze its weight.
    squares = sum(jnp.sum(leaf * leaf) for leaf in jax.tree.leaves(gradient))
    statistics = jnp.concatenate(jax.tree.leaves(batch_stats))
    finite = jnp.isfinite(terms["loss"]) & jnp.isfinite(squares) & jnp.all(jnp.isfinite(statistics))

    before = (state.step, state.params, state.batch_stats, state.opt_state)

    def update() -> tuple:
        updates, opt_state = recipe.optimizer.update(gradient, state.opt_state, state.params)
        return (state.step + 1, optax.apply_updates(state.params, updates), batch_stats, opt_state)

    # Before a branch, a GPU makes the host wait for `finite`; a choice between values does not. A CPU keeps the branch,
    # which costs nothing there: XLA rounds the moments in the other form differently, and trained bits must not change.
    chosen = jax.lax.platform_dependent(
        cpu=lambda: jax.lax.cond(finite, update, lambda: before),
        default=lambda: jax.tree.map(functools.partial(jnp.where, finite), update(), before),
    )
    return State(*chosen, key=state.key, sums=state.sums), terms | {"gradient_norm": jnp.sqrt(squares)}
