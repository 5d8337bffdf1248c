"""What JAX's default device computes, beside its CPU: on a GPU, whether rounding, kernels and queues are right.

    JAX_PLATFORMS=cuda,cpu python -m pytest tests/gpu -m gpu -n 0

`experiments/gpu/check.sh` runs them. Where there is no GPU they compare the CPU with itself, which tests the tests.
"""

import dataclasses
import functools

import chex
import jax
import numpy as np
import pytest
from helpers.problems import CLIPPED, PLAIN, problem, trained_without_transfers
from helpers.samples import DESCRIPTION

from jaxpose import alignment, inverse_kinematics, kinematics, losses, metrics
from jaxpose.models.configs import LinearConfig, TemporalConfig
from jaxpose.models.ops import matmul
from jaxpose.runs import checkpoint
from jaxpose.skeleton import H36M_17
from jaxpose.training import loop, setup
from jaxpose.training.config import Config
from jaxpose.training.state import from_checkpoint, to_checkpoint
from jaxpose.training.step import Recipe, Samples, loss_of, order_key, take_batch

pytestmark = [pytest.mark.gpu, pytest.mark.compilations(200)]

CPU = jax.devices("cpu")[0]


def on_both(function, *arguments):
    """What a function gives on the default device and on the CPU, as NumPy."""
    compiled = jax.jit(function)
    there = jax.device_get(compiled(*jax.device_put(arguments, jax.devices()[0])))
    with jax.default_device(CPU):
        return there, jax.device_get(compiled(*jax.device_put(arguments, CPU)))


@functools.cache
def poses():
    """(T, 17, 3) metres of a body that wobbles, and another near it."""
    random = np.random.default_rng(0)
    body = random.normal(0, 0.3, (1, 17, 3)) + 0.05 * np.cumsum(random.normal(size=(40, 17, 3)), axis=0)
    return np.float32(body), np.float32(body + random.normal(0, 0.03, body.shape))


def turned_bones(positions, _):
    lengths = inverse_kinematics.mean_lengths(positions, H36M_17)
    offsets = inverse_kinematics.rest_offsets(kinematics.bone_vectors(positions[0], H36M_17), lengths, H36M_17)
    return inverse_kinematics.inverse_kinematics(positions, offsets, H36M_17)


CORE = {
    "mpjpe": metrics.mpjpe,
    "p_mpjpe": metrics.p_mpjpe,
    "n_mpjpe": metrics.n_mpjpe,
    "velocity": lambda a, b: metrics.time_derivative_error(a, b, 1),
    "aligned": alignment.align,
    "angles": lambda a, _: kinematics.joint_angles(a, H36M_17),
    "rotations": turned_bones,
    "losses": lambda a, b: losses.joint_aware(a[None], b[None], dict.fromkeys(losses.QUANTITIES, 1.0), H36M_17),
}


@pytest.mark.parametrize("name", CORE)
def test_the_core_has_all_digits(name):
    """By default, a GPU would round the factors of products to 10 bits: a thousandth."""
    there, here = on_both(CORE[name], *poses())
    chex.assert_trees_all_close(there, here, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["p_mpjpe", "losses"])
def test_gradients_of_the_core_have_all_digits(name):
    def total(a, b):
        value = CORE[name](a, b)
        return value[0] if isinstance(value, tuple) else value.mean()

    there, here = on_both(jax.grad(total), *poses())
    assert np.isfinite(there).all()
    np.testing.assert_allclose(there, here, rtol=1e-3, atol=1e-6 + 1e-4 * np.abs(here).max())


