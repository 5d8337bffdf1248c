"""The window that is chosen, and what the table says of an attribution; that it is of the poses evaluation scores."""

import numpy as np
import pytest
from helpers.lifters import aiming_lifter
from helpers.samples import make_track

from jaxpose.data.load import load
from jaxpose.data.windows import pack
from jaxpose.evaluation.loss_attribution import (
    Attribution,
    Window,
    attribute_loss,
    attribution_figures,
    attribution_table,
    choose_window,
)
from jaxpose.runs.trained import open_run
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17
from jaxpose.training import attribution
from jaxpose.training.attribution import terms
from jaxpose.visualization.attribution_page import FIGURES

pytestmark = pytest.mark.usefixtures("compiled_soon")
WINDOW = Window(2, 13, 7)


@pytest.fixture(scope="module")
def lifter(untrained):
    return open_run(untrained)


@pytest.fixture(scope="module")
def data(prepared):
    return pack(load(str(prepared), "S9")[1][:1])


@pytest.fixture(scope="module")
def attributed(lifter, data, compiled_soon):
    """As tests/commands/test_explain.py has it: one program, which the suite keeps."""
    return attribute_loss(lifter.model, lifter.variables, data, lifter.description, WINDOW, steps=5)


def test_it_is_of_the_poses_that_evaluation_scores(lifter, data, attributed):
    pose, target, result = attributed
    lifted, targets = lifter.lift(data)[2:14], np.asarray(data.poses)[2:14]
    np.testing.assert_allclose(pose, lifted[5], atol=1e-5)
    np.testing.assert_array_equal(target, targets[5])
    values = attribution.joint_losses(lifted, targets, H36M_17)
    for term, found in zip(terms(), result.values, strict=True):
        np.testing.assert_allclose(found, values[term], rtol=1e-2, atol=1e-7)
    np.testing.assert_allclose(result.paths[:, 0], np.broadcast_to(pose, (len(terms()) + 1, 17, 3)), atol=1e-6)
    sums = result.values.sum(axis=(1, 2))
    np.testing.assert_allclose(result.losses[:, 0], [*sums, sums.sum()], rtol=1e-2)
    assert result.paths.shape == (len(terms()) + 1, 6, 17, 3)
    assert result.losses[-1, -1] < result.losses[-1, 0]


@pytest.mark.compilations(60)
def test_of_a_network_that_takes_rays_too():
    lifter = aiming_lifter()
    track = make_track(frames=20)
    cut = track._replace(
        positions_3d=np.random.default_rng(0).normal(size=(20, 22, 3)).astype(np.float32),
        keypoints_2d=np.concatenate([track.keypoints_2d, np.ones((20, 17, 1), np.float32)], axis=-1),
    )
    data = pack([cut])
    pose, _, _ = attribute_loss(lifter.model, lifter.variables, data, lifter.description, WINDOW, steps=2)
    np.testing.assert_allclose(pose, lifter.lift(data)[7], atol=1e-5)


def test_every_figure_names_its_data(attributed):
    figures = attribution_figures(*attributed, WINDOW, H36M_17, "sample motion, frames 2 to 13 of 40.")
    assert figures.keys() == FIGURES.keys()
    for figure in figures.values():
        assert figure.get_suptitle().startswith("sample motion, frames 2 to 13 of 40. ")
    assert "Frame 7 is drawn." in figures["gradients.png"].get_suptitle()
    assert sum(bool(axes.get_title()) for axes in figures["descents.png"].axes) == len(terms()) + 1


@pytest.mark.parametrize(
    ("total", "drawn", "frames", "window"),
    [
        (200, None, None, (80, 160, 120)),
        (200, None, (0, 50), (0, 50, 40)),
        (200, 10, None, (0, 80, 10)),
        (200, 199, None, (119, 199, 199)),
        (30, None, None, (0, 29, 20)),
        (1, None, None, (0, 0, 0)),
        (200, 7, (7, 7), (7, 7, 7)),
    ],
)
def test_windows(total, drawn, frames, window):
    errors = np.zeros(total)
    errors[[20 % total, 40 % total, 120 % total]] = 1, 2, 3
    if total == 30:
        errors[20] = 9
    assert choose_window(errors, drawn, frames) == window


@pytest.mark.parametrize(
    ("drawn", "frames"), [(200, None), (-1, None), (5, (6, 9)), (None, (9, 8)), (None, (-1, 8)), (None, (0, 200))]
)
def test_windows_outside_the_track_are_refused(drawn, frames):
    with pytest.raises(InputError, match=r"--frames? is"):
        choose_window(np.zeros(200), drawn, frames)


def test_the_table_weighs_terms_and_names_the_worst():
    number = len(terms())
    values = np.zeros((number, 4, 17))
    values[0, 1, 3] = 0.002  # metres
    values[-1, 2] = 0.001
    result = Attribution(values, None, None, np.arange(number, 0.0, -1), None, None)
    rows = attribution_table(result, {"position": 1.0, "angle": 0.5}, Window(10, 13, 11), H36M_17).rows
    assert [row[0] for row in rows] == list(terms())
    total = number * (number + 1) / 2
    share = number / (number + 0.5 * (number - 1))
    assert rows[0] == ("position", "1", "2", "right_ankle", "11", f"{100 * share:.1f}", f"{100 * number / total:.1f}")
    assert rows[1][:6] == ("angle", "0.5", "0", "–", "–", f"{100 * (1 - share):.1f}")
    assert rows[-1][1:6] == ("0", "17", "–", "12", "0.0")  # a frame, but no joint before the others
