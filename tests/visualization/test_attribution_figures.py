"""Figures of the attribution of a loss: arrows, paths and numbers are those of the arrays."""

import numpy as np
import pytest

from jaxpose.skeleton import H36M_17
from jaxpose.visualization.attribution_figures import (
    cosine_matrix,
    descent_paths,
    gradient_arrows,
    joint_term_heatmaps,
)
from jaxpose.visualization.figures import GRADIENT, LEFT, MIDDLE, REFERENCE, RIGHT


@pytest.fixture
def gradients():
    """One term has gradients at the head, up in camera space, and half as long at a wrist; the other has none."""
    gradient = np.zeros((17, 3))
    gradient[H36M_17.index("head")] = [0, -2e-3, 0]
    gradient[H36M_17.index("left_wrist")] = [-1e-3, 0, 0]
    return {"angle": gradient, "symmetry": np.zeros((17, 3))}


def test_arrows_point_against_the_gradient_at_one_scale(pose, gradients):
    figure = gradient_arrows(pose, pose, gradients, H36M_17, title="synthetic, mm/m")
    assert figure.get_suptitle() == "synthetic, mm/m"
    angle, symmetry = (axes for axes in figure.axes if axes.get_title())
    assert [axes.get_title() for axes in (angle, symmetry)] == ["angle\nlongest: 2 mm/m", "symmetry\nno gradient"]
    front, side = angle.collections
    for arrows, across in ((front, 1), (side, 0)):  # what goes to the right is not seen from there
        head, wrist = (np.asarray([arrows.U, arrows.V])[:, H36M_17.index(name)] for name in ("head", "left_wrist"))
        assert head[1] < 0
        np.testing.assert_allclose(wrist, [-head[1] / 2 * across, 0], atol=1e-9)
        assert np.count_nonzero(np.hypot(arrows.U, arrows.V) > 1e-9) == 1 + across
    assert not any(np.hypot(arrows.U, arrows.V).any() for arrows in symmetry.collections)


def test_a_descent_ends_in_colours(pose):
    path = np.stack([pose, pose + np.asarray([0, 0, 0.1])])
    figure = descent_paths({"angle": (path, np.asarray([0.002, 0.0005]))}, H36M_17, title="synthetic")
    (panel,) = (axes for axes in figure.axes if axes.get_title())
    assert panel.get_title() == "angle\n2.00 → 0.50 mm"
    references = [line for line in panel.lines if line.get_color() == REFERENCE]
    ways = [line for line in panel.lines if line.get_color() == GRADIENT]
    assert (len(references), len(ways)) == (2 * len(H36M_17.bones), 2 * 17)
    coloured = [line for line in panel.lines if line.get_color() in (LEFT, RIGHT, MIDDLE)]
    before, after = (max(line.get_xdata().max() for line in lines) for lines in (references, coloured))
    assert after - before == pytest.approx(0.1)
    away = [np.ptp(line.get_xdata()) for line in ways]
    np.testing.assert_allclose(away, [0] * 17 + [0.1] * 17, atol=1e-9)  # away from the camera: seen from its side


def test_the_map_of_joints_and_terms():
    table = np.zeros((17, 2))
    table[3, 0], table[4, 0] = 3, 1
    figure = joint_term_heatmaps(
        {"mm of loss": table, "mm/m": 2 * table}, ["angle", "ratio"], H36M_17, title="synthetic"
    )
    left, right = figure.axes
    assert [axes.get_title() for axes in (left, right)] == ["mm of loss", "mm/m"]
    assert [label.get_text() for label in left.get_yticklabels()] == list(H36M_17.joints)
    assert [label.get_text() for label in right.get_xticklabels()] == ["angle\n8", "ratio\n0"]
    np.testing.assert_allclose(left.images[0].get_array()[3:5], [[75, 0], [25, 0]])
    assert [text.get_text() for text in left.texts[6:10]] == ["75", "0", "25", "0"]


def test_the_matrix_of_cosines():
    cosines = np.asarray([[1, -0.504], [-0.504, -1e-9]])
    figure = cosine_matrix(cosines, ["angle", "ratio"], title="synthetic")
    matrix, bar = figure.axes
    for labels in (matrix.get_xticklabels(), matrix.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["angle", "ratio"]
    assert matrix.images[0].get_clim() == (-1, 1)
    assert [text.get_text() for text in matrix.texts] == ["1.00", "-0.50", "-0.50", "0.00"]
    assert "cosine" in bar.get_ylabel()
    colours = {text.get_text(): text.get_color() for text in matrix.texts}
    assert colours["1.00"] != colours["0.00"]  # light on dark, dark on light
