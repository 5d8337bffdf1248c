"""The temporal stack against a direct dilated convolution in float64, and windows against the whole track."""

import functools
import math
import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.networks import model_of, random_variables
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.models import temporal
from jaxpose.models.lifter import Progress
from jaxpose.models.temporal import TemporalModel
from jaxpose.runtime import compiled_cost

pytestmark = pytest.mark.usefixtures("compiled_soon")

STACKS = {
    "27": {"filter_widths": (3, 3, 3)},
    "causal": {"filter_widths": (3, 3, 3), "causal": True},
    "dense": {"filter_widths": (3, 3, 3), "dense": True},
    "odd widths": {"filter_widths": (3, 5, 1, 3)},
    "one frame": {"filter_widths": (1, 1)},
    "causal odd": {"filter_widths": (5, 3, 3), "causal": True},
}


def direct(model, variables, keypoints):
    """The published whole-track network in float64: a loop over frames and taps in each layer."""
    p = jax.tree.map(lambda x: np.asarray(x, np.float64), variables["params"])
    s = jax.tree.map(lambda x: np.asarray(x, np.float64), variables["batch_stats"])

    def activate(x, name):
        x = (x - s[name]["mean"]) / np.sqrt(s[name]["var"] + 1e-5) * p[name]["scale"] + p[name]["bias"]
        return np.maximum(x, 0)

    def convolve(x, kernel, dilation):
        span = (len(kernel) - 1) * dilation
        return np.array([sum(x[t + i * dilation] @ w for i, w in enumerate(kernel)) for t in range(len(x) - span)])

    x = np.asarray(keypoints, np.float64).reshape(len(keypoints), -1)
    x = activate(convolve(x, p["expand"]["kernel"], 1), "expand_norm")
    for block in range(1, len(model.filter_widths)):
        width, dilation = model.filter_widths[block], math.prod(model.filter_widths[:block])
        span = (width - 1) * dilation
        lead = span if model.causal else span // 2
        residual = x[lead : len(x) - span + lead]
        x = convolve(x, p[f"dilated_{block}"]["kernel"], 1 if model.dense else dilation)
        x = activate(x, f"dilated_norm_{block}")
        x = residual + activate(x @ p[f"pointwise_{block}"]["kernel"], f"pointwise_norm_{block}")
    return (x @ p["shrink"]["kernel"] + p["shrink"]["bias"]).reshape(len(x), -1, 3)


def tracks_of(model, frames, seed, batch=1):
    """Keypoints (B, N, 4, 2) of which the model predicts `frames` frames."""
    return np.random.default_rng(seed).normal(size=(batch, sum(model.context) + frames, 4, 2)).astype(np.float32)


@functools.partial(jax.jit, static_argnums=0)
def apply(model, variables, keypoints):
    return model.apply(variables, keypoints).poses


@pytest.mark.parametrize("stack", STACKS)
def test_whole_track_agrees_with_a_direct_convolution(stack):
    model = model_of(**STACKS[stack])
    variables, track = random_variables(model), tracks_of(model, 30, seed=0)
    np.testing.assert_allclose(
        apply(model, variables, track)[0], direct(model, variables, track[0]), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 9, 10, 14])
def test_windows_of_any_length_agree_with_the_whole_track(stack, frames):
    model = model_of(**STACKS[stack])
    variables, track = random_variables(model), tracks_of(model, 30, seed=1)
    whole = np.asarray(apply(model, variables, track))[0]
    starts = np.arange(0, 30 - frames + 1, 4)
    windows = np.stack([track[0, start : start + sum(model.context) + frames] for start in starts])
    expected = np.stack([whole[start : start + frames] for start in starts])
    np.testing.assert_allclose(apply(model, variables, windows), expected, rtol=1e-4, atol=1e-5)


@given(
    widths=st.lists(st.sampled_from([1, 3, 5, 7]), min_size=1, max_size=4).map(tuple),
    frames=st.integers(1, 60),
    causal=st.booleans(),
    dense=st.booleans(),
)
def test_the_plan_holds_exactly_the_frames_that_are_needed(widths, frames, causal, dense):
    needed = set(range(frames))
    for reading in reversed(temporal.receptive_plan(widths, frames, causal=causal, dense=dense)):
        assert needed == listed(reading.output)
        needed = {frame + tap * reading.dilation for frame in needed for tap in range(reading.width)}
        assert needed == listed(reading.input)
    assert needed == set(range(frames + math.prod(widths) - 1))


