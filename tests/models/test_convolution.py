"""Convolutions at selected frames: their forms, taps and residuals, and derivatives written by hand."""

import jax
import numpy as np
import pytest
from helpers.derivatives import assert_derivatives_agree, assert_same_values_and_gradients

from jaxpose.models import convolution
from jaxpose.models.temporal import receptive_plan


def in_numpy(x, kernel, dilation):
    """The dilated convolution in float64, tap by tap."""
    frames = x.shape[1] - (len(kernel) - 1) * dilation
    taps = (x[:, tap * dilation : tap * dilation + frames] for tap in range(len(kernel)))
    return sum(np.float64(tap) @ np.float64(weights) for tap, weights in zip(taps, kernel, strict=True))


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("width", [1, 3, 5])
def test_the_convolution_of_a_run_is_the_sum_of_its_taps_with_its_derivatives(width):
    random = np.random.default_rng(7)
    x, kernel = random.normal(size=(2, 12, 3)), random.normal(size=(width, 3, 4))
    run, shorter = convolution.FrameSet(1, 12, 12), convolution.FrameSet(1, 14 - 2 * width, 14 - 2 * width)
    reading = convolution.Reading(width, 2, width // 2, run, shorter)
    assert_derivatives_agree(lambda x, kernel: convolution.sum_of_taps(x, kernel, reading, "float32"), x, kernel)
    assert_same_values_and_gradients(
        lambda x, kernel: convolution.convolve(x, kernel, reading, "float32"),
        lambda x, kernel: convolution.sum_of_taps(x, kernel, reading, "float32"),
        x,
        kernel,
        expected=in_numpy(x, kernel, 2),
    )


def frames_of(frames: convolution.FrameSet) -> list[int]:
    return [c * frames.spacing + k for c in range(frames.clusters) for k in range(frames.length)]


# Frames of a window: clusters; a run that is, and one that is not, as long as the clusters with their spaces; one run.
@pytest.mark.compilations(80)
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("frames", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("causal", [False, True])
def test_taps_and_residuals_are_the_frames_of_the_plan_and_return_their_gradients(frames, causal):
    for reading in receptive_plan((3, 3, 3), frames, causal=causal, dense=False):
        inputs, outputs = frames_of(reading.input), frames_of(reading.output)
        places = [[inputs.index(frame + tap * reading.dilation) for frame in outputs] for tap in range(reading.width)]
        x = np.random.default_rng(8).normal(size=(2, len(inputs), 3))
        taps = jax.jit(
            lambda x, reading=reading: [convolution.read_tap(x, reading, tap) for tap in range(reading.width)]
        )
        for tap, values in enumerate(taps(x)):
            np.testing.assert_array_equal(values, x[:, places[tap]])
        assert_same_values_and_gradients(
            lambda x, reading=reading: convolution.with_residual(x, reading),
            lambda x, places=places[reading.residual]: (x, x[:, np.array(places)]),
            x,
        )


MANY = convolution.MANY_CHANNELS


@pytest.mark.parametrize(
    ("frames", "dilation", "in_fours"),
    [
        pytest.param(512, 1, True, id="whole blocks"),
        pytest.param(667, 9, True, id="some frames left over"),
        pytest.param(700, 150, True, id="more left over than fit in a dilation"),
        pytest.param(512, 129, False, id="no block"),
        pytest.param(511, 1, False, id="too short"),
    ],
)
def test_a_run_on_a_cpu_is_the_convolution_in_either_form(frames, dilation, in_fours):
    random = np.random.default_rng(11)
    x = random.normal(size=(1, frames + 2 * dilation, MANY)).astype(np.float32)
    kernel = random.normal(size=(3, MANY, MANY)).astype(np.float32)
    run = jax.jit(convolution.convolve_run_on_cpu, static_argnums=(2, 3))
    expected = in_numpy(x, kernel, dilation)
    np.testing.assert_allclose(run(x, kernel, dilation, "float32"), expected, atol=1e-5 * np.max(np.abs(expected)))
    products = str(jax.make_jaxpr(run, static_argnums=(2, 3))(x, kernel, dilation, "float32")).count("dot_general")
    assert products == (6 if in_fours else 0)


def test_a_run_of_an_unknown_number_of_frames_is_exported():
    (frames,) = jax.export.symbolic_shape("frames", constraints=["frames >= 20"])
    x = jax.ShapeDtypeStruct((2, frames, MANY), np.float32)
    kernel = np.random.default_rng(12).normal(size=(3, MANY, MANY)).astype(np.float32)
    run = jax.jit(lambda x: convolution.convolve_run_on_cpu(x, kernel, 3, "float32"))
    exported = jax.export.export(run)(x)
    x = np.random.default_rng(13).normal(size=(2, 40, MANY)).astype(np.float32)
    expected = in_numpy(x, kernel, 3)
    np.testing.assert_allclose(exported.call(x), expected, atol=1e-5 * np.max(np.abs(expected)))
