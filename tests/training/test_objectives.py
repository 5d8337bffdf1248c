"""Parts of the loss against NumPy in float64: position losses, the ramp, constraints."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose import losses
from jaxpose.data.windows import Windows
from jaxpose.models.lifter import Prediction, Progress
from jaxpose.skeleton import H36M_17
from jaxpose.training import objectives

pytestmark = pytest.mark.usefixtures("compiled_soon")
FRAMES = 4


@functools.cache
def poses():
    """Predictions and targets (2, 4, 17, 3), root-relative."""
    random = np.random.default_rng(0)
    targets = random.normal(size=(2, FRAMES, 17, 3))
    targets[:, :, 0] = 0
    return (targets + 0.02 * random.normal(size=targets.shape)).astype(np.float32), targets.astype(np.float32)


def windows_of(targets, visible=None):
    count = len(targets)
    visible = np.ones((count, FRAMES), bool) if visible is None else visible
    sample, mirrored = np.arange(count, dtype=np.int32), np.zeros(count, bool)
    return Windows(np.zeros((count, FRAMES, 17, 2), np.float32), targets, visible, sample, mirrored, None, None, None)


UNIT = np.random.default_rng(1).uniform(0.1, 0.3, (17, 3)).astype(np.float32) * (np.arange(17) > 0)[:, None]

FORMULAS = {
    "mpjpe": lambda difference: np.sqrt((difference**2).sum(axis=-1)).mean(),
    "mse": lambda difference: (difference**2).mean(),
    "z_mse": lambda difference: (np.where(UNIT > 0, difference / np.where(UNIT > 0, UNIT, 1), 0) ** 2).mean(),
}


@pytest.mark.parametrize("name", objectives.LOSSES)
def test_position_losses_follow_their_formulas(name):
    """The root has no deviation, and so no weight in z_mse, whatever is predicted for it."""
    predictions, targets = poses()
    prediction = Prediction(predictions, unit=UNIT.astype(np.float32))
    loss = jax.jit(jax.value_and_grad(lambda p, t: objectives.LOSSES[name](p, t), allow_int=True))
    value, gradient = loss(prediction, targets)
    np.testing.assert_allclose(value, FORMULAS[name](np.float64(predictions) - np.float64(targets)), rtol=1e-5)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    perfect, gradient = loss(Prediction(targets, unit=UNIT.astype(np.float32)), targets)
    assert perfect == 0
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_every_position_loss_has_its_formula():
    assert objectives.LOSSES.keys() == FORMULAS.keys()


def test_z_scores_need_a_network_that_says_its_deviations():
    predictions, targets = poses()
    with pytest.raises(ValueError, match="z_mse needs a network that predicts in standard deviations; choose mse"):
        objectives.z_mse_loss(Prediction(predictions), targets)


def test_a_ramp_grows_from_zero_to_one():
    ramp = objectives.ramp(1.0, 3.0)
    assert ramp is objectives.ramp(1.0, 3.0)
    values = [float(ramp(Progress(step, 10, 80))) for step in (0, 10, 15, 20, 30, 500)]
    assert values == pytest.approx([0, 0, 0.25, 0.5, 1, 1])
    at_once = objectives.ramp(2.0, 2.0)
    assert [float(at_once(Progress(step, 10, 80))) for step in (20, 21)] == [0, 1]
    assert objectives.constant(Progress(3, 10, 80)) == 1


def test_the_position_objective_is_of_all_windows_in_training_mode():
    predictions, targets = poses()
    objective = objectives.position(objectives.mse_loss)
    assert objective is objectives.position(objectives.mse_loss)
    assert (objective.stream, objective.train, objective.terms) == ("windows", True, ("position",))
    value, terms = jax.jit(objective.value)(Prediction(predictions), windows_of(targets), 0.5)
    assert terms.keys() == {*objective.terms}
    assert value == 0.5 * terms["position"]
    np.testing.assert_allclose(terms["position"], ((predictions - targets) ** 2).mean(), rtol=1e-5)


WEIGHTS = (("acceleration", 1.0), ("angle", 2.0))


def test_constraints_are_those_of_the_library_to_the_bit():
    """Of frames within their track, at the weight of the moment; with the network as in evaluation."""
    predictions, targets = poses()
    visible = np.asarray([[True] * FRAMES, [True] * 3 + [False]])
    objective = objectives.constraints(WEIGHTS, H36M_17, FRAMES, 1.0, 3.0)
    assert (objective.stream, objective.train, objective.terms) == ("clips", False, ("acceleration", "angle"))
    value = jax.jit(objective.value)(Prediction(predictions), windows_of(targets, visible), np.float32(0.3))

    @jax.jit
    def expected(share):
        weights = {name: weight * share for name, weight in WEIGHTS}
        return losses.constraints(predictions, targets, weights, H36M_17, visible[..., None])

    jax.tree.map(np.testing.assert_array_equal, value, expected(np.float32(0.3)))
    whole = jax.jit(objective.value)(Prediction(predictions), windows_of(targets), np.float32(0.3))
    assert whole[0] != value[0]


def test_windows_of_single_frames_are_parts_of_clips():
    """The same terms, to the bit, of the frames in one window and in windows of their own."""
    predictions, targets = poses()
    visible = np.asarray([[True] * FRAMES, [True] * 3 + [False]])
    objective = objectives.constraints(WEIGHTS, H36M_17, FRAMES, 1.0, 3.0)

    def apart(array):
        return array.reshape(-1, 1, *array.shape[2:])

    value = jax.jit(objective.value)
    whole = value(Prediction(predictions), windows_of(targets, visible), np.float32(0.3))
    parts = value(Prediction(apart(predictions)), windows_of(apart(targets), apart(visible)), np.float32(0.3))
    jax.tree.map(np.testing.assert_array_equal, whole, parts)


def test_constraints_grow_from_zero_over_the_ramp():
    predictions, targets = poses()
    objective = objectives.constraints(WEIGHTS, H36M_17, FRAMES, 1.0, 3.0)

    @jax.jit
    def loss(step):
        return objective.value(Prediction(predictions), windows_of(targets), objective.weight(Progress(step, 10, 80)))

    terms = loss(0)[1]
    weighted = losses.LOSS_SCALE * (2 * terms["angle"] + terms["acceleration"])
    for step, share in ((0, 0), (10, 0), (15, 0.25), (20, 0.5), (30, 1), (500, 1)):
        np.testing.assert_allclose(loss(step)[0], share * weighted, rtol=1e-6)


def test_a_quantity_of_one_s_own_is_a_constraint(monkeypatch):
    def heights(positions, skeleton):
        return positions[..., 1]

    own = losses.Quantity(heights, lambda skeleton: np.arange(skeleton.num_joints)[:, None], unit=0.05)
    monkeypatch.setitem(losses.QUANTITIES, "height", own)
    predictions, targets = poses()
    objective = objectives.constraints((("height", 3.0),), H36M_17, FRAMES, 0.0, 0.0)
    value, terms = jax.jit(objective.value)(Prediction(predictions), windows_of(targets), jnp.float32(1))
    squares = ((np.float64(predictions) - np.float64(targets))[..., 1] / 0.05) ** 2
    expected = (2 * (np.sqrt(1 + squares) - 1)).mean()
    np.testing.assert_allclose(terms["height"], expected, rtol=1e-4)
    np.testing.assert_allclose(value, 0.003 * expected, rtol=1e-4)
