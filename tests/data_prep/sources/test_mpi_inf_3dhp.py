"""MPI-INF-3DHP as tracks: calibrations against each other, and the map of joints."""

import numpy as np
from helpers import oracles

from data_prep.formats import skeletool
from data_prep.sources import mpi_inf_3dhp
from jaxpose.skeleton import H36M_17

# Where the 17 joints of Human3.6M are, as the literature lists them.
OF_28 = [4, 23, 24, 25, 18, 19, 20, 3, 5, 6, 7, 9, 10, 11, 14, 15, 16]
OF_17 = [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]


def test_the_studio_of_the_test_set_is_that_of_camera_8():
    """Whose calibration is published in another form: as matrices, not as place, axes and lengths on the sensor."""
    turn = np.array(
        [
            [0.000575281, 0.06160985, -0.9981001],
            [0.2082146, -0.9762325, -0.06013997],
            [-0.978083, -0.2077844, -0.01338968],
        ]
    )
    place = -turn.T @ [221.3543, 659.87, 3644.688]
    other = skeletool.camera((1500.172, 1500.837, 1017.38, 1043.06), turn, place, 2048, 2048)
    found = mpi_inf_3dhp.TEST_CAMERAS["TS1"]
    np.testing.assert_allclose(found.orientation, other.orientation, atol=1e-5)
    np.testing.assert_allclose(found.translation, other.translation, atol=1e-3)
    np.testing.assert_allclose(found.intrinsics, other.intrinsics, atol=0.05)
    for name, camera in mpi_inf_3dhp.TEST_CAMERAS.items():
        upright = oracles.quaternion_matrix(camera.orientation)[:, 1]  # of the image's vertical axis, in the world
        assert upright[2] < -0.95, name
        assert 1 < camera.translation[2] < 1.5


def test_joints_that_are_mapped_are_called_alike():
    for joints, places in ((mpi_inf_3dhp._JOINTS_28, OF_28), (mpi_inf_3dhp._JOINTS_17, OF_17)):
        for joint, place in zip(H36M_17.joints, places, strict=True):
            assert joints[place] in (joint, {"thorax": "neck", "neck": "head", "head": "head_top"}.get(joint))
