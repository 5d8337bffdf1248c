"""Camera calibrations of Skeletool."""

import numpy as np
import pytest
from helpers.captures import CALIBRATION
from hypothesis import given
from hypothesis import strategies as st

from data_prep.formats import skeletool
from jaxpose.runtime.errors import InputError


def test_a_mirrored_camera_is_refused(tmp_path):
    path = tmp_path / "camera.calibration"
    mirrored = " ".join(map(str, [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]))
    path.write_text(
        "\n".join(line if "extrinsic" not in line else f"  extrinsic {mirrored}" for line in CALIBRATION.split("\n"))
    )
    with pytest.raises(InputError, match="extrinsic rigid"):
        skeletool.read(path)


@given(
    st.lists(st.sampled_from((*CALIBRATION.split(), "\n", "1e300", "")), max_size=20),
    st.integers(0, 800),
    st.integers(0, 60),
)
def test_damaged_calibrations_end_in_an_input_error(tmp_path_factory, words, place, cut):
    path = tmp_path_factory.getbasetemp() / "damaged.calibration"
    path.write_text(CALIBRATION[:place] + " ".join(words) + CALIBRATION[place + cut :])
    try:
        found = skeletool.read(path)
    except InputError:
        return
    for camera in found.values():
        assert np.isfinite(np.concatenate(camera[:3])).all()
