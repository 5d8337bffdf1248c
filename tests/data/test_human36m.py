"""The calibration is of four cameras around a room, and is the published one."""

import json

import jax
import numpy as np
import pytest
from helpers.places import SHARED

from jaxpose import cameras
from jaxpose.data.human36m import H36M_CAMERAS

seen_by = jax.jit(lambda camera, point: cameras.project(cameras.world_to_camera(point, camera), camera))
PUBLISHED = SHARED / "data" / "h36m_cameras.json"


@pytest.mark.parametrize("subject", H36M_CAMERAS)
def test_calibration_is_of_four_cameras_around_the_room(subject):
    rig = H36M_CAMERAS[subject]
    assert list(rig) == ["54138969", "55011271", "58860488", "60457274"]
    for camera in rig.values():
        assert np.linalg.norm(camera.orientation) == pytest.approx(1, abs=1e-6)
        assert 3 < np.linalg.norm(camera.translation[:2]) < 7
        assert 1 < camera.translation[2] < 2
        # The middle of the room, at the height of a person, is seen near the middle of the image.
        pixel = seen_by(camera, np.float32([0, 0, 1]))
        assert np.abs(np.asarray(pixel) - 500).max() < 250
        assert (camera.width, camera.height) in {(1000, 1000), (1000, 1002)}


@pytest.mark.skipif(not PUBLISHED.exists(), reason=f"the published calibration is not at {PUBLISHED}")
def test_is_the_published_one():
    for subject, rig in json.loads(PUBLISHED.read_text()).items():
        for known in rig:
            camera = H36M_CAMERAS[subject][known["id"]]
            np.testing.assert_allclose(camera.orientation, known["orientation"], rtol=1e-6)
            np.testing.assert_allclose(camera.translation, np.asarray(known["translation"]) / 1000, rtol=1e-6)
            lens = [*known["focal_length"], *known["center"]]
            lens += [*known["radial_distortion"], *known["tangential_distortion"]]
            np.testing.assert_allclose(camera.intrinsics, lens, rtol=1e-6)
            assert (camera.width, camera.height) == (known["res_w"], known["res_h"])
