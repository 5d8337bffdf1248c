"""The training programs compiled for an NVIDIA card: they compile, and no step makes the host wait."""

import dataclasses
import functools

import jax
import pytest

from jaxpose.models.configs import TemporalConfig
from jaxpose.runs import gpu_plan
from jaxpose.runtime import cuda_compiler
from jaxpose.training import setup
from jaxpose.training.config import Config

pytestmark = [
    pytest.mark.aot,
    pytest.mark.skipif(not cuda_compiler.available(), reason="needs the GPU compiler: pip install '.[cuda-aot]'"),
]
TINY = Config(model=TemporalConfig(filter_widths=(3, 3), channels=32), batch_size=16)
CONSTRAINED = dataclasses.replace(TINY, constraints={"angle": 1.0, "velocity": 1.0}, clips=8)
AUGMENTED = dataclasses.replace(TINY, augment=("mirror", "yaw"))


@functools.cache
def card():
    return cuda_compiler.card_mesh(cuda_compiler.CARDS["h100"])


@pytest.mark.parametrize("config", [TINY, CONSTRAINED, AUGMENTED], ids=["plain", "constrained", "augmented"])
def test_no_step_makes_the_host_wait(config):
    """For a loop or a branch on computed values a GPU copies the value to the host and waits, before every step."""
    text = gpu_plan.training_call(config, card()).lower().compile().as_text()
    assert " fusion(" in text
    for operation in (" while(", " conditional(", " send(", " recv(", " infeed(", " outfeed("):
        assert operation not in text


def test_a_branch_would_show():
    branch = jax.jit(lambda x: jax.lax.cond(x[0, 0] > 0, lambda: x @ x.T, lambda: x + 1))
    x = cuda_compiler.on_every_device(jax.ShapeDtypeStruct((64, 64), "float32"), card())
    assert " conditional(" in branch.trace(x).lower().compile().as_text()


def test_the_first_state_compiles():
    plan = cuda_compiler.compile_call(gpu_plan.initial_state_call(TINY, card()))
    recipe = setup.build_recipe(TINY, gpu_plan.HUMAN36M, 30)
    state = setup.init_program(recipe).eval_shape(jax.random.key(0))
    assert plan.peak >= sum(leaf.size * 4 for leaf in jax.tree.leaves(state.params)) * 4
