"""A network written in flax.nnx trains, predicts tracks and is saved, inside a Linen module that keeps the contract."""

import chex
import flax.linen as nn
import jax
import numpy as np
import pytest
from flax import nnx
from helpers.problems import problem, trained
from helpers.samples import DESCRIPTION

from jaxpose.evaluation.predict_tracks import predict_tracks
from jaxpose.models.lifter import Lifter, Prediction
from jaxpose.runs import checkpoint
from jaxpose.training import setup
from jaxpose.training.state import from_checkpoint, to_checkpoint

pytestmark = pytest.mark.usefixtures("compiled_soon")


class Perceptron(nnx.Module):
    """Each frame by itself: a hidden layer with BatchNorm and dropout."""

    def __init__(self, features: int, hidden: int, joints: int, *, rngs: nnx.Rngs):
        self.hidden = nnx.Linear(features, hidden, rngs=rngs)
        self.norm = nnx.BatchNorm(hidden, momentum=0.9, rngs=rngs)
        self.dropout = nnx.Dropout(0.1, rngs=rngs)
        self.out = nnx.Linear(hidden, 3 * joints, rngs=rngs)

    def __call__(self, x, *, train):
        x = self.norm(self.hidden(x), use_running_average=not train)
        return self.out(self.dropout(nnx.relu(x), deterministic=not train))


class Bridged(Lifter):
    """The perceptron by the contract: the bridge makes its variables `params` and `batch_stats` of Linen."""

    num_joints: int

    @nn.compact
    def __call__(self, keypoints, *, train=False, progress=None):
        x = keypoints.reshape(*keypoints.shape[:2], -1)
        network = nnx.bridge.to_linen(Perceptron, x.shape[-1], 32, self.num_joints, metadata_fn=None, name="perceptron")
        return Prediction(network(x, train=train).reshape(*keypoints.shape[:2], self.num_joints, 3))


def test_an_nnx_module_keeps_the_contract(tmp_path):
    recipe, data, starts = problem()
    recipe = recipe._replace(model=Bridged(17))
    state = setup.init(recipe, jax.random.key(0))
    assert state.collections.keys() == {"batch_stats"}
    before = jax.device_get(state.collections)
    state, records = trained(recipe, data, starts, until=90, log_every=30, state=state)
    assert records[-1]["loss"] < 0.9 * records[0]["loss"]
    statistics = jax.device_get(state.collections)
    assert all(np.any(a != b) for a, b in zip(*map(jax.tree.leaves, (before, statistics)), strict=True))

    with checkpoint.open_checkpoints(tmp_path) as checkpoints:
        checkpoint.save(checkpoints, 90, to_checkpoint(state))
    again = from_checkpoint(checkpoint.load(tmp_path, to_checkpoint(setup.init(recipe, jax.random.key(1)))))
    chex.assert_trees_all_equal(*(jax.device_get(each.replace(key=())) for each in (state, again)))
    variables = checkpoint.load(tmp_path, setup.variable_shapes(recipe.model, DESCRIPTION))
    poses = predict_tracks(recipe.model, variables, data, DESCRIPTION, recipe.mesh)
    assert poses.shape == (47, 17, 3)
    errors = np.linalg.norm(poses - np.asarray(data.poses), axis=-1)
    assert errors.mean() < 1.2 * records[-1]["position"]  # as in training, without dropout
