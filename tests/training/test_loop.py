"""The training step: it learns, it never retraces, and a resumed run is the run that never stopped."""

import dataclasses
import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.samples import DESCRIPTION, make_track

from jaxpose.data.track import track_lengths
from jaxpose.data.windows import pack, take_windows, window_starts
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17
from jaxpose.training import loop, setup
from jaxpose.training.config import Config
from jaxpose.training.step import ConsecutiveWindows, train_step

pytestmark = pytest.mark.usefixtures("compiled_soon")

CONFIG = Config(filter_widths=(3, 3), channels=32, batch_size=16, epochs=40)


@functools.lru_cache  # one recipe for each configuration, so that tests share compiled programs
def problem(config=CONFIG):
    tracks = [make_track(frames=frames, seed=frames) for frames in (30, 17)]
    starts = window_starts(track_lengths(tracks), config.frames)
    return setup.build_recipe(config, DESCRIPTION, len(starts)), pack(tracks), jnp.asarray(starts)


def trained(recipe, data, starts, *, until, state=None, steps_per_call=5):
    state = setup.init(recipe, jax.random.key(0)) if state is None else state
    records = []
    for state, record in loop.run(state, recipe, data, starts, until=until, steps_per_call=steps_per_call):  # noqa: B007, B020
        records += [] if record is None else [record]
    return state, records


def copied(state):
    """A state that survives the donation of the original."""
    return jax.tree.map(jnp.copy, state)


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("causal", [False, True])
def test_a_tiny_problem_is_learnt(frames, causal):
    config = dataclasses.replace(CONFIG, dropout=0.0, learning_rate_decay=1.0, frames=frames, causal=causal)
    state, records = trained(*problem(config), until=300, steps_per_call=50)
    assert int(state.step) == 300
    assert records[-1]["loss"] < 0.2 * records[0]["loss"]
    chex.assert_tree_all_finite(state.params)


def test_every_run_of_steps_is_one_program():
    recipe, data, starts = problem()
    before = loop.train_steps._cache_size()
    trained(recipe, data, starts, until=13, steps_per_call=4)
    assert loop.train_steps._cache_size() == before + 1


def test_records_tell_the_schedules():
    recipe, data, starts = problem()
    assert recipe.steps_per_epoch == 6  # 94 samples in batches of 16
    _, records = trained(recipe, data, starts, until=14, steps_per_call=4)
    assert [record["step"] for record in records] == [4, 6, 10, 12, 14]
    assert [record["learning_rate"] for record in records] == pytest.approx([0.001, 0.001, 0.00095, 0.00095, 0.0009025])
    assert records[2]["momentum"] == pytest.approx(0.1 * 100 ** (-1 / 40))
    assert records[1]["epoch"] == 1
    assert records[0]["loss"] == records[0]["position"]


@pytest.mark.parametrize("stop", [1, 6, 9])
def test_a_resumed_run_is_bit_for_bit_the_run_that_never_stopped(stop):
    recipe, data, starts = problem()
    whole, records = trained(recipe, data, starts, until=14)
    half, (*_, last) = trained(recipe, data, starts, until=stop)
    assert loop.record(half, recipe) == last  # a checkpoint holds the record that ends with it
    resumed, rest = trained(recipe, data, starts, until=14, state=copied(half))
    chex.assert_trees_all_equal(whole, resumed)
    ends = [record["step"] for record in rest]
    assert rest == [record for record in records if record["step"] in ends]


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    recipe, data, starts = problem()
    one, two = (trained(recipe, data, starts, until=3)[0] for _ in range(2))
    chex.assert_trees_all_equal(one, two)
    other, _ = trained(recipe, data, starts, until=3, state=setup.init(recipe, jax.random.key(1)))
    assert any(jnp.any(a != b) for a, b in zip(*map(jax.tree.leaves, (one.params, other.params)), strict=True))


