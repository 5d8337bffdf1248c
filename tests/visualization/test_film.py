"""Every frame of a film is what it would be alone, and shows the input, the poses and the error."""

import numpy as np
import pytest
from helpers.samples import make_track

from jaxpose.skeleton import H36M_17, layout
from jaxpose.visualization.film import ViewOptions, film_frames, film_size, film_strip, frame_caption
from jaxpose.visualization.view import cut, make_clip

OPTIONS = ViewOptions("sample motion", height=121)
RED = np.full((20, 20, 3), (255, 0, 0), np.uint8)


@pytest.fixture(scope="module")
def clip():
    track = make_track(frames=30, seed=1)
    return make_clip(track, track.positions_3d - track.positions_3d[:, :1] + np.float32(0.03))


def draw(clip, view=OPTIONS, points=H36M_17, **options):
    return [frame.copy() for frame in film_frames(clip, H36M_17, points, view, **options)]


def test_a_frame_is_the_same_after_others_as_alone(clip):
    frames = draw(clip, frames=[0, 20, 7])
    width, height = film_size(clip, OPTIONS)
    assert {frame.shape for frame in frames} == {(height, width, 4)}
    assert width % 2 == height % 2 == 0
    np.testing.assert_array_equal(frames[2], draw(clip, frames=[7])[0])
    assert (frames[0] != frames[1]).any(axis=-1).mean() > 0.005


def test_without_ground_truth_there_is_no_panel_for_it(clip):
    bare = clip._replace(truth=None)
    assert film_size(bare, OPTIONS)[0] < film_size(clip, OPTIONS)[0]
    assert draw(bare, frames=[3])[0].shape[1] == film_size(bare, OPTIONS)[0]
    assert "error" not in frame_caption(bare, 3)


def test_without_keypoints_the_poses_are_shown_alone(clip):
    bare = clip._replace(keypoints=None, width=0, height=0)
    poses = draw(bare, points=None, frames=[3])[0]
    assert poses.shape[1] == film_size(bare, OPTIONS)[0] == film_size(clip._replace(truth=None), OPTIONS)[0]
    shown, others = (
        film_strip(each, H36M_17, points, OPTIONS, frames=[3]).axes for each, points in ((clip, H36M_17), (bare, None))
    )
    for axes, other in zip(shown[1:], others, strict=True):
        np.testing.assert_array_equal(axes.collections[1].get_segments(), other.collections[1].get_segments())
    alone = bare._replace(truth=None)
    assert draw(alone, points=None, frames=[3])[0].shape[1] == film_size(alone, OPTIONS)[0] < poses.shape[1]
    figure = film_strip(alone, H36M_17, None, OPTIONS, frames=[0, 10])
    assert [axes.get_title() for axes in figure.axes] == ["0.00 s", "0.20 s"]
    assert [text.get_text() for text in figure.axes[0].texts] == ["reconstruction"]


def test_the_picture_lies_under_the_keypoints(clip):
    with_it, without = draw(clip, frames=[4, 5], pictures=[RED, None])
    reds = [((frame[..., 0] > 250) & (frame[..., 1] < 5)).mean() for frame in (with_it, without)]
    assert reds[0] > 0.1
    assert reds[1] == 0


def test_the_viewer_goes_round(clip):
    assert (draw(clip, frames=[0])[0] != draw(clip, OPTIONS._replace(azimuth=120), frames=[0])[0]).any()
    assert (draw(clip, frames=[0])[0] != draw(clip, OPTIONS._replace(elevation=60), frames=[0])[0]).any()


def test_keypoints_without_bones_are_drawn_as_points(clip):
    points = draw(clip, points=layout("points", 17, (), ()), frames=[0])[0]
    width = film_size(clip, OPTIONS)[0] // 3
    assert (points[20:100, 5:width, :3].min(axis=-1) < 120).sum() > 17


def test_frames_are_counted_in_the_track(clip):
    error = 1000 * np.linalg.norm(clip.prediction[12] - clip.truth[12], axis=-1).mean()
    assert frame_caption(cut(clip, 10, 20), 2) == f"frame 12 of 30    0.24 s  error {error:5.1f} mm"


def test_a_strip_has_rows_of_input_reconstruction_and_ground_truth(clip):
    figure = film_strip(clip, H36M_17, H36M_17, OPTIONS, frames=[0, 10, 20], pictures=[RED, RED, None])
    assert len(figure.axes) == 9
    assert [axes.get_title() for axes in figure.axes[:3]] == ["0.00 s", "0.20 s", "0.40 s"]
    assert [axes.images[0].get_visible() for axes in figure.axes[:3]] == [True, True, False]
    assert len(film_strip(clip._replace(truth=None), H36M_17, H36M_17, OPTIONS, frames=[0, 10]).axes) == 4
    segments = figure.axes[4].collections[1].get_segments()  # after the floor
    lengths = [np.linalg.norm(end - start) for start, end in segments]
    bones = [np.linalg.norm(clip.prediction[10][a] - clip.prediction[10][b]) for a, b in H36M_17.bones]
    assert len(lengths) == len(bones)
    assert all(seen <= true + 1e-6 for seen, true in zip(sorted(lengths), sorted(bones), strict=True))
