"""BVH files: forward kinematics against matrices written out, the grammar, and the command that films them."""

import json
import re

import numpy as np
import pytest
from helpers import oracles
from helpers.captures import ARM
from hypothesis import given
from hypothesis import strategies as st

from data_prep import bvh
from data_prep.formats import bvh as bvh_file
from jaxpose.data import store
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17


def about(axis, degrees):
    """The matrix of a turn about an axis, by Rodrigues' formula."""
    cross = np.cross(np.eye(3), np.eye(3)["xyz".index(axis)])
    angle = np.deg2rad(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def read(text):
    return bvh_file.read(text.encode(), "arm.bvh")


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
    positions = bvh_file.forward_kinematics(read(ARM))
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
    positions = bvh_file.forward_kinematics(capture)[0] * bvh._UNITS["the unit of CMU"]
    expected = [[0.08294, -0.1129, 0.02793], [0.04501, -0.48092, 0.19077], [0.02125, -0.88878, 0.0528]]
    np.testing.assert_allclose(positions[[2, 3, 4]] - positions[0], expected, atol=2e-5)


@pytest.mark.parametrize(
    ("written", "fps"),
    [("0.0083333", 120.0), ("0.008333", 120.0), (".0333333", 30.0), ("0.033367", 29.97), ("0.02", 50.0), ("1", 1.0)],
)
def test_frame_rates(written, fps):
    assert read(ARM.replace("0.0083333", written)).fps == pytest.approx(fps, rel=1e-6)


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("HIERARCHY", "HIERARCHIE", "line 1: 'HIERARCHIE' where hierarchy belongs"),
        ("ROOT", "JOINT", "line 2: 'JOINT' where root belongs"),
        ("OFFSET 1 2 3", "OFFSET 1 2", "line 5: 'CHANNELS' where a number belongs"),
        ("OFFSET 1 2 3", "OFFSET 1 nan 3", "line 4: 'nan' where a number up to 1e+06 belongs"),
        ("OFFSET 1 2 3", "", "line 5: 'CHANNELS' where offset belongs"),
        ("CHANNELS 2", "CHANNELS 7", "line 9: '7' where 0 or 1 or 2 or 3 or 4 or 5 or 6 belongs"),
        ("CHANNELS 2 X", "CHANNELS 2 Z", "line 9: 'Zrotation' where xposition or"),
        ("CHANNELS 2", "CHANNELS 3", "line 10: 'End' where xposition or yposition or"),
        ("End Site", "End Site Foot", None),
        (
            "End Site\n    {\n      OFFSET 5 0 0",
            "End Site\n    {\n      OFFSET 5 0 0 JOINT x",
            "line 12: 'JOINT' where }",
        ),
        ("JOINT Fixed", "JOINT Left Arm", "line 16: 'Left Arm' where a name of its own"),
        ("JOINT Fixed", "JOINT", "line 16: '' where a name of its own"),
        ("\nMOTION", "\n}\nMOTION", "line 30: '}' where MOTION, after one skeleton, belongs"),
        ("\nMOTION", "\nROOT Other\nMOTION", "line 30: 'ROOT' where MOTION, after one skeleton, belongs"),
        ("}\nMOTION", "MOTION", "line 29: 'the end' where joint or end or } belongs"),
        ("MOTION", "MOTIONS", "line 30: 'MOTIONS' where MOTION"),
        ("Frames: 2", "Frames: two", "line 31: 'two' where a number belongs"),
        ("Frames: 2", "Frames: 3", "line 31: '3' where the number of frames of 12 numbers each in 24 numbers belongs"),
        ("Frames: 2", "Frames: 1.5", "line 31: '1.5' where the number of frames of 12 numbers each in 24"),
        ("Frame Time:", "Time:", "line 32: 'Time:' where frame belongs"),
        ("0.0083333", "0", "line 32: '0' where a frame time of 0.001 to 1 s belongs"),
        ("-30 40", "-30 1e7", "line 34: '1e7' where a number up to 1e+06 belongs"),
        ("-30 40", "-30 inf", "line 34: 'inf' where a number up to 1e+06 belongs"),
        ("-30 40", "-30 4O", "line 34: '4O' where a number belongs"),
        ("70 -80", "70 -80}", "line 34: '-80}' where a number belongs"),
        ("-30 40", "-30 4_0", "line 34: '4_0' where a number belongs"),
    ],
)
def test_the_grammar(before, after, fault):
    assert before in ARM
    text = ARM.replace(before, after, 1)
    if fault is None:
        read(text)
        return
    with pytest.raises(InputError, match=f"^arm.bvh: {re.escape(fault)}.*; correct the file, or leave it out$"):
        read(text)


def test_a_file_without_channels_has_no_frames():
    text = "HIERARCHY ROOT a { OFFSET 0 0 0 CHANNELS 0 }\nMOTION\nFrames: 0\nFrame Time: 0.02\n"
    with pytest.raises(InputError, match="line 3: '0' where the number of frames of 0 numbers each in 0 numbers"):
        read(text)


