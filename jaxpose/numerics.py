"""Norm, division and angle with finite gradients everywhere.

The *input* of each singular operation is replaced before the operation, not its output afterwards:
`where(x == 0, 0, sqrt(x))` has a NaN gradient at zero, because the derivative of the branch not taken is infinite and
0 · inf is NaN. At the singular point itself the gradient is defined as zero. NaN inputs give NaN outputs.
"""

import jax
import jax.numpy as jnp

# The public interface: some of it serves callers of the library alone.
__all__ = ["as_floating", "safe_angle", "safe_divide", "safe_norm", "safe_normalize"]


def as_floating(x: jax.Array) -> jax.Array:
    """Convert `x` to float32, or keep float64: squares of integers and of half-precision numbers overflow."""
    x = jnp.asarray(x)
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def safe_norm(x: jax.Array, *, axis: int | tuple[int, ...] = -1, keepdims: bool = False) -> jax.Array:
    """Euclidean norm along `axis`; its gradient is zero where the norm is zero.

    Args:
      x: (..., n) vectors.
      axis: axis of the vector's components; several axes for the norm of a matrix.
      keepdims: keep `axis` with length one.

    Returns:
      (...) norms. Vectors whose squared length underflows (below about 1e-19 in float32) count as zero.
    """
    x = as_floating(x)
    square = jnp.sum(x * x, axis=axis, keepdims=keepdims)
    zero = square <= jnp.finfo(square.dtype).tiny  # false for NaN, which passes through
    return jnp.where(zero, 0, jnp.sqrt(jnp.where(zero, 1, square)))


def safe_divide(numerator: jax.Array, denominator: jax.Array) -> jax.Array:
    """Quotient; zero, with zero gradient, where the denominator is zero or subnormal."""
    numerator, denominator = as_floating(numerator), as_floating(denominator)
    zero = jnp.abs(denominator) <= jnp.finfo(jnp.result_type(denominator, jnp.float32)).tiny
    return jnp.where(zero, 0, numerator / jnp.where(zero, 1, denominator))


def safe_normalize(x: jax.Array, *, axis: int | tuple[int, ...] = -1) -> jax.Array:
    """Scale vectors along `axis` to length one; the zero vector stays zero, with zero gradient."""
    return safe_divide(x, safe_norm(x, axis=axis, keepdims=True))


def safe_angle(u: jax.Array, v: jax.Array) -> jax.Array:
    """Angle between 3-vectors in radians, in [0, π], accurate near both ends.

    Computed as atan2(|u × v|, u · v) of unit vectors, because arccos of the cosine loses half of the digits and has an
    infinite gradient where the vectors are parallel. The gradient is zero where the vectors are exactly parallel or
    opposite (a kink of the angle), and where one of them is zero (the angle is then defined as 0).

    Args:
      u: (..., 3) vectors of any length.
      v: (..., 3) vectors of any length.

    Returns:
      (...) angles.
    """
    u, v = safe_normalize(u), safe_normalize(v)
    sine, cosine = safe_norm(jnp.cross(u, v)), jnp.sum(u * v, axis=-1)
    nonzero = sine * sine + cosine * cosine > 0.5  # 1 for unit vectors, 0 if either vector is zero
    return jnp.arctan2(sine, jnp.where(nonzero, cosine, 1))
