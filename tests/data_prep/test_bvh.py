"""The command that prepares BVH files: tracks against the poses in the files, maps, and wrong options."""

import json

import numpy as np
import pytest
from helpers import oracles

from data_prep import bvh
from data_prep.bvh import CAMERAS, MAPS
from data_prep.formats.bvh import read
from jaxpose.data import store
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.skeleton import H36M_17

# A skeleton of 17 joints around one root; each has the channels of its position, so that any pose can be written.
NAMES = {joint: f"mixamorig:{names}" for joint, names in MAPS["mixamo"].items()}


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
    expected = [(*clip, camera) for clip in clips for camera in H36M_CAMERAS[CAMERAS]]
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


def test_a_map_from_a_file(tmp_path):
    own = dict.fromkeys(H36M_17.joints, "a") | {"spine": ["a", "b", "b_end"], "head": "b_end"}
    (tmp_path / "map.json").write_text(json.dumps(own))
    text = "HIERARCHY\nROOT x:a { OFFSET 0 0 0 CHANNELS 1 Yrotation\nJOINT x:b { OFFSET 3 0 0 CHANNELS 0\n"
    text += "End Site { OFFSET 0 6 0 } } }\nMOTION\nFrames: 1\nFrame Time: 0.02\n90\n"
    found = bvh.world_17(read(text.encode(), "arm.bvh"), bvh.read_map(str(tmp_path / "map.json")), 0.5, "y", "arm.bvh")
    assert found.shape == (1, 17, 3)
    # b is at (0, 0, -3) and its end at (0, 6, -3), in the world of the file with y up; its z, x, y are x, y, z.
    np.testing.assert_allclose(found[0, H36M_17.index("head")], [-1.5, 0, 3], atol=1e-12)
    np.testing.assert_allclose(found[0, H36M_17.index("spine")], [-1, 0, 1], atol=1e-12)
    np.testing.assert_allclose(found[0, H36M_17.index("pelvis")], 0, atol=1e-12)


@pytest.mark.parametrize("name", bvh.MAPS)
def test_built_in_maps_are_symmetric(name):
    joints = bvh.read_map(name)
    for left, right in zip(H36M_17.left, H36M_17.right, strict=True):
        (a,), (b,) = joints[H36M_17.joints[left]], joints[H36M_17.joints[right]]
        assert b == a.replace("Left", "Right")
