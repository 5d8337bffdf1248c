"""Tracks of the built-in data: the views of four cameras, in the form of the data contract.

They are made by the programs that every run on the built-in data compiles, so the suite compiles them once.
"""

import jax
import numpy as np
import pytest

from jaxpose.cameras import project, world_to_camera
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.data.synthetic.generate import ACTIONS, tracks

FRAMES, FPS = 200, 50
projected = jax.jit(project)


@pytest.fixture(scope="module")
def some_tracks():
    return tracks(0, ["S1", "S11"], frames=FRAMES)


def test_tracks_do_not_depend_on_what_else_is_asked_for(some_tracks):
    alone = tracks(0, ["S11"], frames=FRAMES)
    beside = [track for track in some_tracks if track.subject == "S11"]
    assert len(alone) == len(beside) == len(ACTIONS) * 4
    for a, b in zip(alone, beside, strict=True):
        assert a[:4] == b[:4]
        np.testing.assert_array_equal(a.positions_3d, b.positions_3d)
        np.testing.assert_array_equal(a.keypoints_2d, b.keypoints_2d)


def test_seeds_give_other_tracks(some_tracks):
    other = tracks(1, ["S1"], frames=FRAMES)
    assert all(np.abs(a.positions_3d - b.positions_3d).max() > 0.05 for a, b in zip(some_tracks, other, strict=False))


def test_tracks_keep_the_contract(some_tracks):
    seen = {(track.subject, track.action, track.camera) for track in some_tracks}
    assert seen == {(s, action, camera) for s in ("S1", "S11") for action in ACTIONS for camera in H36M_CAMERAS[s]}
    for track in some_tracks:
        camera = H36M_CAMERAS[track.subject][track.camera]
        assert track.fps == FPS
        assert (track.width, track.height) == (camera.width, camera.height)
        for field in ("intrinsics", "orientation", "translation"):
            np.testing.assert_array_equal(getattr(track, field), getattr(camera, field))
        assert isinstance(track.positions_3d, np.ndarray)
        assert track.positions_3d.shape == (FRAMES, 17, 3)
        assert track.keypoints_2d.shape == (FRAMES, 17, 2)
        assert track.positions_3d.dtype == track.keypoints_2d.dtype == np.float32
        assert (track.positions_3d[..., 2] > 1).all()


def test_every_camera_sees_the_whole_body(some_tracks):
    for track in some_tracks:
        pixels = np.asarray(projected(track.positions_3d, H36M_CAMERAS[track.subject][track.camera]))
        assert (pixels > 0).all()
        assert (pixels < [track.width, track.height]).all()
        assert 2 < np.median(np.linalg.norm(track.keypoints_2d - pixels, axis=-1)) < 12


def test_the_four_cameras_see_the_same_clip(some_tracks):
    def world(track):
        camera = H36M_CAMERAS[track.subject][track.camera]
        rotation = np.asarray(jax.jit(world_to_camera)(np.eye(3, dtype=np.float32) + camera.translation, camera))
        return track.positions_3d @ rotation.T + camera.translation

    first, *others = (world(track) for track in some_tracks[:4])
    for other in others:
        np.testing.assert_allclose(other, first, atol=1e-4)
