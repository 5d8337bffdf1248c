"""Procrustes alignment against a float64 oracle by another algorithm, and its gradients at the singular points."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import oracles
from helpers.pose_pairs import assert_gradients_agree, poses, singular_pairs, value_and_gradients
from hypothesis import given
from hypothesis import strategies as st

from jaxpose import alignment

pytestmark = pytest.mark.usefixtures("compiled_soon")
seeds = st.integers(0, 2**31 - 1)
align = jax.jit(alignment.align)
SMOOTH = ("generic", "perfect", "mirrored", "three equal singular values, imperfect")


def rotation_matrix(angle):
    axis = np.array([0.3, -0.5, 0.8]) / np.linalg.norm([0.3, -0.5, 0.8])
    return oracles.quaternion_matrix([np.cos(angle / 2), *(np.sin(angle / 2) * axis)])


def mixed_transform(predictions, targets):
    """One number that depends on every entry of the transform."""
    _, transform = alignment.align(predictions, targets)
    return sum(jnp.sum(x * jnp.cos(jnp.arange(x.size)).reshape(x.shape)) for x in transform)


@given(seed=seeds)
def test_alignment_never_increases_the_squared_error(seed):
    prediction, target = (np.float32(poses(s)) for s in (seed, seed + 1))
    aligned = np.asarray(align(prediction, target)[0])
    assert ((aligned - target) ** 2).sum() <= ((prediction - target) ** 2).sum() * (1 + 1e-5)


@given(seed=seeds, scale=st.floats(0.3, 3), angle=st.floats(-3, 3))
def test_the_transform_agrees_with_a_float64_oracle(seed, scale, angle):
    target = poses(seed)
    prediction = scale * target @ rotation_matrix(angle) + [0.1, 2.0, -1.0] + 0.1 * poses(seed + 1)
    _, transform = align(np.float32(prediction), np.float32(target))
    for ours, oracle in zip(transform, oracles.similarity(prediction, target), strict=True):
        np.testing.assert_allclose(ours, oracle, rtol=1e-4, atol=3e-5)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_transform_is_proper_and_gives_the_aligned_poses(sign):
    targets, noise = (np.float32(poses(seed, 2, 3)) for seed in (0, 1))
    predictions = (targets + np.float32(0.1) * noise) * np.float32([sign, 1, 1]) + 2
    aligned, transform = align(predictions, targets)
    scale, rotation, translation = map(np.asarray, transform)
    moved = scale[..., None, None] * predictions @ rotation.swapaxes(-1, -2) + translation[..., None, :]
    np.testing.assert_allclose(moved, aligned, atol=5e-6)
    identity = np.tile(np.eye(3), (2, 3, 1, 1))
    np.testing.assert_allclose(rotation @ rotation.swapaxes(-1, -2), identity, atol=2e-6)
    np.testing.assert_allclose(np.linalg.det(rotation), np.ones((2, 3)), rtol=1e-5)


def test_a_collapsed_pose_is_moved_to_the_mean_of_its_target():
    target = np.float32(poses(1))
    aligned, transform = align(np.full((17, 3), 0.5, np.float32), target)
    assert transform.scale == 0
    np.testing.assert_allclose(transform.translation, target.mean(0), rtol=1e-6)
    np.testing.assert_allclose(aligned, np.broadcast_to(target.mean(0), (17, 3)), rtol=1e-6)


def test_visible_joints_alone_determine_the_transform():
    """With weights, too: a weight of two is a joint that occurs twice. Hidden joints are moved with the rest."""
    targets, noise = (np.float32(poses(seed, 3)) for seed in (0, 1))
    predictions = 2 * targets @ np.float32(rotation_matrix(0.7)) + np.float32(0.1) * noise
    weights = np.float32([0, 1, 2, 1, 0, 2] + 11 * [1])
    broken = np.where(weights[:, None] == 0, np.float32(np.nan), targets)
    aligned, transform = align(predictions, broken, visible=weights)
    twice = np.repeat(np.arange(17), weights.astype(int))
    for frame in range(3):
        oracle = oracles.similarity(np.float64(predictions[frame, twice]), np.float64(targets[frame, twice]))
        for ours, expected in zip(transform, oracle, strict=True):
            np.testing.assert_allclose(ours[frame], expected, rtol=1e-4, atol=3e-5)
        scale, rotation, translation = oracle
        moved = scale * predictions[frame] @ rotation.T + translation
        np.testing.assert_allclose(aligned[frame], moved, atol=1e-4)
    shown = align(predictions[:, 4:], targets[:, 4:])[1]
    for ours, alone in zip(align(predictions, targets, visible=np.arange(17) >= 4)[1], shown, strict=True):
        np.testing.assert_allclose(ours, alone, rtol=1e-4, atol=1e-5)


# Of "tiny" poses, float32 overflows on the way to the transform.
@pytest.mark.parametrize("case", [case for case in singular_pairs() if case != "tiny"])
def test_gradients_are_finite_at_singular_points(case):
    chex.assert_tree_all_finite(value_and_gradients(mixed_transform, *map(np.float32, singular_pairs()[case])))


@pytest.mark.parametrize("case", SMOOTH)
def test_gradients_agree_with_finite_differences(case, x64):
    assert_gradients_agree(mixed_transform, singular_pairs()[case])


@pytest.mark.parametrize("case", ["mirrored with equal singular values", "on a line"])
def test_the_gradient_along_a_discontinuity_is_not_rounding_divided_by_rounding(case):
    prediction, target = singular_pairs()[case]
    prediction = prediction @ rotation_matrix(1.0).T  # so that no sum of singular values is exactly zero
    _, gradients = value_and_gradients(mixed_transform, np.float32(prediction), np.float32(target))
    assert all(np.abs(gradient).max() < 10 for gradient in gradients)


def test_no_product_of_the_alignment_is_rounded_on_a_gpu():
    pair = [np.float32(poses(seed, 4)) for seed in (0, 1)]
    program = value_and_gradients.lower(mixed_transform, *pair).as_text()
    products = [line for line in program.splitlines() if "dot_general" in line]
    assert products
    assert all("precision = [HIGHEST, HIGHEST]" in line for line in products)
