"""Weights of the linear network are converted from PyTorch's names to ours and back unchanged, or with one function."""

import jax
import numpy as np
import pytest
from helpers.networks import random_variables
from helpers.samples import published_linear_weights

from jaxpose.models.configs import LinearConfig
from jaxpose.models.linear_weights import read, write
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_16, H36M_17


def identity(keypoints, joints):
    """Z-scores that are the numbers themselves."""
    shapes = {"keypoints": (keypoints, 2), "poses": (joints, 3)}
    means = {f"{name}_mean": np.zeros(shape, np.float32) for name, shape in shapes.items()}
    return means | {f"{name}_deviation": np.ones(shape, np.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize("blocks", [1, 3])
def test_the_round_trip_is_exact(blocks):
    weights = published_linear_weights(blocks=blocks)
    imported = read(weights)
    assert imported.model == LinearConfig(
        channels=8, blocks=blocks, max_norm=None, root="predicted", epsilon=1e-5, momentum=0.1
    )
    assert (imported.inputs, imported.joints) == (32, 16)
    written = write(imported.variables | {"normalization": identity(16, 16)}, imported.model, 7)
    assert written.keys() == weights.keys()
    for name, values in weights.items():
        assert written[name].dtype == values.dtype
        np.testing.assert_array_equal(written[name], values, err_msg=name)


def test_the_variables_are_those_of_the_model():
    imported = read(published_linear_weights())
    model = imported.model.build(H36M_16, H36M_16, 2)
    expected = jax.eval_shape(model.init, jax.random.key(0), jax.ShapeDtypeStruct((1, 1, 16, 2), np.float32))
    for collection, variables in imported.variables.items():
        assert jax.tree.map(np.shape, variables) == jax.tree.map(np.shape, dict(expected[collection]))


@pytest.mark.parametrize("root", ["zero", "predicted"])
def test_max_norm_and_z_scores_are_multiplied_into_the_weights(root):
    """The plain network predicts what the network with max-norm, z-scores and another epsilon does."""
    config = LinearConfig(channels=8, root=root)
    model = config.build(H36M_17, H36M_17, 2)
    variables = random_variables(model, joints=17)
    variables["normalization"]["keypoints_deviation"][3, 1] = 0  # a coordinate that is always the same
    plain = read(write(variables, config, 7))
    keypoints = np.random.default_rng(0).normal(size=(6, 1, 17, 2)).astype(np.float32)
    expected = jax.jit(model.apply)(variables, keypoints).poses
    found = jax.jit(plain.model.build(H36M_17, H36M_17, 2).apply)(
        plain.variables | {"normalization": identity(17, 17)}, keypoints
    )
    np.testing.assert_allclose(found.poses, expected, atol=1e-5)


FAULTS = {
    "w1.weight is missing": ("w1.weight", None),
    "linear_stages.1.batch_norm2.running_var is missing": ("linear_stages.1.batch_norm2.running_var", None),
    "extra.weight is unknown": ("extra.weight", np.zeros(3, np.float32)),
    "w1.weight has shape (8,); it must have two axes": ("w1.weight", np.zeros(8, np.float32)),
    "w2.weight has 50 outputs; it must have three for each joint": ("w2.weight", np.zeros((50, 8), np.float32)),
    "linear_stages.0.w1.weight has shape (8, 9); it must be (8, 8)": ("linear_stages.0.w1.weight", np.zeros((8, 9))),
    "w2.bias is float64; it must be float32": ("w2.bias", np.zeros(48)),
    "w2.bias has values that are not finite": ("w2.bias", np.full(48, np.nan, np.float32)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_other_weights_are_refused_by_name(fault):
    name, values = FAULTS[fault]
    weights = published_linear_weights() | {name: values}
    with pytest.raises(InputError) as raised:
        read({name: values for name, values in weights.items() if values is not None})
    assert str(raised.value).startswith(fault)
