"""Figures: what is drawn, by looking into the figure."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from jaxpose.plots import contact_sheet, draw_pose, project_view
from jaxpose.skeleton import COCO_17, H36M_17
from jaxpose.synthetic import body


@pytest.fixture
def pose():
    """A person who stands upright and faces +x."""
    positions = np.zeros((17, 3))
    for joint, parent in enumerate(H36M_17.parents):
        positions[joint] = (positions[parent] if parent >= 0 else [0, 0, 1]) + body("S1")[joint]
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
    figure = contact_sheet(clips, H36M_17, title="synthetic", frames=4)
    assert figure.get_suptitle() == "synthetic"
    drawn = [axes for axes in figure.axes if axes.lines]
    assert [axes.get_title() for axes in drawn] == list(clips)
    assert all(len(axes.lines) == 4 * (len(H36M_17.bones) + 1) + 1 for axes in drawn)
