"""Acclaim motion: numbers as they stand in the file, and every fault named."""

import numpy as np
import pytest
from helpers.captures import LEG
from hypothesis import given
from hypothesis import strategies as st

from data_prep.formats import amc, asf
from jaxpose.runtime.errors import InputError

SKELETON = asf.read(LEG.encode(), "leg.asf")
MOTION = """#!OML:ASF C:\\leg.ASF
:FULLY-SPECIFIED
:DEGREES
7
root 1 2 3 4 5 6
shin -1.5
thigh 10 20 7.6e-016
8
root 1.5 2 3 4 5 6
shin +.5
thigh 11 21 31 # of a comment
"""
EXPECTED = [[1, 2, 3, 4, 5, 6, 10, 20, 7.6e-16, -1.5], [1.5, 2, 3, 4, 5, 6, 11, 21, 31, 0.5]]


def read(text, skeleton=SKELETON):
    return amc.read(text.encode("latin-1"), "leg.amc", skeleton)


def in_units(motion):
    """Metres and radians as what the file is in."""
    return np.concatenate([motion[:, :3] / 0.0508, np.degrees(motion[:, 3:])], axis=1)


@pytest.mark.parametrize("change", [
    lambda text: text,
    lambda text: text.replace("\n", "\r\n"),
    lambda text: text.replace(" ", "\t") + "\n \n",
    lambda text: text.replace(":DEGREES", ":Degrees").rstrip(),
])  # fmt: skip
def test_numbers_in_the_order_of_the_skeleton(change):
    np.testing.assert_allclose(in_units(read(change(MOTION))), EXPECTED, atol=1e-12)


def test_radians():
    np.testing.assert_allclose(read(MOTION.replace("DEGREES", "RADIANS"))[:, 3:], np.array(EXPECTED)[:, 3:])


def test_files_that_say_less_and_more_than_the_database_does():
    """The frame rate is read; without a unit, angles are in that of the skeleton."""
    short = MOTION.replace(":FULLY-SPECIFIED\n:DEGREES\n", ":SAMPLES-PER-SECOND 60\n")
    np.testing.assert_allclose(in_units(read(short)), EXPECTED, atol=1e-12)
    assert amc.capture_rate(short.encode(), "leg.amc") == 60
    assert amc.capture_rate(MOTION.encode(), "leg.amc") is None
    radians = asf.read(LEG.replace("angle deg", "angle rad").encode(), "leg.asf")
    np.testing.assert_allclose(read(short, radians)[:, 3:], np.array(EXPECTED)[:, 3:])


@pytest.mark.parametrize("order", ["RX RY RZ TX TY TZ", "TX RZ TY RY TZ RX"])
def test_channels_of_the_root_in_any_order(order):
    skeleton = asf.read(LEG.replace("TX TY TZ RX RY RZ", order).encode(), "leg.asf")
    units = [0.0508 if channel[0] == "T" else np.pi / 180 for channel in order.split()]
    np.testing.assert_allclose(read(MOTION, skeleton)[:, :6], np.array(EXPECTED)[:, :6] * units)


def test_names_may_hold_what_numbers_may_not():
    skeleton = asf.read(LEG.replace("shin", "the_shin").encode(), "leg.asf")
    np.testing.assert_allclose(in_units(read(MOTION.replace("shin", "the_shin"), skeleton)), EXPECTED, atol=1e-12)
    with pytest.raises(InputError, match=r"line 10: expected a number.*, found '1_5'"):
        read(MOTION.replace("shin +.5", "shin 1_5").replace("shin", "the_shin"), skeleton)


FRAME = "root 1 2 3 4 5 6\nshin 1\nthigh 1 2 3\n"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("10 20", "10 2o", "line 7: expected a number, found '2o'"),
        ("11 21", "11 2o", "line 11: expected a number, found '2o'"),
        ("11 21", "11 nan", "line 11: expected a number up to.*, found 'nan'"),
        ("11 21", "11 -inf", "line 11: expected a number up to.*, found '-inf'"),
        ("11 21", "11 1e300", "line 11: expected a number up to.*, found '1e300'"),
        ("11 21", "11 1_0", "line 11: expected a number, found '1_0'"),
        ("11 21 31", "11 21", "line 11: expected a number, found 'the end of the file'"),
        ("11 21 31", "11 21 31 41", "line 11: expected '9', found '41'"),
        ("shin +.5", "shin", "line 11: expected a number, found 'thigh'"),
        ("shin +.5", "shin 1 2", "line 10: expected 'thigh', found '2'"),
        ("shin +.5", "foot 1", "line 10: expected 'shin', found 'foot'"),
        ("shin +.5", "", "line 11: expected 'shin', found 'thigh'"),
        ("\n8\n", "\n9\n", "line 8: expected '8', found '9'"),
        ("\n8\n", "\n", "line 8: expected '8', found 'root'"),
        ("\n7\n", "\nseven\n", "line 4: expected the number of a frame.*, found 'seven'"),
        ("shin -1.5", "", "line 8: expected shin, found '8'"),
        ("shin -1.5", "foot -1.5", "line 6: expected thigh or shin, found 'foot'"),
        ("shin -1.5", "thigh 1 2 3", "line 7: expected shin, found 'thigh'"),
        (":DEGREES\n", ":DEGREES :RADIANS\n", "line 3: expected one unit of angles, :DEGREES, found ':RADIANS'"),
        (":DEGREES\n", ":SAMPLES-PER-SECOND 0\n", "line 3: expected 1 to 1000 samples per second, found '0'"),
        (":DEGREES\n", ":FRAMES 60\n", "line 3: expected one of :DEGREES, .*, or the first frame, found ':FRAMES'"),
        (MOTION[MOTION.index("7\n"):], "", "line 3: expected the number of a frame.*, found 'the end of the file'"),
        (MOTION, "", "line 1: expected the number of a frame, found 'the end of the file'"),
        ("8\nroot 1.5", f"8\n{FRAME}9\n{FRAME}11\nroot 1.5", "line 16: expected '10', found '11'"),
    ],
)  # fmt: skip
def test_faults_are_named(old, new, message):
    assert old in MOTION
    with pytest.raises(InputError, match=rf"^leg\.amc: {message}.*; correct the file, or remove it$"):
        read(MOTION.replace(old, new, 1))


WORDS = st.sampled_from([*MOTION.split(), "\n", "", "9", "1e999", "nan", "9" * 5000, "1_0", "²", "\x85", "#", ":"])


@given(st.one_of(st.binary(max_size=200), st.lists(WORDS).map(lambda words: " ".join(words).encode("latin-1"))))
def test_only_input_errors_escape(content):
    with pytest.raises(InputError):
        amc.read(content, "fuzz.amc", SKELETON)


@given(st.integers(0, len(MOTION) - 1), st.integers(0, 40), WORDS)
def test_only_input_errors_escape_from_a_damaged_file(begin, length, word):
    try:
        motion = read(f"{MOTION[:begin]}{word}{MOTION[begin + length :]}")
    except InputError:
        return
    assert motion.shape[1] == 10
    assert np.isfinite(motion).all()