def test_deep_trees_are_read():
    depth = 900
    text = "HIERARCHY\n" + "".join(
        f"{'JOINT' if n else 'ROOT'} j{n} {{ OFFSET 0 1 0 CHANNELS 1 Xrotation\n" for n in range(depth)
    )
    text += "}" * depth + "\nMOTION\nFrames: 1\nFrame Time: 0.02\n" + "0 " * depth
    positions = bvh_file.forward_kinematics(read(text))
    np.testing.assert_array_equal(positions[0, -1], [0, depth, 0])


PIECES = (*ARM.split(), "\n", "{", "}", "MOTION\n", "JOINT", "End", "Frames:", "1e999", "\x00", "é")


@given(st.lists(st.sampled_from(PIECES), max_size=30), st.integers(0, len(ARM)), st.integers(0, 40))
def test_damaged_files_end_in_an_input_error(pieces, place, cut):
    damaged = ARM[:place] + " ".join(pieces) + ARM[place + cut :]
    try:
        capture = read(damaged)
    except InputError:
        return
    assert np.isfinite(bvh_file.forward_kinematics(capture)).all()


@given(st.binary(max_size=200))
def test_any_bytes_end_in_an_input_error(content):
    for heading in (
        b"",
        b"HIERARCHY ROOT a { OFFSET ",
        b"HIERARCHY ROOT a { OFFSET 0 0 0 CHANNELS 1 Xposition }\nMOTION\n",
    ):
        with pytest.raises(InputError, match=r"^x: line \d+: "):
            bvh_file.read(heading + content, "x")


# A skeleton of 17 joints around one root; each has the channels of its position, so that any pose can be written.
NAMES = {joint: f"mixamorig:{names}" for joint, names in bvh.MAPS["mixamo"].items()}


def body(frames, seed=0):
    """A random body that walks on, (T, 17, 3) metres, z up."""
    random = np.random.default_rng(seed)
    time = np.linspace(0, frames / 50, frames)[:, None, None]
    pose = random.uniform([-0.4, -0.4, 0], [0.4, 0.4, 1.7], (17, 3))
    return pose + 0.05 * np.sin(2 * time + random.uniform(0, 6, (17, 3))) + np.array([0.3, 0.1, 0]) * time


def capture(positions, up="y", scale=0.01, fps=50):
    """A BVH file of these poses."""
    x, y, z = np.moveaxis(positions / scale, -1, 0)
    own = np.stack([y, z, x] if up == "y" else [x, y, z], axis=-1)
    own[:, 1:] -= own[:, :1]
    channels = "OFFSET 0 0 0 CHANNELS 3 Xposition Yposition Zposition"
    joints = "\n".join(f"JOINT {NAMES[joint]} {{ {channels} }}" for joint in H36M_17.joints[1:])
    rows = "\n".join(" ".join(f"{value:.6f}" for value in frame.ravel()) for frame in own)
    motion = f"MOTION\nFrames: {len(own)}\nFrame Time: {1 / fps:.7f}\n{rows}\n"
    return f"HIERARCHY\nROOT {NAMES['pelvis']} {{ {channels}\n{joints}\n}}\n{motion}"


def save(folder, **options):
    """Two subjects, of two captures and one."""
    for path, frames in (("anna/walk.bvh", 30), ("anna/run.bvh", 20), ("ben/walk.bvh", 25)):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(capture(body(frames, seed=frames), **options))
    return sorted(map(str, folder.glob("*/*.bvh")))


@pytest.mark.parametrize("up", ["y", "z"])
@pytest.mark.usefixtures("compiled_soon")
def test_the_command(tmp_path, up, capsys):
    arguments = ["--map", "mixamo", "--scale", "0.01", "--up", up, "--seed", "None", "--jobs", "1"]
    bvh.main([*save(tmp_path, up=up), *arguments, "--out", str(tmp_path / "out")])
    assert capsys.readouterr().out.endswith(f"wrote {tmp_path / 'out'}\n")
    description, found = store.read_tracks(tmp_path / "out", "all")
    assert (description.skeleton, description.layout, description.synthetic) == (H36M_17, H36M_17, False)
    assert description.splits == ("anna", "ben")
    clips = (("anna", "run", 20), ("anna", "walk", 30), ("ben", "walk", 25))
    expected = [(*clip, camera) for clip in clips for camera in bvh._CAMERAS]
    assert [(track.subject, track.action, len(track.positions_3d), track.camera) for track in found] == expected
    for track in found:
        turn = oracles.quaternion_matrix(track.orientation.astype(np.float64))
        world = track.positions_3d @ turn.T + track.translation
        clip = body(len(world), seed=len(world))
        np.testing.assert_allclose(np.diff(world, axis=0), np.diff(clip, axis=0), atol=1e-5)
        np.testing.assert_allclose(world - world[:1, :1], clip - clip[:1, :1], atol=1e-5)  # moved along the floor
        np.testing.assert_allclose(world[..., 2], clip[..., 2], atol=1e-5)


