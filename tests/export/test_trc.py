"""TRC files, taken apart as OpenSim's documentation describes them."""

import numpy as np
import pytest

from jaxpose.export.motion import Motion, y_up
from jaxpose.export.trc import encode_trc
from jaxpose.skeleton import HUMANEVA_15, Skeleton


@pytest.mark.parametrize("space", ["camera", "world"])
def test_an_independent_parse(space):
    positions = np.random.default_rng(0).normal(size=(4, 15, 3)).astype(np.float32)
    motion = Motion("walk 1", positions, HUMANEVA_15, 29.97, space=space)
    lines = encode_trc(motion, "walk 2.trc").decode().split("\n")
    assert lines[0].split("\t") == ["PathFileType", "4", "(X/Y/Z)", "walk_2.trc"]
    facts = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True))
    assert facts == {
        "DataRate": "29.97", "CameraRate": "29.97", "NumFrames": "4", "NumMarkers": "15", "Units": "mm",
        "OrigDataRate": "29.97", "OrigDataStartFrame": "1", "OrigNumFrames": "4",
    }  # fmt: skip
    labels, axes = lines[3].split("\t"), lines[4].split("\t")
    assert labels[:2] == ["Frame#", "Time"]
    assert labels[2::3] == list(HUMANEVA_15.joints)
    assert not any(labels[3::3] + labels[4::3])
    assert axes[:5] == ["", "", "X1", "Y1", "Z1"]
    assert axes[-1] == "Z15"
    assert (lines[5], lines[-1], len(lines)) == ("", "", 11)
    rows = np.array([line.split("\t") for line in lines[6:-1]], float)
    np.testing.assert_array_equal(rows[:, 0], [1, 2, 3, 4])
    np.testing.assert_allclose(rows[:, 1], np.arange(4) / 29.97, atol=1e-6)
    found = rows[:, 2:].reshape(4, 15, 3) / 1000
    np.testing.assert_allclose(found, y_up(motion), atol=1e-6)
    up = -positions[..., 1] if space == "camera" else positions[..., 2]
    np.testing.assert_allclose(found[..., 1], up, atol=1e-6)


def test_time_is_that_of_the_video():
    motion = Motion("1", np.zeros((2, 15, 3), np.float32), HUMANEVA_15, 50.0, start=100)
    lines = encode_trc(motion, "a.trc").decode().split("\n")
    assert lines[2].split("\t")[-2:] == ["101", "2"]
    assert [line.split("\t")[:2] for line in lines[6:8]] == [["101", "2.000000"], ["102", "2.020000"]]


def test_names_do_not_break_the_table():
    skeleton = Skeleton("odd", ("a  b", "a b", "c d"), (-1, 0, 1))
    motion = Motion("x\ty\n", np.zeros((1, 3, 3), np.float32), skeleton, 50.0)
    lines = encode_trc(motion, "x\ty\n.trc").decode().split("\n")
    assert lines[0].endswith("\tx_y_.trc")
    assert lines[3].split("\t")[2::3] == ["a_b", "a_b-2", "c_d"]
    assert len(lines) == 8
