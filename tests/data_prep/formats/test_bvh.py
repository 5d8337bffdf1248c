"""BVH files: forward kinematics against matrices written out, and the grammar."""

import re

import numpy as np
import pytest
from helpers.captures import ARM
from hypothesis import given
from hypothesis import strategies as st

from data_prep.formats import bvh
from jaxpose.runtime.errors import InputError


def about(axis, degrees):
    """The matrix of a turn about an axis, by Rodrigues' formula."""
    cross = np.cross(np.eye(3), np.eye(3)["xyz".index(axis)])
    angle = np.deg2rad(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def read(text):
    return bvh.read(text.encode(), "arm.bvh")


def test_what_a_file_holds():
    capture = read(ARM)
    assert [joint.name for joint in capture.joints] == [
        "Hips", "Left Arm", "Left Arm_end", "Fixed", "Sliding", "Sliding_end",
    ]  # fmt: skip
    assert [joint.parent for joint in capture.joints] == [-1, 0, 1, 0, 3, 4]
    assert [joint.channels for joint in capture.joints] == [(1, 0, 2, 5, 4, 3), (3, 5), (), (), (4, 2, 3, 5), ()]
    np.testing.assert_array_equal(capture.joints[1].offset, [0, 10, 0])
    assert capture.motion.shape == (2, 12)
    assert capture.fps == 120.0


def test_forward_kinematics_against_matrices():
    positions = bvh.forward_kinematics(read(ARM))
    at_rest = [[10, 20, 30], [10, 30, 30], [15, 30, 30], [9, 20, 30], [9, 20, 37], [9, 20, 39]]
    np.testing.assert_allclose(positions[0], at_rest, atol=1e-12)
    root = about("z", 90) @ about("y", 20) @ about("x", -30)
    arm = root @ about("x", 40) @ about("z", 50)
    sliding = root @ about("y", 60) @ about("x", 70) @ about("z", -80)
    hips = np.array([11, 21, 31])
    shoulder, fixed = hips + root @ [0, 10, 0], hips + root @ [-1, 0, 0]
    slid = fixed + root @ [0, 0, 8]
    expected = [hips, shoulder, shoulder + arm @ [5, 0, 0], fixed, slid, slid + sliding @ [0, 0, 2]]
    np.testing.assert_allclose(positions[1], expected, atol=1e-12)


CMU_UNIT = 0.0254 / 0.45  # metres

# The left leg of subject 03, trial 01 of the CMU database as B. Hahne converted it, frame 2. Where its joints are,
# relative to the root, metres, comes from 03.asf and frame 1 of 03_01.amc (the conversion puts a T-pose before it).
CMU = """HIERARCHY
ROOT Hips
{ OFFSET 0 0 0 CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
JOINT LHipJoint { OFFSET 0 0 0 CHANNELS 3 Zrotation Yrotation Xrotation
JOINT LeftUpLeg { OFFSET 1.67711 -1.75950 0.70433 CHANNELS 3 Zrotation Yrotation Xrotation
JOINT LeftLeg { OFFSET 2.44937 -6.72958 0.00000 CHANNELS 3 Zrotation Yrotation Xrotation
JOINT LeftFoot { OFFSET 2.61292 -7.17894 0.00000 CHANNELS 0 } } } } }
MOTION
Frames: 1
Frame Time: .0083333
16.1514 23.2122 -8.4365 -5.3491 -3.5725 9.9077 0 0 0 -15.9903 -10.4948 -32.1567 4.9765 13.3573 40.7210
"""


def test_a_published_conversion():
    capture = read(CMU)
    positions = bvh.forward_kinematics(capture)[0] * CMU_UNIT
    expected = [[0.08294, -0.1129, 0.02793], [0.04501, -0.48092, 0.19077], [0.02125, -0.88878, 0.0528]]
    np.testing.assert_allclose(positions[[2, 3, 4]] - positions[0], expected, atol=2e-5)


@pytest.mark.parametrize(
    ("written", "fps"),
    [
        ("0.0083333", 120.0),
        ("0.008333", 120.0),
        (".0333333", 30.0),
        ("0.033367", 29.97),
        ("0.02", 50.0),
        ("1", 1.0),
        ("0.033", 30.0),
        ("0.017", 60.0),
        ("0.008", 120.0),
        ("0.04", 25.0),
        ("0.042", 24.0),
        ("0.0345", 28.986),
    ],
)
def test_frame_rates(written, fps):
    assert read(ARM.replace("0.0083333", written)).fps == pytest.approx(fps, rel=1e-6)


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("HIERARCHY", "HIERARCHIE", "line 1: expected hierarchy, found 'HIERARCHIE'"),
        ("ROOT", "JOINT", "line 2: expected root, found 'JOINT'"),
        ("OFFSET 1 2 3", "OFFSET 1 2", "line 5: expected a number, found 'CHANNELS'"),
        ("OFFSET 1 2 3", "OFFSET 1 nan 3", "line 4: expected a number up to 1e+06, found 'nan'"),
        ("OFFSET 1 2 3", "", "line 5: expected offset, found 'CHANNELS'"),
        ("CHANNELS 2", "CHANNELS 7", "line 9: expected 0 or 1 or 2 or 3 or 4 or 5 or 6, found '7'"),
        ("CHANNELS 2 X", "CHANNELS 2 Z", "line 9: expected xposition or…, found 'Zrotation'"),
        ("CHANNELS 2", "CHANNELS 3", "line 10: expected xposition or yposition or…, found 'End'"),
        ("End Site", "End Site Foot", None),
        (
            "End Site\n    {\n      OFFSET 5 0 0",
            "End Site\n    {\n      OFFSET 5 0 0 JOINT x",
            "line 12: expected }…, found 'JOINT'",
        ),
        ("JOINT Fixed", "JOINT Left Arm", "line 16: expected a name that no other joint has…, found 'Left Arm'"),
        ("JOINT Fixed", "JOINT", "line 16: expected a name that no other joint has…, found ''"),
        ("\nMOTION", "\n}\nMOTION", "line 30: expected MOTION after one skeleton, found '}'"),
        ("\nMOTION", "\nROOT Other\nMOTION", "line 30: expected MOTION after one skeleton, found 'ROOT'"),
        ("}\nMOTION", "MOTION", "line 29: expected joint or end or }, found 'the end'"),
        ("MOTION", "MOTIONS", "line 30: expected MOTION…, found 'MOTIONS'"),
        ("Frames: 2", "Frames: two", "line 31: expected a number, found 'two'"),
        (
            "Frames: 2",
            "Frames: 3",
            "line 31: expected the number of frames in 24 numbers, 12 a frame, found '3'",
        ),
        ("Frames: 2", "Frames: 1.5", "line 31: expected the number of frames in 24 numbers, 12 a frame, found '1.5'"),
        ("Frame Time:", "Time:", "line 32: expected frame, found 'Time:'"),
        ("0.0083333", "0", "line 32: expected a frame time of 0.001 to 1 s, found '0'"),
        ("-30 40", "-30 1e7", "line 34: expected a number up to 1e+06, found '1e7'"),
        ("-30 40", "-30 inf", "line 34: expected a number up to 1e+06, found 'inf'"),
        ("-30 40", "-30 4O", "line 34: expected a number, found '4O'"),
        ("70 -80", "70 -80}", "line 34: expected a number, found '-80}'"),
        ("-30 40", "-30 4_0", "line 34: expected a number, found '4_0'"),
    ],
)
def test_the_grammar(before, after, fault):
    assert before in ARM
    text = ARM.replace(before, after, 1)
    if fault is None:
        read(text)
        return
    pattern = re.escape(fault).replace("…", ".*")
    with pytest.raises(InputError, match=f"^arm.bvh: {pattern}.*; correct the file, or remove it$"):
        read(text)


