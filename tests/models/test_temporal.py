"""The stack against a direct dilated convolution in float64, and every window length against the whole track."""

import math
import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.networks import model_of
from hypothesis import given
from hypothesis import strategies as st

from experiments.benchmarks import work
from jaxpose.models import temporal
from jaxpose.models.temporal import TemporalModel

pytestmark = pytest.mark.usefixtures("compiled_soon")

STACKS = {
    "27": {"filter_widths": (3, 3, 3)},
    "causal": {"filter_widths": (3, 3, 3), "causal": True},
    "dense": {"filter_widths": (3, 3, 3), "dense": True},
    "odd widths": {"filter_widths": (3, 5, 1, 3)},
    "one frame": {"filter_widths": (1, 1)},
    "causal odd": {"filter_widths": (5, 3, 3), "causal": True},
}


def variables_of(model, joints=4, seed=0):
    """Weights, with running statistics and norms that are not the identity, so that they matter."""
    example = jnp.zeros((1, sum(model.context) + 1, joints, 2))
    variables = model.init(jax.random.key(seed), example)
    keys = iter(jax.random.split(jax.random.key(seed + 1), len(jax.tree.leaves(variables))))

    def unlike_the_start(path, leaf):
        return leaf if path[-1].key == "kernel" else jax.random.uniform(next(keys), leaf.shape, minval=0.5)

    return jax.tree_util.tree_map_with_path(unlike_the_start, variables)


def direct(model, variables, keypoints):
    """The published whole-track network in float64: at each layer a loop over frames and taps."""
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


@pytest.mark.parametrize("stack", STACKS)
def test_whole_track_agrees_with_a_direct_convolution(stack):
    model = model_of(**STACKS[stack])
    variables = variables_of(model)
    keypoints = np.random.default_rng(0).normal(size=(sum(model.context) + 20, 4, 2)).astype(np.float32)
    ours = model.apply(variables, keypoints[None])[0]
    np.testing.assert_allclose(ours, direct(model, variables, keypoints), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 9, 10, 14])
def test_windows_of_any_length_agree_with_the_whole_track(stack, frames):
    model = model_of(**STACKS[stack])
    variables = variables_of(model)
    before, after = model.context
    track = jnp.asarray(np.random.default_rng(1).normal(size=(before + 30 + after, 4, 2)), jnp.float32)
    whole = model.apply(variables, track[None])[0]
    starts = np.arange(0, 30 - frames + 1, 4)
    windows = jnp.stack([track[s : s + before + frames + after] for s in starts])
    np.testing.assert_allclose(
        model.apply(variables, windows), np.stack([whole[s : s + frames] for s in starts]), rtol=1e-4, atol=1e-5
    )


@given(
    widths=st.lists(st.sampled_from([1, 3, 5, 7]), min_size=1, max_size=4).map(tuple),
    frames=st.integers(1, 60),
    causal=st.booleans(),
    dense=st.booleans(),
)
def test_the_plan_holds_exactly_the_frames_that_are_needed(widths, frames, causal, dense):
    needed = set(range(frames))
    for reading in reversed(temporal.receptive_plan(widths, frames, causal=causal, dense=dense)):
        assert needed == held(reading.output)
        needed = {frame + tap * reading.dilation for frame in needed for tap in range(reading.width)}
        assert needed == held(reading.input)
    assert needed == set(range(frames + math.prod(widths) - 1))


def held(frames):
    """The set of frames, which must be stored once each."""
    listed = [c * frames.spacing + k for c in range(frames.clusters) for k in range(frames.length)]
    assert len(set(listed)) == len(listed)
    return set(listed)


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
    variables = variables_of(model)
    track = jnp.asarray(np.random.default_rng(2).normal(size=(1, 40, 4, 2)), jnp.float32)
    changed = track.at[:, 30:].add(1)
    one, other = model.apply(variables, track)[0], model.apply(variables, changed)[0]
    np.testing.assert_array_equal(one[: 30 - 26], other[: 30 - 26])
    assert (jnp.abs(one[30 - 26 :] - other[30 - 26 :]).max(axis=(1, 2)) > 0).all()


