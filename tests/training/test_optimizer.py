"""AMSGrad and Adam step by step against their rules written out in NumPy, the schedules against their formulas."""

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


def adam_by_hand(gradients, rates, maximum, b1=0.9, b2=0.999, epsilon=1e-8):
    """torch.optim.Adam, with amsgrad=True if `maximum`, one tensor, in float64."""
    p = m = v = largest = np.zeros((3, 2))
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        largest = np.maximum(largest, v) if maximum else v
        denominator = np.sqrt(largest) / math.sqrt(1 - b2**t) + epsilon
        p = p - rate / (1 - b1**t) * m / denominator
        yield p


@pytest.mark.parametrize(("name", "maximum"), [("amsgrad", True), ("adam", False)])
def test_optimisers_follow_pytorch_step_by_step(x64, name, maximum):
    steps = 50
    schedule = optimizer.staircase(0.01, 0.5, 20, 3)
    rates = [0.01 * 0.5 ** (step // 20) for step in range(steps)]
    transformation = optimizer.OPTIMIZERS[name](schedule)
    params = {"w": jnp.zeros((3, 2))}
    state = transformation.init(params)
    update = jax.jit(transformation.update)
    for gradient, expected in zip(gradients(steps), adam_by_hand(gradients(steps), rates, maximum), strict=True):
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


@pytest.mark.parametrize("name", optimizer.OPTIMIZERS)
def test_zero_gradients_do_not_move_anything(name):
    transformation = optimizer.OPTIMIZERS[name](0.1)
    params = jnp.ones(3)
    updates, _ = transformation.update(jnp.zeros(3), transformation.init(params), params)
    np.testing.assert_array_equal(updates, 0)


FORMULAS = {
    "staircase": lambda step: 0.001 * 0.95 ** (step // 7),
    "exponential": lambda step: 0.001 * 0.95 ** (step / 7),
    "cosine": lambda step: 0.0005 * (1 + math.cos(math.pi * step / (7 * 80))),
    "constant": lambda step: 0.001,
}


@pytest.mark.parametrize("name", FORMULAS)
def test_learning_rates_follow_their_formulas(name):
    schedule = optimizer.SCHEDULES[name](0.001, 0.95, 7, 80)
    for step in (0, 6, 7, 13, 14, 7 * 40, 7 * 79, 7 * 80):
        assert float(schedule(step)) == pytest.approx(FORMULAS[name](step), rel=1e-5, abs=1e-9)


def test_every_schedule_has_its_formula():
    assert optimizer.SCHEDULES.keys() == FORMULAS.keys()
