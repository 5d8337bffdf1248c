"""From settings to a training program: equal settings give equal recipes, and the losses are what they say."""

import dataclasses
import functools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.networks import Standardised, WindowLinear
from helpers.problems import problem
from helpers.samples import DESCRIPTION

from jaxpose import losses
from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.data.transforms import TRANSFORMS
from jaxpose.models.configs import TemporalConfig
from jaxpose.runtime.errors import InputError
from jaxpose.training import loop, objectives, setup
from jaxpose.training.config import Config
from jaxpose.training.optimizer import OPTIMIZERS, SCHEDULES
from jaxpose.training.step import Objective, Stream
from jaxpose.training.streams import STREAMS, take_windows

pytestmark = pytest.mark.usefixtures("compiled_soon")

NETWORK = TemporalConfig(filter_widths=(3,), channels=8)
CONFIG = Config(model=NETWORK, batch_size=16, clips=8, constraints={"angle": 2.0, "acceleration": 1.0})


def recipe_of(config=CONFIG, windows=40, **changes):
    return setup.build_recipe(dataclasses.replace(config, **changes), DESCRIPTION, windows)


def network(**changes):
    return dataclasses.replace(NETWORK, **changes)


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
        {"model": network(channels=16)}, {"frames": 3}, {"model": network(dropout=0.5)}, {"learning_rate": 0.01},
        {"learning_rate_decay": 0.5}, {"epochs": 3}, {"constraints": {}}, {"ramp": (0.0, 1.0)},
        {"constraints": {"angle": 1.0, "acceleration": 1.0}}, {"clip_frames": 5}, {"clip_gap": 2},
        {"model": network(causal=True)},
        {"model": network(precision="tf32")}, {"batch_size": 8}, {"clips": 16}, {"loss": "mse"}, {"augment": ()},
        {"augment": ("yaw",)}, {"augment": ("mirror", "yaw")}, {"augment": ("yaw", "mirror")}, {"optimizer": "adam"},
        {"schedule": "cosine"}, {"model": network(aim=5)}, {"model": network(aim=7)},
    ],
)  # fmt: skip
def test_settings_that_change_the_program_change_the_recipe(changes):
    assert recipe_of(**changes) != recipe_of()


TIMED = DESCRIPTION._replace(fps=50.0)


def test_frame_rates_change_the_recipe_and_need_data_of_one_rate():
    config = dataclasses.replace(CONFIG, frame_rates=(25.0, 60.0))
    assert setup.build_recipe(config, TIMED, 40).frame_rates == (25.0, 60.0)
    assert setup.build_recipe(config, TIMED, 40) != setup.build_recipe(CONFIG, TIMED, 40)
    with pytest.raises(InputError, match="--frame-rates needs data of one frame rate, and these have several; prepare"):
        recipe_of(frame_rates=(25.0, 60.0))


@pytest.mark.parametrize("augment", [("lens",), ("mirror", "lens")])
def test_the_ranges_of_augmentations_change_the_recipe_of_those_that_draw_from_them(augment):
    hidden = Augmentation(unknown_lens=0.1)
    assert recipe_of(augment=augment) != recipe_of(augment=augment, augmentation=hidden)
    assert recipe_of(augment=augment) == recipe_of(augment=augment, augmentation=Augmentation())


def test_the_recipe_names_what_a_step_returns():
    norms = ("gradient_norm", "update_norm", "parameter_norm")
    assert recipe_of().logged == ("loss", "position", "acceleration", "angle", *norms)
    assert recipe_of(constraints={}).logged == ("loss", "position", *norms)
    assert recipe_of(windows=47).steps_per_epoch == 6  # 94 samples in batches of 16
    assert recipe_of(windows=47, augment=()).steps_per_epoch == 3  # 47 samples


def test_the_streams_are_those_of_the_objectives():
    clips = Stream("clips", STREAMS["clips"], 8, 3)
    assert recipe_of(frames=5).streams == (Stream("windows", STREAMS["windows"], 16, 5), clips)
    assert recipe_of(constraints={}).streams == (Stream("windows", STREAMS["windows"], 16, 1),)


CHOICES = {
    "loss": objectives.LOSSES, "optimizer": OPTIMIZERS, "schedule": SCHEDULES, "augment": TRANSFORMS,
    "objectives": objectives.OBJECTIVES, "constraints": losses.QUANTITIES,
}  # fmt: skip


@pytest.mark.parametrize("setting", CHOICES)
def test_a_name_that_is_not_known_is_refused_with_the_nearest(monkeypatch, setting):
    """Also by the recipe; and a plugin's name is taken."""
    monkeypatch.setitem(CHOICES[setting], "mine_alone", losses.QUANTITIES["angle"])

    def named(name):
        kinds = {"augment": (name,), "objectives": (name,), "constraints": {name: 1.0}}
        return dataclasses.replace(CONFIG, **{setting: kinds.get(setting, name)})

    message = rf"--{setting} is 'mine_alon'; perhaps you meant mine_alone; the choices are .*mine_alone.*--plugin FILE"
    for refuse in (setup.check_names, lambda config: setup.build_recipe(config, DESCRIPTION, 40)):
        with pytest.raises(InputError, match=message):
            refuse(named("mine_alon"))
    setup.check_names(named("mine_alone"))
    with pytest.raises(InputError, match=rf"--{setting} is 'qqqqq'; the choices are "):
        setup.check_names(named("qqqqq"))


