"""Masks against loops and NumPy's weighted averages in float64."""

import jax
import numpy as np
import pytest

from jaxpose import masks

pytestmark = pytest.mark.usefixtures("compiled_soon")
VALUES = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32)
WEIGHTS = np.random.default_rng(1).uniform(0.1, 1, VALUES.shape).astype(np.float32)
masked_mean = jax.jit(jax.value_and_grad(masks.masked_mean))


@pytest.mark.parametrize("mask", [True, False, np.ones(4, bool), np.ones((5, 1)), WEIGHTS])
def test_masks_are_broadcast_to_the_joints(mask):
    result = masks.joint_mask(mask, np.zeros((2, 5, 4, 3)))
    np.testing.assert_array_equal(result, np.broadcast_to(mask, (2, 5, 4)))
    assert (result.dtype == bool) == (np.asarray(mask).dtype == bool)


@pytest.mark.parametrize("shape", [(5,), (2, 5), (2, 5, 3), (3, 2, 5, 4), (2, 5, 4, 1)])
def test_masks_of_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"`visible` has shape .* does not broadcast against the joints \(2, 5, 4\)"):
        masks.joint_mask(np.ones(shape, bool), np.zeros((2, 5, 4, 3)))


def test_negative_weights_and_nan_hide():
    mask = masks.joint_mask(np.float32([-1, np.nan, 0, 0.5]), np.zeros((4, 3)))
    np.testing.assert_array_equal(mask, [0, 0, 0, 0.5])
    shown = masks.where_visible(np.full((4, 3), np.nan, np.float32), mask)
    np.testing.assert_array_equal(np.isnan(shown).any(axis=1), [False, False, False, True])


def test_the_mean_is_weighted():
    mask = WEIGHTS > 0.5
    np.testing.assert_allclose(masked_mean(VALUES, mask)[0], VALUES[mask].mean(dtype=np.float64), rtol=1e-5)
    np.testing.assert_allclose(
        masked_mean(VALUES, WEIGHTS)[0], np.average(np.float64(VALUES), weights=WEIGHTS), rtol=1e-5
    )


@pytest.mark.parametrize("kind", [bool, np.float32])
def test_bool_is_the_special_case_of_weights(kind):
    mask = WEIGHTS > 0.5
    broken = np.where(mask, VALUES, np.float32(np.nan))
    value, gradient = masked_mean(broken, mask.astype(kind))
    np.testing.assert_allclose(value, VALUES[mask].mean(dtype=np.float64), rtol=1e-5)
    np.testing.assert_allclose(gradient, mask / mask.sum(), rtol=1e-5)


@pytest.mark.parametrize("kind", [bool, np.float32])
def test_nothing_visible_gives_zero(kind):
    value, gradient = masked_mean(VALUES, np.zeros(VALUES.shape, kind))
    assert value == 0
    assert (np.asarray(gradient) == 0).all()


@pytest.mark.parametrize("order", [0, 1, 2, 7])
@pytest.mark.parametrize("mask", [WEIGHTS, WEIGHTS > 0.3], ids=["weights", "bool"])
def test_a_difference_counts_as_its_least_frame(mask, order):
    result = masks.mask_of_differences(jax.numpy.asarray(mask), order)
    frames = range(max(5 - order, 0))
    expected = [[track[t : t + order + 1].min(axis=0) for t in frames] for track in mask]
    np.testing.assert_array_equal(result, np.reshape(expected, (2, len(frames), 4)))