def test_a_frame_time_of_few_digits_is_said():
    (note,) = read(ARM.replace("0.0083333", "0.008")).notes
    assert note == "arm.bvh: Frame Time 0.008 was read as 120 frames per second (--capture-fps)"
    given = bvh.read(ARM.replace("0.0083333", "7").encode(), "arm.bvh", fps=90.0)
    assert (given.fps, given.notes) == (90.0, ())


def test_forms_that_programs_write():
    """No blank after a colon, comments first, a frame more than `Frames:` says, two ends of one joint."""
    expected = read(ARM)
    other = ARM.replace("Frames: 2", "Frames:1").replace("Frame Time: ", "Frame Time:")
    found = read(f"# exported\n\n// again\n{other}")
    np.testing.assert_array_equal(found.motion, expected.motion)
    assert found.notes == ("arm.bvh: line 34 says 1 frames; the 2 that are there were read",)
    twice = ARM.replace("    End Site\n", "    End Site\n    {\n      OFFSET 7 0 0\n    }\n    End Site\n", 1)
    assert [joint.name for joint in read(twice).joints][2:4] == ["Left Arm_end", "Left Arm_end2"]


SLIDER = """HIERARCHY
ROOT hips
{ OFFSET 0 0 0 CHANNELS 3 Xposition Yposition Zposition
JOINT knee { OFFSET 0 -40 0 CHANNELS 3 Xposition Yposition Zposition
End Site { OFFSET 0 -40 5 } } }
MOTION
Frames: 2
Frame Time: 0.02
1 90 0 """


