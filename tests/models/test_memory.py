"""Arrays worked out again in the backward pass: the same numbers, and less memory in the compiled program."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.models import memory
from jaxpose.runtime import compiled_cost


@pytest.mark.parametrize("shape", [(3,), (4, 5), (0, 5), (2, 3, 0)])
def test_what_comes_after_an_event_is_the_same_number(shape):
    x = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    x[0, 0] = -0.0
    event = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    y = np.asarray(jax.jit(memory.after)(x, event))
    assert y.dtype == x.dtype
    assert y.tobytes() == x.tobytes()


def hidden(x, weights, kept):
    """A layer whose derivative takes an array of its own, the activated one."""
    return jnp.where(kept, jnp.tanh(x), 0) @ weights


def total(function, x, layers, kept):
    """A sum of squares after some layers; only the product of each is needed for what follows."""
    for weights in layers:
        x = function(x, weights, kept)
    return jnp.sum(x**2)


FUNCTIONS = {"plain": hidden, "recomputed": memory.recomputed(hidden)}


def test_a_recomputed_function_has_the_same_value_and_gradient():
    random = np.random.default_rng(2)
    x, layers = random.normal(size=(7, 5)).astype(np.float32), list(random.normal(size=(3, 5, 5)).astype(np.float32))
    kept = random.uniform(size=(7, 5)) < 0.7

    @jax.jit
    def both(*arguments):
        return [jax.value_and_grad(total, argnums=(1, 2))(function, *arguments) for function in FUNCTIONS.values()]

    compare = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5)
    jax.tree.map(compare, *both(x, layers, kept))


def test_a_recomputed_function_keeps_no_more_than_its_arguments():
    x, kept = jax.ShapeDtypeStruct((4096, 32), jnp.float32), jax.ShapeDtypeStruct((4096, 32), jnp.bool)
    layers = [jax.ShapeDtypeStruct((32, 32), jnp.float32)] * 8
    arrays = {}
    for name, function in FUNCTIONS.items():
        gradient = jax.jit(jax.grad(functools.partial(total, function), argnums=(0, 1)))
        arrays[name] = compiled_cost.temporary_bytes(gradient.lower(x, layers, kept).compile()) / (4096 * 32 * 4)
    assert arrays["recomputed"] < 8 + 4  # products of the layers, and what one layer's derivative takes
    assert arrays["plain"] > arrays["recomputed"] + 3
