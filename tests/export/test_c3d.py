"""C3D files, read back by a package other than the one that writes them, and their bytes as c3d.org describes them."""

import struct
import sys

import numpy as np
import pytest

from jaxpose.export.c3d import encode_c3d
from jaxpose.export.motion import Motion, z_up
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import HUMANEVA_15, layout

ezc3d = pytest.importorskip("ezc3d", reason="ezc3d, of the extra test, is not installed")
pytest.importorskip("c3d", reason="c3d is not installed")


def make(frames=5, **fields):
    positions = np.random.default_rng(0).normal(size=(frames, 15, 3)).astype(np.float32)
    return Motion("1", positions, HUMANEVA_15, 29.97)._replace(**fields)


@pytest.mark.parametrize(("frames", "space", "start"), [(5, "camera", 0), (1, "world", 99)])
def test_read_by_another_package(tmp_path, frames, space, start):
    motion = make(frames, space=space, start=start)
    (tmp_path / "a.c3d").write_bytes(encode_c3d(motion))
    file = ezc3d.c3d(str(tmp_path / "a.c3d"))
    np.testing.assert_allclose(file["data"]["points"][:3].T / 1000, z_up(motion), atol=1e-6)
    header, points = file["header"]["points"], file["parameters"]["POINT"]
    assert header["size"] == 15
    assert header["frame_rate"] == pytest.approx(29.97)
    assert (header["first_frame"], header["last_frame"]) == (start, start + frames - 1)  # ezc3d counts from zero
    assert points["LABELS"]["value"] == list(HUMANEVA_15.joints)
    assert [points[key]["value"][0] for key in ("UNITS", "X_SCREEN", "Y_SCREEN")] == ["mm", "+X", "+Z"]
    assert points["RATE"]["value"][0] == pytest.approx(29.97)
    assert points["SCALE"]["value"][0] == pytest.approx(-1000 * np.abs(motion.positions).max() / 32000)


@pytest.mark.parametrize("start", [0, 65_532, 65_533, 65_534, 65_535, 70_000, 140_000, 2**31, 2**32 - 6])
def test_frames_are_numbered_beyond_what_one_word_holds(tmp_path, start):
    (tmp_path / "a.c3d").write_bytes(encode_c3d(make(start=start)))
    trial = ezc3d.c3d(str(tmp_path / "a.c3d"))["parameters"]["TRIAL"]
    for field, frame in (("ACTUAL_START_FIELD", start + 1), ("ACTUAL_END_FIELD", start + 5)):
        low, high = trial[field]["value"] % 2**16  # ezc3d reads each word as a signed number
        assert low + 2**16 * high == frame


def test_frames_that_have_no_number_are_refused():
    with pytest.raises(InputError, match="frames up to 4294967295, and 1 begins at 4294967293; number the frames"):
        encode_c3d(make(start=2**32 - 4))


def test_filled_joints_were_seen_by_no_camera():
    """The fourth number of a point: seven bits of cameras above eight of residual, both zero if it was filled."""
    filled = np.random.default_rng(1).random((5, 15)) < 0.5
    motion = make(filled=filled)
    content = encode_c3d(motion)
    parameters, magic, joints, samples, first, last = struct.unpack("<BBHHHH", content[:10])
    assert (parameters, magic, joints, samples, first, last) == (2, 0x50, 15, 0, 1, 5)
    (block,) = struct.unpack("<H", content[16:18])
    (rate,) = struct.unpack("<f", content[20:24])
    assert rate == pytest.approx(29.97)
    numbers = np.frombuffer(content, "<f4", 5 * 15 * 4, offset=512 * (block - 1)).reshape(5, 15, 4)
    np.testing.assert_allclose(numbers[..., :3] / 1000, z_up(motion), atol=1e-6)
    words = numbers[..., 3].astype(int)
    np.testing.assert_array_equal(words >> 8, ~filled)
    np.testing.assert_array_equal(words & 0xFF, 0)


def test_names_are_ascii_and_different(tmp_path):
    odd = HUMANEVA_15.__class__("odd", ("a b", "Hüfte", "Häfte"), (-1, 0, 1))
    motion = Motion("1", np.zeros((2, 3, 3), np.float32), odd, 50.0)
    (tmp_path / "a.c3d").write_bytes(encode_c3d(motion))
    labels = ezc3d.c3d(str(tmp_path / "a.c3d"))["parameters"]["POINT"]["LABELS"]["value"]
    assert labels == ["a_b", "H_fte", "H_fte-2"]


def test_too_many_joints_and_no_package_are_refused(monkeypatch):
    many = layout("many", 256, [], [])
    with pytest.raises(InputError, match="a C3D file holds 255 joints, not 256; choose another format"):
        encode_c3d(Motion("1", np.zeros((1, 256, 3), np.float32), many, 50.0))
    monkeypatch.setitem(sys.modules, "c3d", None)
    with pytest.raises(InputError, match=r"require the package c3d: pip install c3d$"):
        encode_c3d(make())
