"""Costs of compiled programs: counts known by hand, and superfluous work is counted."""

import functools

import jax
import jax.numpy as jnp
from helpers import dilated_network

from jaxpose.models import temporal
from jaxpose.models.temporal import TemporalModel
from jaxpose.runtime import compiled_cost


def test_a_matrix_product_has_its_multiply_adds_and_no_temporaries():
    a, b = jax.ShapeDtypeStruct((8, 16), jnp.float32), jax.ShapeDtypeStruct((16, 4), jnp.float32)
    program = jax.jit(jnp.matmul).lower(a, b)
    assert compiled_cost.multiply_adds(program) == compiled_cost.multiply_adds(program.compile()) == 8 * 16 * 4
    assert compiled_cost.temporary_bytes(program.compile()) == 0


def test_an_intermediate_array_is_temporary():
    x = jax.ShapeDtypeStruct((256, 256), jnp.float32)
    program = jax.jit(lambda x: jnp.matmul(jnp.matmul(x, x), x)).lower(x).compile()
    assert 4 * 256 * 256 <= compiled_cost.temporary_bytes(program) < 2 * 4 * 256 * 256


def test_superfluous_frames_are_counted():
    """The published dilated network computes every frame of the window, where at most a third is needed."""
    model = TemporalModel(17, channels=512)
    keypoints = jax.ShapeDtypeStruct((4096, 243, 17, 2), jnp.float32)
    variables = jax.eval_shape(model.init, jax.random.key(0), keypoints)
    program = jax.jit(functools.partial(dilated_network.apply, model)).lower(variables, keypoints).compile()
    assert compiled_cost.multiply_adds(program) > 3 * 4096 * temporal.multiply_adds(model, 34, 1)
    assert compiled_cost.temporary_bytes(program) > 3 * 4 * 4096 * temporal.live_activations(model, 1)
