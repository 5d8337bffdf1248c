"""Many steps of training: they learn, compile once, log the same means however they are cut, and resume bit for bit."""

import dataclasses
import functools
import types

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.networks import Standardised, WindowLinear
from helpers.problems import CLIPPED, PLAIN, problem, trained, trained_without_transfers

from jaxpose.runtime.errors import InputError
from jaxpose.training import loop, objectives, optimizer, setup
from jaxpose.training.step import Objective, Recipe, Samples, Stream, order_key
from jaxpose.training.streams import next_samples, take_windows

pytestmark = pytest.mark.usefixtures("compiled_soon")


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
    model = dataclasses.replace(PLAIN.model, dropout=0.0, causal=causal)
    config = dataclasses.replace(PLAIN, model=model, learning_rate_decay=1.0, frames=frames)
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
    assert all(record[norm] > 0 for record in records for norm in ("gradient_norm", "update_norm", "parameter_norm"))


@pytest.mark.parametrize("stop", [1, 6, 9])
def test_a_resumed_run_is_bit_for_bit_the_run_that_never_stopped(stop):
    recipe, data, starts = problem()
    whole, records = whole_run()
    half, (*_, last) = trained(recipe, data, starts, until=stop)
    assert loop.record(stop, half.sums, recipe) == last  # a checkpoint holds the record that ends with it
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
        after_call=lambda _state, _step, record: calls.append(record),
    )  # fmt: skip
    assert len(calls) == 14  # a step each
    assert [record for record in calls if record] == records
    chex.assert_trees_all_equal(whole.replace(key=()), jax.device_get(state).replace(key=()))


def test_a_host_that_is_busy_after_a_record_queues_no_longer_calls(monkeypatch):
    """By a clock of its own: a step takes 0.1 s, and the host ten seconds after each record."""
    recipe, data, starts = problem(dataclasses.replace(PLAIN, batch_size=4))
    train_steps, clock, device, calls = loop.train_steps, [0.0], [0.0], []

    def queue(state, samples, steps, recipe):
        calls.append(steps)
        device.append(max(clock[0], device[-1]) + 0.1 * steps)
        return train_steps(state, samples, steps, recipe)

    def wait(call, latest):
        clock[0] = max(clock[0], device[calls_until(call.end)])
        return clock[0]

    def calls_until(end):
        return int(np.searchsorted(np.cumsum(calls), end)) + 1

    def after_call(state, step, record):
        clock[0] += 10 if record else 0

    monkeypatch.setattr(loop, "train_steps", queue)
    monkeypatch.setattr(loop, "_wait_for", wait)
    monkeypatch.setattr(loop, "time", types.SimpleNamespace(monotonic=lambda: clock[0]))
    loop.run(
        setup.init(recipe, jax.random.key(0)), recipe, data, starts, until=24, log_every=8, seconds=0.25,
        needs_state=lambda step: False, after_call=after_call,
    )  # fmt: skip
    assert sum(calls) == 24
    assert max(calls) == 2


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


