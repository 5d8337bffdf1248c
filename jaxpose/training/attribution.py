"""What each term of the loss sees in a pose, where it pulls, and which terms fight.

The terms are `TERMS`: the position loss and every constraint of `losses.QUANTITIES`. All are measured as what they add
to the loss of `losses.joint_aware` at weight 1, in metres, and can so be compared with each other.

Predictions and targets are those of one track, (T, J, 3) metres, consecutive frames; one pose is a track of one frame.
`jax.vmap` maps over a batch. Everything is finite everywhere: coincident joints, straight limbs, still and perfect
predictions. Nothing here knows the network; where one is needed it is a function from parameters to poses.
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
from jaxpose.skeleton import Skeleton

POSITION = "position"
TERMS: tuple[str, ...] = (POSITION, *QUANTITIES)
"""MPJPE, whose weight in training is always 1, and the constraints."""

Params = chex.ArrayTree

ADAM = optax.adam(0.002, b1=0.5)
"""Steps of about 2 mm, however steep the loss; with more momentum a pose would coast beyond where a term is content."""


@functools.partial(jax.jit, static_argnames="skeleton")
def contributions(predictions: jax.Array, targets: jax.Array, skeleton: Skeleton) -> dict[str, jax.Array]:
    """What each term adds to the loss at weight 1, metres, by name.

    Args:
      predictions: (T, J, 3) metres.
      targets: (T, J, 3) metres.
      skeleton: static.

    Returns:
      () metres for each of `TERMS`; zero for a difference in time that the track is too short for.
    """
    return _contributions(predictions, targets, QUANTITIES, skeleton)


def _contributions(
    predictions: jax.Array, targets: jax.Array, constraints: Iterable[str], skeleton: Skeleton
) -> dict[str, jax.Array]:
    _check(predictions, targets, skeleton)
    weights = dict.fromkeys(constraints, 1.0)
    _, parts = losses.joint_aware(predictions[None], targets[None], weights, skeleton)
    return {name: part if name == POSITION else losses.LOSS_SCALE * part for name, part in parts.items()}


@functools.partial(jax.jit, static_argnames="skeleton")
def values(predictions: jax.Array, targets: jax.Array, skeleton: Skeleton) -> dict[str, jax.Array]:
    """What each joint adds to each term in each frame: summed over joints and frames, the term's `contributions`.

    A term's element is shared equally by the joints it is made of: an angle by three, a bone by two, a pair of bones by
    four (a joint that both have counts twice). A ratio is made of all joints, whose shares are therefore alike. A first
    difference in time stands at the frame that it arrives at, a second one at the middle of its three frames; frames
    without one have zero.

    Args:
      predictions: (T, J, 3) metres.
      targets: (T, J, 3) metres.
      skeleton: static.

    Returns:
      (T, J) metres of loss for each of `TERMS`.
    """
    _check(predictions, targets, skeleton)
    errors = safe_norm(predictions - targets)
    constraints = {name: _spread(name, predictions, targets, skeleton) for name in QUANTITIES}
    return {POSITION: errors / errors.size} | constraints


def _spread(name: str, predictions: jax.Array, targets: jax.Array, skeleton: Skeleton) -> jax.Array:
    """(T, J) of one constraint."""
    quantity = QUANTITIES[name]
    bounded = losses.pseudo_huber(losses.term(name, predictions, targets, skeleton))
    members = np.eye(skeleton.num_joints, dtype=bounded.dtype)[quantity.joints(skeleton)].mean(axis=1)  # (E, J)
    spread = jnp.matmul(bounded, members, precision="highest") * (losses.LOSS_SCALE / max(bounded.size, 1))
    before = (quantity.order + 1) // 2
    return jnp.pad(spread, ((before, quantity.order), (0, 0)))[: len(predictions)]


@functools.partial(jax.jit, static_argnames="skeleton")
def gradients(predictions: jax.Array, targets: jax.Array, skeleton: Skeleton) -> dict[str, jax.Array]:
    """The gradient of each term's contribution with respect to the predicted pose; descent moves against it.

    Args:
      predictions: (T, J, 3) metres.
      targets: (T, J, 3) metres.
      skeleton: static.

    Returns:
      (T, J, 3) metres of loss a metre for each of `TERMS`. A contribution is a mean over frames, so in a longer track
      the gradient of each frame is smaller.
    """
    return jax.jacrev(lambda poses: contributions(poses, targets, skeleton))(as_floating(predictions))


@functools.partial(jax.jit, static_argnames="names")
def gradient_cosines(gradients: Mapping[str, chex.ArrayTree], *, names: tuple[str, ...] = TERMS) -> jax.Array:
    """The cosine between each two gradients: 1 where terms agree, -1 where they fight, 0 where neither minds the other.

    Args:
      gradients: by term, all of one structure: what `gradients` gives, some of its frames or joints, or gradients with
        respect to parameters.
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
    """How hard each term pulls at the parameters of what predicts the poses.

    One forward pass, then a backward pass for each term in turn: memory holds one gradient of the parameters at a time.
    To compile it, close over `predict`.

    Args:
      predict: parameters to poses of any shape, in metres.
      params: where to look.
      gradients: by term, with respect to these poses, in their shape; of a batch, divided by its size.

    Returns:
      The Euclidean norm of the gradient with respect to all parameters, by term.
    """
    poses, pull_back = jax.vjp(predict, params)
    chex.assert_equal_shape([poses, *gradients.values()])
    stacked = jnp.stack(list(gradients.values())).astype(poses.dtype)
    norms = jax.lax.map(lambda gradient: safe_norm(ravel_pytree(pull_back(gradient))[0]), stacked)
    return dict(zip(gradients, norms, strict=True))


def gradient_shares(norms: Mapping[str, chex.Numeric], weights: Mapping[str, chex.Numeric]) -> dict[str, jax.Array]:
    """Each term's share in the pull of all: w_n |g_n| / Σ w_m |g_m|, whichever way they pull.

    Args:
      norms: |g_n| by term, as of `parameter_norms`.
      weights: w_n by term, `position` among them; those left out weigh nothing.

    Returns:
      Shares that sum to one; all zero if nothing pulls.
    """
    weighted = {name: weights.get(name, 0) * norm for name, norm in norms.items()}
    total = sum(weighted.values())
    return {name: safe_divide(pull, total) for name, pull in weighted.items()}


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
    """Move the poses themselves down the loss, to see what a term wants of them.

    Args:
      predictions: (T, J, 3) metres, where to begin.
      targets: (T, J, 3) metres, which the terms compare with.
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
        parts = _contributions(poses, targets, constraints, skeleton)
        return sum((weight * parts[name] for name, weight in weights.items()), start=jnp.zeros((), poses.dtype))

    def step(
        carry: tuple[jax.Array, optax.OptState], _: None
    ) -> tuple[tuple[jax.Array, optax.OptState], tuple[jax.Array, jax.Array]]:
        poses, state = carry
        value, gradient = jax.value_and_grad(loss)(poses)
        updates, state = optimizer.update(gradient, state, poses)
        return (optax.apply_updates(poses, updates), state), (poses, value)

    _, course = jax.lax.scan(step, (predictions, optimizer.init(predictions)), length=steps + 1)
    return course


def _check(predictions: jax.Array, targets: jax.Array, skeleton: Skeleton) -> None:
    chex.assert_shape([predictions, targets], (None, skeleton.num_joints, 3))
    chex.assert_equal_shape([predictions, targets])