NETWORKS = {
    "temporal": TemporalConfig(filter_widths=(3, 3, 3), channels=64),
    "causal": TemporalConfig(filter_widths=(3, 3, 3), channels=64, causal=True),
    "aimed": TemporalConfig(filter_widths=(3, 3), channels=64, aim=5),
    "linear": LinearConfig(channels=64),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_have_all_digits(name):
    config = Config(model=NETWORKS[name])
    model = setup.build_model(config, DESCRIPTION)
    with jax.default_device(CPU):
        variables = jax.device_get(setup.initial_variables(model, DESCRIPTION, jax.random.key(0)))
    keypoints = np.random.default_rng(1).uniform(-1, 1, (4, 40, 17, 2)).astype(np.float32)
    there, here = on_both(lambda variables, keypoints: model.apply(variables, keypoints).poses, variables, keypoints)
    np.testing.assert_allclose(there, here, rtol=1e-4, atol=1e-5 * np.abs(here).max())


def test_precisions_round_as_they_say():
    """Beside the product in float64: float32 has 24 bits, the factors of the others at least 10 and 7."""
    x, kernel = (np.random.default_rng(seed).normal(size=(512, 512)).astype(np.float32) for seed in (0, 1))
    exact = np.float64(x) @ np.float64(kernel)
    errors = {}
    for precision in ("float32", "tf32", "bfloat16"):
        found = np.asarray(jax.jit(functools.partial(matmul, precision=precision))(x, kernel))
        errors[precision] = np.abs(found - exact).max() / np.abs(exact).max()
    assert errors["float32"] < 1e-6
    assert errors["tf32"] < 1e-3
    assert 1e-4 < errors["bfloat16"] < 1e-2
    if jax.default_backend() == "gpu":
        assert errors["tf32"] > 10 * errors["float32"], "tensor cores were not used"


@pytest.mark.parametrize("config", [PLAIN, CLIPPED], ids=["plain", "clips"])
def test_gradients_of_the_training_loss_have_all_digits(config):
    """Without dropout, whose masks are the same, but after which BatchNorm divides by small numbers."""
    recipe, data, starts = problem(dataclasses.replace(config, model=dataclasses.replace(config.model, dropout=0.0)))
    recipe = recipe._replace(mesh=jax.sharding.Mesh([jax.devices()[0]], ("data",)))
    on_cpu = recipe._replace(mesh=jax.sharding.Mesh([CPU], ("data",)))
    with jax.default_device(CPU):
        state = jax.device_get(setup.init(on_cpu, jax.random.key(0)).replace(key=()))
    state = state.replace(step=np.int32(2 * recipe.steps_per_epoch))  # the ramp has begun

    def gradient(recipe, state, data, starts):
        state = state.replace(key=jax.random.key(0))
        batch = take_batch(Samples(data, starts, order_key(state)), state, recipe)
        return jax.grad(loss_of, has_aux=True)(state.params, state, batch, recipe)[0]

    arguments = jax.device_get((state, data, starts))
    with jax.default_device(CPU):
        here = jax.jit(functools.partial(gradient, on_cpu))(*jax.device_put(arguments, CPU))
    there = jax.jit(functools.partial(gradient, recipe))(*jax.device_put(arguments, jax.devices()[0]))
    for one, other in zip(*map(jax.tree.leaves, jax.device_get((there, here))), strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_allclose(one, other, rtol=1e-2, atol=1e-3 * np.abs(other).max())


def steps(recipe, data, starts, state, until):
    return loop.run(state, recipe, data, starts, until=until, log_every=5, needs_state=lambda step: step == until)


def test_a_resumed_training_has_the_same_bits(tmp_path):
    """With deterministic kernels (XLA_FLAGS=--xla_gpu_deterministic_ops=true), and through a checkpoint on disk."""
    recipe, data, starts = problem()
    whole = jax.device_get(to_checkpoint(steps(recipe, data, starts, setup.init(recipe, jax.random.key(0)), 9)))
    state = steps(recipe, data, starts, setup.init(recipe, jax.random.key(0)), 4)
    with checkpoint.open_checkpoints(tmp_path) as checkpoints:
        checkpoint.save(checkpoints, 4, to_checkpoint(state))
    like = to_checkpoint(setup.init(recipe, jax.random.key(1)))
    state = from_checkpoint(checkpoint.load(tmp_path, like, optional=("sums",)))
    resumed = jax.device_get(to_checkpoint(steps(recipe, data, starts, state, 9)))
    whole.pop("sums"), resumed.pop("sums")
    chex.assert_trees_all_equal(resumed, whole)


def test_nothing_crosses_between_host_and_device_unasked(monkeypatch):
    """Only explicit transfers: the log record, and the step that is read at the end of each call."""
    monkeypatch.setattr(Recipe, "on_cpu", False)  # steps are queued one by one, as on a GPU
    records = trained_without_transfers(until=7, log_every=4)
    assert [record["step"] for record in records] == [4, 6, 7]
