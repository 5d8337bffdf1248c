"""Pairs of predictions and targets at which gradients are difficult, and derivatives of functions of such pairs."""

import functools

import jax
import numpy as np


def poses(seed, *shape, scale=0.5):
    return np.random.default_rng(seed).normal(size=(*shape, 17, 3)) * scale


def singular_pairs():
    """Predictions and targets where a careless gradient is not finite, or differs from finite differences."""
    pose = poses(0, 4)
    square = np.zeros((4, 17, 3))
    square[:, 1:5] = [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]]  # two equal singular values, one zero
    cube = np.tile(np.concatenate([np.eye(3), -np.eye(3), np.zeros((11, 3))]), (4, 1, 1))  # three equal ones
    basis = np.linalg.qr(np.concatenate([cube[0], np.ones((17, 1))], axis=1))[0]
    noise = poses(5, 4) - basis @ (basis.T @ poses(5, 4))  # does not correlate with the cube: the values stay equal
    line = pose * [1, 0, 0]
    return {
        "generic": (pose, poses(1, 4)),
        "perfect": (pose, pose),
        "perfect but for a similarity": (pose, 2 * pose[..., [1, 2, 0]] + 0.3),
        "collapsed prediction": (np.zeros_like(pose), pose),
        "collapsed target": (pose, np.zeros_like(pose)),
        "both collapsed": (np.zeros_like(pose), np.zeros_like(pose)),
        "mirrored": (pose * [-1, 1, 1], pose),
        "equal singular values": (square, square),
        "three equal singular values": (cube, cube),
        "three equal singular values, imperfect": (cube, cube + noise),
        "mirrored with equal singular values": (cube * [-1, 1, 1], cube),
        "on a line": (line, pose),
        "on lines": (line, line),
        "still": (pose[:1].repeat(4, 0), pose[:1].repeat(4, 0)),
        "tiny": (pose * 1e-15, pose),
    }


@functools.partial(jax.jit, static_argnames="function")
def value_and_gradients(function, *pair):
    """Of the sum of a function of predictions and targets, with respect to both."""
    return jax.value_and_grad(lambda *pair: function(*pair).sum(), argnums=(0, 1))(*pair)


@functools.partial(jax.jit, static_argnames="function")
def central_differences(function, *pair, steps):
    """Derivatives of the sum of a function of predictions and targets along every coordinate of both."""

    def difference(argument, axis):
        up, down = (
            function(*(x + sign * steps[i] * axis * (i == argument) for i, x in enumerate(pair))).sum()
            for sign in (1, -1)
        )
        return (up - down) / (2 * steps[argument])

    axes = np.eye(pair[0].size).reshape(-1, *pair[0].shape)
    return [jax.vmap(functools.partial(difference, i))(axes).reshape(x.shape) for i, x in enumerate(pair)]


def assert_gradients_agree(function, pair):
    """Compare gradients in float64 with central differences, also at a kink, where both must be zero."""
    sizes = [np.abs(x).max() if x.any() else 1.0 for x in pair]
    _, gradients = value_and_gradients(function, *pair)
    differences = central_differences(function, *pair, steps=[1e-6 * size for size in sizes])
    for gradient, difference, size in zip(gradients, differences, sizes, strict=True):
        np.testing.assert_allclose(np.asarray(gradient) * size, np.asarray(difference) * size, atol=1e-5)