@given(
    widths=st.lists(st.sampled_from([1, 3, 5, 7]), min_size=1, max_size=4).map(tuple),
    causal=st.booleans(),
    data=st.data(),
)
def test_as_few_frames_as_the_first_filter_is_wide_share_nothing_that_is_computed(widths, causal, data):
    frames = data.draw(st.integers(1, widths[0]))
    plans = (temporal.receptive_plan(widths, count, causal=causal, dense=False) for count in (1, frames))
    for one, several in zip(*plans, strict=True):
        assert len(listed(several.output)) == frames * len(listed(one.output))


def listed(frames):
    """All frames of a set, each of which must be stored once."""
    indices = [c * frames.spacing + k for c in range(frames.clusters) for k in range(frames.length)]
    assert len(set(indices)) == len(indices)
    return set(indices)


def test_one_frame_is_the_strided_network():
    readings = temporal.receptive_plan((3, 3, 3), 1, causal=False, dense=False)
    assert [r.input.clusters * r.input.length for r in readings] == [27, 9, 3]


@pytest.mark.parametrize(("widths", "parameters"), [((3, 3, 3), 8_555_571), ((3, 3, 3, 3, 3), 16_952_371)])
def test_parameter_counts_are_the_published_ones(widths, parameters):
    model = TemporalModel(17, widths, 1024)
    example = jnp.zeros((1, math.prod(widths), 17, 2))
    shapes = jax.eval_shape(model.init, jax.random.key(0), example)["params"]
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes)) == parameters


def test_a_causal_model_does_not_see_the_future():
    model = model_of(**STACKS["causal"])
    variables, track = random_variables(model), tracks_of(model, 30, seed=2)
    changed = track.copy()
    changed[:, 26 + 10 :] += 1
    one, other = (np.asarray(apply(model, variables, keypoints))[0] for keypoints in (track, changed))
    np.testing.assert_array_equal(one[:10], other[:10])
    assert (np.abs(one[10:] - other[10:]).max(axis=(1, 2)) > 0).all()


def test_too_few_frames_are_refused():
    model = model_of()
    with pytest.raises(ValueError, match="26 input frames are fewer than the receptive field of 27"):
        jax.eval_shape(model_of(filter_widths=(3, 3, 3)).init, jax.random.key(0), jnp.zeros((1, 26, 4, 2)))
    with pytest.raises(ValueError, match=r"`keypoints` has shape \(243, 4, 2\), but is to be \(B, N, K, C\)"):
        jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((243, 4, 2)))


def test_initial_weights_are_uniform_within_the_fan_in_bound():
    model = TemporalModel(17, (3, 3), 64)
    params = jax.jit(model.init)(jax.random.key(0), np.zeros((1, 9, 17, 2), np.float32))["params"]
    for name, fan_in in {"expand": 3 * 34, "dilated_1": 3 * 64, "pointwise_1": 64, "shrink": 64}.items():
        kernel, bound = np.asarray(params[name]["kernel"]), 1 / math.sqrt(fan_in)
        assert 0.98 * bound < np.abs(kernel).max() <= bound
        np.testing.assert_allclose(kernel.std(), bound / math.sqrt(3), rtol=0.05)


@pytest.mark.parametrize("frames", [1, 4, 10])
def test_gradients_are_finite_and_reach_every_weight(frames):
    model = model_of(filter_widths=(3, 3, 3))
    variables, keypoints = random_variables(model), tracks_of(model, frames, seed=4, batch=6)

    def loss(params):
        out, _ = model.apply(
            variables | {"params": params}, keypoints, train=True,
            mutable=["batch_stats"], rngs={"dropout": jax.random.key(0)},
        )  # fmt: skip
        return jnp.sum(out.poses**2)

    gradients = jax.jit(jax.grad(loss))(variables["params"])
    chex.assert_tree_all_finite(gradients)
    assert all(np.any(g) for g in jax.tree.leaves(gradients))


@pytest.mark.parametrize("frames", [1, 4])
def test_bfloat16_is_close(frames):
    model = model_of(filter_widths=(3, 3), precision="bfloat16")
    variables, keypoints = random_variables(model), tracks_of(model, frames, seed=5, batch=4)
    exact = np.asarray(apply(model_of(filter_widths=(3, 3)), variables, keypoints))
    rounded = np.asarray(apply(model, variables, keypoints))
    assert rounded.dtype == np.float32
    assert 0 < np.abs(rounded - exact).max() < 0.05 * np.abs(exact).max()


def test_coordinates_keep_their_digits_in_bfloat16():
    model = model_of(filter_widths=(3, 3, 3), precision="bfloat16")
    text = apply.lower(model, random_variables(model), tracks_of(model, 1, seed=0, batch=4)).as_text()
    factors = re.findall(r"stablehlo\.dot_general .*: \(tensor<\S*x(\w+)>, tensor<\S*x(\w+)>\)", text)
    assert factors == [("f32", "f32"), *[("bf16", "bf16")] * 4, ("f32", "f32")]


