"""The report on a step that was not finite names the tracks, the loss term, the layer and the operation."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.samples import DESCRIPTION, make_track

from jaxpose.data.track import track_lengths
from jaxpose.data.windows import pack, window_starts
from jaxpose.models.configs import TemporalConfig
from jaxpose.training import nan_report, setup
from jaxpose.training.config import Config

pytestmark = pytest.mark.usefixtures("compiled_soon")
CONFIG = Config(
    model=TemporalConfig(filter_widths=(3,), channels=8),
    batch_size=94,
    epochs=4,
    constraints={"velocity": 1.0},
    ramp=(0.0, 1.0),
    clips=94,
)
NAMES = ["S1/Walking/a", "S1/Sitting/b"]


@pytest.fixture(scope="module")
def problem():
    tracks = [make_track(frames=frames, seed=frames) for frames in (30, 17)]
    starts = window_starts(track_lengths(tracks), 1)
    recipe = setup.build_recipe(CONFIG, DESCRIPTION, len(starts))
    return setup.init(recipe, jax.random.key(0)), recipe, pack(tracks), jnp.asarray(starts)


def test_the_batch_is_that_of_the_step(problem):
    state, recipe, data, starts = problem
    state, recipe, named = nan_report.batch_of(state, recipe, data, starts, NAMES)
    frames = [(name, frame) for name, count in zip(NAMES, (30, 17), strict=True) for frame in range(count)]
    seen = zip(named.tracks, named.frame, named.mirrored, strict=True)
    assert sorted(seen) == sorted((*frame, mirrored) for frame in frames for mirrored in (False, True))
    first = {"S1/Walking/a": 0, "S1/Sitting/b": 30}
    batch, poses = jax.device_get((named.batch["windows"], data.poses))
    for index in np.flatnonzero(~named.mirrored)[:5]:
        frame = first[named.tracks[index]] + named.frame[index]
        np.testing.assert_array_equal(batch.poses[index, 0], poses[frame])
    saved = nan_report.arrays(state, named)
    assert saved["step"] == 0
    assert saved["keypoints"].shape == (94, 3, 17, 2)
    assert saved["clips_poses"].shape == (94, 3, 17, 3)


def with_keypoint(data, frame, value):
    """The data with one coordinate of a keypoint replaced."""
    keypoints = np.array(data.keypoints)
    keypoints[frame, 4, 1] = value
    return data._replace(keypoints=jax.device_put(keypoints))


def explained(problem, data=None, **changes):
    state, recipe, finite_data, starts = problem
    data = finite_data if data is None else data
    return nan_report.explain(*nan_report.batch_of(state.replace(**changes), recipe, data, starts, NAMES))


def test_a_keypoint_that_is_not_a_number(problem):
    reasons = explained(problem, with_keypoint(problem[2], 35, np.nan))
    assert "position is nan; velocity is nan; the first layer whose output is not finite is expand;" in reasons
    assert "the largest of the keypoints inf in S1/Sitting/b about frame " in reasons
    assert "the batch is of S1/" in reasons


def test_the_operation_is_named_with_its_line(problem):
    state, recipe, data, starts = problem
    batch = nan_report.batch_of(state, recipe, with_keypoint(data, 35, np.nan), starts, NAMES)
    # The last frame of the package, whichever of its rooms it is in.
    (room,) = re.search(r"nan.* at jaxpose/(\w+)/\w+\.py:\d+ \(", nan_report.operation(*batch)).groups()
    assert room in ("models", "training")


def test_a_keypoint_far_too_large(problem):
    reasons = explained(problem, with_keypoint(problem[2], 3, 1e30))
    assert "expand_norm" in reasons
    assert "the largest of the keypoints 1e+30 in S1/Walking/a about frame " in reasons


def test_weights_that_exploded(problem):
    params = jax.device_put(jax.tree.map(lambda leaf: np.asarray(leaf) * np.float32(1e30), problem[0].params))
    reasons = explained(problem, params=params)
    assert "not finite" in reasons
    assert "the largest weight is 1e+30 in expand_norm/scale" in reasons or "e+3" in reasons


def test_a_term_whose_gradient_is_not_finite(problem):
    state, recipe, data, starts = problem

    def rooted_value(prediction, windows, weight):
        rooted = jnp.sqrt(jnp.sum(0 * prediction.poses))
        return weight * rooted, {"rooted": rooted}

    position, constraints = recipe.objectives
    recipe = recipe._replace(objectives=(position, constraints._replace(value=rooted_value, terms=("rooted",))))
    reasons = explained((state, recipe, data, starts))
    assert reasons.startswith("the gradient of rooted is not finite, first in layer shrink; the largest weight is ")


def test_a_finite_step_is_called_that(problem):
    reasons = explained(problem)
    assert reasons.startswith("computed once more, outside the training program, everything is finite; ")
