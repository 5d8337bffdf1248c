"""The aimed camera against NumPy in float64, what it must not depend on, and the network around another."""

import functools
import math

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.networks import model_of
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.kinematics import mirror
from jaxpose.models.aimed import FORWARD, AimedLifter, aim, box_margin
from jaxpose.models.configs import TemporalConfig
from jaxpose.models.lifter import Progress
from jaxpose.models.temporal import batch_norm_momentum
from jaxpose.skeleton import COCO_17, H36M_17

pytestmark = pytest.mark.usefixtures("compiled_soon")
aimed = jax.jit(aim, static_argnums=1)
SYMMETRIC, CAUSAL = box_margin(5, causal=False), box_margin(5, causal=True)


def rays_of(points):
    return points[..., :2] / points[..., 2:]


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def body(frames=12, keypoints=7, seed=0, size=0.5):
    """Points (T, K, 3) of a person who moves, at the camera's origin."""
    random = np.random.default_rng(seed)
    drift = np.cumsum(random.normal(size=(frames, 1, 3)) * 0.02, axis=0)
    return random.normal(size=(1, keypoints, 3)) * size + random.normal(size=(frames, keypoints, 3)) * 0.03 + drift


def rotation_about(axis, angle):
    """Rotation matrix by Rodrigues' formula."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


def matrix(q):
    """Rotation matrix of a unit quaternion."""
    w, x, y, z = np.float64(q)
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def reference(keypoints, margin):
    """`aim` frame by frame in float64: pictures (N, K + 1, 3) and rotation matrices from the aimed to the real axes."""
    keypoints, (before, after) = np.float64(keypoints), margin
    rays, weight = keypoints[..., :2], keypoints[..., 2]
    directions = unit(np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1))

    def centre(frame):
        box = slice(frame - before + 1, frame + after + 1)
        return unit((weight[box, :, None] * directions[box]).sum(axis=(0, 1)))

    pictures, turns = [], []
    for frame in range(before, len(keypoints) - after):
        total = square = 0
        for near in range(frame - before + 1, frame + after + 1):
            middle = np.average(directions[near], axis=0, weights=weight[near])
            square += (weight[near] * np.square(directions[near] - middle).sum(axis=-1)).sum()
            total += weight[near].sum()
        size, there = math.sqrt(square / total), centre(frame)
        axis = np.cross(FORWARD, there)
        turn = rotation_about(unit(axis), math.atan2(np.linalg.norm(axis), there[2]))
        seen = directions[frame] @ turn  # by the inverse
        told = [math.log(size), *((there - centre(frame - 1)) @ turn)[:2] / size]
        xy = np.where(weight[frame, :, None] > 0, seen[:, :2] / seen[:, 2:] / size, 0)
        pictures.append([*np.concatenate([xy, weight[frame, :, None]], axis=-1), told])
        turns.append(turn)
    return np.array(pictures), np.array(turns)


@pytest.mark.parametrize("margin", [SYMMETRIC, CAUSAL, box_margin(1, causal=False)])
@pytest.mark.parametrize("place", [(0, 0, 4), (3, -1, 4), (-8, 3, 4)])  # the last one 65° from the axis
def test_pictures_and_orientations_are_those_of_the_definition(margin, place):
    confidence = np.random.default_rng(1).uniform(0.2, 1, (12, 7, 1))
    confidence[3:5, 2] = confidence[7, :4] = 0
    keypoints = np.concatenate([rays_of(body() + place), confidence], axis=-1)
    pictures, orientation = jax.device_get(aimed(np.float32(keypoints), margin))
    expected, turns = reference(keypoints, margin)
    np.testing.assert_allclose(pictures, expected, rtol=2e-4, atol=2e-5)
    np.testing.assert_allclose([matrix(q) for q in orientation], turns, atol=2e-6)


def test_the_aimed_camera_sees_what_a_camera_turned_to_the_person_would():
    """Far from the axis, exactly: points that the orientation turns and scales back are the directions of the rays."""
    points = body() + np.array([7, -2, 4])
    pictures, orientation = jax.device_get(aimed(np.float32(rays_of(points)), SYMMETRIC))
    inside = points[SYMMETRIC[0] : len(points) - SYMMETRIC[1]]
    sizes = np.exp(pictures[:, -1:, :1])
    seen = np.concatenate([pictures[:, :-1] * sizes, np.ones_like(pictures[:, :-1, :1])], axis=-1)
    turned = np.stack([points @ matrix(q).T for points, q in zip(seen, orientation, strict=True)])
    np.testing.assert_allclose(unit(turned), unit(inside), atol=2e-6)
    assert np.abs(pictures[:, :-1].mean(axis=(0, 1))).max() < 0.1  # the person is in the middle
    np.testing.assert_allclose(np.square(pictures[:, :-1]).sum(axis=-1).mean(), 1, rtol=0.1)  # and of unit size


@given(st.floats(0.05, 1))
def test_the_distance_of_a_small_person_changes_the_log_of_the_size_alone(scale):
    rays = rays_of(body() + np.array([0, 0, 40]))
    (near, _), (far, _) = (jax.device_get(aimed(np.float32(r), SYMMETRIC)) for r in (rays, rays * scale))
    np.testing.assert_allclose(far[:, :-1], near[:, :-1], atol=2e-3)
    np.testing.assert_allclose(far[:, -1, 0], near[:, -1, 0] + math.log(scale), atol=2e-3)
    np.testing.assert_allclose(far[:, -1, 1:], near[:, -1, 1:], atol=2e-3)


def turned(points, axis, degrees):
    return points @ rotation_about(unit(np.float64(axis)), math.radians(degrees)).T


@pytest.mark.parametrize("axis", [(0, 1, 0), (1, 0, 0)])
def test_a_turn_of_the_camera_along_a_meridian_changes_no_picture(axis):
    """By a large angle: the person moves through the middle of the image, across it or down it."""
    points = body() + np.array([0, 0, 4])
    across = turned(points, axis, 50)
    (one, first), (other, second) = (jax.device_get(aimed(np.float32(rays_of(p)), SYMMETRIC)) for p in (points, across))
    spin = matrix(second[4]).T @ rotation_about(np.float64(axis), math.radians(50)) @ matrix(first[4])
    angle = math.atan2(spin[1, 0], spin[0, 0])  # about the optical axis: the smallest rotation keeps it small
    np.testing.assert_allclose(spin[2], [0, 0, 1], atol=1e-5)
    assert abs(angle) < 0.05
    rolled = one[4, :-1] @ np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    np.testing.assert_allclose(other[4, :-1], rolled, atol=1e-4)
    np.testing.assert_allclose(other[4, -1, 0], one[4, -1, 0], atol=1e-5)


@functools.cache
def network(causal=False, channels=3, box=5, **settings):
    """A network that aims and its variables; the keypoints are COCO's, the joints Human3.6M's."""
    config = TemporalConfig(filter_widths=(3, 3), channels=8, causal=causal, aim=box, **settings)
    model = config.build(H36M_17, COCO_17, channels)
    example = jax.ShapeDtypeStruct((1, sum(model.context) + 1, 17, channels), np.float32)
    variables = jax.jit(model.init)(jax.random.key(0), np.zeros(example.shape, np.float32))
    return model, variables


@functools.partial(jax.jit, static_argnums=0)
def lifted(model, variables, keypoints):
    return model.apply(variables, keypoints).poses


def coco_rays(frames=40, place=(1, 0.4, 4), seed=0):
    """Rays (1, T, 17, 3) with a confidence."""
    points = body(frames, 17, seed) + place
    confidence = np.random.default_rng(seed).uniform(0.3, 1, (frames, 17, 1))
    return np.float32(np.concatenate([rays_of(points), confidence], axis=-1))[None]


def test_a_small_move_of_the_image_turns_the_poses():
    """The camera turned by 2°: what it sees moves by that, and the poses turn by as much the other way."""
    points = body(40, 17) * 0.3 + np.array([0.1, 0, 9])
    rotation = rotation_about((0, 1, 0), math.radians(2))
    here, there = (lifted(*network(channels=2), np.float32(rays_of(p))[None]) for p in (points, points @ rotation.T))
    np.testing.assert_allclose(there, here @ rotation.T, atol=2e-3)
    assert np.abs(there - here).max() > 0.005


def test_keypoints_that_are_not_seen_have_no_influence():
    model, variables = network()
    keypoints = coco_rays()
    keypoints[:, 5:20, 3:9, 2] = 0
    other = keypoints.copy()
    other[:, 5:20, 3:9, :2] = np.random.default_rng(0).choice([0, 1e6, -3, np.nan, np.inf], (1, 15, 6, 2))
    ours, theirs = (lifted(model, variables, k) for k in (keypoints, other))
    assert np.isfinite(ours).all()
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("unseen", [slice(None), slice(0, 30), slice(12, 30)])
def test_frames_in_which_nothing_is_seen_leave_everything_finite(unseen):
    keypoints = coco_rays()
    keypoints[:, unseen, :, 2] = 0
    pictures, orientation = jax.device_get(aimed(keypoints, SYMMETRIC))
    assert np.isfinite(pictures).all()
    np.testing.assert_allclose(np.linalg.norm(orientation, axis=-1), 1, atol=1e-6)
    assert np.abs(pictures[..., -1, 1:]).max() < 0.5  # the camera does not leap when it loses or finds the person
    blank = keypoints[0, :, :, 2].max(axis=1) == 0
    for frame, picture in enumerate(pictures[0], start=SYMMETRIC[0]):
        if blank[frame - SYMMETRIC[0] + 1 : frame + SYMMETRIC[1] + 1].all():
            np.testing.assert_array_equal(picture, 0)
            np.testing.assert_allclose(orientation[0, frame - SYMMETRIC[0]], [1, 0, 0, 0], atol=1e-6)


def test_rays_far_behind_the_aim_and_a_single_keypoint_are_finite():
    keypoints = coco_rays()
    keypoints[:, :, 1:, 2] = 0  # no spread at all
    keypoints[:, 10, 0, :2] = 1e6
    assert np.isfinite(aimed(keypoints, SYMMETRIC)[0]).all()
    chex.assert_tree_all_finite(jax.jit(jax.grad(lambda k: sum(jnp.sum(x**2) for x in aim(k, SYMMETRIC))))(keypoints))


@pytest.mark.parametrize("causal", [False, True])
def test_windows_give_the_poses_of_the_track(causal):
    model, variables = network(causal)
    track = coco_rays(40)
    whole = lifted(model, variables, track)
    assert whole.shape == (1, 40 - sum(model.context), 17, 3)
    length = sum(model.context) + 3
    for start in (0, 7, 40 - length):
        window = lifted(model, variables, track[:, start : start + length])
        np.testing.assert_allclose(window, whole[:, start : start + 3], atol=2e-5)


def test_a_causal_network_uses_no_later_frames():
    """Also one whose layers see a single frame, which is causal by its setting alone."""
    assert network(causal=True)[0].context == (8 + 5, 0)
    assert network(causal=False)[0].context == (4 + 3, 4 + 2)
    single = TemporalConfig(filter_widths=(1,), channels=8, causal=True, aim=5).build(H36M_17, COCO_17, 3)
    assert single.context == (5, 0)


def test_too_few_frames_are_refused():
    model, variables = network()
    with pytest.raises(ValueError, match="13 input frames are fewer than the 14 needed"):
        jax.eval_shape(model.apply, variables, coco_rays(13))


def test_it_has_the_parameters_of_the_inner_network_and_one_more_keypoint():
    model, variables = network()
    keypoints = jnp.zeros((1, 9, 17, 3))
    plain = jax.eval_shape(model.inner.init, jax.random.key(0), keypoints)
    aiming, not_aiming = (
        sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree["params"])) for tree in (variables, plain)
    )
    assert aiming == not_aiming + 3 * 3 * 8  # three numbers, a filter of three frames, eight channels
    assert variables.keys() == {"params", "batch_stats"}


def test_training_gives_finite_gradients_that_reach_every_weight():
    model, variables = network(dropout=0.0)
    keypoints = coco_rays()
    keypoints[:, 8:30, :, 2] = 0

    @jax.jit
    def gradient(params):
        def loss(params):
            prediction, _ = model.apply(
                variables | {"params": params},
                keypoints,
                train=True,
                progress=Progress(0, 10, 2),
                mutable=["batch_stats"],
            )
            return jnp.mean(jnp.square(prediction.poses - 1))

        return jax.grad(loss)(params)

    found = jax.device_get(gradient(variables["params"]))
    chex.assert_tree_all_finite(found)
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(found))


def test_mirrored_rays_give_mirrored_pictures():
    keypoints = coco_rays()
    (one, first), (other, second) = (aimed(k, SYMMETRIC) for k in (keypoints, np.asarray(mirror(keypoints, COCO_17))))
    np.testing.assert_allclose(other[..., :-1, :], mirror(one[..., :-1, :], COCO_17), atol=1e-5)
    np.testing.assert_allclose(other[..., -1, :], one[..., -1, :] * np.float32([1, -1, 1]), atol=1e-5)
    np.testing.assert_allclose(second, first * np.float32([1, 1, -1, -1]), atol=1e-6)


def test_two_numbers_a_keypoint_are_told_the_size_and_the_turn_to_the_right():
    keypoints = coco_rays()
    keypoints[..., 2] = 1
    (three, _), (two, _) = (aimed(k, SYMMETRIC) for k in (keypoints, keypoints[..., :2]))
    np.testing.assert_allclose(two, three[..., :2], atol=1e-6)


def test_what_it_says_of_itself_is_what_the_inner_network_says():
    model, _ = network()
    assert model.rays
    assert not model.inner.rays
    assert model.frames is None
    progress = Progress(7, 2, 5)
    assert float(model.schedules(progress)["momentum"]) == pytest.approx(float(batch_norm_momentum(progress)))
    assert AimedLifter(model_of(), (3, 2)) == AimedLifter(model_of(), (3, 2))  # a static argument of programs
