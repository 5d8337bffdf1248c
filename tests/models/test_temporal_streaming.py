"""One frame at a time against the whole track, and the cost of a frame."""

import functools
import math

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import dilated_network
from helpers.networks import model_of, random_variables

from jaxpose.models import temporal, temporal_streaming
from jaxpose.models.aimed import AimedLifter, box_margin
from jaxpose.models.temporal import TemporalModel
from jaxpose.runtime import compiled_cost

pytestmark = pytest.mark.usefixtures("compiled_soon")
STACKS = {
    "causal": {"filter_widths": (3, 3, 3), "causal": True},
    "causal 243": {"filter_widths": (3, 3, 3, 3, 3), "causal": True},
    "causal odd widths": {"filter_widths": (5, 1, 7), "causal": True},
    "causal dense": {"filter_widths": (3, 3), "causal": True, "dense": True},
    "one frame": {"filter_widths": (1, 1)},
    "symmetric": {"filter_widths": (3, 3, 3)},
    "symmetric odd widths": {"filter_widths": (3, 5, 1, 3)},
    "symmetric dense": {"filter_widths": (3, 3), "dense": True},
}
AIMED = {"aimed causal": ("causal", 9), "aimed": ("symmetric", 9), "aimed, one frame": ("symmetric", 1)}
PUBLISHED = TemporalModel(17, (3, 3, 3, 3, 3), 1024, causal=True)


def tracks_of(people, frames, seed=0):
    return np.random.default_rng(seed).normal(size=(people, frames, 4, 2)).astype(np.float32)


def stack_of(name):
    """A small model and its variables."""
    model = model_of(**STACKS[AIMED[name][0] if name in AIMED else name])
    if name in AIMED:
        model = AimedLifter(model, box_margin(AIMED[name][1], causal=model.causal))
    return model, random_variables(model)


@functools.partial(jax.jit, static_argnums=0)
def whole_track(model, variables, tracks):
    """Every frame as in evaluation: (B, T, J, 3)."""
    return model.apply(variables, jnp.pad(tracks, ((0, 0), model.context, (0, 0), (0, 0)), mode="edge")).poses


@functools.partial(jax.jit, static_argnums=0)
def streamed(model, variables, tracks):
    """Every frame by scan, with the last one repeated until all poses are out: (B, T, J, 3)."""
    after = model.context[1]
    fed = jnp.pad(tracks, ((0, 0), (0, after), (0, 0), (0, 0)), mode="edge").swapaxes(0, 1)
    state = temporal_streaming.init(model, variables, tracks[:, 0])
    _, poses = jax.lax.scan(functools.partial(temporal_streaming.step, model, variables), state, fed)
    return poses[after:].swapaxes(0, 1)


@pytest.mark.parametrize("stack", [*STACKS, *AIMED])
def test_a_stream_gives_the_poses_of_the_whole_track(stack):
    model, variables = stack_of(stack)
    tracks = tracks_of(3, sum(model.context) + 40)
    ours, theirs = streamed(model, variables, tracks), whole_track(model, variables, tracks)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("stack", ["causal", "symmetric", *AIMED])
@pytest.mark.parametrize("frames", [1, 5])
def test_a_track_shorter_than_the_receptive_field(stack, frames):
    model, variables = stack_of(stack)
    tracks = tracks_of(2, frames)
    ours, theirs = streamed(model, variables, tracks), whole_track(model, variables, tracks)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_a_stream_that_aims_goes_on_through_frames_in_which_nothing_is_seen():
    """To 1e-5, with a confidence; longer than the box and the receptive field together."""
    model, _ = stack_of("aimed")
    variables = random_variables(model, numbers=3)
    tracks = np.concatenate(
        [0.2 * tracks_of(2, 90) + np.float32([1, 0.3]), np.ones((2, 90, 4, 1), np.float32)], axis=-1
    )
    tracks[0, 20:70, :, 2] = 0
    ours, theirs = streamed(model, variables, tracks), whole_track(model, variables, tracks)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_memory_of_a_stream_that_aims_is_that_of_its_rings_and_updated_in_place():
    model, variables = stack_of("aimed")
    first = tracks_of(16, 1)[:, 0]
    state = jax.eval_shape(functools.partial(temporal_streaming.init, model), variables, first)
    assert state.rays.frames.shape == (9 + 1, 16, 4, 2)
    assert state.orientations.frames.shape == (13 + 1, 16, 4)
    step = jax.jit(temporal_streaming.step, static_argnums=0, donate_argnums=2)
    program = step.lower(model, variables, state, first).compile()
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    assert program.memory_analysis().alias_size_in_bytes == size