@pytest.mark.parametrize(("precision", "highest"), [("float32", True), ("tf32", False)])
def test_tensor_cores_are_a_choice(precision, highest):
    model = model_of(filter_widths=(3, 3), precision=precision)
    text = apply.lower(model, random_variables(model), tracks_of(model, 1, seed=0)).as_text()
    assert ("HIGHEST" in text) is highest


@pytest.mark.parametrize(
    ("frames", "counts", "evaluation", "training"),
    [
        (1, (9, 3, 1), 9 + 3, 9 + 2 * 3 + 2 * 1),
        (2, (18, 6, 2), 18 + 6, 18 + 2 * 6 + 2 * 2),
        (100, (124, 118, 100), 3 * 118, 124 + 2 * 118 + 2 * 100),
    ],
)
def test_live_activations_are_those_counted_by_hand(frames, counts, evaluation, training):
    model = TemporalModel(17, (3, 3, 3), channels=8)
    plan = temporal.receptive_plan((3, 3, 3), frames, causal=False, dense=False)
    assert tuple(reading.output.clusters * reading.output.length for reading in plan) == counts
    assert temporal.live_activations(model, frames) == 8 * evaluation
    assert temporal.live_activations(model, frames, training=True) == 8 * training


@pytest.mark.parametrize(
    ("frames", "batch", "training"), [(1, 4096, False), (1, 4096, True), (27, 1237, False), (27, 1237, True)]
)
def test_work_and_memory_are_near_the_minimum(frames, batch, training):
    """XLA's count and plan; norms, activations and copies of weights are a small part at this size.

    The marker `aot` has the table of all window lengths: tests/aot/test_work.py.
    """
    model = TemporalModel(17, channels=512)
    keypoints = jax.ShapeDtypeStruct((batch, sum(model.context) + frames, 17, 2), jnp.float32)
    variables = jax.eval_shape(model.init, jax.random.key(0), keypoints)

    def loss(params, batch_stats, keypoints, key):
        variables = {"params": params, "batch_stats": batch_stats}
        prediction, updated = model.apply(
            variables, keypoints, train=True, mutable=["batch_stats"], rngs={"dropout": key}
        )
        return jnp.sum(prediction.poses**2), updated

    if training:
        arguments = (variables["params"], variables["batch_stats"], keypoints, jax.eval_shape(jax.random.key, 0))
        program = jax.jit(jax.grad(loss, has_aux=True)).lower(*arguments).compile()
    else:
        program = apply.lower(model, variables, keypoints).compile()
    least = batch * temporal.multiply_adds(model, 34, frames, training=training)
    assert 1 <= compiled_cost.multiply_adds(program) / least < 1.05
    live = 4 * batch * temporal.live_activations(model, frames, training=training)
    # For the backward pass XLA also stores the inputs of the blocks: experiments/benchmarks/README.md.
    assert 1 <= compiled_cost.temporary_bytes(program) / live < (2.5 if training else 2.1)


def test_momentum_falls_from_a_tenth_to_a_thousandth():
    model = model_of()
    for step in (0, 6, 7, 13, 14, 7 * 79):
        expected = 0.1 * math.exp(-(step // 7) / 80 * math.log(100))
        assert float(model.schedules(Progress(step, 7, 80))["momentum"]) == pytest.approx(expected, rel=1e-5)
    assert float(temporal.batch_norm_momentum(Progress(80 * 7, 7, 80))) == pytest.approx(0.001, rel=1e-5)
    assert float(temporal.batch_norm_momentum(Progress(0, 7, 80))) == pytest.approx(0.1)


def test_training_without_a_progress_is_that_of_the_first_epoch():
    model = model_of(filter_widths=(3,), dropout=0.0)
    variables, keypoints = random_variables(model), tracks_of(model, 1, seed=6, batch=4)

    @jax.jit
    def statistics(progress):
        out, updated = model.apply(variables, keypoints, train=True, progress=progress, mutable=["batch_stats"])
        return out.poses, updated

    chex.assert_trees_all_close(statistics(None), statistics(Progress(6, 7, 80)), rtol=1e-6)
    with pytest.raises(AssertionError):
        chex.assert_trees_all_close(statistics(None), statistics(Progress(7, 7, 80)), rtol=1e-6)


def test_what_it_predicts_is_poses_alone():
    model = model_of(filter_widths=(3,))
    prediction = model.apply(random_variables(model), tracks_of(model, 4, seed=7))
    assert prediction.poses.shape == (1, 4, 5, 3)
    assert prediction.root is prediction.hypotheses is prediction.spread is prediction.unit is None
