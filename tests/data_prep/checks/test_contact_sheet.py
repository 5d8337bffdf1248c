"""The contact sheet: what is drawn, where, and in which colour."""

import itertools

import numpy as np
from helpers.bodies import NO_POSES, person, with_gap
from helpers.samples import DESCRIPTION
from matplotlib.colors import to_hex

from data_prep.checks.contact_sheet import contact_sheet, evenly_spaced
from jaxpose.data.track import SYNTHETIC_NOTICE
from jaxpose.skeleton import H36M_17
from jaxpose.visualization.figures import LEFT

NAMES = ("S1/Walking/55011271", "S9/Walking/55011271")


def panels(figure):
    """The pairs of panels of the tracks, in their order."""
    return list(zip(figure.axes[::2], figure.axes[1::2], strict=True))


def test_the_sheet_shows_poses_and_keypoints_from_two_sides():
    figure = contact_sheet([person(), person("S9"), person("S9", "Sitting")], DESCRIPTION, frames=3)
    drawn = [(image, side) for image, side in panels(figure) if image.lines]
    assert [image.get_title() for image, _ in drawn] == [*NAMES, "S9/Sitting/55011271"]
    bones = len(H36M_17.bones) + 1  # and the head
    for image, side in drawn:
        assert len(image.lines) == 3 * bones
        assert len(side.lines) == 3 * bones + 1  # and the floor
        assert len(image.collections) == 3
        assert not side.collections


def test_keypoints_lie_on_the_poses_in_the_colour_of_their_side():
    (image, _), *_ = panels(contact_sheet([person()], DESCRIPTION, frames=2))
    arm = image.lines[H36M_17.index("left_wrist")]  # bone 12, after the disc of the head
    dots = image.collections[0]
    np.testing.assert_allclose(dots.get_offsets()[13], arm.get_xydata()[1], atol=1e-3)
    assert to_hex(dots.get_facecolors()[13]) == arm.get_color() == LEFT
    swapped = person()
    swapped = swapped._replace(keypoints_2d=swapped.keypoints_2d[:, H36M_17.mirrored])
    (image, _), *_ = panels(contact_sheet([swapped], DESCRIPTION, frames=2))
    assert to_hex(image.collections[0].get_facecolors()[16]) != LEFT
    np.testing.assert_allclose(image.collections[0].get_offsets()[16], arm.get_xydata()[1], atol=1e-3)


def test_the_side_view_is_metres_over_the_floor_of_the_world():
    """A camera that stands 1.5 m high and looks along y: the body is seen from +x, y to the right and z up."""
    track = person()._replace(
        orientation=np.float32([0.5**0.5, -(0.5**0.5), 0, 0]), translation=np.float32([0, 0, 1.5])
    )
    (_, side), *_ = panels(contact_sheet([track], DESCRIPTION, frames=1))
    head = side.lines[9].get_xydata()[1]
    seen = track.positions_3d[0]
    middle = (seen[:, 2].min() + seen[:, 2].max()) / 2
    np.testing.assert_allclose(head, [seen[10, 2] - middle, 1.5 - seen[10, 1]], atol=1e-5)


def test_frames_lie_beside_each_other():
    (image, side), *_ = panels(contact_sheet([person()], DESCRIPTION, frames=4))
    for axes, floor in ((image, 0), (side, 1)):
        lines = axes.lines[: len(axes.lines) - floor]
        spans = [np.concatenate([line.get_xdata() for line in part]) for part in np.array_split(lines, 4)]
        assert all(one.max() < other.min() for one, other in itertools.pairwise(spans))


def test_the_sheet_of_keypoints_alone_and_of_gaps():
    flat = person()._replace(positions_3d=NO_POSES)
    holed = person()._replace(positions_3d=np.full((40, 17, 3), np.nan, np.float32))
    unseen = flat._replace(keypoints_2d=np.zeros((40, 17, 2), np.float32))
    figure = contact_sheet([flat, holed, unseen, with_gap(person(frames=2), frame=0)], DESCRIPTION)
    counts = [tuple(len([line for line in axes.lines if len(line.get_xdata()) == 2]) for axes in pair)
              for pair in panels(figure)]  # fmt: skip
    bones = len(H36M_17.bones)
    assert counts == [(4 * bones, 0), (0, 0), (4 * bones, 0), (bones, bones + 1)]
    figure.draw_without_rendering()


def test_a_frame_without_keypoints_does_not_hide_the_others():
    flat = person(frames=2)._replace(positions_3d=NO_POSES)
    flat.keypoints_2d[0] = 0
    (image, _), *_ = panels(contact_sheet([flat], DESCRIPTION, frames=2))
    blank, seen = (np.isfinite(np.ma.filled(dots.get_offsets(), np.nan)) for dots in image.collections)
    assert seen.all()
    assert not blank.any()


def test_synthetic_data_say_so():
    made_up = DESCRIPTION._replace(synthetic=True)
    assert SYNTHETIC_NOTICE in contact_sheet([person()], made_up).get_suptitle()
    assert SYNTHETIC_NOTICE not in contact_sheet([person()], DESCRIPTION).get_suptitle()


def test_a_spread_has_both_ends():
    assert evenly_spaced(range(101), 5) == [0, 25, 50, 75, 100]
    assert evenly_spaced("ab", 5) == ["a", "b"]
    assert evenly_spaced([], 5) == []
