"""Norm, division and angle whose gradients are finite everywhere.

The *input* of each singular operation is replaced before it is computed, not its output afterwards:
`where(x == 0, 0, sqrt(x))` has a NaN gradient at zero, because the derivative of the branch that was
not taken is infinite and 0 · inf is NaN. At the singular point itself the gradient is defined as zero. NaN in gives
NaN out: nothing here hides a broken input.
"""

import jax
import jax.numpy as jnp


def as_floating(x: jax.Array) -> jax.Array:
    """`x` as float32, or float64 if it is that: squares of whole numbers and of halves overflow."""
    x = jnp.asarray(x)
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def safe_norm(x: jax.Array, *, axis: int | tuple[int, ...] = -1, keepdims: bool = False) -> jax.Array:
    """Euclidean norm along `axis`; its gradient is zero where the norm is zero.

    Args:
      x: (..., n) vectors.
      axis: the axis that holds the vector, or the axes that hold it together.
      keepdims: keep `axis` with length one.

    Returns:
      (...) norms. Vectors whose squared length underflows (below about 1e-19 in float32) count as zero.
    """
    x = as_floating(x)
    square = jnp.sum(x * x, axis=axis, keepdims=keepdims)
    zero = square <= jnp.finfo(square.dtype).tiny  # false for NaN, which passes through
    return jnp.where(zero, 0, jnp.sqrt(jnp.where(zero, 1, square)))


def safe_divide(numerator: jax.Array, denominator: jax.Array) -> jax.Array:
    """Quotient that is zero, with zero gradient, where the denominator is zero (or subnormal)."""
    numerator, denominator = as_floating(numerator), as_floating(denominator)
    zero = jnp.abs(denominator) <= jnp.finfo(jnp.result_type(denominator, jnp.float32)).tiny
    return jnp.where(zero, 0, numerator / jnp.where(zero, 1, denominator))


def safe_normalize(x: jax.Array, *, axis: int | tuple[int, ...] = -1) -> jax.Array:
    """Unit vectors along `axis`; the zero vector stays zero, with zero gradient."""
    return safe_divide(x, safe_norm(x, axis=axis, keepdims=True))


def safe_angle(u: jax.Array, v: jax.Array) -> jax.Array:
    """Angle between 3-vectors in radians, in [0, π], accurate near both ends.

    Computed as atan2(|u × v|, u · v) of unit vectors: arccos of the cosine loses half of the digits, and its
    gradient is infinite, where the vectors are parallel. The gradient is zero where the vectors are exactly
    parallel or opposed (a kink of the angle), or where one of them is zero (the angle is then defined as 0).

    Args:
      u: (..., 3) vectors of any length.
      v: (..., 3) vectors of any length.

    Returns:
      (...) angles.
    """
    u, v = safe_normalize(u), safe_normalize(v)
    sine, cosine = safe_norm(jnp.cross(u, v)), jnp.sum(u * v, axis=-1)
    defined = sine * sine + cosine * cosine > 0.5  # one for unit vectors, zero when either is zero
    return jnp.arctan2(sine, jnp.where(defined, cosine, 1))