def test_too_few_frames_are_refused():
    model = model_of()
    with pytest.raises(ValueError, match="26 frames are fewer than the receptive field, 27"):
        model_of(filter_widths=(3, 3, 3)).init(jax.random.key(0), jnp.zeros((1, 26, 4, 2)))
    with pytest.raises(AssertionError):
        model.init(jax.random.key(0), jnp.zeros((243, 4, 2)))


def test_initial_weights_are_uniform_within_the_fan_in_bound():
    model = TemporalModel(17, (3, 3), 64)
    params = model.init(jax.random.key(0), jnp.zeros((1, 9, 17, 2)))["params"]
    for name, fan_in in {"expand": 3 * 34, "dilated_1": 3 * 64, "pointwise_1": 64, "shrink": 64}.items():
        kernel, bound = params[name]["kernel"], 1 / math.sqrt(fan_in)
        assert 0.98 * bound < jnp.abs(kernel).max() <= bound
        np.testing.assert_allclose(kernel.std(), bound / math.sqrt(3), rtol=0.05)


@pytest.mark.parametrize("frames", [1, 4, 10])
def test_gradients_are_finite_and_reach_every_weight(frames):
    model = model_of(filter_widths=(3, 3, 3))
    variables = variables_of(model)
    keypoints = jnp.asarray(np.random.default_rng(4).normal(size=(6, 26 + frames, 4, 2)), jnp.float32)

    def loss(params):
        out, _ = model.apply(
            variables | {"params": params}, keypoints, train=True,
            mutable=["batch_stats"], rngs={"dropout": jax.random.key(0)},
        )  # fmt: skip
        return jnp.sum(out**2)

    gradients = jax.jit(jax.grad(loss))(variables["params"])
    chex.assert_tree_all_finite(gradients)
    assert all(jnp.any(g != 0) for g in jax.tree.leaves(gradients))


@pytest.mark.parametrize("frames", [1, 4])
def test_bfloat16_is_close(frames):
    model = model_of(filter_widths=(3, 3), precision="bfloat16")
    variables = variables_of(model)
    keypoints = jnp.asarray(np.random.default_rng(5).normal(size=(4, 8 + frames, 4, 2)), jnp.float32)
    exact = model_of(filter_widths=(3, 3)).apply(variables, keypoints)
    rounded = model.apply(variables, keypoints)
    assert rounded.dtype == jnp.float32
    assert 0 < jnp.abs(rounded - exact).max() < 0.05 * jnp.abs(exact).max()


def test_coordinates_keep_their_digits_in_bfloat16():
    model = model_of(filter_widths=(3, 3, 3), precision="bfloat16")
    text = jax.jit(model.apply).lower(variables_of(model), jnp.zeros((4, 27, 4, 2))).as_text()
    factors = re.findall(r"stablehlo\.dot_general .*: \(tensor<\S*x(\w+)>, tensor<\S*x(\w+)>\)", text)
    assert factors == [("f32", "f32"), *[("bf16", "bf16")] * 4, ("f32", "f32")]


@pytest.mark.parametrize(("precision", "highest"), [("float32", True), ("tf32", False)])
def test_tensor_cores_are_a_choice(precision, highest):
    model = model_of(filter_widths=(3, 3), precision=precision)
    keypoints = jnp.zeros((1, 9, 4, 2))
    text = jax.jit(model.apply).lower(variables_of(model), keypoints).as_text()
    assert ("HIGHEST" in text) is highest


@pytest.mark.parametrize("frames", work.FRAMES)
@pytest.mark.parametrize("training", [False, True])
def test_work_and_memory_are_near_the_least(frames, training):
    """What XLA counts and plans; norms, activations and copies of weights are a small part of it at this size."""
    model = TemporalModel(17, channels=512)
    row = work.measured(model, work.equal_batch(model, frames, 4096), frames, training=training)
    assert 1 <= row.more_work < 1.05
    # For the backward pass XLA stores what follows element by element too: see experiments/benchmarks/README.md.
    assert 1 <= row.more_memory < (5 if training else 2.1)