def test_many_steps_in_one_call_are_the_steps_one_by_one():
    recipe, data, starts = problem()
    together, _ = trained(recipe, data, starts, until=6, steps_per_call=6)
    single, _ = trained(recipe, data, starts, until=6, steps_per_call=1)
    # The sums are those of the last record.
    chex.assert_trees_all_equal(together.replace(sums={}), single.replace(sums={}))


def test_batch_statistics_follow_the_momentum_of_the_step():
    recipe, data, starts = problem()
    state = setup.init(recipe, jax.random.key(0))
    keypoints, poses = take_windows(data, starts[:16], 1, recipe.model.context)
    step = jax.jit(train_step, static_argnames="recipe")
    stepped, _ = step(state, keypoints, poses, recipe._replace(momentum=lambda step: 1.0))
    kernel = state.params["expand"]["kernel"]
    windows = np.asarray(keypoints, np.float64).reshape(16, 3, -1)
    outputs = windows @ np.asarray(kernel, np.float64).reshape(-1, 32)
    np.testing.assert_allclose(stepped.batch_stats["expand_norm"]["mean"], outputs.mean(axis=(0, 1)), atol=1e-5)
    np.testing.assert_allclose(
        stepped.batch_stats["expand_norm"]["var"], outputs.var(axis=(0, 1), ddof=1), rtol=1e-3, atol=1e-6
    )


def test_an_epoch_sees_every_window_and_its_mirror_image():
    """With a batch of all samples the mean prediction target is symmetric."""
    recipe, data, starts = problem(Config(filter_widths=(3, 3), channels=8, batch_size=94, epochs=2))
    seen = []

    def spy(predictions, targets):
        jax.debug.callback(lambda t: seen.append(np.asarray(t)), targets)
        return setup.position_loss(predictions, targets)

    trained(recipe._replace(loss=spy), data, starts, until=1)
    targets = seen[0][:, 0]
    mirrored = targets[:, list(DESCRIPTION.skeleton.mirrored)] * [-1, 1, 1]
    assert len(np.unique(targets.reshape(94, -1).round(5), axis=0)) == 94
    np.testing.assert_allclose(np.sort(targets.sum((1, 2))), np.sort(mirrored.sum((1, 2))), atol=1e-4)


def test_the_position_loss_is_mpjpe_in_metres():
    targets = jnp.zeros((2, 3, 17, 3))
    assert setup.position_loss(targets.at[..., 0].set(0.5), targets) == 0.5


CONSTRAINED = dataclasses.replace(
    CONFIG, constraints={"angle": 2.0, "acceleration": 1.0}, ramp=(1.0, 3.0), clips=8, clip_frames=4
)


def test_constraints_grow_from_zero_over_the_ramp():
    poses = jax.random.normal(jax.random.key(0), (2, 4, 17, 3))
    predictions = poses + 0.02 * jax.random.normal(jax.random.key(1), poses.shape)
    clips = ConsecutiveWindows(jnp.zeros(()), poses, jnp.ones((2, 4), bool))
    constraints = setup.build_constraints(CONSTRAINED, H36M_17)
    for epoch, share in ((0.0, 0), (1.0, 0), (1.5, 0.25), (2.0, 0.5), (3.0, 1), (50.0, 1)):
        added, parts = constraints(predictions, clips, epoch)
        np.testing.assert_allclose(added, share * 1e-3 * (2 * parts["angle"] + parts["acceleration"]), rtol=1e-6)


