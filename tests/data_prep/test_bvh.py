"""The command that prepares BVH files: tracks against the poses in the files, maps, and wrong options."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import oracles
from helpers.places import SHARED

from data_prep import bvh
from data_prep.bvh import CAMERAS, MAPS
from data_prep.formats import bvh as formats_bvh
from data_prep.formats.bvh import read
from jaxpose.data import store
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17

ANKLES = [H36M_17.index("left_ankle"), H36M_17.index("right_ankle")]

# A skeleton of 17 joints around one root; each has the channels of its position, so that any pose can be written.
NAMES = {joint: f"mixamorig:{names}" for joint, names in MAPS["mixamo"].items()}


def body(frames, seed=0):
    """A random body that stands and moves on, (T, 17, 3) metres, z up."""
    random = np.random.default_rng(seed)
    time = np.linspace(0, frames / 50, frames)[:, None, None]
    pose = random.uniform([-0.4, -0.4, 0], [0.4, 0.4, 1.7], (17, 3))
    pose[[H36M_17.index("head"), *ANKLES]] = [[0, 0, 1.7], [0, 0.1, 0.1], [0, -0.1, 0.1]]
    return pose + 0.05 * np.sin(2 * time + random.uniform(0, 6, (17, 3))) + np.array([0.3, 0.1, 0]) * time


def capture(positions, up="y", scale=0.01, fps=50, offset=(0, 0, 0)):
    """A BVH file of these poses; positions of joints other than the root are added to an OFFSET."""
    x, y, z = np.moveaxis(positions / scale, -1, 0)
    own = np.stack([y, z, x] if up == "y" else [x, y, z], axis=-1)
    own[:, 1:] -= own[:, :1] + np.array(offset)
    channels = "CHANNELS 3 Xposition Yposition Zposition"
    start = f"OFFSET {offset[0]} {offset[1]} {offset[2]} {channels}"
    joints = "\n".join(f"JOINT {NAMES[joint]} {{ {start} }}" for joint in H36M_17.joints[1:])
    rows = "\n".join(" ".join(f"{value:.6f}" for value in frame.ravel()) for frame in own)
    motion = f"MOTION\nFrames: {len(own)}\nFrame Time: {1 / fps:.7f}\n{rows}\n"
    return f"HIERARCHY\nROOT {NAMES['pelvis']} {{ OFFSET 0 0 0 {channels}\n{joints}\n}}\n{motion}"


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
    poses = body(20, seed=20)
    length = np.linalg.norm(poses[:, H36M_17.index("head")] - poses[:, ANKLES].mean(axis=1), axis=-1)
    size = np.percentile(length, 90)
    said = refusal(bvh.main, [*files, *arguments])
    assert (
        f"{files[0]}: {100 * size:.4g} units from the ankles to the head; give --scale, metres per unit: 1 fo" in said
    )
    assert f"0.01 for centimetres ({size:.2f} m), 0.0254 for inches" in said
    assert f"or {1.6 / (100 * size):.4g} where the unit is unknown and it is 1.6 m, as in people of 1.7 m" in said
    said = refusal(bvh.main, [*files, *arguments, "--scale", "1"])
    assert f"--scale 1 makes people of {100 * size:.4g} m; {files[0]}: {100 * size:.4g} units from the ankles" in said
    scaled = [*arguments, "--scale", "0.01"]
    assert "--map tail: no such file" in refusal(bvh.main, [*files, "--map", "tail", *scaled[2:]])
    assert "--fps is 0.0; it must be" in refusal(bvh.main, [*files, *scaled, "--fps", "0"])
    assert "--skip is -1; it must not" in refusal(bvh.main, [*files, *scaled, "--skip", "-1"])
    assert "--seed is -1; it must be" in refusal(bvh.main, [*files, *scaled, "--seed", "-1"])
    assert "give --scale" in refusal(bvh.main, [*files, *arguments, "--scale", "nan"])
    assert "--capture-fps is 0.0; it must be" in refusal(bvh.main, [*files, *scaled, "--capture-fps", "0"])
    assert "--encoding is 'klingon'; it must be one" in refusal(bvh.main, [*files, *scaled, "--encoding", "klingon"])
    assert "--skip 99 leaves none of its 20 frames" in refusal(
        bvh.main, [*files, *scaled, "--jobs", "1", "--skip", "99"]
    )
    assert "none.bvh: No such file or directory; name BVH" in refusal(bvh.main, ["none.bvh", *scaled])
    assert not (tmp_path / "out").exists()


def test_people_who_are_tall_along_another_axis(tmp_path, refusal, capsys):
    """Files with z up under the default, and an axis that is given, which is believed."""
    files = save(tmp_path, up="z")
    arguments = ["--map", "mixamo", "--scale", "0.01", "--seed", "None", "--jobs", "1"]
    said = refusal(bvh.main, [*files, *arguments, "--out", str(tmp_path / "out")])
    assert (
        f"{files[0]}: people are tall along z, not along y (so in 3 of 3 files); give --up z, or give --up y if" in said
    )
    bvh.main([*files, *arguments, "--up", "y", "--out", str(tmp_path / "out")])
    said = f"--up is y, but people are tall along z (so in 3 of 3 files): {files[0]}\n"
    assert said in capsys.readouterr().out


def test_axes_are_told_by_most_of_the_time(tmp_path):
    """Poses that lie for less than half of the time do not matter; those that lie always, or on no axis, do."""
    joints, path = bvh.read_map("mixamo"), tmp_path / "clip.bvh"

    def tall(poses, up="y"):
        path.write_text(capture(poses, up=up))
        return bvh.look(path, bvh.Reading(), joints).tall

    standing = body(60)
    lying = standing[..., [2, 1, 0]]  # the head where x grows, which is z in a file with y up
    head_down = standing * [1, 1, -1]
    sitting = standing.copy()
    sitting[:, ANKLES, 0] += 0.8  # feet before the body, 1.6 m below the head
    bent = standing.copy()
    bent[:, ANKLES, 0] += 1.6
    assert tall(np.concatenate([standing[:31], lying[31:]])) == "y"
    assert (tall(standing), tall(standing, up="z"), tall(lying), tall(head_down)) == ("y", "z", "z", "-y")
    assert (tall(sitting), tall(bent)) == ("y", "")


@pytest.mark.parametrize(
    ("seen", "given", "up", "said"),
    [
        ("yy", None, "y", []),
        (["y", ""], None, "y", []),
        (["", ""], None, "y", ["y is taken to point up: nobody stands for long enough to tell (--up)"]),
        (["", ""], "z", "z", []),
        ("zz", "z", "z", []),
        ("zy", "z", "z", ["--up is z, but people are tall along y (so in 1 of 2 files): 1.bvh"]),
    ],
)
def test_which_axis_points_up(seen, given, up, said):
    looks = {Path(f"{index}.bvh"): bvh.Look((), tall, 170.0) for index, tall in enumerate(seen)}
    assert bvh.upward_axis(looks, given) == (up, said)


def test_a_capture_that_no_axis_sets_right():
    with pytest.raises(
        InputError, match=r"^a.bvh: people are tall along -y, not along y; --up can be y or z: turn the"
    ):
        bvh.upward_axis({Path("a.bvh"): bvh.Look((), "-y", 170.0)}, None)


def test_what_was_decided_is_said_once_and_stored(tmp_path, capsys):
    files = save(tmp_path, fps=30)
    for file in files:
        text = Path(file).read_text(encoding="utf-8").replace("Time: 0.0333333", "Time: 0.033")
        Path(file).write_text(text.replace("mixamorig:Hips", "腰"), encoding="shift_jis")
    own = {joint: name.removeprefix("mixamorig:") for joint, name in NAMES.items()} | {"pelvis": "腰"}
    (tmp_path / "map.json").write_text(json.dumps(own))
    arguments = ["--map", str(tmp_path / "map.json"), "--scale", "0.01", "--fps", "30", "--encoding", "shift_jis"]
    bvh.main([*files, *arguments, "--jobs", "1", "--out", str(tmp_path / "out")])
    said = f"Frame Time 0.033 was read as 30 frames per second (--capture-fps): {files[0]} and 2 more"
    assert capsys.readouterr().out.count(said) == 1
    assert said in json.loads((tmp_path / "out" / "dataset_info.json").read_text())["description"]
    found = store.read_tracks(tmp_path / "out", "ben")[1]
    assert {(track.fps, len(track.positions_3d)) for track in found} == {(30.0, 25)}


def test_options_decide_what_the_files_do_not_tell(tmp_path, refusal):
    """A frame rate, and positions that are as far from zero as from an OFFSET."""
    files = save(tmp_path, offset=(30, 20, 10))
    arguments = ["--map", "mixamo", "--scale", "0.01", "--capture-fps", "100", "--fps", "50", "--jobs", "1"]
    arguments += ["--seed", "None", "--out", str(tmp_path / "out")]
    assert "give --positions replace or --positions add" in refusal(bvh.main, [*files, *arguments])
    bvh.main([*files, *arguments, "--positions", "add"])
    (track, *_) = store.read_tracks(tmp_path / "out", "ben")[1]
    assert len(track.positions_3d) == 13
    clip, turn = body(25, seed=25), oracles.quaternion_matrix(track.orientation.astype(np.float64))
    world = track.positions_3d @ turn.T
    np.testing.assert_allclose(world - world[:1, :1], clip[::2] - clip[0, 0], atol=2e-3)


SHOGUN = SHARED / "data" / "bvh"


@pytest.mark.skipif(not SHOGUN.exists(), reason=f"no BVH files at {SHOGUN}")
@pytest.mark.parametrize(
    ("name", "frames", "fps", "size"),
    [
        ("dab", 339, 30.0, 43.79),
        ("jumping", 654, 119.875, 43.55),
        ("wave_hello", 839, 119.875, 36.68),
        ("zombie", 779, 30.0, 42.94),
    ],
)
def test_files_of_a_program(name, frames, fps, size, refusal, tmp_path):
    """Vicon Shogun's, z up, in a unit of its own."""
    path, joints = SHOGUN / f"{name}.bvh", bvh.read_map("vicon")
    found = bvh.read_capture(path, bvh.Reading())
    assert (len(found.motion), found.fps, found.positions, found.notes) == (frames, fps, "replace", ())
    seen = bvh.look(path, bvh.Reading(), joints)
    assert seen.tall == "z"
    assert seen.size == pytest.approx(size, rel=1e-3)
    world = bvh.world_17(found, joints, 1.6 / seen.size, "z", name)
    height = {joint: np.median(world[:, H36M_17.index(joint), 2]) for joint in H36M_17.joints}
    order = ("left_ankle", "left_knee", "left_hip", "spine", "thorax", "neck", "head")
    assert np.diff([height[joint] for joint in order]).min() > 0.05
    assert np.abs(np.median(world[:, ANKLES, 2]) - 0.1) < 0.1  # on the floor
    side = world[:, H36M_17.index("left_hip")] - world[:, H36M_17.index("right_hip")]
    forward = np.cross(side, world[:, H36M_17.index("thorax")] - world[:, 0])
    names = [joint.name for joint in found.joints]
    ends = formats_bvh.forward_kinematics(found)
    feet = ends[:, names.index("LeftToeBase")] - ends[:, names.index("LeftFoot")]
    assert np.median(np.sum(feet * forward, axis=1)) > 0  # toes point forward: left is left
    arguments = [str(path), "--map", "vicon", "--out", str(tmp_path / "out")]
    assert "people are tall along z, not along y; give --up z" in refusal(bvh.main, arguments)
    assert "units from the ankles to the head" in refusal(bvh.main, [*arguments, "--up", "z"])


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