def test_where_there_are_no_choices_there_are_none():
    with pytest.raises(InputError, match="--objectives is 'x'; the choices are none, and --plugin FILE adds what that"):
        setup.find({}, "x", "objectives")


@pytest.mark.parametrize(
    ("terms", "frames", "needed"),
    [({"velocity": 1.0}, 1, 2), ({"acceleration": 1.0, "angle": 1.0}, 2, 3), ({"consistency": 1.0}, 1, 2)],
)
def test_clips_too_short_for_a_difference_in_time_are_refused(terms, frames, needed):
    config = dataclasses.replace(CONFIG, constraints=terms, clip_frames=frames)
    with pytest.raises(
        InputError, match=f"--clip-frames is {frames}; it must be at least {needed}, for differences in"
    ):
        setup.check_names(config)
    setup.check_names(dataclasses.replace(config, clip_frames=needed))


def test_the_focal_length_is_hidden_last():
    setup.check_names(Config(augment=("mirror", "camera", "lens")))
    with pytest.raises(InputError, match="--augment is lens camera; name lens last"):
        setup.check_names(Config(augment=("lens", "camera")))


def test_the_frames_of_a_clip_may_lie_apart(monkeypatch):
    """The stream gathers all frames from the first to the last, of which the network is given windows of one."""
    assert recipe_of(clip_gap=4).streams[1] == Stream("clips", STREAMS["clips"], 8, 9, 4)
    monkeypatch.setattr(setup, "build_model", lambda *_: FourFrames(17))
    with pytest.raises(InputError, match="--clip-gap is 4; this network takes windows of 4 frames"):
        recipe_of(frames=4, clip_gap=4)


def test_an_objective_of_a_plugin_is_made_from_the_settings_and_the_data(monkeypatch):
    def value(prediction, windows, weight):
        spread = jnp.std(prediction.poses)
        return weight * spread, {"spread": spread}

    @functools.cache
    def spread(config, description):
        return Objective("spread", "mine", False, objectives.ramp(*config.ramp), value, (description.skeleton.name,))

    monkeypatch.setitem(objectives.OBJECTIVES, "spread", spread)
    with pytest.raises(InputError, match="--objectives is 'mine'"):  # its stream is not known
        recipe_of(objectives=("spread",))
    monkeypatch.setitem(STREAMS, "mine", take_windows)
    monkeypatch.setitem(objectives.OBJECTIVES, "clipped", lambda *_: spread(*_)._replace(stream="clips"))
    with pytest.raises(InputError, match="--clips is 128; it must be at most --batch-size, 16"):  # constraints or not
        recipe_of(objectives=("spread", "clipped"), constraints={}, clips=128)
    recipe = recipe_of(objectives=("spread",))
    assert [stream.name for stream in recipe.streams] == ["windows", "clips", "mine"]
    assert recipe.streams[2] == Stream("mine", take_windows, 16, 1)
    assert recipe.logged[4] == DESCRIPTION.skeleton.name
    assert recipe == recipe_of(objectives=("spread",))


class FourFrames(WindowLinear):
    """A network of four output frames."""

    frames = 4


def test_a_network_of_a_fixed_number_of_frames_is_given_that_many(monkeypatch):
    monkeypatch.setattr(setup, "build_model", lambda *_: FourFrames(17))
    assert recipe_of(constraints={}, frames=4).frames == 4
    with pytest.raises(InputError, match="--frames is 1; this network takes windows of 4 frames"):
        recipe_of(constraints={})
    with pytest.raises(InputError, match="--clip-frames is 3; this network takes windows of 4 frames"):
        recipe_of(frames=4)
    variables = setup.variable_shapes(FourFrames(17), DESCRIPTION)
    assert variables["params"]["Dense_0"]["kernel"].shape == (3 * 34, 51)


def test_a_network_is_fitted_to_the_training_data():
    """Means and deviations in NumPy; on every device, and nothing else of the state changes."""
    recipe, data, _ = problem()
    recipe = recipe._replace(model=Standardised(17))
    state = setup.init(recipe, jax.random.key(0))
    fitted = setup.fit_collections(state, recipe, data)
    keypoints, poses = jax.device_get((data.keypoints, data.poses))
    np.testing.assert_allclose(fitted.collections["data"]["keypoints"], keypoints.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(fitted.collections["data"]["unit"], poses.std(axis=0), rtol=1e-4, atol=1e-7)
    before, after = (jax.tree.leaves(each.replace(collections={}, key=())) for each in (state, fitted))
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


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
    loop.train_steps(None, None, 3, recipe)
    assert asked == levels


def test_a_batch_that_the_devices_cannot_divide_is_refused(monkeypatch):
    monkeypatch.setattr(setup, "data_mesh", lambda: SimpleNamespace(size=3))
    with pytest.raises(InputError, match="--batch-size is 16; it must be a multiple of the 3 devices"):
        recipe_of()
    with pytest.raises(InputError, match="--clips is 8; it must be a multiple of the 3 devices"):
        recipe_of(batch_size=18)
