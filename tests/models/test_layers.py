"""Layers of the temporal stack against NumPy in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.models import layers
from jaxpose.models.convolution import FrameSet, Reading


def test_batch_norm_follows_the_published_conventions():
    x = np.random.default_rng(3).normal(2, 3, (6, 5, 4)).astype(np.float32)
    norm = layers.BatchNormReLU()
    variables = {
        "params": {"scale": np.ones(4, np.float32), "bias": np.zeros(4, np.float32)},
        "batch_stats": {"mean": np.zeros(4, np.float32), "var": np.ones(4, np.float32)},
    }

    @jax.jit
    def train(variables, x):
        return norm.apply(variables, x, train=True, momentum=0.1, mutable=["batch_stats"])

    y, updated = train(variables, x)
    flat = x.reshape(-1, 4).astype(np.float64)
    normalised = (flat - flat.mean(0)) / np.sqrt(flat.var(0) + 1e-5)
    np.testing.assert_allclose(np.asarray(y).reshape(-1, 4), np.maximum(normalised, 0), atol=1e-5)
    np.testing.assert_allclose(updated["batch_stats"]["mean"], 0.1 * flat.mean(0), rtol=1e-5)
    np.testing.assert_allclose(updated["batch_stats"]["var"], 0.9 + 0.1 * flat.var(0, ddof=1), rtol=1e-5)
    evaluated = jax.jit(lambda variables, x: norm.apply(variables, x, train=False, momentum=0.1))(variables, x)
    np.testing.assert_allclose(evaluated, np.maximum(x, 0) / np.sqrt(1 + 1e-5), rtol=1e-5)


@pytest.mark.parametrize("layer", [layers.Pointwise(7, "float32"), layers.Pointwise(7, "float32", bias=True)])
def test_a_pointwise_convolution_is_a_matrix_product_per_frame(layer):
    random = np.random.default_rng(1)
    x = random.normal(size=(2, 3, 5)).astype(np.float32)
    params = {"kernel": random.normal(size=(5, 7)), "bias": random.normal(size=7)}
    params = {name: values.astype(np.float32) for name, values in params.items() if name == "kernel" or layer.bias}
    expected = x.astype(np.float64) @ params["kernel"] + params.get("bias", 0)
    np.testing.assert_allclose(jax.jit(layer.apply)({"params": params}, x), expected, atol=1e-5)


def test_a_pointwise_convolution_after_an_activation_has_the_derivatives_of_both():
    random = np.random.default_rng(4)
    x, offset = random.normal(size=(2, 3, 5)).astype(np.float32), random.normal(size=5).astype(np.float32)
    params = {"kernel": random.normal(size=(5, 7)).astype(np.float32)}
    layer = layers.Pointwise(7, "float32")

    @jax.jit
    def gradients(params, x, offset):
        def fused(params, x, offset):
            activation = layers.Activation(lambda offset, x: jax.nn.relu(x + offset), offset)
            return jnp.sum(layer.apply({"params": params}, x, activation) ** 2)

        def plain(params, x, offset):
            return jnp.sum((jax.nn.relu(x + offset) @ params["kernel"]) ** 2)

        return [jax.value_and_grad(function, argnums=(0, 1, 2))(params, x, offset) for function in (fused, plain)]

    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4), *gradients(params, x, offset))


READINGS = {
    "strided": Reading(3, 2, 1, FrameSet(6, 2, 1), FrameSet(2, 6, 1)),
    "run": Reading(3, 2, 1, FrameSet(1, 9, 9), FrameSet(1, 5, 5)),
    "clusters": Reading(3, 4, 1, FrameSet(3, 4, 2), FrameSet(1, 2, 2)),
}


@pytest.mark.parametrize("form", READINGS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_form_of_the_convolution_is_the_sum_of_its_taps(form, precision):
    random, reading = np.random.default_rng(2), READINGS[form]
    inputs = [c * reading.input.spacing + k for c in range(reading.input.clusters) for k in range(reading.input.length)]
    outputs = [
        c * reading.output.spacing + k for c in range(reading.output.clusters) for k in range(reading.output.length)
    ]
    x = random.normal(size=(2, len(inputs), 4)).astype(np.float32)
    kernel = random.normal(size=(3, 4, 5)).astype(np.float32)
    convolution = layers.Convolution(5, precision)
    y = jax.jit(convolution.apply, static_argnums=2)({"params": {"kernel": kernel}}, x, reading)
    expected = [
        sum(x[:, inputs.index(frame + tap * reading.dilation)].astype(np.float64) @ kernel[tap] for tap in range(3))
        for frame in outputs
    ]
    tolerance = 1e-5 if precision == "float32" else 0.1
    np.testing.assert_allclose(y, np.stack(expected, axis=1), atol=tolerance)
