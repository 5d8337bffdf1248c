"""Weights are converted from PyTorch's names to ours and back unchanged; invalid weights and files are refused."""

import jax
import numpy as np
import pytest
from helpers.networks import random_variables
from helpers.samples import published_weights

from jaxpose.models.configs import TemporalConfig
from jaxpose.models.temporal import TemporalModel
from jaxpose.models.videopose3d_weights import (
    PUBLISHED,
    filter_widths,
    params_from_torch,
    read,
    torch_from_params,
)
from jaxpose.runtime.errors import InputError


def assert_same(weights, expected):
    assert weights.keys() == expected.keys()
    for name, values in expected.items():
        assert weights[name].dtype == values.dtype
        np.testing.assert_array_equal(weights[name], values, err_msg=name)


@pytest.mark.parametrize("kernels", [(3,), (3, 3), (1, 3, 5), (3, 7, 19)])
def test_the_round_trip_is_exact(kernels):
    weights = published_weights(kernels)
    assert_same(torch_from_params(params_from_torch(weights), steps=7), weights)


@pytest.mark.parametrize("widths", [(3,), (3, 3, 3), (1, 3, 5)])
@pytest.mark.parametrize("dense", [False, True])
def test_the_variables_are_those_of_the_model(widths, dense):
    model = TemporalModel(5, widths, 8, dense=dense)
    variables = random_variables(model)
    weights = torch_from_params(variables)
    kernels = [weights[name].shape[2] for name in weights if name.startswith(("expand_conv", "layers_conv"))]
    assert filter_widths([kernels[0], *kernels[1::2]], dense) == (widths, dense)
    assert jax.tree.all(jax.tree.map(np.array_equal, dict(variables), params_from_torch(weights)))


@pytest.mark.parametrize(
    ("kernels", "widths", "dense"),
    [
        ((3, 3, 3, 3, 3), (3, 3, 3, 3, 3), False),
        ((3, 3, 7), (3, 3, 7), False),
        ((1, 3, 5), (1, 3, 5), False),
        ((3,), (3,), False),
        ((1, 3), (1, 3), False),
        ((3, 1, 1), (3, 1, 1), False),
        ((3, 7, 19, 55, 163), (3, 3, 3, 3, 3), True),
        ((1, 3, 13), (1, 3, 5), True),
    ],
)
def test_dense_filters_are_recognised(kernels, widths, dense):
    assert filter_widths(kernels) == (widths, dense)


def test_the_argument_dense_overrides_the_kernels():
    assert filter_widths((3, 7), False) == ((3, 7), False)
    assert filter_widths((3, 7), True) == ((3, 3), True)
    with pytest.raises(InputError, match="no dense model has filters of 3, 3, 7 frames; remove --dense"):
        filter_widths((3, 3, 7), True)


def changed(name, values):
    weights = published_weights()
    if values is None:
        del weights[name]
    else:
        weights[name] = values
    return weights


FAULTS = {
    "expand_conv.weight is missing": ("expand_conv.weight", None),
    "layers_bn.1.running_var is missing": ("layers_bn.1.running_var", None),
    "layers_conv.1.weight is missing": ("layers_conv.1.weight", None),
    "layers_conv.2.weight is missing": ("layers_conv.3.weight", np.zeros((8, 8, 1), np.float32)),
    "extra.weight is unknown": ("extra.weight", np.zeros(3, np.float32)),
    "expand_conv.weight has shape (8, 34); it must have three axes": ("expand_conv.weight", np.zeros((8, 34))),
    "layers_conv.0.weight has shape (8, 9, 3); it must be (8, 8, 3)": ("layers_conv.0.weight", np.zeros((8, 9, 3))),
    "layers_conv.1.weight has shape (8, 8, 3); it must be (8, 8, 1)": ("layers_conv.1.weight", np.zeros((8, 8, 3))),
    "expand_bn.bias has shape (); it must be (8,)": ("expand_bn.bias", np.zeros(())),
    "layers_conv.0.weight is 4 frames wide": ("layers_conv.0.weight", np.zeros((8, 8, 4))),
    "shrink.weight has 50 outputs; it must have three for each joint": ("shrink.weight", np.zeros((50, 8, 1))),
    "shrink.bias is float64; it must be float32": ("shrink.bias", np.zeros(51)),
    "shrink.bias has values that are not finite": ("shrink.bias", np.full(51, np.nan, np.float32)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_other_weights_are_refused_by_name(fault):
    with pytest.raises(InputError) as raised:
        params_from_torch(changed(*FAULTS[fault]))
    assert str(raised.value).startswith(fault)


def test_the_shapes_tell_the_settings():
    imported = read(published_weights((3, 7), channels=8, features=34, joints=15), causal=True)
    assert imported.model == TemporalConfig(filter_widths=(3, 3), channels=8, causal=True, dense=True)
    assert (imported.inputs, imported.joints) == (34, 15)


def test_a_network_that_aims_the_camera_is_not_written():
    variables = random_variables(TemporalModel(5, (3, 3), 8))
    weights = PUBLISHED.write(variables, TemporalConfig(filter_widths=(3, 3), channels=8), 7)
    assert_same(weights, torch_from_params(variables, steps=7))
    with pytest.raises(InputError, match=r"VideoPose3D has no network that aims the camera at the person \(--aim\)"):
        PUBLISHED.write({}, TemporalConfig(aim=5), 7)
