"""Loss attribution: the value of each loss term by joint and frame, its gradient, and how gradients of terms agree.

The terms are `terms()`: the position loss and every constraint of `losses.QUANTITIES`. All are measured as they enter
the loss of `losses.joint_aware` at weight 1, in metres, and can so be compared with each other.

Predictions and targets are those of one track, (T, J, 3) metres, consecutive frames; one pose is a track of one frame.
`jax.vmap` maps over a batch. Everything is finite everywhere: coincident joints, straight limbs, still and perfect
predictions. The network, where one is needed, is a function from parameters to poses.
"""

import functools
from collections.abc import Callable, Iterable, Mapping

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree

from jaxpose import losses
from jaxpose.losses import QUANTITIES
from jaxpose.numerics import as_floating, safe_divide, safe_norm, safe_normalize
from jaxpose.shapes import require_rank, require_same_shape, require_tracks
from jaxpose.skeleton import Skeleton

POSITION = "position"
"""The name of the term MPJPE, whose weight in training is always 1."""

Params = chex.ArrayTree

ADAM = optax.adam(0.002, b1=0.5)
"""Steps of about 2 mm, however steep the loss; with more momentum a pose would overshoot the minimum of a term."""


def terms() -> tuple[str, ...]:
    """Names of the terms in order: the position, and all constraints, those of plugins among them."""
    return (POSITION, *QUANTITIES)


@functools.partial(jax.jit, static_argnames="skeleton")
def term_losses(predictions: jax.Array, targets: jax.Array, skeleton: Skeleton) -> dict[str, jax.Array]:
    """Compute each loss term at weight 1, in metres.

    Args:
      predictions: (T, J, 3) metres.
      targets: (T, J, 3) metres.
      skeleton: static.

    Returns:
      () metres for each of `terms()`; zero for a difference in time that the track is too short for.
    """
    return _term_losses(predictions, targets, QUANTITIES, skeleton)


def _term_losses(
    predictions: jax.Array, targets: jax.Array, constraints: Iterable[str], skeleton: Skeleton
) -> dict[str, jax.Array]:
    _check(predictions, targets, skeleton)
    weights = dict.fromkeys(constraints, 1.0)
    _, parts = losses.joint_aware(predictions[None], targets[None], weights, skeleton)
    return {name: part if name == POSITION else losses.LOSS_SCALE * part for name, part in parts.items()}


@functools.partial(jax.jit, static_argnames="skeleton")
def joint_losses(predictions: jax.Array, targets: jax.Array, skeleton: Skeleton) -> dict[str, jax.Array]:
    """Divide each loss term among joints and frames; summed over both, they are the `term_losses`.

    A term's element is shared equally by the joints it is made of: an angle by three, a bone by two, a pair of bones by
    four (a joint that both have counts twice). A ratio is made of all joints, whose shares are therefore alike. A first
    difference in time stands at the frame that it arrives at, a second one at the middle of its three frames; frames
    without one have zero.

    Args:
      predictions: (T, J, 3) metres.
      targets: (T, J, 3) metres.
      skeleton: static.

    Returns:
      (T, J) metres of loss for each of `terms()`.
    """
    _check(predictions, targets, skeleton)
    errors = safe_norm(predictions - targets)
    constraints = {name: _constraint_by_joint(name, predictions, targets, skeleton) for name in QUANTITIES}
    return {POSITION: errors / errors.size} | constraints


def _constraint_by_joint(name: str, predictions: jax.Array, targets: jax.Array, skeleton: Skeleton) -> jax.Array:
    """(T, J) metres: one constraint term, divided among joints and frames."""
    quantity = QUANTITIES[name]
    values = losses.pseudo_huber(losses.term(name, predictions, targets, skeleton))
    members = np.eye(skeleton.num_joints, dtype=values.dtype)[quantity.joints(skeleton)].mean(axis=1)  # (E, J)
    shared = jnp.matmul(values, members, precision="highest") * (losses.LOSS_SCALE / max(values.size, 1))
    before = (quantity.order + 1) // 2
    return jnp.pad(shared, ((before, quantity.order), (0, 0)))[: len(predictions)]


@functools.partial(jax.jit, static_argnames="skeleton")
def term_gradients(predictions: jax.Array, targets: jax.Array, skeleton: Skeleton) -> dict[str, jax.Array]:
    """Compute the gradient of each loss term with respect to the predicted poses; descent moves against it.

    Args:
      predictions: (T, J, 3) metres.
      targets: (T, J, 3) metres.
      skeleton: static.

    Returns:
      (T, J, 3) metres of loss per metre for each of `terms()`. A term is a mean over frames, so in a longer track the
      gradient of each frame is smaller.
    """
    return jax.jacrev(lambda poses: term_losses(poses, targets, skeleton))(as_floating(predictions))