@pytest.mark.usefixtures("compiled_soon")
def test_frames_are_resampled_and_skipped(tmp_path):
    (tmp_path / "anna").mkdir()
    path = tmp_path / "anna" / "walk.bvh"
    path.write_text(capture(body(61), fps=100))
    bvh.main(
        [str(path), "--map", "mixamo", "--scale", "0.01", "--skip", "10", "--fps", "25", "--out", str(tmp_path / "o")]
    )
    _, found = store.read_tracks(tmp_path / "o", "anna")
    assert {(track.fps, len(track.positions_3d)) for track in found} == {(25.0, 13)}


def test_a_map_of_ones_own(tmp_path):
    own = dict.fromkeys(H36M_17.joints, "a") | {"spine": ["a", "b", "b_end"], "head": "b_end"}
    (tmp_path / "map.json").write_text(json.dumps(own))
    text = "HIERARCHY\nROOT x:a { OFFSET 0 0 0 CHANNELS 1 Yrotation\nJOINT x:b { OFFSET 3 0 0 CHANNELS 0\n"
    text += "End Site { OFFSET 0 6 0 } } }\nMOTION\nFrames: 1\nFrame Time: 0.02\n90\n"
    found = bvh.world_17(read(text), bvh.read_map(str(tmp_path / "map.json")), 0.5, "y", "arm.bvh")
    assert found.shape == (1, 17, 3)
    # b is at (0, 0, -3) and its end at (0, 6, -3), in an own world with y up; z, x, y of that are x, y, z.
    np.testing.assert_allclose(found[0, H36M_17.index("head")], [-1.5, 0, 3], atol=1e-12)
    np.testing.assert_allclose(found[0, H36M_17.index("spine")], [-1, 0, 1], atol=1e-12)
    np.testing.assert_allclose(found[0, H36M_17.index("pelvis")], 0, atol=1e-12)


@pytest.mark.parametrize("name", bvh.MAPS)
def test_known_maps_are_mirrored(name):
    joints = bvh.read_map(name)
    for left, right in zip(H36M_17.left, H36M_17.right, strict=True):
        (a,), (b,) = joints[H36M_17.joints[left]], joints[H36M_17.joints[right]]
        assert b == a.replace("Left", "Right")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", "map.json: not a JSON file (Expecting property name"),
        ("[" * 100000, "map.json: not a JSON file (it is nested too deeply"),
        ("[]", "map.json: a map is an object with the 17 joints of Human3.6M as keys; missing: pelvis, right_hip"),
        (json.dumps(NAMES | {"tail": "Tail"}), "as keys; missing: none; unknown: tail"),
        (json.dumps(NAMES | {"head": 7}), "map.json: 'head' is 7; give a name, or a list of names"),
        (json.dumps(NAMES | {"head": []}), "map.json: 'head' is []; give a name"),
        (json.dumps(NAMES | {"head": [["a"]]}), "map.json: 'head' is [['a']]; give a name"),
        (
            json.dumps(NAMES | {"head": "Top"}),
            "walk.bvh: has no joint 'Top' for 'head', only mixamorig:Hips, mixamorig:R",
        ),
    ],
)
def test_wrong_maps(tmp_path, refusal, content, fault):
    (tmp_path / "map.json").write_text(content)
    files = save(tmp_path)
    arguments = ["--map", str(tmp_path / "map.json"), "--scale", "1", "--jobs", "1", "--out", str(tmp_path / "out")]
    assert fault in refusal(bvh.main, [*files[1:], *arguments])
    assert not (tmp_path / "out").exists()


def test_wrong_options(tmp_path, refusal):
    files = save(tmp_path)
    arguments = ["--map", "mixamo", "--out", str(tmp_path / "out")]
    pose = body(20, seed=20)[0, :, 2]
    height = f"{100 * (pose.max() - pose.min()):.4g}"
    said = refusal(bvh.main, [*files, *arguments])
    assert f"{files[0]} is {height} units high in its first frame; give --scale, metres per unit: 1 for metres" in said
    assert f"0.01 for centimetres ({pose.max() - pose.min():.2f} m), 0.0254 for inches" in said
    scaled = [*arguments, "--scale", "0.01"]
    assert "--map tail: no such file" in refusal(bvh.main, [*files, "--map", "tail", *scaled[2:]])
    assert "--fps is 0.0; it must be" in refusal(bvh.main, [*files, *scaled, "--fps", "0"])
    assert "--skip is -1; it must not" in refusal(bvh.main, [*files, *scaled, "--skip", "-1"])
    assert "--seed is -1; it must be" in refusal(bvh.main, [*files, *scaled, "--seed", "-1"])
    assert "give --scale" in refusal(bvh.main, [*files, *arguments, "--scale", "nan"])
    assert "--skip 99 leaves none of its 20 frames" in refusal(
        bvh.main, [*files, *scaled, "--jobs", "1", "--skip", "99"]
    )
    assert "none.bvh: No such file or directory; name BVH" in refusal(bvh.main, ["none.bvh", *scaled])
    assert not (tmp_path / "out").exists()
