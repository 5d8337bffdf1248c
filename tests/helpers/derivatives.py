"""Derivatives against central differences, in one compiled program for each function."""

import functools

import jax
import numpy as np


def assert_derivatives_agree(function, *arguments, rtol=1e-5, atol=1e-7, seed=0):
    """Compare forward and reverse derivatives along a random direction with a central difference, in float64."""
    random = np.random.default_rng(seed)
    arguments = tuple(np.asarray(argument, np.float64) for argument in arguments)
    direction = tuple(random.normal(size=argument.shape) for argument in arguments)
    shape = jax.eval_shape(function, *arguments)
    assert shape.dtype == np.float64, "run the test with the fixture x64"
    weights, step = random.normal(size=shape.shape), 1e-6

    @jax.jit
    def derivatives(arguments, direction, weights):
        def shifted(distance):
            return function(*(x + distance * v for x, v in zip(arguments, direction, strict=True)))

        up, down = jax.vmap(shifted)(np.array([step, -step]))
        _, forward = jax.jvp(function, arguments, direction)
        _, pull_back = jax.vjp(function, *arguments)
        return (up - down) / (2 * step), forward, pull_back(weights)

    difference, forward, gradients = derivatives(arguments, direction, weights)
    np.testing.assert_allclose(forward, difference, rtol=rtol, atol=atol)
    along = sum(np.vdot(gradient, v) for gradient, v in zip(gradients, direction, strict=True))
    np.testing.assert_allclose(along, np.vdot(weights, forward), rtol=rtol, atol=atol)


def assert_same_values_and_gradients(function, plain, *arguments, expected=None):
    """Compare two functions in float64, and their gradients along a random direction of the result."""

    @jax.jit
    def both(arguments, g):
        results = [jax.vjp(each, *arguments) for each in (function, plain)]
        return [(value, pull_back(g)) for value, pull_back in results]

    shape = jax.eval_shape(plain, *arguments)
    g = jax.tree.map(lambda leaf: np.random.default_rng(0).normal(size=leaf.shape), shape)
    (value, gradients), (plain_value, plain_gradients) = both(arguments, g)
    compare = functools.partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-12)
    jax.tree.map(compare, value, plain_value if expected is None else expected)
    jax.tree.map(compare, gradients, plain_gradients)
