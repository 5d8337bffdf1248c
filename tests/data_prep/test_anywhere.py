"""The command that prepares CMU's motion and synthetic sitting with COCO's keypoints: what is in it, seen by whom."""

import re
import zipfile

import numpy as np
import pytest
from helpers import oracles
from helpers.cmu_files import amc_text, asf_text
from helpers.places import SHARED

from data_prep import anywhere, cmu
from jaxpose.data import store
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.data.synthetic.generate import SUBJECTS
from jaxpose.skeleton import BODY_22, COCO_17

REAL = SHARED / "data" / "cmu" / "allasfamc_38_subjects.zip"
pytestmark = pytest.mark.usefixtures("compiled_soon")
JOINT = {name: index for index, name in enumerate(BODY_22.joints)}
TWO_PEOPLE = {
    "01.asf": asf_text(),
    **{f"01_0{trial}.amc": amc_text(13) for trial in (1, 2, 3, 4, 5, 8)},  # 03 is known to have glitches
    "60.asf": asf_text(),
    "60_01.amc": amc_text(13),
    "93.asf": asf_text(),
    "93_05.amc": amc_text(13),
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The command in this process, with one short synthetic clip of each person; what it writes."""
    for name, value in {"ACTIONS": ("Sitting",), "TAKES": 1, "TAKE_S": 0.5}.items():
        monkeypatch.setattr(anywhere, name, value)

    def call(files, *options):
        with zipfile.ZipFile(tmp_path / "cmu.zip", "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        out = tmp_path / "out"
        anywhere.main([str(tmp_path / "cmu.zip"), "--out", str(out), "--jobs", "1", *options])
        return store.read_tracks(out, "all")

    return call


@pytest.mark.compilations(80)
def test_what_is_in_it(run, capsys):
    description, found = run(TWO_PEOPLE)
    assert (description.skeleton, description.layout, description.channels) == (BODY_22, COCO_17, 3)
    assert description.title == "CMU motion capture, and synthetic sitting"
    assert not description.synthetic
    people = ["X1", "X5", "X6", "X7", "X8", "X9", "X11"]
    assert list(description.splits) == ["S1", "S60", *people]
    trials = [("S1", f"trial 0{trial}") for trial in (1, 2, 4, 5, 8)]
    assert [(track.subject, track.action) for track in found] == [
        *trials, ("S60", "trial 01"), *((person, "synthetic Sitting 1") for person in people)
    ]  # fmt: skip
    names = list(H36M_CAMERAS["S1"])
    assert [track.camera for track in found[:5]] == [*names, names[0]]
    lengths = {track.subject: len(track.keypoints_2d) for track in found}
    assert (lengths["S1"], lengths["S60"], lengths["X1"]) == (6, 11, 25)  # 13 frames, of 120 a second and of 60
    shown = capsys.readouterr().out
    assert "left out, trials with jumps of single frames: 01_03, 93_05\n" in shown
    assert "read at 60 frames/s, as given with --capture-fps: 60_01\n" in shown


@pytest.mark.compilations(80)
def test_more_cameras_and_other_rates(run):
    _, found = run(TWO_PEOPLE, "--cameras", "3", "--capture-fps", "60=120", "--fps", "25", "--seed", "None")
    views: dict = {}
    for track in found:
        views.setdefault((track.subject, track.action), []).append(track)
    assert {len(tracks) for tracks in views.values()} == {3}
    assert {len({track.camera for track in tracks}) for tracks in views.values()} == {3}
    assert {len(track.keypoints_2d) for track in views["S60", "trial 01"]} == {3}
    assert {track.fps for track in found} == {25}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--cameras", "0"], "--cameras is 0; it must be from 1 to 4"),
        (["--cameras", "5"], "--cameras is 5; it must be from 1 to 4"),
        (["--fps", "0"], "--fps is 0"),
        (["--capture-fps", "2=60"], "there is no subject or trial '2'"),
    ],
)
def test_wrong_options_are_refused(run, refusal, options, message):
    assert message in refusal(lambda arguments: run(TWO_PEOPLE, *arguments), options)


def test_an_archive_of_nothing_but_glitches_is_refused(run, refusal):
    files = {"93.asf": asf_text(), "93_05.amc": amc_text(13)}
    line = refusal(lambda arguments: run(files, *arguments), [])
    assert re.search(r"cmu\.zip: every trial in it has jumps of single frames; take more", line)


@pytest.mark.compilations(80)
def test_synthetic_people_have_heads_and_faces_like_the_captured(run):
    """The nose is ahead of the shoulders' line, the left ear to the left, the eyes a little below the head's joint."""
    _, found = run(TWO_PEOPLE, "--seed", "None")
    for track in found:
        turn = oracles.quaternion_matrix(track.orientation.astype(np.float64))
        world = track.positions_3d @ turn.T
        head, nose, left, right = (world[:, JOINT[name]] for name in ("head", "nose", "left_ear", "right_ear"))
        shoulders = world[:, JOINT["left_shoulder"]] - world[:, JOINT["right_shoulder"]]
        ahead = np.cross(shoulders, [0, 0, 1])
        ahead /= np.linalg.norm(ahead, axis=-1, keepdims=True)
        assert (np.sum((nose - (left + right) / 2) * ahead, axis=-1) > 0.05).all()
        assert (np.sum((left - right) * shoulders, axis=-1) > 0).all()
        eyes = (world[:, JOINT["left_eye"]] + world[:, JOINT["right_eye"]]) / 2
        neck = world[:, JOINT["neck"]]
        line = (head - neck) / np.linalg.norm(head - neck, axis=-1, keepdims=True)
        below = np.sum((head - eyes) * line, axis=-1)
        assert (below > 0).all()
        assert (below < 0.04).all()


@pytest.mark.skipif(not REAL.exists(), reason=f"no CMU data at {REAL}")
def test_the_known_trials_are_in_the_database():
    subjects, _ = cmu.find_subjects(REAL)
    trials = {trial for subject in subjects.values() for trial in subject.trials}
    assert {*anywhere.GLITCHES} <= trials
    assert anywhere.CAPTURE_FPS.keys() <= subjects.keys()


def test_every_synthetic_clip_has_a_name_of_its_own():
    clips = [action for action, _ in anywhere.synthetic_clips(SUBJECTS[0], 5.0)]
    assert len(set(clips)) == len(clips) == anywhere.TAKES * len(anywhere.ACTIONS)
    assert all(action.startswith("synthetic ") for action in clips)
