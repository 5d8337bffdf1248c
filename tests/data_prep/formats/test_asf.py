"""Acclaim skeletons: what is read, what is refused, and forward kinematics against scipy's rotations."""

import re

import numpy as np
import pytest
from helpers.captures import LEG
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from data_prep.formats import asf
from jaxpose.runtime.errors import InputError

UNIT = 0.0508  # metres


def read(text):
    return asf.read(text.encode("latin-1"), "leg.asf")


def test_what_is_read():
    skeleton = read(LEG)
    assert skeleton.joints == ("root", "thigh", "shin", "toes")
    assert [bone.parent for bone in skeleton.bones] == [0, 1, 2]
    assert [bone.dof for bone in skeleton.bones] == [(0, 1, 2), (0,), ()]
    assert skeleton.channels == {"root": 6, "thigh": 3, "shin": 1}
    assert skeleton.order == ("tx", "ty", "tz", "rx", "ry", "rz")
    assert skeleton.unit == pytest.approx(UNIT)
    np.testing.assert_allclose(skeleton.position, [0, 10 * UNIT, 0])
    np.testing.assert_allclose(
        [bone.offset for bone in skeleton.bones], UNIT * np.float64([[0, -4, 0], [0, -3, 0], [0, 0, 1]]), atol=1e-12
    )
    np.testing.assert_allclose(skeleton.bones[1].axes @ [1, 0, 0], [0, 0, -1], atol=1e-12)  # x turns to -z about y
    np.testing.assert_allclose(np.degrees(skeleton.bones[0].limits), [[-160, 20], [-70, 70], [-np.inf, np.inf]])
    np.testing.assert_array_equal(skeleton.bones[1].limits, [[-np.inf, np.inf]])
    assert skeleton.bones[2].limits.shape == (0, 2)


@pytest.mark.parametrize("change", [
    lambda text: text.replace("\n", "\r\n"),
    lambda text: text.replace("  ", "\t"),
    lambda text: text.replace("limits", "LIMITS").replace("begin", "Begin").replace("XYZ", "xyz"),
    lambda text: text.replace(":root\n", ":ROOT\n").replace("TX TY TZ", "tx ty tz"),
    lambda text: text + "\n\n# the end",
    lambda text: text + "\n:skin\nbox 1 2 3 begin\n:namespace leg\n",
    lambda text: text.replace("angle deg", "angle rad").replace("0 90 0", "0 1.5707963267948966 0"),
])  # fmt: skip
def test_forms_of_the_same_skeleton(change):
    for bone, expected in zip(read(change(LEG)).bones, read(LEG).bones, strict=True):
        assert bone[:2] == expected[:2]
        np.testing.assert_allclose(bone.offset, expected.offset)
        np.testing.assert_allclose(bone.axes, expected.axes, atol=1e-12)


def test_a_leg_by_hand():
    """At rest; the thigh turned about x; the shin about its own x, which is -z; with it all about y."""
    motion = np.zeros((4, 10))
    motion[1, 6] = -np.pi / 2
    motion[2:, 9] = np.pi / 2
    motion[3, 4] = np.pi / 2
    motion[:, :3] = UNIT * np.float64([0, -10, 5])
    found = asf.forward_kinematics(read(LEG), motion) / UNIT
    root = [0, 0, 5]
    expected = [
        [root, [0, -4, 5], [0, -7, 5], [0, -7, 6]],
        [root, [0, 0, 9], [0, 0, 12], [0, 1, 12]],
        [root, [0, -4, 5], [-3, -4, 5], [-3, -4, 6]],
        [root, [0, -4, 5], [0, -4, 8], [1, -4, 8]],
    ]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def random_skeleton(random):
    """A tree of twelve bones with any axes, in any order, and any order of the root's channels."""
    order = random.permutation(["tx", "ty", "tz", "rx", "ry", "rz"])
    axis, turn = "".join(random.permutation(list("XYZ"))), " ".join(map(str, random.uniform(-180, 180, 3)))
    lines = [":units length 1 angle deg", ":root", f"order {' '.join(order)}", f"axis {axis} position 1 2 3"]
    lines += [f"orientation {turn}", ":bonedata"]
    tree = [":hierarchy", "begin"]
    for index in range(12):
        dof = random.permutation(["rx", "ry", "rz"])[: random.integers(4)]
        numbers = [*random.normal(size=3), random.uniform(1, 5), *random.uniform(-180, 180, 3)]
        d, e, f, length, *axis = [f"{number:.17g}" for number in numbers]
        turns = f"{''.join(random.permutation(list('XYZ')))} {'dof' * (len(dof) > 0)} {' '.join(dof)}"
        lines.append(f"begin name b{index} direction {d} {e} {f} length {length}\naxis {' '.join(axis)} {turns} end")
        tree.append(f"{random.choice(['root', *(f'b{i}' for i in range(index))])} b{index}")
    return "\n".join([*lines, *tree, "end"])