def test_clips_are_consecutive_frames_of_the_batch_s_tracks():
    recipe, data, starts = problem(CONSTRAINED)
    seen, windows = [], []

    def constraints(predictions, clips, epoch):
        jax.debug.callback(lambda *clip: seen.append(jax.tree.map(np.asarray, clip)), *clips)
        return jnp.mean(predictions) * 0, {}

    def loss(predictions, targets):
        jax.debug.callback(lambda t: windows.append(np.asarray(t)), targets)
        return setup.position_loss(predictions, targets)

    trained(recipe._replace(constraints=constraints, loss=loss), data, starts, until=2)
    poses = np.asarray(data.poses)
    mirrored = poses[:, list(DESCRIPTION.skeleton.mirrored)] * np.float32([-1, 1, 1])
    for (keypoints, clip_poses, visible), batch in zip(seen, windows, strict=True):
        assert keypoints.shape[:2] == (8, sum(recipe.model.context) + 4)
        assert visible.all()
        for clip, window in zip(clip_poses, batch, strict=False):
            (source,) = (s for s in (poses, mirrored) if (s == clip[0]).all((1, 2)).any())
            (begin,) = np.flatnonzero((source == clip[0]).all((1, 2)))
            np.testing.assert_array_equal(clip, source[begin : begin + 4])
            assert data.track[begin] == data.track[begin + 3]
            assert (clip == window[0]).all((1, 2)).any()  # the window's frame is one of the clip's


def test_without_constraints_clips_change_nothing():
    plain, data, starts = problem()
    other, _, _ = problem(dataclasses.replace(CONFIG, clips=3, clip_frames=5))
    chex.assert_trees_all_equal(*(trained(recipe, data, starts, until=3)[0].params for recipe in (plain, other)))


def test_constraints_move_the_weights_once_the_ramp_begins():
    recipe, data, starts = problem(CONSTRAINED)
    plain, _, _ = problem()
    before = recipe.steps_per_epoch
    states = [trained(r, data, starts, until=before)[0].params for r in (plain, recipe)]
    chex.assert_trees_all_close(*states, rtol=1e-4, atol=1e-6)
    states = [trained(r, data, starts, until=before + 3)[0].params for r in (plain, recipe)]
    with pytest.raises(AssertionError):
        chex.assert_trees_all_close(*states, rtol=1e-4, atol=1e-6)


def test_a_loss_that_is_not_finite_stops_the_run():
    recipe, data, starts = problem()
    data = data._replace(poses=data.poses.at[3].set(jnp.inf))
    order = loop.order_of_epoch(setup.init(recipe, jax.random.key(0)), recipe)
    bad = int(np.flatnonzero(np.asarray(order) % 47 == 3)[0]) // 16  # the first step that sees the frame
    before, _ = trained(recipe, data, starts, until=bad)
    with pytest.raises(loop.NotFiniteError, match=rf"the loss is (inf|nan) between steps {bad} and {bad + 1}") as error:
        trained(recipe, data, starts, until=10)
    chex.assert_trees_all_equal(error.value.state.params, before.params)
    chex.assert_trees_all_equal(error.value.state.opt_state, before.opt_state)
    assert error.value.step == bad


def test_a_gradient_that_is_not_finite_stops_the_run_too():
    recipe, data, starts = problem()
    recipe = recipe._replace(loss=lambda p, t: setup.position_loss(p, t) + 0 * jnp.sqrt(jnp.sum(p[0, 0, 0] * 0)))
    with pytest.raises(InputError, match=r"the gradient is not finite between steps 0 and 1; lower --learning-rate"):
        trained(recipe, data, starts, until=10)


def test_calls_cut_by_time_give_the_same_records_and_bits():
    recipe, data, starts = problem()
    whole, records = trained(recipe, data, starts, until=14, steps_per_call=4)
    calls, state = [], setup.init(recipe, jax.random.key(0))
    for state, record in loop.run(state, recipe, data, starts, until=14, steps_per_call=4, seconds=1e-9):  # noqa: B007, B020
        calls.append(record)
    assert len(calls) == 14  # a step each
    assert [record for record in calls if record] == records
    chex.assert_trees_all_equal(whole, state)


def test_nothing_of_a_call_touches_the_host():
    """Lowering for CUDA refuses host callbacks, so it proves that there are none; float64 would show in the text."""
    recipe, data, starts = problem()
    state = setup.init(recipe, jax.random.key(0))
    order = loop.order_of_epoch(state, recipe)
    traced = loop.train_steps.trace(state, data, starts, order, np.int32(2), recipe)
    text = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert "f64" not in text
    assert "callback" not in text
