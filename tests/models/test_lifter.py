"""The contract of networks: what the base class says for a network that says nothing of its own."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
from helpers.networks import Standardised, WindowLinear

from jaxpose.models.lifter import Lifter, Prediction, Progress


def test_a_network_that_says_nothing_has_no_context_no_schedule_and_nothing_to_fit():
    model = Lifter()
    assert model.context == (0, 0)
    assert model.frames is None
    assert model.schedules(Progress(3, 7, 80)) == {}
    collections = {"batch_stats": {"mean": np.ones(2)}}
    assert model.fit(collections, np.zeros((4, 17, 2)), np.zeros((4, 17, 3))) is collections
    assert not model.fits_data


def test_a_prediction_is_a_tree_of_what_is_predicted():
    poses = np.ones((2, 3, 17, 3), np.float32)
    alone = Prediction(poses)
    assert jax.tree.leaves(alone) == [poses]
    assert alone.root is alone.hypotheses is alone.log_weights is alone.spread is alone.unit is None
    both = alone.replace(root=poses[:, :, 0])
    assert len(jax.tree.leaves(both)) == 2
    doubled = jax.jit(lambda prediction: jax.tree.map(lambda x: 2 * x, prediction))(both)
    np.testing.assert_array_equal(doubled.root, 2)


def test_progress_counts_epochs():
    progress = Progress(np.int32(17), 7, 80)
    assert progress.epoch == 17 / 7
    assert progress.whole_epochs == 2
    traced = jax.jit(lambda step: (Progress(step, 7, 80).epoch, Progress(step, 7, 80).whole_epochs))(np.int32(17))
    np.testing.assert_allclose(traced, (17 / 7, 2), rtol=1e-6)


def test_networks_hash_by_their_fields():
    """They are static arguments of compiled programs."""
    assert WindowLinear(17) == WindowLinear(17)
    assert hash(WindowLinear(17)) == hash(WindowLinear(17))
    assert WindowLinear(17) != WindowLinear(5)


def test_the_small_networks_of_the_tests_keep_the_contract():
    random = np.random.default_rng(0)
    keypoints = random.normal(size=(2, 6, 4, 2)).astype(np.float32)
    poses = random.normal(size=(50, 5, 3)).astype(np.float32) * np.float32([1, 2, 3])
    for model in (WindowLinear(5), Standardised(5)):
        variables = jax.jit(model.init)(jax.random.key(0), keypoints)
        out = jax.jit(model.apply)(variables, keypoints)
        assert out.poses.shape == (2, 6 - sum(model.context), 5, 3)
        chex.assert_tree_all_finite(out)
    collections = {"data": variables["data"]}
    assert Standardised(5).fits_data
    fitted = jax.jit(Standardised(5).fit)(collections, keypoints.reshape(-1, 4, 2), poses)
    assert jax.tree.map(jnp.shape, fitted) == jax.tree.map(jnp.shape, collections)
    np.testing.assert_allclose(fitted["data"]["unit"], poses.std(axis=0), rtol=1e-5)