def test_constraints_move_the_weights_once_the_ramp_begins():
    recipe, data, starts = problem(CLIPPED)
    plain, _, _ = problem()
    before = recipe.steps_per_epoch
    parameters = {}
    for name, each in (("plain", plain), ("constrained", recipe)):
        states = []
        loop.run(
            setup.init(each, jax.random.key(0)), each, data, starts, until=before + 3, log_every=before,
            after_call=lambda state, *_, states=states: states.append(jax.device_get(state.params)),
        )  # fmt: skip
        parameters[name] = states
    first, last = zip(parameters["plain"], parameters["constrained"], strict=True)
    chex.assert_trees_all_close(*first, rtol=1e-4, atol=1e-6)
    with pytest.raises(AssertionError):
        chex.assert_trees_all_close(*last, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("on_cpu", [True, False])
@pytest.mark.parametrize("needed", [True, False])
def test_a_loss_that_is_not_finite_stops_the_run(monkeypatch, on_cpu, needed):
    """Whether or not the next call, even of the next epoch, was queued before: it changes nothing."""
    monkeypatch.setattr(Recipe, "on_cpu", on_cpu)
    recipe, data, starts = problem()
    data = data._replace(poses=jax.device_put(np.where(np.arange(47)[:, None, None] == 3, np.inf, data.poses)))
    key = order_key(setup.init(recipe, jax.random.key(0)))
    batches = (next_samples(recipe, key, np.int32(step)) % 47 for step in range(20))
    bad = next(step for step, samples in enumerate(batches) if 3 in samples)  # the first that sees the frame
    before = jax.device_get(trained(recipe, data, starts, until=bad)[0])
    calls = []
    with pytest.raises(loop.NotFiniteError, match=rf"the loss is (inf|nan) between steps {bad} and {bad + 1}") as error:
        loop.run(
            setup.init(recipe, jax.random.key(0)), recipe, data, starts, until=20, log_every=6,
            needs_state=lambda step: needed, after_call=lambda *call: calls.append(call),
        )  # fmt: skip
    state = jax.device_get(error.value.state)
    chex.assert_trees_all_equal(state.replace(sums={}, key=()), before.replace(sums={}, key=()))
    assert (error.value.step, int(state.step), calls) == (bad, bad, [])


def test_a_gradient_that_is_not_finite_stops_the_run_too():
    recipe, data, starts = problem()

    def rooted(prediction, targets):
        return objectives.mpjpe_loss(prediction, targets) + 0 * jnp.sqrt(jnp.sum(prediction.poses[0, 0, 0] * 0))

    recipe = recipe._replace(objectives=(objectives.position(rooted),))
    with pytest.raises(InputError, match=r"the gradient is not finite between steps 0 and 1; lower --learning-rate"):
        trained(recipe, data, starts, until=10)


def test_nothing_crosses_between_host_and_device_unasked(accelerator):
    """Only explicit transfers: the log record, and the step that is read at the end of each call."""
    assert len(trained_without_transfers(until=7, log_every=4)) == 3
    with jax.transfer_guard("disallow"), pytest.raises(Exception, match=r"[Dd]isallowed host-to-device"):
        jax.jit(lambda x: x + 1)(np.float32(1))  # the guard works on this device


@pytest.mark.parametrize("config", [PLAIN, CLIPPED])
def test_nothing_of_a_step_touches_the_host(config):
    """Lowering for CUDA refuses host callbacks, so it proves that there are none; float64 would show in the text.

    A loop or a branch, for which a GPU makes the host wait, is looked for in the compiled program: tests/aot.
    """
    recipe, data, starts = problem(config)
    state = setup.init_program(recipe).eval_shape(jax.random.key(0))
    samples = Samples(data, starts, jax.eval_shape(order_key, state))
    text = loop.step_program(recipe).trace(state, samples).lower(lowering_platforms=("cuda",)).as_text()
    for refused in ("f64", "callback"):
        assert refused not in text


def recorded_calls(monkeypatch, needs_state, until=12):
    """What happens in turn: calls that are queued, and calls that are read, by the steps that they end with."""
    recipe, data, starts = problem()
    events, queue = [], loop.train_steps

    def train_steps(state, samples, steps, recipe):
        end = steps + sum(done for kind, done in events if kind == "queued")
        events.append(("queued", steps))
        assert end <= until
        return queue(state, samples, steps, recipe)

    monkeypatch.setattr(loop, "train_steps", train_steps)
    states = {}

    def after_call(state, step, record):
        events.append(("read", step))
        states[step] = None if state is None else int(state.step)
        assert record["step"] == step

    state = setup.init(recipe, jax.random.key(0))
    loop.run(state, recipe, data, starts, until=until, log_every=3, needs_state=needs_state, after_call=after_call)
    return events, states


def test_the_next_call_is_queued_before_the_last_one_is_read(monkeypatch):
    events, states = recorded_calls(monkeypatch, lambda step: False)
    queued = ("queued", 3)
    assert events == [queued, queued, ("read", 3), queued, ("read", 6), queued, ("read", 9), ("read", 12)]
    assert states == {3: None, 6: None, 9: None, 12: 12}  # the last state is always there


def test_a_state_that_is_needed_is_read_before_the_next_call_takes_its_memory(monkeypatch):
    events, states = recorded_calls(monkeypatch, lambda step: step == 6)
    queued = ("queued", 3)
    assert events == [queued, queued, ("read", 3), ("read", 6), queued, queued, ("read", 9), ("read", 12)]
    assert states == {3: None, 6: 6, 9: None, 12: 12}


@pytest.mark.parametrize("seconds", [np.inf, 1e-9])
def test_records_and_bits_do_not_depend_on_which_states_are_needed(seconds):
    recipe, data, starts = problem()
    whole, records = whole_run(4)
    state, queued = trained(
        recipe, data, starts, until=14, log_every=4, seconds=seconds, needs_state=lambda step: step == 6
    )
    assert queued == records
    chex.assert_trees_all_equal(whole.replace(key=()), jax.device_get(state).replace(key=()))


def test_a_run_of_a_network_that_aims_at_windows_of_any_frame_rate_resumes_bit_for_bit():
    config = dataclasses.replace(PLAIN, model=dataclasses.replace(PLAIN.model, aim=5), augment=("mirror", "lens"))
    recipe, data, starts = problem(config)
    recipe = recipe._replace(frame_rates=(25.0, 60.0), description=recipe.description._replace(fps=50.0))
    whole, records = jax.device_get(trained(recipe, data, starts, until=10))
    half, _ = trained(recipe, data, starts, until=4)
    resumed, rest = trained(recipe, data, starts, until=10, state=half)
    chex.assert_trees_all_equal(whole.replace(key=()), jax.device_get(resumed).replace(key=()))
    assert rest[-1] == records[-1]
    assert records[-1]["loss"] < records[0]["loss"]


AUGMENTED = dataclasses.replace(CLIPPED, augment=("yaw", "mirror"), ramp=(0.0, 0.5))


def test_a_run_with_transforms_resumes_bit_for_bit():
    """Their random numbers are of the step; 10 steps are 4 and 6."""
    recipe, data, starts = problem(AUGMENTED)
    whole, records = jax.device_get(trained(recipe, data, starts, until=10))
    half, _ = trained(recipe, data, starts, until=4)
    resumed, rest = trained(recipe, data, starts, until=10, state=half)
    chex.assert_trees_all_equal(whole.replace(key=()), jax.device_get(resumed).replace(key=()))
    assert rest[-1] == records[-1]
    plain, _ = trained(*problem(dataclasses.replace(AUGMENTED, augment=("mirror",))), until=10)
    assert any(
        np.any(a != b) for a, b in zip(*map(jax.tree.leaves, (whole.params, jax.device_get(plain.params))), strict=True)
    )


@pytest.mark.parametrize("network", [WindowLinear, Standardised])
def test_any_network_that_keeps_the_contract_trains(network):
    """Without BatchNorm, dropout and schedules; without a collection, and with one that is fitted to the data."""
    recipe, data, starts = problem()
    quick, mse = optimizer.adam(0.02), objectives.position(objectives.mse_loss)
    recipe = recipe._replace(model=network(17), optimizer=quick, objectives=(mse,))
    state = setup.fit_collections(setup.init(recipe, jax.random.key(0)), recipe, data)
    fitted = jax.device_get(state.collections)
    state, records = trained(recipe, data, starts, until=120, log_every=30, state=state)
    assert records[-1]["loss"] < 0.5 * records[0]["loss"]
    assert "momentum" not in records[0]
    chex.assert_tree_all_finite((state.params, records))
    chex.assert_trees_all_equal(jax.device_get(state.collections), fitted)
    if network is Standardised:
        np.testing.assert_allclose(fitted["data"]["keypoints"], np.asarray(data.keypoints).mean(axis=0), atol=1e-5)


def test_a_stream_and_an_objective_of_one_s_own_train_and_are_in_the_log():
    """Windows of random places in training mode, and a term on them beside the position loss."""
    recipe, data, starts = problem()

    def take_random(recipe, stream, samples, key, progress):
        place = jax.random.randint(key, (stream.windows,), 0, len(samples.starts))
        return take_windows(recipe, stream, samples._replace(starts=samples.starts[place]), key, progress)

    def value(prediction, windows, weight):
        size = jnp.mean(jnp.abs(prediction.poses))
        return weight * size, {"size": size}

    size = Objective("size", "random", True, lambda progress: 10.0, value, ("size",))
    own = recipe._replace(
        streams=(*recipe.streams, Stream("random", take_random, recipe.batch_size, 2)),
        objectives=(*recipe.objectives, size),
    )
    state, records = trained(own, data, starts, until=100, log_every=20)
    plain, without = trained(recipe, data, starts, until=100, log_every=20)
    for record in records:
        assert record["loss"] == pytest.approx(record["position"] + 10 * record["size"], rel=1e-4)
    assert records[-1]["size"] < records[0]["size"]
    assert "size" not in without[0]
    prediction = [jax.jit(recipe.model.apply)(each.variables, data.keypoints[None]).poses for each in (state, plain)]
    assert np.abs(prediction[0]).mean() < 0.7 * np.abs(prediction[1]).mean()