def euler(order, degrees):
    """scipy's extrinsic rotations: about fixed axes, in order."""
    return Rotation.from_euler(order.lower(), degrees, degrees=True) if order else Rotation.identity()


def placed(text, motion):
    """Positions in inches, and rotations, by bone and straight from the text, of a frame: motion is name -> numbers."""
    bones = dict(re.findall(r"begin name (\S+) (.*\n.*) end", text))
    root_order = re.search(r"order (.*)", text)[1].split()
    values = dict(zip(root_order, motion["root"], strict=True))
    turns = [channel[1] for channel in root_order if channel[0] == "r"]
    joints = {"root": np.array([1 + values["tx"], 2 + values["ty"], 3 + values["tz"]])}
    rest = euler(
        re.search(r"axis (\S+) position", text)[1], np.float64(re.search(r"orientation (.*)", text)[1].split())
    )
    rotations = {"root": euler("".join(turns), [values["r" + axis] for axis in turns]) * rest}
    for parent, bone in re.findall(r"^(\S+) (b\d+)$", text, re.MULTILINE):
        words = bones[bone].split()
        direction, length = np.float64(words[1:4]), float(words[5])
        own = euler(words[10], np.float64(words[7:10]))
        order = "".join(word[1] for word in words[11:] if word != "dof")
        rotations[bone] = rotations[parent] * own * euler(order, motion.get(bone, [])) * own.inv()
        joints[bone] = joints[parent] + rotations[bone].apply(direction * length)
    return joints, rotations