def test_scan_is_step_by_step_without_a_retrace():
    model, variables = stack_of("causal")
    tracks = tracks_of(2, 70)
    chex.clear_trace_counter()
    step = jax.jit(chex.assert_max_traces(temporal_streaming.step, n=1), static_argnums=0, donate_argnums=2)
    state, poses = jax.jit(temporal_streaming.init, static_argnums=0)(model, variables, tracks[:, 0]), []
    for frame in range(tracks.shape[1]):
        state, pose = step(model, variables, state, tracks[:, frame])
        poses.append(pose)
    np.testing.assert_allclose(np.stack(poses, axis=1), streamed(model, variables, tracks), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("stack", ["causal", "aimed"])
def test_people_do_not_see_each_other(stack):
    model, variables = stack_of(stack)
    tracks = tracks_of(3, 50)
    together = streamed(model, variables, tracks)
    for person in range(3):
        alone = streamed(model, variables, tracks[person : person + 1])
        np.testing.assert_allclose(together[person], alone[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("stack", ["causal", "aimed"])
def test_a_state_of_other_people_is_refused(stack):
    model, variables = stack_of(stack)
    tracks = tracks_of(3, 2)
    state = jax.eval_shape(functools.partial(temporal_streaming.init, model), variables, tracks[:, 0])
    step = functools.partial(temporal_streaming.step, model)
    with pytest.raises(ValueError, match="the state is of a batch of 3, the keypoints of 1; init makes a state"):
        jax.eval_shape(step, variables, state, tracks[:1, 1])
    with pytest.raises(ValueError, match=r"`keypoints` has shape .*, but is to be \(B, K, C\)"):
        jax.eval_shape(step, variables, state, tracks)


def test_memory_is_that_of_the_receptive_field_and_updated_in_place():
    people, channels, features = 16, 32, 8
    model = model_of(**STACKS["causal 243"], channels=channels)
    example, first = jnp.zeros((1, 243, 4, 2)), jnp.zeros((people, 4, 2))
    variables = jax.eval_shape(model.init, jax.random.key(0), example)
    state = jax.eval_shape(functools.partial(temporal_streaming.init, model), variables, first)
    assert [ring.frames.shape for ring in state] == [
        (3, people, features), *((2 * 3**block + 1, people, channels) for block in range(1, 5))
    ]  # fmt: skip
    step = jax.jit(temporal_streaming.step, static_argnums=0, donate_argnums=2)
    program = step.lower(model, variables, state, first).compile()
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    assert program.memory_analysis().alias_size_in_bytes == size
    assert compiled_cost.temporary_bytes(program) < size / 8  # a copy of the rings would be as large as they are


def test_a_longer_track_takes_no_more_memory():
    model, variables = stack_of("causal")

    @jax.jit
    def last_pose(frames):
        state = temporal_streaming.init(model, variables, frames[0])
        body = functools.partial(temporal_streaming.step, model, variables)
        return jax.lax.fori_loop(0, len(frames), lambda t, carry: body(carry[0], frames[t]), body(state, frames[0]))[1]

    sizes = {
        compiled_cost.temporary_bytes(last_pose.lower(np.zeros((frames, 4, 4, 2), np.float32)).compile())
        for frames in (100, 1000)
    }
    assert len(sizes) == 1


def test_gradients_through_a_scan_are_those_of_the_whole_track():
    model, variables = stack_of("causal")
    tracks = tracks_of(2, 35)

    def loss(params, lift):
        return jnp.mean(lift(model, variables | {"params": params}, tracks) ** 2)

    gradient = jax.jit(jax.grad(loss), static_argnums=1)
    ours, theirs = gradient(variables["params"], streamed), gradient(variables["params"], whole_track)
    chex.assert_tree_all_finite(ours)
    chex.assert_trees_all_close(ours, theirs, rtol=1e-4, atol=1e-4)


def counted_multiply_adds(function, *arguments):
    """XLA's count, before optimisation."""
    return compiled_cost.multiply_adds(jax.jit(function).lower(*arguments))


def published_shapes(*batch_and_frames):
    variables = jax.eval_shape(PUBLISHED.init, jax.random.key(0), jnp.zeros((1, 243, 17, 2)))
    return variables, jax.ShapeDtypeStruct((*batch_and_frames, 17, 2), jnp.float32)


def test_multiply_adds_are_those_that_xla_counts():
    variables, keypoints = published_shapes(64)
    state = jax.eval_shape(functools.partial(temporal_streaming.init, PUBLISHED), variables, keypoints)
    step = functools.partial(temporal_streaming.step, PUBLISHED)
    counted = counted_multiply_adds(step, variables, state, keypoints) / 64
    assert temporal_streaming.multiply_adds(PUBLISHED, 34) == pytest.approx(counted, rel=0.05)


def test_a_frame_costs_a_tenth_of_a_window_and_a_hundred_and_fiftieth_of_the_dilated_network():
    streamed_frame = temporal_streaming.multiply_adds(PUBLISHED, 34)
    every_frame = dilated_network.multiply_adds(PUBLISHED, 34)
    counted = counted_multiply_adds(functools.partial(dilated_network.apply, PUBLISHED), *published_shapes(1, 243))
    assert every_frame == pytest.approx(counted, rel=0.05)
    assert temporal.multiply_adds(PUBLISHED, 34, 1) >= 10 * streamed_frame
    assert every_frame >= 150 * streamed_frame


@pytest.mark.parametrize("stack", STACKS)
def test_multiply_adds_are_one_position_per_layer(stack):
    """A run of positions longer than any dilation costs one more position per layer for one more frame."""
    model = model_of(**STACKS[stack])
    long = math.prod(model.filter_widths)
    more = temporal.multiply_adds(model, 8, long + 1) - temporal.multiply_adds(model, 8, long)
    assert temporal_streaming.multiply_adds(model, 8) == more


def test_the_dilated_network_gives_the_poses_of_the_window():
    """The reference for the work of other forms computes the same poses."""
    model, variables = stack_of("causal")
    window = tracks_of(2, 30)
    poses = jax.jit(functools.partial(dilated_network.apply, model))(variables, window)
    np.testing.assert_allclose(poses, jax.jit(model.apply)(variables, window).poses, rtol=1e-5, atol=1e-5)
