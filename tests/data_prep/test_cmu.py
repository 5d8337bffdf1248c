"""The command that prepares CMU motion capture: an archive with a walk whose joints are known, and wrong options."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers import oracles
from helpers.cmu_files import UNIT, amc_text, asf_text
from helpers.places import SHARED

from data_prep import cmu
from data_prep.cameras.virtual import FORMS
from data_prep.formats import amc, asf, cmu_joints
from data_prep.formats.archives import members
from jaxpose.data import store
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.data.synthetic.generate import CENTRE
from jaxpose.files.safe_npz import load_npz
from jaxpose.skeleton import BODY_22, CMU_31, COCO_17, H36M_17

DATA = SHARED / "data"
REAL = DATA / "cmu" / "allasfamc_subjects_01_02_03.zip"
pytestmark = pytest.mark.usefixtures("compiled_soon")

# From the root, in the order of H36M_17, z up: (z, x, y) of the above.
AT_REST = [
    (0, 0, 0), (0, -2, -1), (0, -2, -8), (0, -2, -15), (0, 2, -1), (0, 2, -8), (0, 2, -15),
    (0, 0, 2), (0, 0, 6), (0, 0, 9), (0, 0, 11),
    (0, 3, 7), (0, 8, 7), (0, 11, 7), (0, -3, 7), (0, -8, 7), (0, -11, 7),
]  # fmt: skip
LEFT_LEG = [H36M_17.index("left_knee"), H36M_17.index("left_ankle")]


FILES = {
    "all_asfamc/readme.txt": "nothing",
    "all_asfamc/subjects/08/08_01.amc": amc_text(13),
    "all_asfamc/subjects/08/08.asf": asf_text(),
    "all_asfamc/subjects/02/02_02.AMC": amc_text(turn=90, thigh=-90),
    "all_asfamc/subjects/02/02_01.amc": amc_text(),
    "all_asfamc/subjects/02/02.ASF": asf_text(),
}


@pytest.fixture
def pack(tmp_path):
    """Write files to an archive, and give its path."""

    def write(files=FILES):
        path = tmp_path / "cmu.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        return str(path)

    return write


@pytest.fixture
def run(tmp_path):
    """The command in this process; what it writes, by subject and action."""

    def call(source, *options):
        out = tmp_path / "out"
        cmu.main([source, "--out", str(out), "--jobs", "1", *options])
        found: dict = {}
        for track in store.read_tracks(out, "all")[1]:
            found.setdefault((track.subject, track.action), []).append(track)
        return found

    return call


def expected_walk(frames, *, step=0.2, turned=False, thigh=False, fps=50):
    """World metres, z up, of `amc_text`, placed in the middle of the room."""
    body = np.array(AT_REST, float)
    if thigh:  # straight forward
        body[LEFT_LEG] = [(7, 2, -1), (14, 2, -1)]
    if turned:  # what was forward is to the left
        body = body[:, [1, 0, 2]] * [-1, 1, 1]
    way = step * 120 / fps * np.arange(frames)
    middle = step * 120 / fps * (frames - 1) / 2
    root = np.stack([way - middle, 0 * way, 0 * way + 16], axis=1)
    return UNIT * (body + root[:, None]) + [*CENTRE, 0]


def in_world(track):
    """Positions in the world, float64."""
    turn = oracles.quaternion_matrix(track.orientation.astype(np.float64))
    return track.positions_3d @ turn.T + track.translation


def test_a_made_up_archive(pack, run, capsys):
    found = run(pack(), "--seed", "None")
    walks = {
        ("S2", "trial 01"): expected_walk(26),
        ("S2", "trial 02"): expected_walk(26, turned=True, thigh=True),
        ("S8", "trial 01"): expected_walk(6),
    }
    assert [*found] == [*walks]
    for recording, expected in walks.items():
        rig = H36M_CAMERAS["S5" if recording[0] == "S2" else "S1"]  # the second, and again the first
        assert [track.camera for track in found[recording]] == [*rig]
        for track in found[recording]:
            np.testing.assert_array_equal(track.translation, rig[track.camera].translation)
            np.testing.assert_allclose(in_world(track), expected, atol=2e-5)
            seen = track.positions_3d[..., :2] / track.positions_3d[..., 2:]
            undistorted = seen * track.intrinsics[:2] + track.intrinsics[2:4]
            assert np.abs(track.keypoints_2d - undistorted).max() < 20
            assert track.fps == 50
    shown = capsys.readouterr().out
    assert re.search(r"S2 +│ +8 │ +208 │ +4 ", shown)
    assert "left out" not in shown


def test_a_folder_with_noise_at_another_rate(tmp_path, run):
    for name, text in FILES.items():
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_text(text)
    (tmp_path / "out").mkdir()
    found = run(str(tmp_path / "tree"), "--fps", "60", "--subjects", "2", "--skip", "02_01", "--seed", "1")
    assert [*found] == [("S2", "trial 02")]
    for track in found["S2", "trial 02"]:
        np.testing.assert_allclose(in_world(track), expected_walk(31, turned=True, thigh=True, fps=60), atol=2e-5)
        seen = track.positions_3d[..., :2] / track.positions_3d[..., 2:]
        error = np.abs(track.keypoints_2d - (seen * track.intrinsics[:2] + track.intrinsics[2:4]))
        assert 2 < np.median(error) < 10
    assert store.read_description(tmp_path / "out").splits == ("S2",)


def test_what_is_left_out_is_reported(pack, run, capsys):
    lone = {"09.asf": asf_text(), "10_01.amc": amc_text(), "10_02.amc": amc_text(), "08_02.amc": amc_text(step=1.87)}
    found = run(pack(FILES | lone), "--seed", "None")
    shown = capsys.readouterr().out
    assert "left out, trials without a skeleton: 10\n" in shown
    assert "left out, skeletons without trials: 9\n" in shown
    assert "left out, views of people too near to the camera or too far outside its image: 2 of 8 of S8\n" in shown
    assert [track.camera for track in found["S8", "trial 02"]] == ["55011271", "58860488"]
    for track in found["S8", "trial 02"]:
        np.testing.assert_allclose(in_world(track), expected_walk(26, step=1.87), atol=1e-4)


def test_frame_rates_of_the_files(pack, run, capsys):
    """Given for a trial, a subject or all; in the file; or 120: the same walk has as many frames as it lasts long."""
    said = {"all_asfamc/subjects/02/02_03.amc": amc_text().replace(":DEGREES", ":DEGREES\n:SAMPLES-PER-SECOND 60")}
    source = pack(FILES | said)
    rates = {("S2", "trial 01"): 240, ("S2", "trial 02"): 100, ("S2", "trial 03"): 100, ("S8", "trial 01"): 30}
    found = run(source, "--seed", "None", "--capture-fps", "30", "2=100", "02_01=240")
    assert {recording: views[0].fps for recording, views in found.items()} == dict.fromkeys(rates, 50)
    frames = {recording: len(views[0].positions_3d) for recording, views in found.items()}
    assert frames == {
        recording: int((12 if recording[0] == "S8" else 60) * 50 / rate) + 1 for recording, rate in rates.items()
    }
    shown = capsys.readouterr().out
    assert "read at 100 frames/s, as given with --capture-fps: 02_02\n" in shown
    assert "read at 100 frames/s, as given with --capture-fps, where the file says 60: 02_03\n" in shown
    text = (Path(source).parent / "out" / "dataset_info.json").read_text()
    assert "read at 240 frames/s, as given with --capture-fps: 02_01" in text


def test_frame_rates_that_nobody_gives(pack, run, capsys):
    said = {"all_asfamc/subjects/02/02_01.amc": amc_text().replace(":DEGREES", ":SAMPLES-PER-SECOND 60")}
    found = run(pack(FILES | said), "--seed", "None")
    assert [len(views[0].positions_3d) for views in found.values()] == [51, 26, 6]
    shown = capsys.readouterr().out
    assert "read at 60 frames/s, as the files say: 02_01\n" in shown
    assert "read at 120 frames/s, as is usual: 02_02, 08_01\n" in shown


def test_files_that_say_less_and_more_than_the_database_does(pack, run):
    """No :FULLY-SPECIFIED, no unit of angles, sections for programs that draw, a root that is turned and shifted."""
    skeleton = asf_text().replace("position 0 0 0", "position 0 5 0").replace("orientation 0 0 0", "orientation 0 90 0")
    skeleton = skeleton.replace(":units", ":version 1.10\n:namespace on\n:units") + "\n:skin\nbody.obj skin.wgt\n"
    motion = amc_text(thigh=-90).replace(":FULLY-SPECIFIED\n:DEGREES\n", "").replace("0.1 16", "0.1 11")
    files = {"02.asf": skeleton, "02_01.amc": motion, "02_02.amc": f":DEGREES :FULLY-SPECIFIED\n{motion}"}
    for views in run(pack(files), "--seed", "None").values():
        np.testing.assert_allclose(in_world(views[0]), expected_walk(26, turned=True, thigh=True), atol=2e-5)


def bounce_text(step=1):
    """Up and down by a metre at 0.7 Hz for 6 s, at 120 frames/s; every `step`-th frame of it."""
    heights = 20 + (1 - np.cos(2 * np.pi * 0.7 * np.arange(0, 6, step / 120))) / 2 / UNIT
    lines = [":FULLY-SPECIFIED", ":DEGREES"]
    for frame, height in enumerate(heights, start=1):
        lines += [str(frame), f"root 0 {height:.6f} 0 0 0 0", "lfemur 0"]
    return "\n".join(lines)


def test_trials_that_are_too_fast_are_named(pack, run, capsys):
    """A bounce of which every second frame is there falls four times as fast."""
    files = {"02.asf": asf_text(), "02_01.amc": bounce_text(), "02_02.amc": bounce_text(step=2)}
    run(pack(files), "--seed", "None")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("too fast")]
    found = re.fullmatch(
        r"too fast in S2, 1 of 2 recordings, perhaps captured at a lower frame rate \(--capture-fps\): trial 02 "
        r"\(fastest fall, m/s² (\d+\.?\d*), swings of the feet, 1/s (\d+\.?\d*)\)",
        line,
    )
    assert found
    fall = (2 * np.pi * 1.4) ** 2 / 2
    assert 0.9 * fall < float(found[1]) < fall  # over a quarter of a second
    assert float(found[2]) == pytest.approx(2 * 1.4, abs=0.3)  # up and down


def test_a_given_frame_rate_sets_a_fast_trial_right(pack, run, capsys):
    run(pack({"02.asf": asf_text(), "02_02.amc": bounce_text(step=2)}), "--capture-fps", "02_02=60", "--seed", "None")
    assert "too fast" not in capsys.readouterr().out


BROKEN = {"all_asfamc/subjects/02/02_01.amc": amc_text().replace("lfemur 0\n7\n", "lfemur O\n7\n")}


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        (FILES | BROKEN, (), r"cmu.zip: all_asfamc/subjects/02/02_01.amc: line 20: expected a number, found 'O'; "
                             r"correct the file, or remove it \(--skip 02_01\)$"),
        (FILES | {"all_asfamc/subjects/02/02.ASF": asf_text("begin name head").replace("upperneck head\n", "")}, (),
         r"cmu.zip: all_asfamc/subjects/02/02.ASF: there is no bone head; remove the subject"),
        (FILES | {"all_asfamc/subjects/02/02.ASF": "#"}, (), r"02.ASF: the section :units is missing; correct"),
        (FILES | {"again/02_01.AMC": ""}, (), r"02_01.amc and again/02_01.AMC have the same name; keep one"),
        ({"readme": ""}, (), r"cmu.zip: no NN.asf with NN_MM.amc in it; download allasfamc.zip from mocap.cs.cmu.edu"),
        (FILES, ("--subjects", "2", "3"), "--subjects: there is no subject 3, only 2, 8"),
        (FILES, ("--skip", "02_03"), "--skip: there is no trial 02_03; trials have the names of their files, NN_MM"),
        (FILES, ("--skip", "08_01"), "--skip leaves no trial of subject 8; choose others with --subjects"),
        (FILES, ("--fps", "0"), "--fps is 0.0; it must be from 1 to 1000"),
        (FILES, ("--fps", "nan"), "--fps is nan"),
        (FILES, ("--seed", "-1"), "--seed is -1; it must be None, or from 0 to"),
        (FILES, ("--capture-fps", "2:60"), r"--capture-fps: '2:60' is not FPS, NN=FPS or NN_MM=FPS with 1"),
        (FILES, ("--capture-fps", "2=0"), r"--capture-fps: '2=0' is not FPS"),
        (FILES, ("--capture-fps", "nan"), r"--capture-fps: 'nan' is not FPS"),
        (FILES, ("--capture-fps", "3=60"), r"--capture-fps: there is no subject or trial '3'; trials have the"),
        (FILES, ("--capture-fps", "2=60", "02=90"), r"--capture-fps has two frame rates for 02; give one"),
        (FILES | {"02_07.amc": ":SAMPLES-PER-SECOND 0\n"}, (), r"02_07.amc: line 1: .* \(--skip 02_07\)$"),
    ],
)  # fmt: skip
def test_refusals(pack, run, tmp_path, refusal, files, options, message):
    source = pack(files)
    line = refusal(lambda arguments: run(source, *arguments), options)
    assert re.search(message, line)
    assert {path.name for path in tmp_path.iterdir()} == {"cmu.zip"}


def test_a_faulty_trial_can_be_skipped(pack, run):
    assert [*run(pack(FILES | BROKEN), "--skip", "02_01")] == [("S2", "trial 02"), ("S8", "trial 01")]


def test_coco_keypoints_of_a_made_up_archive(pack, run, tmp_path):
    found = run(pack(), "--seed", "None", "--keypoints", "coco_17")
    description = store.read_description(tmp_path / "out")
    assert (description.skeleton, description.layout, description.channels) == (BODY_22, COCO_17, 3)
    for recording, expected in {
        ("S2", "trial 01"): expected_walk(26),
        ("S2", "trial 02"): expected_walk(26, turned=True, thigh=True),
    }.items():
        for track in found[recording]:
            world = in_world(track)
            np.testing.assert_allclose(world[:, :17], expected, atol=2e-5)
            nose, ears = world[:, BODY_22.index("nose")], world[:, [BODY_22.index("left_ear"), -1]].mean(axis=1)
            ahead = (nose - ears)[:, :2] / np.linalg.norm((nose - ears)[:, :2], axis=-1, keepdims=True)
            way = [0, 1] if recording[1] == "trial 02" else [1, 0]
            np.testing.assert_allclose(ahead, np.tile(way, (26, 1)), atol=1e-3)
            np.testing.assert_array_equal(track.keypoints_2d[..., 2], 1)


# Real motion: the same trials as another program has turned them into 17 joints at 50 frames per second.
real = pytest.mark.skipif(not REAL.exists(), reason=f"no CMU data at {DATA}")


THEIR_JOINTS = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]  # of 32


THEIR_SUBJECTS = {"S1": 1, "S5": 2, "S9": 3}


@pytest.fixture(scope="module")
def trials():
    """Name to skeleton and motion."""
    subjects, remarks = cmu.find_subjects(REAL)
    contents = {member.path: member.read() for member in members(REAL)}
    assert remarks == []
    skeletons = {number: asf.read(contents[subject.skeleton], subject.skeleton) for number, subject in subjects.items()}
    return {
        name: (skeletons[number], amc.read(contents[path], path, skeletons[number]))
        for number, subject in subjects.items()
        for name, path in subject.trials.items()
    }


@real
def test_real_bones_keep_their_lengths(trials):
    assert len(trials) == 28
    for skeleton, motion in trials.values():
        assert set(skeleton.joints) == set(CMU_31.joints)
        positions = asf.forward_kinematics(skeleton, motion)
        for joint, bone in enumerate(skeleton.bones, start=1):
            lengths = np.linalg.norm(positions[:, joint] - positions[:, bone.parent], axis=-1)
            np.testing.assert_allclose(lengths, np.linalg.norm(bone.offset), atol=1e-9)


@real
def test_real_motion_agrees_with_another_reader(trials):
    published = load_npz(DATA / "cmu_as_h36m" / "data_3d_h36m.npz")["positions_3d"]
    for subject, actions in published.items():
        for name, theirs in actions.items():
            skeleton, motion = trials[name]
            assert int(name[:2]) == THEIR_SUBJECTS[subject]
            ours = cmu_joints.world_17(skeleton, motion)
            times = 2.4 * np.arange(len(theirs))
            before = np.minimum(times.astype(int), len(ours) - 2)
            share = (times - before)[:, None, None]
            between = (1 - share) * ours[before] + share * ours[before + 1]
            difference = theirs[:, THEIR_JOINTS] - between
            assert np.abs(difference - difference[0, 0]).max() < 1e-4, name  # metres; they have placed it elsewhere


@real
def test_real_faces_look_where_people_go(trials):
    """Of people who walk: the nose is before the ears in the direction of the hips' path, the left ear to the left."""
    for name in ("02_01", "02_02"):
        skeleton, motion = trials[name]
        positions = cmu_joints.world_22(skeleton, motion)
        way = positions[-1, 0, :2] - positions[0, 0, :2]
        way /= np.linalg.norm(way)
        left = np.asarray([-way[1], way[0]])
        nose, *_, left_ear, right_ear = np.moveaxis(positions[:, 17:, :2], 1, 0)
        assert (np.median((nose - (left_ear + right_ear) / 2) @ way)) > 0.08
        assert (np.median((left_ear - right_ear) @ left)) > 0.12


@real
def test_real_motion_as_tracks(trials):
    subjects = cmu.select_subjects(cmu.find_subjects(REAL)[0], [3], [])
    found: dict = {}
    rates = dict.fromkeys(subjects[3].trials, 120.0)
    for track in cmu.tracks(REAL, subjects, rates, 50.0, None, FORMS["h36m_17"], "S3"):
        found.setdefault((track.subject, track.action), []).append(track)
    assert [action for _, action in found] == ["trial 01", "trial 02", "trial 03", "trial 04"]
    for (_, action), views in found.items():
        skeleton, motion = trials[f"03_{action[-2:]}"]
        captured = cmu_joints.world_17(skeleton, motion)
        assert len(views) == 4
        for track in views:
            world = in_world(track)
            assert len(world) == (len(captured) - 1) * 5 // 12 + 1
            off = world[::5] - captured[: 12 * len(world[::5]) : 12]  # where old and new frames coincide
            off = np.abs(off - np.median(off, axis=(0, 1)))  # they have been placed elsewhere
            assert np.median(off) < 5e-4
            assert np.quantile(off, 0.9) < 5e-3  # metres; trial 02 has a jump of 0.1 m, which spreads
