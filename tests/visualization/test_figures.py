"""Figures: what is drawn, by looking into the figure."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from jaxpose.data.synthetic.body import bone_offsets
from jaxpose.skeleton import COCO_17, H36M_17
from jaxpose.visualization.attribution_figures import cosine_matrix, descent_paths, gradient_arrows, joint_term_heatmaps
from jaxpose.visualization.figures import (
    GRADIENT,
    LEFT,
    MIDDLE,
    REFERENCE,
    RIGHT,
    clips_contact_sheet,
    draw_pose,
    joint_error_figure,
    project_view,
)


@pytest.fixture
def pose():
    """A person who stands upright and faces +x."""
    positions = np.zeros((17, 3))
    for joint, parent in enumerate(H36M_17.parents):
        positions[joint] = (positions[parent] if parent >= 0 else [0, 0, 1]) + bone_offsets("S1")[joint]
    return positions


@pytest.mark.parametrize(("projection", "dimensions"), [(None, 2), ("3d", 3)])
def test_every_bone_is_a_line_and_the_head_a_disc(pose, projection, dimensions):
    axes = Figure().add_subplot(projection=projection)
    draw_pose(axes, pose[:, :dimensions], H36M_17)
    assert len(axes.lines) == len(H36M_17.bones) + 1


def test_left_and_right_differ_in_colour(pose):
    axes = Figure().add_subplot()
    draw_pose(axes, pose[:, 1:], H36M_17)
    lines = [line for line in axes.lines if len(line.get_xdata()) == 2]
    colours = {child: line.get_color() for (_, child), line in zip(H36M_17.bones, lines, strict=True)}
    assert len({colours[child] for child in H36M_17.left}) == 1
    assert colours[H36M_17.left[0]] != colours[H36M_17.right[0]]


def test_a_layout_without_a_head_has_no_disc():
    axes = Figure().add_subplot()
    draw_pose(axes, np.zeros((COCO_17.num_joints, 2)), COCO_17)
    assert len(axes.lines) == len(COCO_17.bones)


def test_a_viewer_in_front_sees_the_left_side_on_the_right(pose):
    seen = project_view(pose, azimuth=0, elevation=0)
    assert seen[H36M_17.index("left_hip"), 0] > 0 > seen[H36M_17.index("right_hip"), 0]
    np.testing.assert_allclose(seen[:, 1], pose[:, 2], atol=1e-12)


def test_a_view_keeps_distances(pose):
    seen = project_view(pose, azimuth=33, elevation=12)
    np.testing.assert_allclose(np.linalg.norm(seen, axis=-1), np.linalg.norm(pose, axis=-1))
    assert project_view(np.asarray([0, 0, 1.0]), azimuth=0, elevation=90)[2] == pytest.approx(1)  # towards the viewer


def test_the_sheet_has_a_titled_row_for_every_clip(pose):
    clips = {name: np.stack([pose] * 20) for name in ("Standing", "Waiting", "Still")}
    figure = clips_contact_sheet(clips, H36M_17, title="synthetic", frames=4)
    assert figure.get_suptitle() == "synthetic"
    drawn = [axes for axes in figure.axes if axes.lines]
    assert [axes.get_title() for axes in drawn] == list(clips)
    assert all(len(axes.lines) == 4 * (len(H36M_17.bones) + 1) + 1 for axes in drawn)


@pytest.fixture
def gradients():
    """One term pulls the head down (camera space: up), twice as hard as a wrist to the right; the other is content."""
    pulling = np.zeros((17, 3))
    pulling[H36M_17.index("head")] = [0, -2e-3, 0]
    pulling[H36M_17.index("left_wrist")] = [-1e-3, 0, 0]
    return {"angle": pulling, "symmetry": np.zeros((17, 3))}


def test_arrows_point_against_the_gradient_at_one_scale(pose, gradients):
    figure = gradient_arrows(pose, pose, gradients, H36M_17, title="synthetic, mm/m")
    assert figure.get_suptitle() == "synthetic, mm/m"
    angle, symmetry = (axes for axes in figure.axes if axes.get_title())
    assert [axes.get_title() for axes in (angle, symmetry)] == ["angle\nlongest: 2 mm/m", "symmetry\nno pull"]
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
    ghosts = [line for line in panel.lines if line.get_color() == REFERENCE]
    ways = [line for line in panel.lines if line.get_color() == GRADIENT]
    assert (len(ghosts), len(ways)) == (2 * len(H36M_17.bones), 2 * 17)
    coloured = [line for line in panel.lines if line.get_color() in (LEFT, RIGHT, MIDDLE)]
    before, after = (max(line.get_xdata().max() for line in lines) for lines in (ghosts, coloured))
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


def test_the_matrix_of_conflicts():
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


def test_errors_by_joint_are_written_sized_and_coloured(pose):
    errors = np.linspace(10, 90, 17)
    figure = joint_error_figure(pose, errors, H36M_17, title="sample motion")
    body, bars = figure.axes
    assert [text.get_text() for text in body.texts] == [f"{error:.0f}" for error in errors]
    (discs,) = body.collections
    np.testing.assert_allclose(discs.get_offsets(), pose[:, [0, 2]])
    assert (np.diff(discs.get_sizes()) > 0).all()
    assert len({tuple(colour) for colour in discs.get_facecolors()}) == 17
    np.testing.assert_allclose([bar.get_width() for bar in bars.patches], errors)
    assert [label.get_text() for label in bars.get_yticklabels()] == list(H36M_17.joints)
