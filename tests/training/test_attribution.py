"""What the terms see and where they pull: against the loss itself, finite differences and NumPy; and by descending."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose import losses
from jaxpose.kinematics import bone_lengths, joint_angles
from jaxpose.skeleton import COCO_17, H36M_17
from jaxpose.training import attribution
from jaxpose.training.attribution import terms

FRAMES = 6
TERMS = terms()
each_term = pytest.mark.parametrize("name", TERMS)


def track(seed=0, frames=FRAMES, dtype=np.float32):
    random = np.random.default_rng(seed)
    targets = 0.3 * random.normal(size=(frames, 17, 3))
    return (targets + 0.05 * random.normal(size=targets.shape)).astype(dtype), targets.astype(dtype)


pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture(scope="module")
def gradients():
    return jax.device_get(attribution.term_gradients(*track(), H36M_17))


def test_values_add_up_to_the_loss():
    weights = {name: 0.5 + number for number, name in enumerate(losses.QUANTITIES)}
    values = attribution.joint_losses(*track(), H36M_17)
    total, _ = losses.joint_aware(*(x[None] for x in track()), weights, H36M_17)
    assert all(value.shape == (FRAMES, 17) for value in values.values())
    np.testing.assert_allclose(sum(weights.get(name, 1) * np.sum(values[name]) for name in TERMS), total, rtol=1e-4)


def test_the_values_of_every_term_add_up():
    """Of a skeleton of separate trees, some of whose pairs have no bone."""
    values = attribution.joint_losses(*track(), COCO_17)
    for name, value in attribution.term_losses(*track(), COCO_17).items():
        assert value > 0
        np.testing.assert_allclose(np.sum(values[name]), value, rtol=1e-4)


@pytest.mark.parametrize("frames", [1, 2])
def test_a_track_too_short_for_a_difference_in_time_has_none(frames):
    values = attribution.joint_losses(*track(frames=frames), H36M_17)
    short = {name for name, value in values.items() if not np.any(value)}
    assert short == {name for name, quantity in losses.QUANTITIES.items() if quantity.order >= frames}
    assert all(value.shape == (frames, 17) for value in values.values())


def where(values):
    """The frames and the joints that have a value."""
    return tuple(set(axis.tolist()) for axis in np.nonzero(np.asarray(values) > 1e-9))


def test_a_value_stands_at_its_joints_and_frame():
    _, targets = track()
    moved = targets.copy()
    moved[3, 13] += 0.1  # the left wrist in one frame
    values = attribution.joint_losses(moved, targets, H36M_17)
    assert where(values["position"]) == ({3}, {13})
    assert where(values["angle"]) == ({3}, {11, 12, 13})
    assert where(values["distance"]) == ({3}, {12, 13})
    assert where(values["symmetry"]) == ({3}, {12, 13, 15, 16})
    assert where(values["velocity"]) == ({3, 4}, {13})  # arrives at 3 and at 4
    assert where(values["acceleration"]) == ({2, 3, 4}, {13})
    shared = np.asarray(values["symmetry"])[3, [12, 13, 15, 16]]
    np.testing.assert_allclose(shared, shared[0], rtol=1e-6)


def test_a_bend_in_time_stands_at_its_middle_frame():
    _, targets = track()
    ramp = np.maximum(np.arange(FRAMES) - 2, 0)[:, None] * np.float32(0.1)
    moved = targets.copy()
    moved[:, 16] += ramp
    assert where(attribution.joint_losses(moved, targets, H36M_17)["acceleration"]) == ({2}, {16})


def test_gradients_agree_with_finite_differences(gradients, x64):
    predictions, targets = track(dtype=np.float64)
    direction = np.random.default_rng(1).normal(size=predictions.shape)
    ahead, behind = (attribution.term_losses(predictions + h * direction, targets, H36M_17) for h in (1e-6, -1e-6))
    for name in TERMS:
        numerical = float(ahead[name] - behind[name]) / 2e-6
        assert numerical != 0
        np.testing.assert_allclose(np.sum(gradients[name] * direction), numerical, rtol=1e-3)


def test_a_batch_is_mapped():
    batch = [np.stack(pair) for pair in zip(track(), track(seed=1), strict=True)]
    mapped = jax.vmap(lambda p, t: attribution.joint_losses(p, t, H36M_17))(*batch)
    alone = attribution.joint_losses(*track(seed=1), H36M_17)
    for name in TERMS:
        np.testing.assert_allclose(mapped[name][1], alone[name], rtol=1e-4, atol=1e-9)


def test_everything_is_finite_at_singular_poses():
    _, targets = track()
    straight = targets.copy()
    straight[:, 1:4] = [[0.1, 0, 0], [0.1, -0.4, 0], [0.1, -0.8, 0]]
    still = targets[:1].repeat(FRAMES, 0)
    cases = [
        (targets, targets),
        (0 * targets, targets),
        (0 * targets, 0 * targets),
        (straight, targets),
        (still, still),
    ]
    for case in cases:
        gradients = attribution.term_gradients(*case, H36M_17)
        cosines = attribution.gradient_cosines(gradients, names=TERMS)
        found = attribution.joint_losses(*case, H36M_17), gradients, cosines
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))


def test_cosines_agree_with_numpy(gradients):
    flat = np.stack([np.ravel(gradients[name]) for name in TERMS]).astype(np.float64)
    lengths = np.sqrt((flat**2).sum(axis=1))
    cosines = attribution.gradient_cosines(gradients, names=TERMS)
    np.testing.assert_allclose(cosines, flat @ flat.T / np.outer(lengths, lengths), atol=1e-5)
    np.testing.assert_allclose(np.diag(cosines), 1, atol=1e-5)
    np.testing.assert_array_equal(cosines, cosines.T)


def test_conflicts_of_whatever_is_named():
    """Also of parameter trees; terms that fight, do not mind each other, or have no gradient."""
    trees = {"c": {"w": [3.0, 0], "b": 4.0}, "a": {"w": [-3.0, 0], "b": -4.0}, "b": {"w": [0, 2.0], "b": 0.0},
             "none": {"w": [0, 0.0], "b": 0.0}}  # fmt: skip
    trees = jax.tree.map(jnp.asarray, trees, is_leaf=lambda x: isinstance(x, list))
    cosines = attribution.gradient_cosines(trees, names=("c", "a", "b", "none"))
    np.testing.assert_allclose(cosines, [[1, -1, 0, 0], [-1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]], atol=1e-6)


@pytest.fixture(scope="module")
def linear():
    """A model whose gradients are plain products: two tracks of features, parameters, and what predicts from them."""
    random = np.random.default_rng(0)
    features = random.normal(size=(2, FRAMES, 5)).astype(np.float32)
    params = {"weight": (random.normal(size=(5, 51)) * 0.2).astype(np.float32), "bias": np.zeros(51, np.float32)}
    targets = np.stack([track(seed)[1] for seed in (0, 1)])

    def predict(params):
        return (features @ params["weight"] + params["bias"]).reshape(targets.shape)

    pairs = zip(predict(params), targets, strict=True)
    alone = [attribution.term_gradients(*pair, H36M_17) for pair in pairs]
    gradients = jax.tree.map(lambda *each: jnp.stack(each) / len(each), *alone)
    return features, params, predict, targets, gradients


def through(features, gradient):
    """The gradient with respect to weight and bias."""
    flat = np.reshape(gradient, (-1, 51))
    return {"weight": np.reshape(features, (-1, 5)).T @ flat, "bias": flat.sum(axis=0)}


def test_weighted_gradients_add_up_to_that_of_the_loss(linear):
    features, params, predict, targets, gradients = linear
    weights = {name: 0.5 + number for number, name in enumerate(losses.QUANTITIES)}
    whole = jax.jit(jax.grad(lambda params: losses.joint_aware(predict(params), targets, weights, H36M_17)[0]))(params)
    added = through(features, sum(weights.get(name, 1) * gradient for name, gradient in gradients.items()))
    for name in params:
        np.testing.assert_allclose(added[name], whole[name], rtol=1e-3, atol=1e-6)


def test_parameter_norms(linear):
    features, params, predict, _, gradients = linear
    for name, norm in attribution.parameter_norms(predict, params, gradients).items():
        expected = sum((leaf**2).sum() for leaf in through(features, gradients[name]).values()) ** 0.5
        assert expected > 0
        np.testing.assert_allclose(norm, expected, rtol=1e-4)


def test_shares_weigh_the_norms():
    norms = {"position": np.float32(3), "angle": np.float32(1), "velocity": np.float32(4)}
    shares = attribution.gradient_shares(norms, {"position": 1, "angle": 3})
    assert {name: float(share) for name, share in shares.items()} == {"position": 0.5, "angle": 0.5, "velocity": 0}
    assert not any(attribution.gradient_shares(norms, {}).values())


@pytest.fixture(scope="module")
def descents():
    """Each term descended alone, in one compiled program."""

    def descend(weights):
        return attribution.descend(*track(), dict(zip(TERMS, weights, strict=True)), H36M_17, steps=60)

    return jax.lax.map(descend, jnp.eye(len(TERMS)))


@each_term
def test_descent_lowers_its_term(name, descents):
    poses, values = (x[TERMS.index(name)] for x in descents)
    predictions, targets = track()
    start, end = (attribution.term_losses(poses[step], targets, H36M_17)[name] for step in (0, -1))
    assert poses.shape == (60 + 1, FRAMES, 17, 3)
    np.testing.assert_array_equal(poses[0], predictions)
    np.testing.assert_allclose(values[np.asarray([0, -1])], [start, end], rtol=1e-4, atol=1e-9)
    assert end < start / 2


def test_symmetry_wants_equal_arms_and_nothing_else():
    _, targets = track(frames=1)
    targets = (targets + targets[:, H36M_17.mirrored] * [-1, 1, 1]).astype(np.float32)
    unequal = targets.copy()
    unequal[:, 13] += (unequal[:, 13] - unequal[:, 12]) / 2  # the left forearm is half as long again
    poses, _ = attribution.descend(unequal, targets, {"symmetry": 1.0}, H36M_17)
    left, right = (list(H36M_17.bones).index(bone) for bone in ((12, 13), (15, 16)))
    before, after = (np.asarray(bone_lengths(pose, H36M_17))[0] for pose in (poses[0], poses[-1]))
    assert before[left] > 1.4 * before[right]
    assert after[left] == pytest.approx(after[right], rel=1e-2)
    np.testing.assert_array_equal(poses[-1][:, :8], poses[0][:, :8])  # neither legs nor spine


def test_the_range_of_motion_bends_a_knee_back_to_its_limit():
    _, targets = track(frames=1)
    targets[:, 4:7] = [[0.1, 0, 0], [0.1, 0.4, 0.02], [0.1, 0.8, 0]]
    broken = targets.copy()
    broken[:, 6] = [0.1, 0.02, 0.1]  # the heel in the hip
    knee = [angle.name for angle in H36M_17.angles].index("left_knee")
    poses, _ = attribution.descend(broken, targets, {"range_of_motion": 1.0}, H36M_17)
    degrees = np.rad2deg(jax.jit(joint_angles, static_argnums=1)(poses[:, 0], H36M_17)[:, knee])
    assert degrees[0] < 20
    assert degrees[-1] == pytest.approx(45, abs=3)
    np.testing.assert_array_equal(poses[-1][:, 7:], poses[0][:, 7:])  # nothing above the hips
