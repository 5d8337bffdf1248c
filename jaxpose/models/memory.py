"""What a backward pass keeps in memory: arrays worked out again in place of kept, in an order that frees them early.

`jax.checkpoint` asks XLA for the same. But XLA merges a computation with an equal one before it, and keeps the result
of the first until the second; on a CPU it also drops the barriers by which JAX forbids that.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def after(x: jax.Array, event: jax.Array) -> jax.Array:
    """`x`, for computations that must not begin before `event` is known, nor be merged with the same ones of `x`.

    On a CPU it is a product with a number that is one, but of which XLA cannot know that: 1 + 0 · a sum of numbers of
    `event`. If that sum is not finite, the result is NaN.

    Args:
      x: (...) floats.
      event: (...) floats of any shape with at least one axis, also without elements.

    Returns:
      (...), equal to `x`.
    """

    def product(x: jax.Array, event: jax.Array) -> jax.Array:
        # A sum, and not an element: XLA would work an element out again wherever it is read, from all that it is made
        # of, and keep that. Of the last axis only, because the sum itself costs time.
        some = event[(slice(1),) * (event.ndim - 1)]
        return x * (1 + 0 * jnp.sum(some)).astype(x.dtype)

    def barrier(x: jax.Array, event: jax.Array) -> jax.Array:
        return jax.lax.optimization_barrier((x, event))[0]

    return jax.lax.platform_dependent(x, event, cpu=product, default=barrier)


def recomputed(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """A function with the same value and gradient, which keeps only its arguments for its backward pass.

    Args:
      function: of an array of floats and further pytrees, to an array of floats. All that its gradient needs is worked
        out again from the arguments.

    Returns:
      The function, for reverse differentiation.
    """

    @jax.custom_vjp
    def same(*arguments: Any) -> jax.Array:
        return function(*arguments)

    def forward(*arguments: Any) -> tuple[jax.Array, tuple[Any, ...]]:
        return function(*arguments), arguments

    def backward(arguments: tuple[Any, ...], g: jax.Array) -> tuple[Any, ...]:
        x, *others = arguments
        return jax.vjp(function, after(x, g), *others)[1](g)

    same.defvjp(forward, backward)
    return same