@given(st.integers(0, 2**32 - 1))
def test_forward_kinematics_against_scipy(seed):
    random = np.random.default_rng(seed)
    text = random_skeleton(random)
    skeleton = read(text)
    degrees = random.uniform(-180, 180, (3, sum(skeleton.channels.values())))
    ends = np.cumsum([*skeleton.channels.values()])[:-1]
    scale = [0.0254 if channel[0] == "t" else np.pi / 180 for channel in skeleton.order]
    scale += [np.pi / 180] * (degrees.shape[1] - 6)
    positions, rotations = asf.placed_bones(skeleton, degrees * scale)
    assert positions.shape == (3, 13, 3)
    np.testing.assert_array_equal(asf.forward_kinematics(skeleton, degrees * scale), positions)
    for frame, numbers in enumerate(degrees):
        motion = dict(zip(skeleton.channels, np.split(numbers, ends), strict=True))
        joints, turns = placed(text, motion)
        assert {*joints} == {*turns} == {*skeleton.joints}
        expected = [0.0254 * joints[joint] for joint in skeleton.joints]
        np.testing.assert_allclose(positions[frame], expected, atol=1e-9)
        expected = [turns[joint].as_matrix() for joint in skeleton.joints]
        np.testing.assert_allclose(rotations[frame], expected, atol=1e-9)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("length 4", "length four", "line 20: expected a number, found 'four'"),
        ("length 4", "length 1_0", "line 20: expected a number.*, found '1_0'"),
        ("length 4", "length nan", "line 20: expected a number.*, found 'nan'"),
        ("length 4", "length 1e7", r"line 20: expected a number up to 1e\+06, found '1e7'"),
        ("length 4", "length 4 5", "line 20: expected axis or dof or limits, found '5'"),
        ("     length 4\n", "", "line 16: 'begin' without 'length'"),
        ("axis 0 0 0 XYZ\n    dof", "axis 0 0 XYZ\n    dof", "line 21: expected 4 values after 'axis', found 3"),
        ("axis 0 90 0 XYZ", "axis 0 90 0 XYX", "line 39: expected xyz or xzy.*, found 'XYX'"),
        ("dof rx ry rz", "dof rx ry l", "line 22: expected rz, found 'l'"),
        ("dof rx ry rz", "dof tx ry rz", "line 22: expected rx or ry or rz, found 'tx'"),
        ("(-70.0 70.0)", "(-70.0)", "line 25: expected the last of 6 limits.*, found 'inf'"),
        ("length 0.5", "length 0", "line 6: expected a number between 0.001 and 1000.*, found '0'"),
        ("angle deg", "angle grad", "line 7: expected deg or rad, found 'grad'"),
        ("  angle deg\n", "", "line 4: ':units' without 'angle'"),
        ("order TX TY TZ RX RY RZ", "order TX TY TZ RX RY RY", "line 11: expected rz, found 'RY'"),
        ("orientation 0 0 0", "orientation 0 0", "line 14: expected 3 values after 'orientation', found 2"),
        ("name shin", "name thigh", "line 36: expected a name that no other bone has.*, found 'thigh'"),
        ("name shin", "name root", "line 36: expected a name that no other bone has.*, found 'root'"),
        ("root thigh", "rot thigh", "line 44: expected 'root' or the name of a bone.*, found 'rot'"),
        ("shin toes", "shin heel", "line 45: expected the name of a bone that has no parent yet.*, found 'heel'"),
        ("shin toes", "shin thigh", "line 45: expected the name of a bone that has no.*, found 'thigh'"),
        ("root thigh", "root", "line 18: 'thigh' is not connected to the root"),
        ("root thigh\n", "root\n shin thigh\n", "line 18: 'thigh' is not connected to the root"),
        ("    thigh shin\n  end", "    thigh shin", "line 43: 'begin' without 'end'"),
        ("  begin\n     id 1", "     id 1", "line 16: expected begin, found 'id'"),
        (":bonedata", ":bones", "line 15: expected :bonedata or :hierarchy or.*, found ':bones'"),
        (":hierarchy", "#", "the section :hierarchy is missing"),
        (":hierarchy", ":root", "line 42: expected :hierarchy or.*, found ':root'"),
    ],
)
def test_faults_are_named(old, new, message):
    assert old in LEG
    with pytest.raises(InputError, match=rf"^leg\.asf: .*{message}") as raised:
        read(LEG.replace(old, new, 1))
    assert "\n" not in str(raised.value)


def test_what_is_no_skeleton_at_all():
    for content in (b"", b"\x89PNG\r\n", b":units\n length 1 angle deg", bytes(range(256))):
        with pytest.raises(InputError, match=r"^x: .*; correct the file, or remove it$"):
            asf.read(content, "x")


WORDS = st.sampled_from([*LEG.split(), "\n", "\n", "-1", "1e999", "nan", "9" * 400, "\x85", "²"])


@given(st.one_of(st.binary(max_size=200), st.lists(WORDS).map(lambda words: " ".join(words).encode("latin-1"))))
def test_only_input_errors_escape(content):
    with pytest.raises(InputError):
        asf.read(content, "fuzz.asf")


@given(st.integers(0, len(LEG) - 1), st.integers(0, 40), WORDS)
def test_only_input_errors_escape_from_a_damaged_file(begin, length, word):
    damaged = f"{LEG[:begin]} {word} {LEG[begin + length :]}"
    try:
        skeleton = read(damaged)
    except InputError:
        return
    motion = np.zeros((2, sum(skeleton.channels.values())))
    assert np.isfinite(asf.forward_kinematics(skeleton, motion)).all()
