"""Streams of batches: the windows of an epoch in turn, each once or also mirrored, and clips of consecutive frames."""

import dataclasses

import jax
import numpy as np
import pytest
from helpers.problems import CLIPPED, PLAIN, problem
from helpers.samples import DESCRIPTION, make_track
from scipy import stats

from jaxpose import losses
from jaxpose.data.windows import pack
from jaxpose.training import setup, streams
from jaxpose.training.step import Samples, loss_of, order_key, take_batch

pytestmark = pytest.mark.usefixtures("compiled_soon")


def batches(config, steps):
    """The recipe, the data and the batches of the first steps."""
    recipe, data, starts = problem(config)
    state = setup.init(recipe, jax.random.key(0))

    @jax.jit
    def batch_of_step(data, starts, step):
        samples = Samples(data, starts, order_key(state))
        return take_batch(samples, state.replace(step=step), recipe)

    taken = [batch_of_step(data, starts, np.int32(step)) for step in range(steps)]
    return recipe, *jax.device_get((data, taken))


def mirror_image(poses):
    return poses[:, list(DESCRIPTION.skeleton.mirrored)] * np.float32([-1, 1, 1])


def test_samples_follow_the_order_and_the_last_batch_is_filled_up():
    recipe, _, _ = problem(PLAIN)
    next_samples, key = jax.jit(streams.next_samples, static_argnums=0), jax.random.key(3)
    epochs = [np.concatenate([next_samples(recipe, key, np.int32(e + step)) for step in range(6)]) for e in (0, 6, 0)]
    for seen in epochs:
        np.testing.assert_array_equal(np.sort(seen[:94]), np.arange(94))
        np.testing.assert_array_equal(seen[94:], seen[:2])  # 6 batches of 16
    np.testing.assert_array_equal(epochs[0], epochs[2])
    assert (epochs[0] != epochs[1]).mean() > 0.9


def test_an_epoch_sees_every_window_and_its_mirror_image():
    _, data, (batch,) = batches(dataclasses.replace(PLAIN, batch_size=94), 1)
    windows = batch["windows"]
    np.testing.assert_array_equal(np.sort(windows.sample), np.arange(94))
    np.testing.assert_array_equal(windows.mirrored, windows.sample >= 47)
    expected = np.concatenate([data.poses, mirror_image(data.poses)])
    np.testing.assert_array_equal(windows.poses[:, 0], expected[windows.sample])
    assert (windows.sample != np.arange(94)).any()


def test_without_the_mirror_an_epoch_shows_every_window_once():
    recipe, data, seen = batches(dataclasses.replace(PLAIN, augment=(), batch_size=16), 3)
    assert (recipe.samples, recipe.steps_per_epoch) == (47, 3)
    sample = np.concatenate([batch["windows"].sample for batch in seen])
    np.testing.assert_array_equal(np.sort(sample[:47]), np.arange(47))
    np.testing.assert_array_equal(sample[47:], sample[:1])  # the last batch is filled up
    for batch in seen:
        assert not batch["windows"].mirrored.any()
        np.testing.assert_array_equal(batch["windows"].poses[:, 0], data.poses[batch["windows"].sample])


def test_clips_are_consecutive_frames_about_the_batch_s_first_windows():
    recipe, data, seen = batches(CLIPPED, 2)
    sources = {False: data.poses, True: mirror_image(data.poses)}
    for batch in seen:
        windows, clips = batch["windows"], batch["clips"]
        assert clips.keypoints.shape[:2] == (8, sum(recipe.model.context) + 4)
        assert clips.visible.all()
        np.testing.assert_array_equal(clips.sample, windows.sample[:8])
        for clip, window, mirrored in zip(clips.poses, windows.poses, clips.mirrored, strict=False):
            source = sources[bool(mirrored)]
            (begin,) = np.flatnonzero((source == clip[0]).all((1, 2)))
            np.testing.assert_array_equal(clip, source[begin : begin + 4])
            assert data.track[begin] == data.track[begin + 3]
            assert (clip == window[0]).all((1, 2)).any()  # the window's frame is one of them


def test_frames_of_a_clip_may_lie_apart():
    """They are every third frame of the clip that would hold all of them, each in a window of its own."""
    config = dataclasses.replace(CLIPPED, clip_frames=3, clip_gap=3)
    recipe, _, seen = batches(config, 2)
    _, _, whole = batches(dataclasses.replace(CLIPPED, clip_frames=7), 2)
    for batch, clips in zip(seen, (batch["clips"] for batch in whole), strict=True):
        apart = batch["clips"]
        assert apart.keypoints.shape[:2] == (24, sum(recipe.model.context) + 1)
        np.testing.assert_array_equal(apart.poses.reshape(8, 3, *apart.poses.shape[2:]), clips.poses[:, ::3])
        np.testing.assert_array_equal(apart.sample, np.repeat(clips.sample, 3))
        reach = sum(recipe.model.context) + 1
        for index in range(3):
            np.testing.assert_array_equal(apart.keypoints[index::3], clips.keypoints[:, 3 * index :][:, :reach])


