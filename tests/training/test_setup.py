"""From settings to a training program: equal settings give equal recipes, and the losses are what they say."""

import dataclasses
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.samples import DESCRIPTION

from jaxpose import losses
from jaxpose.skeleton import H36M_17
from jaxpose.training import loop, setup
from jaxpose.training.config import Config
from jaxpose.training.step import ConsecutiveWindows

pytestmark = pytest.mark.usefixtures("compiled_soon")

CONFIG = Config(filter_widths=(3,), channels=8, batch_size=16, clips=8, constraints={"angle": 2.0, "acceleration": 1.0})


def recipe_of(config=CONFIG, windows=40, **changes):
    return setup.build_recipe(dataclasses.replace(config, **changes), DESCRIPTION, windows)


def test_equal_settings_are_equal_recipes_and_share_their_programs():
    one, two = recipe_of(), recipe_of(constraints={"acceleration": 1.0, "angle": 2.0})
    assert one == two
    assert hash(one) == hash(two)
    assert loop.step_program(one) is loop.step_program(two)
    assert loop.loop_program(one) is loop.loop_program(two)
    assert setup.init_program(one) is setup.init_program(two)


@pytest.mark.parametrize(
    "changes", [{"seed": 1}, {"data": "elsewhere"}, {"steps": 7}, {"log_every": 3}, {"test_split": "S5"}, {"keep": 9}]
)
def test_settings_that_change_no_program_change_no_recipe(changes):
    assert recipe_of(**changes) == recipe_of()


@pytest.mark.parametrize(
    "changes",
    [
        {"channels": 16}, {"frames": 3}, {"dropout": 0.5}, {"learning_rate": 0.01}, {"learning_rate_decay": 0.5},
        {"epochs": 3}, {"constraints": {}}, {"constraints": {"angle": 1.0, "acceleration": 1.0}}, {"ramp": (0.0, 1.0)},
        {"clip_frames": 5}, {"causal": True}, {"precision": "tf32"}, {"batch_size": 8},
    ],
)  # fmt: skip
def test_settings_that_change_the_program_change_the_recipe(changes):
    assert recipe_of(**changes) != recipe_of()


def test_the_recipe_names_what_a_step_returns():
    assert recipe_of().logged == ("loss", "position", "acceleration", "angle", "gradient_norm")
    assert recipe_of(constraints={}).logged == ("loss", "position", "gradient_norm")
    assert recipe_of(windows=47).steps_per_epoch == 6  # 94 samples in batches of 16


def test_the_position_loss_is_mpjpe_in_metres():
    targets = np.zeros((2, 3, 17, 3), np.float32)
    assert jax.jit(setup.position_loss)(targets + np.float32([0.5, 0, 0]), targets) == 0.5


def test_constraints_grow_from_zero_over_the_ramp():
    random = np.random.default_rng(0)
    poses = random.normal(size=(2, 4, 17, 3)).astype(np.float32)
    predictions = poses + 0.02 * random.normal(size=poses.shape).astype(np.float32)
    windows = ConsecutiveWindows(jnp.zeros(()), poses, np.ones((2, 4), bool))
    loss = jax.jit(setup.constraint_loss((("acceleration", 1.0), ("angle", 2.0)), (1.0, 3.0), H36M_17))
    terms = loss(predictions, windows, 0.0)[1]
    weighted = losses.LOSS_SCALE * (2 * terms["angle"] + terms["acceleration"])
    for epoch, share in ((0.0, 0), (1.0, 0), (1.5, 0.25), (2.0, 0.5), (3.0, 1), (50.0, 1)):
        np.testing.assert_allclose(loss(predictions, windows, epoch)[0], share * weighted, rtol=1e-6)


def test_the_first_state_depends_on_the_key_alone():
    recipe = recipe_of(constraints={})
    one, two, other = (jax.device_get(setup.init(recipe, jax.random.key(seed))) for seed in (0, 0, 1))
    assert one.step == 0
    assert not any(np.any(leaf) for leaf in jax.tree.leaves((one.opt_state, one.sums)))
    for a, b in zip(*map(jax.tree.leaves, (one.params, two.params)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(np.any(a != b) for a, b in zip(*map(jax.tree.leaves, (one.params, other.params)), strict=True))
    shapes = setup.variable_shapes(recipe.model, DESCRIPTION)
    assert jax.tree.map(jnp.shape, one.variables) == jax.tree.map(jnp.shape, shapes)


def mesh_of(platform):
    """What a recipe asks of a mesh."""
    return SimpleNamespace(size=1, devices=np.asarray([SimpleNamespace(platform=platform)]))


@pytest.mark.parametrize(("platform", "levels"), [("cpu", [1, 2]), ("cuda", [])])
def test_only_a_cpu_is_told_to_optimise_less(monkeypatch, platform, levels):
    """Decided when a program is made, by the devices that it is made for, not when the module is imported."""
    recipe, asked = recipe_of()._replace(mesh=mesh_of(platform)), []

    def jit(function, *, compiler_options=None, **_):
        asked.extend((compiler_options or {}).values())
        return lambda *_: (None, None)

    monkeypatch.setattr(jax, "jit", jit)
    setup.init_program.__wrapped__(recipe)
    for program in ("loop_program", "step_program"):
        monkeypatch.setattr(loop, program, getattr(loop, program).__wrapped__)
    loop.train_steps(None, None, None, None, 3, recipe)
    assert asked == levels


def test_a_batch_that_the_devices_cannot_divide_is_refused(monkeypatch):
    monkeypatch.setattr(setup, "data_mesh", lambda: SimpleNamespace(size=3))
    with pytest.raises(setup.InputError, match="--batch-size is 16; it must be a multiple of the 3 devices"):
        recipe_of()
    with pytest.raises(setup.InputError, match="--clips is 8; it must be a multiple of the 3 devices"):
        recipe_of(batch_size=18)
