"""Array operations of the networks: matrix products and their precision, BatchNorm with its derivative, dropout."""

import math
from typing import Literal

import jax
import jax.numpy as jnp

from jaxpose.models.memory import after

Precision = Literal["float32", "tf32", "bfloat16"]
"""Of matrix products; `matmul` defines them."""


def matmul(x: jax.Array, kernel: jax.Array, precision: Precision) -> jax.Array:
    """Matrix product (..., C) @ (C, F) of float32 arrays, in float32.

    `float32` multiplies in IEEE single precision on every device; `tf32` lets a GPU's tensor cores round the factors
    to 10 bits of mantissa; `bfloat16` rounds the factors to 7 bits, forwards and backwards, and sums in float32.
    """
    # Two axes: XLA multiplies a transposed matrix in place, but first copies a transposed array with more axes.
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])  # -1 is ambiguous for an empty batch
    if precision == "bfloat16":
        rows = _rounded_product(rows, kernel)
    else:
        rows = jnp.matmul(rows, kernel, precision=lax_precision(precision))
    return rows.reshape(*x.shape[:-1], kernel.shape[-1])


def lax_precision(precision: Precision) -> jax.lax.Precision | None:
    """JAX's name of the precision of a product of float32 arrays."""
    return jax.lax.Precision.HIGHEST if precision == "float32" else None


@jax.custom_vjp
def _rounded_product(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """(M, C) @ (C, F) with factors rounded to bfloat16; JAX's own derivative would not round the gradient."""
    return _rounded_product_forward(x, kernel)[0]


def _rounded_product_forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    x, kernel = x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    return jnp.matmul(x, kernel, preferred_element_type=jnp.float32), (x, kernel)


def _rounded_product_backward(factors: tuple[jax.Array, jax.Array], g: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = factors
    g = g.astype(jnp.bfloat16)

    def kernel_gradient(x: jax.Array, g: jax.Array) -> jax.Array:
        return jnp.matmul(x.T, g, preferred_element_type=jnp.float32)

    def kernel_gradient_on_cpu(x: jax.Array, g: jax.Array) -> jax.Array:
        # XLA has no CPU kernel for bfloat16 with a transposed first factor; float32 gives the same sums.
        return jnp.matmul(x.T.astype(jnp.float32), g.astype(jnp.float32), precision=jax.lax.Precision.HIGHEST)

    return (
        jnp.matmul(g, kernel.T, preferred_element_type=jnp.float32),
        jax.lax.platform_dependent(x, g, cpu=kernel_gradient_on_cpu, default=kernel_gradient),
    )


_rounded_product.defvjp(_rounded_product_forward, _rounded_product_backward)


def normalised_relu(
    x: jax.Array, mean: jax.Array, inverse_deviation: jax.Array, scale: jax.Array, bias: jax.Array
) -> jax.Array:
    """ReLU of BatchNorm by given statistics: (..., C), and (C,) for each of the others, to (..., C)."""
    return jax.nn.relu((x - mean) * (scale * inverse_deviation) + bias)


@jax.custom_vjp
def batch_normalised_relu(
    x: jax.Array, mean: jax.Array, inverse_deviation: jax.Array, scale: jax.Array, bias: jax.Array
) -> jax.Array:
    """`normalised_relu` by the batch's own statistics, which its derivative takes for functions of `x`.

    The derivative is that of the textbook: with d = (x - mean) · inverse_deviation, n rows of `x`, and the gradient g
    of ReLU's argument,

        scale · inverse_deviation · (g - (sum of g + d · sum of g·d) / n).

    It keeps `x` and reads it twice. JAX's own takes more sums, each of an array of the size of `x` that XLA stores.

    Args:
      x: (..., C).
      mean: (C,) of `x`.
      inverse_deviation: (C,) of `x`: 1 / sqrt(biased variance + epsilon).
      scale: (C,).
      bias: (C,).

    Returns:
      (..., C). The gradients of `mean` and `inverse_deviation` are zero.
    """
    return normalised_relu(x, mean, inverse_deviation, scale, bias)


def _batch_normalised_relu_forward(*arguments: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    return normalised_relu(*arguments), arguments


def _batch_normalised_relu_backward(arguments: tuple[jax.Array, ...], g: jax.Array) -> tuple[jax.Array, ...]:
    x, mean, inverse_deviation, scale, bias = arguments
    axes, count = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
    # With this mean nothing is an array of the forward pass again, which XLA would then keep until here.
    deviation = x - after(mean, g)
    factor = scale * inverse_deviation
    g = jnp.where(deviation * factor + bias > 0, g, 0)
    bias_gradient = jnp.sum(g, axis=axes)
    along = jnp.sum(g * deviation, axis=axes) * inverse_deviation
    gradient = factor * (g - (bias_gradient + deviation * (along * inverse_deviation)) / count)
    return gradient, jnp.zeros_like(mean), jnp.zeros_like(inverse_deviation), along, bias_gradient


batch_normalised_relu.defvjp(_batch_normalised_relu_forward, _batch_normalised_relu_backward)


def dropout(key: jax.Array, x: jax.Array, rate: float) -> jax.Array:
    """Dropout: set a share `rate` of the elements to zero and scale up the others.

    Args:
      key: random key.
      x: (..., C) activations.
      rate: share to drop, in [0, 1).

    Returns:
      (..., C), with the expectation of `x`.
    """
    kept, scale = dropout_mask(key, x.shape, rate)
    return jnp.where(kept, x * scale, 0)


def dropout_mask(key: jax.Array, shape: tuple[int, ...], rate: float) -> tuple[jax.Array, float]:
    """Draw the elements that dropout keeps, (..., C) booleans of that shape, and the factor that scales them up.

    A random byte decides each element if the rate is a multiple of 1/256, such as the published 0.25: a quarter of the
    random bits of a uniform float. Other rates take 32 bits, and are met to within 2⁻³².
    """
    levels = 256 if float(256 * rate).is_integer() else 2**32
    threshold = min(round(rate * levels), levels - 1)
    if levels == 256:
        words = jax.random.bits(key, (*shape[:-1], -(-shape[-1] // 4)), "uint32")
        random = jax.lax.bitcast_convert_type(words, jnp.uint8)
        random = random.reshape(*shape[:-1], 4 * words.shape[-1])[..., : shape[-1]]
    else:
        random = jax.random.bits(key, shape, "uint32")
    return random >= jnp.asarray(threshold, random.dtype), levels / (levels - threshold)
