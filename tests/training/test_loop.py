"""Many steps of training: they learn, compile once, log the same means however they are cut, and resume bit for bit."""

import dataclasses
import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.samples import DESCRIPTION, make_track

from jaxpose.data.track import track_lengths
from jaxpose.data.windows import pack, window_starts
from jaxpose.runtime.errors import InputError
from jaxpose.training import loop, setup
from jaxpose.training.config import Config
from jaxpose.training.step import Recipe

pytestmark = pytest.mark.usefixtures("compiled_soon")

CONFIG = Config(filter_widths=(3, 3), channels=32, batch_size=16, epochs=40)
CONSTRAINED = dataclasses.replace(
    CONFIG, constraints={"angle": 2.0, "acceleration": 1.0}, ramp=(1.0, 3.0), clips=8, clip_frames=4
)


@functools.cache
def problem(config=CONFIG):
    tracks = [make_track(frames=frames, seed=frames) for frames in (30, 17)]
    starts = window_starts(track_lengths(tracks), config.frames)
    return setup.build_recipe(config, DESCRIPTION, len(starts)), pack(tracks), jax.device_put(starts)


def trained(recipe, data, starts, *, until, state=None, log_every=5, **options):
    """The state after the last step, and the records."""
    state = setup.init(recipe, jax.random.key(0)) if state is None else state
    records = []
    state = loop.run(
        state, recipe, data, starts, until=until, log_every=log_every,
        after_call=lambda _, record: records.append(record), **options,
    )  # fmt: skip
    return state, [record for record in records if record]


@pytest.fixture
def accelerator(monkeypatch):
    """Steps are queued one by one, as on a GPU."""
    monkeypatch.setattr(Recipe, "on_cpu", False)


@functools.cache
def whole_run(log_every=5):
    """14 steps, on the host: over two ends of epochs."""
    return jax.device_get(trained(*problem(), until=14, log_every=log_every))


@pytest.mark.parametrize(("frames", "causal"), [(1, False), (3, True)])
def test_a_tiny_problem_is_learnt(frames, causal):
    config = dataclasses.replace(CONFIG, dropout=0.0, learning_rate_decay=1.0, frames=frames, causal=causal)
    state, records = trained(*problem(config), until=300, log_every=50)
    assert int(state.step) == 300
    assert records[-1]["loss"] < 0.2 * records[0]["loss"]
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(jax.device_get(state.params)))


def test_every_number_of_steps_is_one_program():
    recipe, data, starts = problem()
    trained(recipe, data, starts, until=13, log_every=4)
    assert loop.loop_program(recipe)._cache_size() == 1


def test_records_tell_the_schedules():
    recipe, _, _ = problem()
    assert recipe.steps_per_epoch == 6  # 94 samples in batches of 16
    _, records = whole_run(4)
    assert [record["step"] for record in records] == [4, 6, 10, 12, 14]
    assert [record["learning_rate"] for record in records] == pytest.approx([0.001, 0.001, 0.00095, 0.00095, 0.0009025])
    assert records[2]["momentum"] == pytest.approx(0.1 * 100 ** (-1 / 40))
    assert records[1]["epoch"] == 1
    assert records[0]["loss"] == records[0]["position"]
    assert all(record["gradient_norm"] > 0 for record in records)


@pytest.mark.parametrize("stop", [1, 6, 9])
def test_a_resumed_run_is_bit_for_bit_the_run_that_never_stopped(stop):
    recipe, data, starts = problem()
    whole, records = whole_run()
    half, (*_, last) = trained(recipe, data, starts, until=stop)
    assert loop.record(half, recipe) == last  # a checkpoint holds the record that ends with it
    resumed, rest = trained(recipe, data, starts, until=14, state=half)
    chex.assert_trees_all_equal(whole.replace(key=()), jax.device_get(resumed).replace(key=()))
    ends = [record["step"] for record in rest]
    assert rest == [record for record in records if record["step"] in ends]


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    recipe, data, starts = problem()
    one, two, other = (
        jax.device_get(trained(recipe, data, starts, until=3, state=setup.init(recipe, jax.random.key(seed)))[0].params)
        for seed in (0, 0, 1)
    )
    chex.assert_trees_all_equal(one, two)
    assert any(np.any(a != b) for a, b in zip(*map(jax.tree.leaves, (one, other)), strict=True))


