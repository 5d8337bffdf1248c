"""The network of linear layers against NumPy in float64, and against the numbers of a published implementation."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.networks import random_variables
from helpers.places import SHARED

from jaxpose.files.state_dicts import read_state_dict
from jaxpose.models import linear_weights
from jaxpose.models.configs import LinearConfig
from jaxpose.models.linear import LinearModel, limit_norm, mean_and_deviation
from jaxpose.models.ops import dropout
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_16, H36M_17

pytestmark = pytest.mark.usefixtures("compiled_soon")

GOLDEN = SHARED / "data" / "goldens" / "linear_64.npz"
MODEL = LinearModel(num_joints=5, channels=8)
apply = jax.jit(LinearModel.apply, static_argnums=0)


def frames_of(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=(*shape, 4, 2)).astype(np.float32)


def direct(model, variables, keypoints, *, batch=False):
    """The network in float64, for frames (N, K_2d, D), by the running statistics or those of the batch."""
    params, norms, normalization = (
        jax.tree.map(lambda x: np.asarray(x, np.float64), variables[name])
        for name in ("params", "batch_stats", "normalization")
    )

    def linear(x, name):
        kernel = params[name]["kernel"]
        if model.max_norm is not None:
            kernel = kernel * min(1, model.max_norm / np.linalg.norm(kernel))
        return x @ kernel + params[name]["bias"]

    def layer(x, name):
        x, norm = linear(x, name), f"{name}_norm"
        mean, var = (x.mean(0), x.var(0)) if batch else (norms[norm]["mean"], norms[norm]["var"])
        x = (x - mean) / np.sqrt(var + model.epsilon)
        return np.maximum(x * params[norm]["scale"] + params[norm]["bias"], 0)

    z = (keypoints - normalization["keypoints_mean"]) / normalization["keypoints_deviation"]
    x = layer(z.reshape(len(z), -1), "input")
    for block in range(1, model.blocks + 1):
        x = x + layer(layer(x, f"first_{block}"), f"second_{block}")
    z = linear(x, "output").reshape(len(x), -1, 3)
    z = np.concatenate([np.zeros((len(x), model.num_joints - z.shape[1], 3)), z], axis=1)
    return z * normalization["poses_deviation"] + normalization["poses_mean"]


@pytest.mark.parametrize(
    "model",
    [MODEL, MODEL.clone(max_norm=None, root="predicted", blocks=1, epsilon=1e-5), MODEL.clone(max_norm=0.3, blocks=3)],
)
def test_it_agrees_with_numpy(model):
    variables, keypoints = random_variables(model), frames_of(6)
    prediction = apply(model, variables, keypoints[:, None])
    np.testing.assert_allclose(prediction.poses[:, 0], direct(model, variables, keypoints), atol=1e-5)
    np.testing.assert_array_equal(prediction.unit, variables["normalization"]["poses_deviation"])


def test_bfloat16_rounds_the_factors_of_the_inner_layers():
    variables, keypoints = random_variables(MODEL), frames_of(6, 1)
    exact, rounded = (apply(MODEL.clone(precision=p), variables, keypoints).poses for p in ("float32", "bfloat16"))
    assert 1e-4 < np.max(np.abs(rounded - exact)) < 0.02


def test_frames_do_not_depend_on_each_other():
    variables, keypoints = random_variables(MODEL), frames_of(2, 3)
    assert (MODEL.context, MODEL.frames) == ((0, 0), None)
    alone = apply(MODEL, variables, keypoints.reshape(6, 1, 4, 2)).poses
    np.testing.assert_allclose(apply(MODEL, variables, keypoints).poses.reshape(alone.shape), alone, atol=1e-6)


train = jax.jit(
    lambda model, variables, keypoints, key: model.apply(
        variables, keypoints, train=True, mutable=["batch_stats", "normalization"], rngs={"dropout": key}
    ),
    static_argnums=0,
)


def test_training_normalises_by_the_batch_and_keeps_most_of_the_statistics():
    model, keypoints = MODEL.clone(dropout=0.0), frames_of(6, seed=1)
    variables = random_variables(model)
    prediction, updated = train(model, variables, keypoints[:, None], jax.random.key(0))
    expected = direct(model, variables, keypoints, batch=True)
    np.testing.assert_allclose(prediction.poses[:, 0], expected, atol=1e-5)
    normalization, params = variables["normalization"], variables["params"]["input"]
    z = (np.float64(keypoints) - normalization["keypoints_mean"]) / normalization["keypoints_deviation"]
    x = z.reshape(6, -1) @ (params["kernel"] / max(np.linalg.norm(params["kernel"]), 1)) + params["bias"]
    for leaf, of_batch in (("mean", x.mean(0)), ("var", x.var(0, ddof=1))):
        kept = 0.99 * variables["batch_stats"]["input_norm"][leaf] + 0.01 * of_batch
        np.testing.assert_allclose(updated["batch_stats"]["input_norm"][leaf], kept, rtol=1e-5)
    assert jax.tree.all(jax.tree.map(np.array_equal, updated["normalization"], normalization))


def test_dropout_acts_in_training_only():
    variables, keypoints = random_variables(MODEL), frames_of(6, 1)
    first, second = (train(MODEL, variables, keypoints, jax.random.key(seed))[0].poses for seed in (0, 1))
    assert not np.allclose(first, second)
    dropped = jax.jit(lambda key: dropout(key, jnp.ones(4000), MODEL.dropout))(jax.random.key(0))
    assert np.unique(dropped).tolist() == [0, 2]


@pytest.mark.parametrize("largest", [0.5, 1.0, 100.0])
def test_the_norm_of_a_matrix_is_limited(largest):
    kernel = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    norm = np.linalg.norm(kernel.astype(np.float64))
    expected = kernel * (largest / norm) if norm > largest else kernel
    np.testing.assert_allclose(jax.jit(limit_norm)(kernel, largest), expected, rtol=1e-6)


def test_the_gradient_of_the_limit_is_that_of_finite_differences_and_finite_at_zero(x64):
    weights, kernel = np.random.default_rng(0).normal(size=(2, 4, 3))
    gradient = jax.jit(jax.grad(lambda kernel: jnp.sum(weights * limit_norm(kernel, 1.0))))

    def value(kernel):
        return np.sum(weights * kernel / max(np.linalg.norm(kernel), 1))

    step = 1e-6
    differences = [
        (value(kernel + step * unit.reshape(4, 3)) - value(kernel - step * unit.reshape(4, 3))) / (2 * step)
        for unit in np.eye(12)
    ]
    np.testing.assert_allclose(gradient(kernel).ravel(), differences, rtol=1e-6, atol=1e-8)
    np.testing.assert_array_equal(gradient(np.zeros((4, 3))), weights)


def test_mean_and_deviation_are_those_of_float64():
    random = np.random.default_rng(0)
    values = (random.normal(size=(20_000, 4)) * [1, 0.01, 1e-9, 0] + [3, -5, 0.3, 0.3]).astype(np.float32)
    mean, deviation = jax.jit(mean_and_deviation)(values)
    np.testing.assert_allclose(mean, values.mean(0, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(deviation[:2], values.std(0, dtype=np.float64)[:2], rtol=1e-4)
    np.testing.assert_array_equal(deviation[2:], 0)  # always the same, up to rounding


def test_z_scores_are_those_of_the_training_data():
    """Keypoints of mean 7 and poses of deviation 3 are lifted as the same numbers without either are."""
    random, keypoints = np.random.default_rng(0), frames_of(50, seed=2)
    keypoints[:, 1, 0] = 0.25  # always the same
    poses = 3 * random.normal(size=(50, 5, 3)).astype(np.float32)
    poses[:, 0] = 0
    variables = random_variables(MODEL)
    fitted = jax.jit(MODEL.fit)({"normalization": variables["normalization"]}, keypoints + 7, poses)
    prediction = apply(MODEL, variables | fitted, keypoints[:, None] + 7)
    np.testing.assert_array_equal(prediction.poses[:, 0, 0], 0)
    np.testing.assert_allclose(prediction.unit, poses.std(0, dtype=np.float64), rtol=1e-5)
    deviation = keypoints.std(0, dtype=np.float64)
    z = (keypoints - keypoints.mean(0, dtype=np.float64)) / np.where(deviation == 0, 1, deviation)
    ones = {"keypoints_mean": np.zeros((4, 2)), "keypoints_deviation": np.ones((4, 2))}
    ones |= {"poses_mean": np.zeros((5, 3)), "poses_deviation": np.ones((5, 3))}
    expected = direct(MODEL, variables | {"normalization": ones}, z) * poses.std(0) + poses.mean(0)
    np.testing.assert_allclose(prediction.poses[:, 0], expected, atol=1e-4)


def test_gradients_reach_every_weight_and_are_finite_even_at_zero():
    keypoints, variables = frames_of(6, 1), random_variables(MODEL)

    @jax.jit
    def gradient(params):
        def loss(params):
            variables_ = variables | {"params": params}
            return jnp.mean(train(MODEL, variables_, keypoints, jax.random.key(0))[0].poses ** 2)

        return jax.grad(loss)(params)

    for name, layer in gradient(variables["params"]).items():
        for leaf, values in layer.items():
            assert np.isfinite(values).all()
            # A bias before BatchNorm is subtracted again.
            assert np.any(values) or (leaf == "bias" and f"{name}_norm" in variables["params"]), (name, leaf)
    zero = jax.tree.map(jnp.zeros_like, variables["params"])
    assert all(np.isfinite(values).all() for values in jax.tree.leaves(gradient(zero)))


def test_initial_values_are_the_published_ones():
    model = LinearModel(num_joints=17, channels=256, blocks=1)
    variables = jax.jit(model.init)(jax.random.key(0), frames_of(1, 1))
    share = 0.8796  # the deviation of a normal distribution that is cut off at two deviations
    for layer in ("input", "first_1", "output"):
        kernel, bias = (np.asarray(variables["params"][layer][leaf]) for leaf in ("kernel", "bias"))
        for values, fan_in in ((kernel, len(kernel)), (bias, len(bias))):
            deviation = math.sqrt(2 / fan_in)
            assert abs(values).max() <= 2 * deviation
            assert values.std() == pytest.approx(share * deviation, rel=0.03 if values.ndim == 2 else 0.3)


def test_the_full_size_has_the_published_number_of_parameters():
    keypoints = jax.ShapeDtypeStruct((1, 1, 16, 2), np.float32)
    for skeleton, root in ((H36M_16, "predicted"), (H36M_17, "zero")):  # of both, 48 coordinates are predicted
        model = LinearConfig(root=root).build(skeleton, H36M_16, 2)
        params = jax.eval_shape(model.init, jax.random.key(0), keypoints)["params"]
        assert sum(leaf.size for leaf in jax.tree.leaves(params)) == 4_291_632


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"channels": 0}, "--channels is 0; it must be at least 1"),
        ({"blocks": 0}, "--blocks is 0; it must be at least 1"),
        ({"dropout": 1.0}, "--dropout is 1.0; it must be at least 0 and less than 1"),
        ({"max_norm": 0.0}, "--max-norm is 0.0; it must be above 0, or None"),
        ({"epsilon": 0.0}, "--epsilon is 0.0; it must be above 0"),
        ({"momentum": 1.5}, "--momentum is 1.5; it must be above 0 and at most 1"),
        ({"root": "kept"}, "--root is 'kept'; it must be of type"),
    ],
)
def test_unusable_settings_are_refused(setting, expected):
    with pytest.raises(InputError) as error:
        LinearConfig(**setting)
    assert str(error.value).startswith(expected)


# What follows compares with numbers of SemGCN's PyTorch version, which has no max-norm and no z-scores.


@pytest.fixture(scope="module")
def golden():
    """The arrays, the network, and its variables with the running statistics of the file."""
    if not GOLDEN.is_file():
        pytest.skip(f"{GOLDEN} is not on this machine")
    imported = linear_weights.read(read_state_dict(GOLDEN))
    model = imported.model.build(H36M_16, H36M_16, 2).clone(dropout=0.0)
    normalization = {"keypoints_mean": np.zeros((16, 2)), "keypoints_deviation": np.ones((16, 2))}
    normalization |= {"poses_mean": np.zeros((16, 3)), "poses_deviation": np.ones((16, 3))}
    with np.load(GOLDEN) as content:
        arrays = dict(content)
    arrays["keypoints"] = arrays["input"].reshape(5, 1, 16, 2)
    return arrays, model, imported.variables | {"normalization": jax.tree.map(np.float32, normalization)}


@pytest.fixture(scope="module")
def evaluated(golden):
    """The variables of which `output` was computed.

    The file's running statistics are those after `output_train_mode`, a batch in training mode: weight 0.1 is the
    batch's own.
    """
    arrays, model, variables = golden
    _, of_batch = train(model.clone(momentum=1.0), variables, arrays["keypoints"], jax.random.key(0))
    before = jax.tree.map(
        lambda after, own: (after - 0.1 * own) / 0.9, variables["batch_stats"], of_batch["batch_stats"]
    )
    return variables | {"batch_stats": before}


def test_the_published_outputs_in_training_mode(golden):
    arrays, model, variables = golden
    prediction, _ = train(model, variables, arrays["keypoints"], jax.random.key(0))
    np.testing.assert_allclose(prediction.poses.reshape(5, 48), arrays["output_train_mode"], rtol=0, atol=1e-5)


def test_the_published_outputs_in_evaluation(golden, evaluated):
    arrays, model, _ = golden
    poses = apply(model, evaluated, arrays["keypoints"]).poses
    np.testing.assert_allclose(poses.reshape(5, 48), arrays["output"], rtol=0, atol=1e-5)


def test_the_published_gradient_of_the_input(golden, evaluated):
    """Of the mean over frames of sqrt(|output|² + 0.001), where an output has all 48 numbers of a frame."""
    arrays, model, _ = golden

    def loss(keypoints):
        outputs = model.apply(evaluated, keypoints).poses.reshape(5, 48)
        return jnp.mean(jnp.sqrt(jnp.sum(outputs**2, axis=-1) + 0.001))

    gradient = jax.jit(jax.grad(loss))(arrays["keypoints"])
    np.testing.assert_allclose(gradient.reshape(5, 32), arrays["input_gradient"], rtol=0, atol=1e-6)
