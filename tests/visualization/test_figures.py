"""What figures draw, by their artists."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from jaxpose.skeleton import COCO_17, H36M_17
from jaxpose.visualization.figures import (
    bone_colours,
    clips_contact_sheet,
    draw_pose,
    fitting_title,
    joint_error_figure,
    project_view,
    side_colour,
    training_curves,
)


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


def test_the_widths_of_coco_are_grey():
    colours = dict(zip(COCO_17.bones, bone_colours(COCO_17), strict=True))
    assert {colours[5, 6], colours[11, 12]} == {side_colour(COCO_17, 0)}
    assert colours[5, 7] == side_colour(COCO_17, 5) != colours[6, 8] == side_colour(COCO_17, 6)


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


def test_errors_by_joint_are_numbers_sizes_and_colours(pose):
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


def test_before_the_first_epoch_ends_no_test_error_is_in_the_legend():
    records = [{"epoch": epoch, "loss": 0.1, "learning_rate": 1e-3} for epoch in (0.5, 1)] + [{"epoch": 1}]
    figure = training_curves(records, title="$a")
    errors, rates = figure.axes
    assert [line.get_label() for line in errors.lines] == ["training loss"]
    np.testing.assert_allclose(errors.lines[0].get_xydata(), [(0.5, 100), (1, 100)])
    np.testing.assert_allclose(rates.lines[0].get_xydata(), [(0.5, 1e-3), (1, 1e-3)])
    records[1]["test_mpjpe"] = 0.05
    errors, _ = training_curves(records, title="$a").axes
    np.testing.assert_allclose(errors.lines[1].get_xydata(), [(1, 50)])


def test_constraint_terms_have_a_panel_of_their_own():
    """Those that the log has, without their weights; no other number of the log is drawn."""
    records = [{"epoch": e, "loss": 0.1, "learning_rate": 1e-3, "angle": 5 / e, "update_norm": 9} for e in (1, 2)]
    errors, terms, _ = training_curves(records, title="a", terms=("angle", "velocity")).axes
    assert [text.get_text() for text in terms.get_legend().get_texts()] == ["angle"]
    np.testing.assert_allclose(terms.lines[0].get_xydata(), [(1, 5), (2, 2.5)])
    assert [line.get_label() for line in errors.lines] == ["training loss"]


def test_the_position_loss_is_drawn_where_it_is_not_the_whole_loss():
    records = [{"epoch": e, "loss": 0.3 / e, "position": 0.1 / e, "learning_rate": 1e-3} for e in (1, 2)]
    errors, _ = training_curves(records, title="a").axes
    assert [text.get_text() for text in errors.get_legend().get_texts()] == ["training loss", "position loss alone"]
    np.testing.assert_allclose(errors.lines[1].get_xydata(), [(1, 100), (2, 50)])
    alone = [record | {"position": record["loss"]} for record in records]
    assert len(training_curves(alone, title="a").axes[0].lines) == 1


def test_terms_that_are_zero_or_below_are_seen():
    records = [{"epoch": e, "loss": 0.1, "learning_rate": 1e-3, "angle": 5.0, "likelihood": e - 2} for e in (1, 2)]
    for names, scale in {("angle",): "log", ("angle", "likelihood"): "symlog"}.items():
        panel = training_curves(records, title="a", terms=names).axes[1]
        assert panel.get_yscale() == scale
        low, high = panel.get_ylim()
        assert all(low < value < high for line in panel.lines for value in line.get_ydata())


def test_every_entry_of_a_legend_has_something_to_see():
    record = {"epoch": 1, "loss": 0.1, "learning_rate": 1e-3, "validation_mpjpe": 0.2, "angle": 1.0}
    for records in ([], [record], [record, record | {"epoch": 2}]):
        for axes in training_curves(records, title="a", terms=("angle",)).axes:
            entries = axes.get_legend().get_texts() if axes.get_legend() else []
            assert [text.get_text() for text in entries] in ([], [line.get_label() for line in axes.lines])
            for line in axes.lines:
                assert len(line.get_xdata()) > 1 or line.get_marker() == "."


@pytest.mark.parametrize("words", [3, 30, 300])
@pytest.mark.parametrize("width", [3.0, 8.0])
def test_titles_fit_into_their_figures(words, width):
    figure = Figure(figsize=(width, 5), layout="constrained")
    figure.suptitle(fitting_title("MWM $title " * words, figure), fontsize="small", parse_math=False)
    axes = figure.subplots()
    figure.draw_without_rendering()
    title, page = figure._suptitle.get_window_extent(), figure.bbox
    assert page.x0 <= title.x0 < title.x1 <= page.x1
    assert axes.get_tightbbox().y1 <= title.y0 < title.y1 <= page.y1


def test_a_loss_that_is_no_length_has_an_axis_of_its_own():
    records = [{"epoch": epoch, "loss": 0.1, "learning_rate": 1e-3, "test_mpjpe": 0.05} for epoch in (1, 2)]
    figure = training_curves(records, title="$a", loss_in_metres=False)
    errors, _, losses = figure.axes
    np.testing.assert_allclose(errors.lines[0].get_xydata(), [(1, 50), (2, 50)])
    np.testing.assert_allclose(losses.lines[0].get_xydata(), [(1, 0.1), (2, 0.1)])
    assert (errors.get_ylabel(), losses.get_ylabel()) == ("mm", "training loss")
    labels = [text.get_text() for text in errors.get_legend().get_texts()]
    assert labels == ["training loss", "test MPJPE, all frames"]
    assert errors.lines[0].get_color() != losses.lines[0].get_color()