def test_the_length_of_a_record_changes_no_step():
    recipe, data, starts = problem()
    together, single = (jax.device_get(trained(recipe, data, starts, until=6, log_every=n)[0]) for n in (6, 1))
    chex.assert_trees_all_equal(together.replace(sums={}, key=()), single.replace(sums={}, key=()))


def test_calls_cut_by_time_give_the_same_records_and_bits():
    recipe, data, starts = problem()
    whole, records = whole_run(4)
    calls = []
    state = loop.run(
        setup.init(recipe, jax.random.key(0)), recipe, data, starts, until=14, log_every=4, seconds=1e-9,
        after_call=lambda _, record: calls.append(record),
    )  # fmt: skip
    assert len(calls) == 14  # a step each
    assert [record for record in calls if record] == records
    chex.assert_trees_all_equal(whole.replace(key=()), jax.device_get(state).replace(key=()))


def test_steps_queued_one_by_one_are_those_of_the_loop(accelerator):
    """Up to rounding: they are another program."""
    recipe, data, starts = problem()
    whole, records = whole_run()
    state, queued = trained(recipe, data, starts, until=14)
    assert [record["step"] for record in queued] == [record["step"] for record in records]
    for one, other in zip(queued, records, strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    chex.assert_trees_all_close(whole.params, jax.device_get(state.params), rtol=1e-3, atol=1e-5)
    assert loop.step_program(recipe)._cache_size() == 1


def test_an_epoch_sees_every_window_and_its_mirror_image():
    """With a batch of all samples the mean prediction target is symmetric."""
    recipe, data, starts = problem(Config(filter_widths=(3, 3), channels=8, batch_size=94, epochs=2))
    state = setup.init(recipe, jax.random.key(0))

    @jax.jit
    def targets_of_epoch(data, starts):
        samples = loop.next_samples(state, loop.order_of_epoch(state, recipe), recipe)
        return loop.take_batch(data, starts, samples, recipe).poses[:, 0]

    targets = np.asarray(targets_of_epoch(data, starts))
    mirrored = targets[:, list(DESCRIPTION.skeleton.mirrored)] * [-1, 1, 1]
    assert len(np.unique(targets.reshape(94, -1).round(5), axis=0)) == 94
    np.testing.assert_allclose(np.sort(targets.sum((1, 2))), np.sort(mirrored.sum((1, 2))), atol=1e-4)


def test_the_constraints_see_consecutive_frames_about_the_batch_s_windows():
    recipe, data, starts = problem(CONSTRAINED)
    state = setup.init(recipe, jax.random.key(0))

    @jax.jit
    def batch_of_step(data, starts, step):
        order = loop.order_of_epoch(state, recipe)
        return loop.take_batch(data, starts, loop.next_samples(state.replace(step=step), order, recipe), recipe)

    poses = np.asarray(data.poses)
    mirrored = poses[:, list(DESCRIPTION.skeleton.mirrored)] * np.float32([-1, 1, 1])
    for step in range(2):
        batch = jax.device_get(batch_of_step(data, starts, step))
        assert batch.consecutive.keypoints.shape[:2] == (8, sum(recipe.model.context) + 4)
        assert batch.consecutive.visible.all()
        for several, one in zip(batch.consecutive.poses, batch.poses, strict=False):
            (source,) = (s for s in (poses, mirrored) if (s == several[0]).all((1, 2)).any())
            (begin,) = np.flatnonzero((source == several[0]).all((1, 2)))
            np.testing.assert_array_equal(several, source[begin : begin + 4])
            assert data.track[begin] == data.track[begin + 3]
            assert (several == one[0]).all((1, 2)).any()  # the window's frame is one of them


def test_constraints_move_the_weights_once_the_ramp_begins():
    recipe, data, starts = problem(CONSTRAINED)
    plain, _, _ = problem()
    before = recipe.steps_per_epoch
    parameters = {}
    for name, each in (("plain", plain), ("constrained", recipe)):
        states = []
        loop.run(
            setup.init(each, jax.random.key(0)), each, data, starts, until=before + 3, log_every=before,
            after_call=lambda state, _, states=states: states.append(jax.device_get(state.params)),
        )  # fmt: skip
        parameters[name] = states
    first, last = zip(parameters["plain"], parameters["constrained"], strict=True)
    chex.assert_trees_all_close(*first, rtol=1e-4, atol=1e-6)
    with pytest.raises(AssertionError):
        chex.assert_trees_all_close(*last, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("on_cpu", [True, False])
def test_a_loss_that_is_not_finite_stops_the_run(monkeypatch, on_cpu):
    monkeypatch.setattr(Recipe, "on_cpu", on_cpu)
    recipe, data, starts = problem()
    data = data._replace(poses=jax.device_put(np.where(np.arange(47)[:, None, None] == 3, np.inf, data.poses)))
    order = np.asarray(loop.order_of_epoch(setup.init(recipe, jax.random.key(0)), recipe))
    bad = int(np.flatnonzero(order % 47 == 3)[0]) // 16  # the first step that sees the frame
    before, _ = trained(recipe, data, starts, until=bad)
    before = jax.device_get(before)
    with pytest.raises(loop.NotFiniteError, match=rf"the loss is (inf|nan) between steps {bad} and {bad + 1}") as error:
        trained(recipe, data, starts, until=10)  # the steps queued behind it change nothing
    state = jax.device_get(error.value.state)
    chex.assert_trees_all_equal(state.params, before.params)
    chex.assert_trees_all_equal(state.opt_state, before.opt_state)
    assert error.value.step == bad


def test_a_gradient_that_is_not_finite_stops_the_run_too():
    recipe, data, starts = problem()
    recipe = recipe._replace(loss=lambda p, t: setup.position_loss(p, t) + 0 * jnp.sqrt(jnp.sum(p[0, 0, 0] * 0)))
    with pytest.raises(InputError, match=r"the gradient is not finite between steps 0 and 1; lower --learning-rate"):
        trained(recipe, data, starts, until=10)


def test_nothing_crosses_between_host_and_device_unasked(accelerator):
    """Only explicit transfers: the log record, and the step that is read at the end of each call."""
    recipe, data, starts = problem()
    state = setup.init(recipe, jax.random.key(0))
    loop.train_steps(state, data, starts, loop.order_of_epoch(state, recipe), 1, recipe)  # tracing makes constants
    state = setup.init(recipe, jax.random.key(0))
    records = []
    with jax.transfer_guard("disallow"):
        state = loop.run(
            state, recipe, data, starts, until=7, log_every=4,
            after_call=lambda state, _: records.append(state),
        )  # fmt: skip
    assert len(records) == 3
    with jax.transfer_guard("disallow"), pytest.raises(Exception, match=r"[Dd]isallowed host-to-device"):
        jax.jit(lambda x: x + 1)(np.float32(1))  # the guard works on this device


@pytest.mark.parametrize("config", [CONFIG, CONSTRAINED])
def test_nothing_of_a_step_touches_the_host(config):
    """Lowering for CUDA refuses host callbacks, so it proves that there are none; float64 would show in the text.

    A loop or a branch, for which a GPU makes the host wait, is looked for in the compiled program: tests/aot.
    """
    recipe, data, starts = problem(config)
    state = setup.init_program(recipe).eval_shape(jax.random.key(0))
    order = jax.ShapeDtypeStruct((2 * recipe.windows,), np.int32)
    text = loop.step_program(recipe).trace(state, data, starts, order).lower(lowering_platforms=("cuda",)).as_text()
    for refused in ("f64", "callback"):
        assert refused not in text