def test_the_loss_of_frames_that_lie_apart_is_that_of_every_nth_frame_of_longer_clips():
    recipe, data, starts = problem(dataclasses.replace(CLIPPED, clip_frames=3, clip_gap=3))
    state = setup.init(recipe, jax.random.key(0)).replace(step=np.int32(1000))  # past the ramp

    @jax.jit
    def both(samples, state):
        batch = take_batch(samples, state, recipe)
        _, (terms, _) = loss_of(state.params, state, batch, recipe)
        longer = recipe._replace(streams=(recipe.streams[0], recipe.streams[1]._replace(gap=1)))
        clips = take_batch(samples, state, longer)["clips"]
        poses = recipe.model.apply(state.variables, clips.keypoints).poses
        return terms, losses.constraints(
            poses[:, ::3], clips.poses[:, ::3], CLIPPED.constraints, DESCRIPTION.skeleton, clips.visible[:, ::3, None]
        )

    terms, (total, parts) = both(Samples(data, starts, order_key(state)), state)
    for name, value in parts.items():
        np.testing.assert_allclose(terms[name], value, rtol=1e-5)
    np.testing.assert_allclose(terms["loss"] - terms["position"], total, rtol=1e-4)


def test_transforms_change_every_stream_by_keys_of_its_own():
    """The camera of a window and of its clip turn differently; every step, and every seed, otherwise."""
    config = dataclasses.replace(CLIPPED, augment=("yaw",), clips=16, clip_frames=3)
    _, data, (first, second) = batches(config, 2)
    _, _, (same, _) = batches(config, 2)
    jax.tree.map(np.testing.assert_array_equal, first, same)
    source = first["windows"].sample % 47
    sizes = [np.linalg.norm(poses, axis=-1) for poses in (first["windows"].poses[:, 0], data.poses[source])]
    np.testing.assert_allclose(*sizes, atol=1e-5)  # turned about the root
    turned, clips, later = (each.camera.orientation for each in (first["windows"], first["clips"], second["windows"]))
    for others in (clips, later, data.camera.orientation[data.track[source]]):
        assert (np.abs(turned - others).max(axis=1) > 1e-4).all()


TIMED = DESCRIPTION._replace(fps=50.0)


def test_every_window_has_a_frame_rate_of_its_own_in_every_step():
    """Found from keypoints that are the number of their frame: uniform between the two rates, of data of 50."""
    config = dataclasses.replace(CLIPPED, augment=(), batch_size=256, clips=256, frame_rates=(25.0, 100.0))
    recipe = setup.build_recipe(config, TIMED, 256)
    data, starts = pack([make_track(frames=400)]), np.arange(70, 326, dtype=np.int32)
    number = np.arange(400, dtype=np.float32)
    data = data._replace(keypoints=np.broadcast_to(number[:, None, None], data.keypoints.shape))
    state = setup.init(recipe, jax.random.key(0))

    @jax.jit
    def batch_of_step(data, starts, step):
        samples = Samples(data, starts, order_key(state))
        return take_batch(samples, state.replace(step=step), recipe)

    first, same, second = (jax.device_get(batch_of_step(data, starts, np.int32(step))) for step in (0, 0, 1))
    jax.tree.map(np.testing.assert_array_equal, first, same)
    rates = []
    for windows in (first["windows"], first["clips"], second["windows"]):
        spacing = np.diff(windows.keypoints[:, :, 0, 0], axis=1)
        np.testing.assert_allclose(spacing, np.broadcast_to(spacing[:, :1], spacing.shape), atol=1e-3)
        rates.append(50 / spacing.mean(axis=1))
        assert stats.kstest(rates[-1], stats.uniform(25, 75).cdf).pvalue > 1e-3
    for other in rates[1:]:  # a window and its clip, and two steps, have rates of their own
        assert abs(np.corrcoef(rates[0], other)[0, 1]) < 0.25


def test_a_network_that_takes_rays_is_given_them():
    """In training as in evaluation; the network does not change what else a batch holds."""
    config = dataclasses.replace(PLAIN, augment=(), model=dataclasses.replace(PLAIN.model, aim=5))
    _, _, (batch,) = batches(config, 1)
    model = setup.build_model(config, DESCRIPTION)
    _, _, (plain,) = batches(dataclasses.replace(PLAIN, augment=()), 1)
    windows, screen = batch["windows"], plain["windows"]
    assert windows.keypoints.shape[1] == sum(model.context) + 1
    before = model.context[0] - model.inner.context[0]
    lens = windows.camera.intrinsics[:, None, None]
    expected = (screen.keypoints - lens[..., 2:4]) / lens[..., :2]
    np.testing.assert_allclose(windows.keypoints[:, before : before + expected.shape[1]], expected, atol=1e-6)
    np.testing.assert_array_equal(windows.poses, screen.poses)
