"""One step of training as a pure function: the recipe, its streams and objectives, the loss, and the step itself."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from jaxpose.data.augmentation.transform import Transform
from jaxpose.data.track import Description
from jaxpose.data.windows import PackedTracks, Windows, single_frames, to_rays
from jaxpose.models.lifter import Collections, Lifter, Prediction, Progress
from jaxpose.training.state import State


class Samples(NamedTuple):
    """The training data on the device, and what its order follows from."""

    tracks: PackedTracks
    starts: jax.Array  # (W,) int32, first output frame of each window
    key: jax.Array  # random key of the order in which epochs show the windows, see `streams.next_samples`


class Stream(NamedTuple):
    """A stream of batches, one for each step: what a training shows to the network."""

    name: str
    take: "Callable[[Recipe, Stream, Samples, jax.Array, Progress], Windows]"  # the jax.Array is a random key
    windows: int  # of a batch, B
    frames: int  # consecutive output frames of a window, K
    gap: int = 1  # the network is shown every gap-th of them, each in a window of its own if that is above 1


class Objective(NamedTuple):
    """A part of the training loss: what one value of it is computed from."""

    name: str
    stream: str  # the name of the stream whose batch it reads
    train: bool  # the network's mode: dropout and the batch's statistics, or as in evaluation
    weight: Callable[[Progress], chex.Numeric]  # a schedule
    # Prediction, windows and weight to the weighted loss, a scalar to add to the others, and terms to log, unweighted.
    value: Callable[[Prediction, Windows, chex.Numeric], tuple[jax.Array, dict[str, jax.Array]]]
    terms: tuple[str, ...]  # names of the terms


class Recipe(NamedTuple):
    """The static part of training. Recipes of equal settings are equal, so that they share compiled programs."""

    model: Lifter
    optimizer: optax.GradientTransformation
    learning_rate: optax.Schedule  # by step; the optimizer follows it
    streams: tuple[Stream, ...]  # the first one has all windows in turn, and so says how long an epoch is
    objectives: tuple[Objective, ...]  # at least one
    transforms: tuple[Transform, ...]  # of every batch, in this order
    description: Description  # of the data: its skeleton, keypoint layout and channels
    windows: int  # W, in the data
    samples: int  # of an epoch: W, or 2 W if it shows each window a second time as its mirror image
    epochs: int  # planned
    frame_rates: tuple[float, float] | None  # of windows, frames per second, drawn between them; None for the data's
    mesh: Mesh  # the devices among which a batch is divided

    @property
    def batch_size(self) -> int:
        """Windows per step, of the first stream."""
        return self.streams[0].windows

    @property
    def frames(self) -> int:
        """Consecutive output frames of a window of the first stream, K."""
        return self.streams[0].frames

    @property
    def steps_per_epoch(self) -> int:
        """Steps that visit every sample once; the last batch is filled up with the epoch's first samples."""
        return -(-self.samples // self.batch_size)

    @property
    def on_cpu(self) -> bool:
        """True if the devices are a CPU's."""
        return self.mesh.devices.flat[0].platform == "cpu"

    @property
    def logged(self) -> tuple[str, ...]:
        """Names of the values that `train_step` returns beside the state."""
        return ("loss", *(term for objective in self.objectives for term in objective.terms), *NORMS)

    def progress(self, step: chex.Numeric) -> Progress:
        """How far the training is after a step."""
        return Progress(step, self.steps_per_epoch, self.epochs)


NORMS = ("gradient_norm", "update_norm", "parameter_norm")
"""Euclidean norms that are logged: of the gradient, of the change of the parameters, and of the parameters after it."""

Batch = dict[str, Windows]
"""The windows that one step trains on, by stream."""

_ORDER, _DROPOUT, _STREAMS = range(3)  # what random keys are for


@jax.jit
def order_key(state: State) -> jax.Array:
    """The random key of the order of a run's samples."""
    return jax.random.fold_in(state.key, _ORDER)


def take_batch(samples: Samples, state: State, recipe: Recipe) -> Batch:
    """Gather the batch of the next step from every stream, and change it by the transforms of the recipe."""
    key, batch = jax.random.fold_in(jax.random.fold_in(state.key, _STREAMS), state.step), {}
    for index, stream in enumerate(recipe.streams):
        taken, *transformed = jax.random.split(jax.random.fold_in(key, index), 1 + len(recipe.transforms))
        windows = stream.take(recipe, stream, samples, taken, recipe.progress(state.step))
        for transform, its_key in zip(recipe.transforms, transformed, strict=True):
            windows = transform(its_key, windows)
        if recipe.model.rays:
            windows = windows.replace(keypoints=to_rays(windows.keypoints, windows.camera.intrinsics[:, None]))
        if stream.gap > 1:
            windows = single_frames(windows, recipe.model.context, stream.gap)
        batch[stream.name] = windows
    return batch


def loss_of(
    params: optax.Params, state: State, batch: Batch, recipe: Recipe
) -> tuple[jax.Array, tuple[dict[str, jax.Array], Collections]]:
    """Compute the training loss of a batch: the sum of the recipe's objectives.

    The network is applied once for each stream and mode that an objective asks for.

    Args:
      params: of the network.
      state: before the step; its parameters are not read.
      batch: what to train on.
      recipe: static.

    Returns:
      The loss in metres; the loss with its terms by name, and the updated collections.
    """
    progress = recipe.progress(state.step)
    loss, terms, predictions, updated = None, {}, {}, state.collections
    for objective in recipe.objectives:
        windows, mode = batch[objective.stream], (objective.stream, objective.train)
        if mode not in predictions and objective.train:
            dropout = jax.random.fold_in(jax.random.fold_in(state.key, _DROPOUT), state.step)
            trained_before = sum(train for _, train in predictions)
            predictions[mode], updated = recipe.model.apply(
                {"params": params, **updated},
                windows.keypoints,
                train=True,
                progress=progress,
                mutable=list(state.collections),
                rngs={"dropout": jax.random.fold_in(dropout, trained_before) if trained_before else dropout},
            )
        elif mode not in predictions:
            predictions[mode] = recipe.model.apply({"params": params, **state.collections}, windows.keypoints)
        value, parts = objective.value(predictions[mode], windows, objective.weight(progress))
        loss, terms = value if loss is None else loss + value, terms | parts
    return loss, ({"loss": loss, **terms}, updated)


def train_step(state: State, batch: Batch, recipe: Recipe) -> tuple[State, dict[str, jax.Array]]:
    """Take one step of gradient descent on one batch.

    Args:
      state: before the step.
      batch: what to train on.
      recipe: static.

    Returns:
      The state after the step, and by name (`Recipe.logged`) the loss, its terms and the norms. If the loss, the
      gradient or a collection is not finite, the state is returned as it was, with the same `step`.
    """
    gradient, (terms, collections) = jax.grad(loss_of, has_aux=True)(state.params, state, batch, recipe)
    # AMSGrad keeps the largest square of a gradient: one that overflows would freeze its weight.
    squares = _sum_of_squares(gradient)
    finite = jnp.isfinite(terms["loss"]) & jnp.isfinite(squares) & _all_finite(collections)

    before = (state.step, state.params, state.collections, state.opt_state, jnp.zeros(()))

    def update() -> tuple:
        updates, opt_state = recipe.optimizer.update(gradient, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        return state.step + 1, params, collections, opt_state, _sum_of_squares(updates)

    # Before a branch, a GPU makes the host wait for `finite`; a choice between values does not. A CPU keeps the branch,
    # which costs nothing there: XLA rounds the moments in the other form differently, and trained bits must not change.
    *chosen, changes = jax.lax.platform_dependent(
        cpu=lambda: jax.lax.cond(finite, update, lambda: before),
        default=lambda: jax.tree.map(functools.partial(jnp.where, finite), update(), before),
    )
    after = State(*chosen, key=state.key, sums=state.sums)
    norms = (jnp.sqrt(total) for total in (squares, changes, _sum_of_squares(after.params)))
    return after, terms | dict(zip(NORMS, norms, strict=True))


def _sum_of_squares(tree: optax.Params) -> jax.Array:
    """Sum of the squares of all numbers of a tree."""
    return sum((jnp.sum(leaf * leaf) for leaf in jax.tree.leaves(tree)), start=jnp.zeros(()))


def _all_finite(tree: Collections) -> jax.Array:
    """True if all numbers of a tree are finite; one reduction, for small arrays."""
    leaves = [jnp.ravel(leaf) for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return jnp.all(jnp.isfinite(jnp.concatenate(leaves))) if leaves else jnp.asarray(True)
