"""AMSGrad step by step against PyTorch's rule written out in NumPy, and the schedules against their formulas."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxpose.training import optimizer


def gradients(steps):
    """Large first, then small: where the two rules for the maximum part ways."""
    random = np.random.default_rng(0)
    return [random.normal(size=(3, 2)) * (100 if step < 2 else 0.1) for step in range(steps)]


def torch_amsgrad(gradients, rates, b1=0.9, b2=0.999, epsilon=1e-8):
    """torch.optim.Adam(amsgrad=True), one tensor, in float64."""
    p = m = v = largest = np.zeros((3, 2))
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        largest = np.maximum(largest, v)
        denominator = np.sqrt(largest) / math.sqrt(1 - b2**t) + epsilon
        p = p - rate / (1 - b1**t) * m / denominator
        yield p


def test_amsgrad_follows_pytorch_step_by_step(x64):
    steps = 50
    schedule = optimizer.learning_rate_schedule(0.01, 0.5, 20)
    rates = [0.01 * 0.5 ** (step // 20) for step in range(steps)]
    transformation = optimizer.amsgrad(schedule)
    params = {"w": jnp.zeros((3, 2))}
    state = transformation.init(params)
    update = jax.jit(transformation.update)
    for gradient, expected in zip(gradients(steps), torch_amsgrad(gradients(steps), rates), strict=True):
        updates, state = update({"w": jnp.asarray(gradient)}, state, params)
        params = optax.apply_updates(params, updates)
        np.testing.assert_allclose(params["w"], expected, rtol=1e-7)  # the schedule computes in float32


def test_it_is_not_the_rule_of_optax():
    ours, theirs = optimizer.amsgrad(0.01), optax.amsgrad(0.01)
    moved = []
    for transformation in (ours, theirs):
        params = jnp.zeros((3, 2))
        state = transformation.init(params)
        for gradient in gradients(200):
            updates, state = transformation.update(jnp.asarray(np.abs(gradient), jnp.float32), state, params)
            params = optax.apply_updates(params, updates)
        moved.append(float(jnp.abs(params).mean()))
    assert moved[0] > 1.5 * moved[1]  # theirs is throttled by the first gradients for ever


def test_zero_gradients_do_not_move_anything():
    transformation = optimizer.amsgrad(0.1)
    params = jnp.ones(3)
    updates, _ = transformation.update(jnp.zeros(3), transformation.init(params), params)
    np.testing.assert_array_equal(updates, 0)


def test_learning_rate_falls_once_per_epoch():
    schedule = optimizer.learning_rate_schedule(0.001, 0.95, 7)
    for step in (0, 6, 7, 13, 14, 7 * 79):
        assert schedule(step) == pytest.approx(0.001 * 0.95 ** (step // 7), rel=1e-5)


def test_momentum_falls_from_a_tenth_to_a_thousandth():
    schedule = optimizer.momentum_schedule(80, 7)
    for step in (0, 6, 7, 13, 14, 7 * 79):
        assert schedule(step) == pytest.approx(0.1 * math.exp(-(step // 7) / 80 * math.log(100)), rel=1e-5)
    assert schedule(80 * 7) == pytest.approx(0.001, rel=1e-5)
    assert schedule(0) == pytest.approx(0.1)