@functools.partial(jax.jit, static_argnames="names")
def gradient_cosines(gradients: Mapping[str, chex.ArrayTree], *, names: tuple[str, ...]) -> jax.Array:
    """Cosine similarity of each two gradients: 1 for the same direction, -1 for opposite ones, 0 for orthogonal ones.

    Args:
      gradients: by term, all of one structure: those of `term_gradients`, some of their frames or joints, or gradients
        with respect to parameters.
      names: which, in order; static.

    Returns:
      (N, N) cosines of the whole gradients, symmetric, rows and columns in the order of `names`. A gradient of zero has
      no direction: its row and column are zero, on the diagonal too.
    """
    unit = safe_normalize(jnp.stack([ravel_pytree(gradients[name])[0] for name in names]))
    return jnp.clip(jnp.matmul(unit, unit.T, precision="highest"), -1, 1)


def parameter_norms(
    predict: Callable[[Params], jax.Array], params: Params, gradients: Mapping[str, jax.Array]
) -> dict[str, jax.Array]:
    """Compute the norm of each term's gradient with respect to the parameters of a network.

    One forward pass, then a backward pass for each term in turn: memory holds one gradient of the parameters at a time.
    To compile it, close over `predict`.

    Args:
      predict: the network, from parameters to poses of any shape, in metres.
      params: its parameters.
      gradients: by term, with respect to these poses, in their shape; of a batch, divided by its size.

    Returns:
      The Euclidean norm of the gradient with respect to all parameters, by term.
    """
    poses, pull_back = jax.vjp(predict, params)
    require_same_shape({"predictions": poses, **gradients})
    stacked = jnp.stack(list(gradients.values())).astype(poses.dtype)
    norms = jax.lax.map(lambda gradient: safe_norm(ravel_pytree(pull_back(gradient))[0]), stacked)
    return dict(zip(gradients, norms, strict=True))


def gradient_shares(norms: Mapping[str, chex.Numeric], weights: Mapping[str, chex.Numeric]) -> dict[str, jax.Array]:
    """Compute each term's share of the weighted gradient norms: w_n |g_n| / Σ w_m |g_m|, whatever their directions.

    Args:
      norms: |g_n| by term, as of `parameter_norms`.
      weights: w_n by term, `position` among them; a term that is left out has weight 0.

    Returns:
      Shares that sum to one; all zero if every weighted norm is zero.
    """
    weighted = {name: weights.get(name, 0) * norm for name, norm in norms.items()}
    total = sum(weighted.values())
    return {name: safe_divide(norm, total) for name, norm in weighted.items()}


@functools.partial(jax.jit, static_argnames=("skeleton", "optimizer", "steps"))
def descend(
    predictions: jax.Array,
    targets: jax.Array,
    weights: Mapping[str, chex.Numeric],
    skeleton: Skeleton,
    *,
    optimizer: optax.GradientTransformation = ADAM,
    steps: int = 200,
) -> tuple[jax.Array, jax.Array]:
    """Move the poses themselves down the gradient of a loss, which shows the poses that a term prefers.

    Args:
      predictions: (T, J, 3) metres, the first poses.
      targets: (T, J, 3) metres.
      weights: by term, `{"symmetry": 1}` for one alone; only those named are computed, `position` too.
      skeleton: static.
      optimizer: of the positions; static, so that each new one is compiled anew.
      steps: how many; static.

    Returns:
      (steps + 1, T, J, 3) metres, the poses from the first to the last, and (steps + 1,) metres, the loss of each.
    """
    predictions = as_floating(predictions)
    constraints = [name for name in weights if name != POSITION]

    def loss(poses: jax.Array) -> jax.Array:
        parts = _term_losses(poses, targets, constraints, skeleton)
        return sum((weight * parts[name] for name, weight in weights.items()), start=jnp.zeros((), poses.dtype))

    def step(
        carry: tuple[jax.Array, optax.OptState], _: None
    ) -> tuple[tuple[jax.Array, optax.OptState], tuple[jax.Array, jax.Array]]:
        poses, state = carry
        value, gradient = jax.value_and_grad(loss)(poses)
        updates, state = optimizer.update(gradient, state, poses)
        return (optax.apply_updates(poses, updates), state), (poses, value)

    _, path = jax.lax.scan(step, (predictions, optimizer.init(predictions)), length=steps + 1)
    return path


def _check(predictions: jax.Array, targets: jax.Array, skeleton: Skeleton) -> None:
    require_rank(predictions, "predictions", "(T, J, 3)")
    require_tracks(predictions, "predictions", skeleton)
    require_same_shape({"predictions": predictions, "targets": targets})