def test_position_channels_replace_offset_or_are_added_to_it():
    """Mixamo's are absolute; other programs write zeros, which collapsed the bones."""
    expected = [[[1, 90, 0], [1, 50, 0], [1, 10, 5]], [[1, 91, 0], [1, 51, 1], [1, 11, 6]]]
    absolute, added = read(f"{SLIDER}0 -40 0\n1 91 0 0 -40 1\n"), read(f"{SLIDER}0 0 0\n1 91 0 0 0 1\n")
    for capture in (absolute, added):
        np.testing.assert_allclose(bvh.forward_kinematics(capture), expected)
    assert (absolute.positions, absolute.notes, added.positions) == ("replace", (), "add")
    assert "position channels are added to OFFSET" in added.notes[0]
    assert "(--positions replace)" in added.notes[0]
    alike = SLIDER.replace("JOINT knee { OFFSET 0 -40 0", "JOINT knee { OFFSET 0 0 0")
    np.testing.assert_allclose(bvh.forward_kinematics(read(f"{alike}0 -40 0\n1 91 0 0 -40 1\n")), expected)
    unclear = f"{SLIDER}0 -20 0\n1 91 0 0 -20 1\n"
    with pytest.raises(InputError, match=r"arm.bvh: position channels.* give --positions replace or --positions add"):
        read(unclear)
    assert bvh.read(unclear.encode(), "arm.bvh", positions="add").positions == "add"


def test_names_in_other_encodings():
    text = ARM.replace("Hips", "腰")
    with pytest.raises(
        InputError, match=r"arm.bvh: line 2: the names are not utf-8; give --encoding, such as shift_jis"
    ):
        bvh.read(text.encode("shift_jis"), "arm.bvh")
    assert bvh.read(text.encode("shift_jis"), "arm.bvh", encoding="shift_jis").joints[0].name == "腰"
    with pytest.raises(InputError, match="--encoding is 'klingon'; it must be one that Python has, such as shift_jis"):
        bvh.read(b"HIERARCHY", "arm.bvh", encoding="klingon")


def test_a_file_without_channels_has_no_frames():
    text = "HIERARCHY ROOT a { OFFSET 0 0 0 CHANNELS 0 }\nMOTION\nFrames: 0\nFrame Time: 0.02\n"
    with pytest.raises(InputError, match="line 3: expected the number of frames in 0 numbers, 0 a frame, found '0'"):
        read(text)


def test_deep_trees_are_read():
    depth = 900
    text = "HIERARCHY\n" + "".join(
        f"{'JOINT' if n else 'ROOT'} j{n} {{ OFFSET 0 1 0 CHANNELS 1 Xrotation\n" for n in range(depth)
    )
    text += "}" * depth + "\nMOTION\nFrames: 1\nFrame Time: 0.02\n" + "0 " * depth
    positions = bvh.forward_kinematics(read(text))
    np.testing.assert_array_equal(positions[0, -1], [0, depth, 0])


PIECES = (*ARM.split(), "\n", "{", "}", "MOTION\n", "JOINT", "End", "Frames:", "1e999", "\x00", "é")


@given(st.lists(st.sampled_from(PIECES), max_size=30), st.integers(0, len(ARM)), st.integers(0, 40))
def test_damaged_files_end_in_an_input_error(pieces, place, cut):
    damaged = ARM[:place] + " ".join(pieces) + ARM[place + cut :]
    try:
        capture = read(damaged)
    except InputError:
        return
    assert np.isfinite(bvh.forward_kinematics(capture)).all()


@given(st.binary(max_size=200))
def test_any_bytes_end_in_an_input_error(content):
    for heading in (
        b"",
        b"HIERARCHY ROOT a { OFFSET ",
        b"HIERARCHY ROOT a { OFFSET 0 0 0 CHANNELS 1 Xposition }\nMOTION\n",
    ):
        with pytest.raises(InputError, match=r"^x: line \d+: "):
            bvh.read(heading + content, "x")
