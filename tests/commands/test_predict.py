"""The command: files in, motion out, everything that the user should know on stderr."""

import json
import re
import subprocess
import sys
import zipfile

import jax
import numpy as np
import pytest
from helpers import detector_files as files
from helpers.bvh import evaluated
from helpers.lifters import aiming_lifter
from helpers.samples import DESCRIPTION, make_track
from helpers.standing import standing_pixels
from helpers.walking import detected, walk
from PIL import Image

from jaxpose import predict, weights
from jaxpose.data.smoothing import savitzky_golay
from jaxpose.data.windows import pack
from jaxpose.export.formats import describe_formats
from jaxpose.export.reading import read_motions
from jaxpose.export.writers import WRITERS as WRITERS_BY_SUFFIX
from jaxpose.keypoints.formats import IN_WORDS
from jaxpose.keypoints.layouts import BODY_25B, COCO_18, LAYOUTS
from jaxpose.models.configs import TemporalConfig
from jaxpose.runs import checkpoint
from jaxpose.runs.folder import write_settings
from jaxpose.runs.lifter_file import write_lifter_file
from jaxpose.runs.saved import load_saved
from jaxpose.runs.trained import open_run
from jaxpose.skeleton import COCO_17, H36M_17
from jaxpose.training import setup
from jaxpose.training.config import Config
from jaxpose.training.state import to_checkpoint
from jaxpose.visualization import video

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """An untrained network, saved as a run leaves it."""
    run = tmp_path_factory.mktemp("runs") / "run"
    config = Config(model=TemporalConfig(filter_widths=(3,), channels=8), batch_size=8)
    write_settings(run, config, DESCRIPTION._replace(fps=50.0, extent=0.5))
    with checkpoint.open_checkpoints(run) as checkpoints:
        recipe = setup.build_recipe(config, DESCRIPTION, 65)
        checkpoint.save(checkpoints, 7, to_checkpoint(setup.init(recipe, jax.random.key(3))))
    return run


@pytest.fixture(scope="module")
def track():
    return make_track(frames=40)


@pytest.fixture(scope="module")
def expected(run, track):
    """What evaluation predicts for the track."""
    lifter = open_run(run)
    return lifter.lift(pack([track]))


def load(path):
    with np.load(path) as archive:
        return dict(archive)


def with_confidence(keypoints):
    return np.concatenate([keypoints, np.full_like(keypoints[..., :1], 0.9)], axis=-1)[None]


WRITERS = {
    "npz": lambda path, k: files.exchanged(path, {"dance": [k[0, ..., :2]]}, "h36m", False),
    "results": files.results,
    "mmpose": lambda path, k: files.mmpose(path, k, files.MMPOSE_H36M),
    "csv": lambda path, k: files.table(path, k, H36M_17.joints),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_file_gives_what_evaluation_predicts(name, run, track, expected, tmp_path, capsys):
    """Bit for bit: text files hold all digits of the numbers."""
    path = WRITERS[name](tmp_path / "file", with_confidence(track.keypoints_2d))
    facts = ["--size", "1000", "1000", "--fps", "50", "--layout", "h36m_17"]
    predict.main([str(run), str(path), "--out", str(tmp_path / "out.npz"), "--smooth", "none", *facts])
    written = load(tmp_path / "out.npz")
    np.testing.assert_array_equal(written["positions_0"], expected)
    assert not written["filled_0"].any()
    out, err = capsys.readouterr()
    assert "1 track of h36m_17 keypoints in images of 1000 x 1000 pixels at 50 frames/s" in out
    assert "Poses: camera space; relative to the root, the path through the room is not estimated." in out
    assert all("are read as" in line for line in err.splitlines())  # the bodies are of random numbers


def test_poses_are_smoothed_before_they_are_written(run, track, expected, tmp_path, refusal, capsys):
    path = WRITERS["npz"](tmp_path / "file", with_confidence(track.keypoints_2d))
    facts = ["--size", "1000", "1000", "--fps", "50", "--layout", "h36m_17"]
    command = [str(run), str(path), "--out", str(tmp_path / "out.npz"), *facts]
    for options, smoothed, said in (
        (["--smooth", "none"], expected, ""),
        (["--smooth", "savgol:5"], savitzky_golay(expected, 50, 5), "Poses are smoothed in time (savgol 5 Hz);"),
        ([], savitzky_golay(expected, 50, 3.6), "Poses are smoothed in time (savgol 3.6 Hz); --smooth none leaves"),
    ):
        predict.main([*command, *options])
        np.testing.assert_array_equal(load(tmp_path / "out.npz")["positions_0"], smoothed)
        out = capsys.readouterr().out
        assert said in out if said else "smoothed in time" not in out
    assert "the cut-off is '5Hz'; it must be a number" in refusal(predict.main, [*command, "--smooth", "savgol:5Hz"])


@pytest.fixture
def crowd(tmp_path):
    """Three people of OpenPose: one whole, one with a gap, one of whom there is the head."""
    tracks = files.people(count=3, frames=4, joints=25)
    tracks[1, 1:3, :, 2] = 0
    tracks[2, :, 2:15, 2] = 0  # all but the head and the neck
    return files.openpose(tmp_path / "json", tracks, ids=[4, 7, 9])


FACTS = ("--size", "1000", "800", "--fps", "25")


@pytest.fixture
def refused(capsys):
    """Run a command that must refuse: the last line that it prints, after notes about bodies of random numbers."""

    def run(arguments):
        with pytest.raises(SystemExit):
            predict.main(arguments)
        return capsys.readouterr().err.splitlines()[-1]

    return run


def test_people_are_lifted_as_far_as_they_are_seen(run, crowd, tmp_path, capsys):
    predict.main([str(run), str(crowd), "--out", str(tmp_path / "out.npz"), *FACTS])
    written = load(tmp_path / "out.npz")
    assert sorted(written["names"]) == ["4", "7"]
    gap = int(np.flatnonzero(written["names"] == "7")[0])
    np.testing.assert_array_equal(written[f"filled_{gap}"], np.repeat([[False], [True], [True], [False]], 17, axis=1))
    out, err = capsys.readouterr()
    assert "Lifted at the run's 50 frames/s and resampled." in out
    assert "warning: left out: track 9: 4 of the 17 keypoints that the run needs are seen, too few for a pose" in err
    assert "warning: track 7: 50.0% of the keypoints were not seen and are interpolated" in err


def test_what_a_reader_decides_is_printed_once(run, tmp_path, capsys):
    """Two people of BODY_25B in a folder that could be of BODY_25: a note names both, and --layout settles it."""
    body = standing_pixels(BODY_25B.joints, at=(300, 400))
    tracks = np.stack([body, body + np.array([300, 0])])[:, None].repeat(3, axis=1)
    folder = files.openpose(tmp_path / "json", np.concatenate([tracks, np.ones_like(tracks[..., :1])], axis=-1))
    command = [str(run), str(folder), "--out", str(tmp_path / "o.npz"), *FACTS]
    predict.main(command)
    note = f"{folder}: the keypoints are read as body_25, in which the face is 0.9 of the body's size"
    assert capsys.readouterr().err.count(f"warning: {note}; they can be body_25b: give --layout body_25b") == 1
    predict.main([*command, "--layout", "body_25b"])
    assert "are read as" not in capsys.readouterr().err


def test_exchanged_sides_are_exchanged_back_or_kept(run, tmp_path, capsys):
    walking = detected(walk(60, turn=30, speed=2))
    walking[20:30] = walking[20:30][:, list(COCO_17.mirrored)]
    path, out = files.results(tmp_path / "r.json", walking[None]), tmp_path / "out.npz"
    facts = ["--out", str(out), "--size", "1000", "1000", "--fps", "50"]
    predict.main([str(run), str(path), *facts])
    assert "warning: track 1: the detector exchanged left and right in 10 of 60 frames" in capsys.readouterr().err
    back = load(out)["positions_0"]
    predict.main([str(run), str(path), *facts, "--keep-sides"])
    assert "exchanged" not in capsys.readouterr().err
    assert np.abs(load(out)["positions_0"] - back).max() > 0.01


def test_dwpose_becomes_an_archive_of_openpose(run, tmp_path, capsys):
    """The file says layout and size of the images; a keypoint that was not seen is marked in the archive."""
    tracks = files.people(count=3, frames=4, joints=18)
    tracks[:, 2, COCO_18.index("left_wrist")] = 0
    path = files.dwpose(tmp_path / "pose.json", tracks, relative=True)
    predict.main([str(run), str(path), "--out", str(tmp_path / "out.zip"), "--fps", "25"])
    assert "DWPose: 3 tracks of coco_18 keypoints in images of 1000 x 800 pixels" in capsys.readouterr().out
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        frames = [json.loads(archive.read(name))["people"] for name in archive.namelist()]
    left_wrist = np.array([[person["pose_keypoints_3d"][28:32] for person in people] for people in frames])
    np.testing.assert_array_equal(left_wrist[..., 3], np.repeat([[1], [1], [0], [1]], 3, axis=1))
    assert left_wrist[..., :3].all()


def test_one_who_is_asked_for_is_lifted_or_refused(run, crowd, tmp_path, refusal, refused):
    out = ["--out", str(tmp_path / "out.npz"), *FACTS]
    predict.main([str(run), str(crowd), *out, "--track", "4"])
    assert list(load(tmp_path / "out.npz")["names"]) == ["4"]
    assert "track 9: 4 of the 17 keypoints that the run needs are seen" in refused(
        [str(run), str(crowd), *out, "--track", "9"]
    )
    line = refusal(predict.main, [str(run), str(crowd), *out, "--track", "5"])
    assert line == "error: --track 5: there is no such track; there are 3, the longest are 4, 9, 7"


def test_nobody_who_can_be_lifted_is_an_error(run, tmp_path, refused):
    path = files.results(tmp_path / "r.json", files.people())
    line = refused([str(run), str(path), "--out", str(tmp_path / "o.npz"), *FACTS, "--min-confidence", "2"])
    assert "track 1: 0 of the 15 keypoints that the run needs are seen with a confidence above 2, too few" in line
    assert not (tmp_path / "o.npz").exists()


def test_boxes_over_a_person_are_left_out_or_kept_by_their_score(run, tmp_path, capsys):
    tracks = files.people(frames=5)
    found = json.loads(files.results(tmp_path / "r.json", tracks, None).read_text())
    again = [one | {"score": 0.2, "keypoints": [x + 3 for x in one["keypoints"]]} for one in found[:2]]
    part = files.flat(tracks[1, 0] * [1, 0.4, 1] + [0, 300, 0])
    again.append(found[1] | {"score": 0.3, "keypoints": part})
    path = files.write(tmp_path / "r.json", again + found)
    out = ["--out", str(tmp_path / "o.npz"), *FACTS]
    predict.main([str(run), str(path), *out])
    printed, err = capsys.readouterr()
    assert "COCO results: 2 tracks" in printed
    assert (
        "r.json: 3 of 13 detections show a person again, with a lower score, and are left out; --min-score sets" in err
    )
    predict.main([str(run), str(path), *out, "--min-score", "0.5"])
    printed, err = capsys.readouterr()
    assert "COCO results: 2 tracks" in printed
    assert "r.json: 3 of 13 detections have a score below 0.5 and are left out" in err


@pytest.fixture(scope="module")
def aiming_run(tmp_path_factory):
    """An untrained network that aims the camera at the person, saved as a run leaves it."""
    lifter, run = aiming_lifter(), tmp_path_factory.mktemp("runs") / "aiming"
    write_settings(run, lifter.config, lifter.description)
    with checkpoint.open_checkpoints(run) as checkpoints:
        recipe = setup.build_recipe(lifter.config, lifter.description, 65)
        checkpoint.save(checkpoints, 7, to_checkpoint(setup.init(recipe, jax.random.key(3))))
    return run


def test_a_run_that_aims_is_told_the_focal_length_and_says_what_it_has_no_use_for(aiming_run, run, tmp_path, capsys):
    path = files.results(tmp_path / "r.json", detected(walk(40, turn=45))[None])
    facts = ["--size", "1920", "1080", "--fps", "30", "--layout", "coco_17"]
    out = ["--out", str(tmp_path / "o.npz"), *facts]
    predict.main([str(aiming_run), str(path), *out, "--crop"])
    usual, (printed, err) = load(tmp_path / "o.npz")["positions_0"], capsys.readouterr()
    assert usual.shape == (40, 22, 3)
    assert (
        err.splitlines().count("warning: --crop (crop) is not used: the run aims the camera at each person by itself")
        == 1
    )
    assert "Poses: camera space; relative to the root" in printed
    assert "The focal length was taken for the longer side of the image; --focal-length names it." in printed
    predict.main([str(aiming_run), str(path), *out, "--focal-length", "1920"])
    printed, err = capsys.readouterr()
    assert "focal" not in printed + err
    np.testing.assert_array_equal(load(tmp_path / "o.npz")["positions_0"], usual)
    predict.main([str(aiming_run), str(path), *out, "--focal-length", "4000"])
    assert np.abs(load(tmp_path / "o.npz")["positions_0"] - usual).max() > 1e-3
    capsys.readouterr()
    predict.main([str(run), str(path), *out, "--focal-length", "4000"])
    assert "--focal-length (focal_length) is not used: the run lifts the image as it is" in capsys.readouterr().err


def test_a_focal_length_of_nothing_is_refused(aiming_run, tmp_path, refused):
    path = files.results(tmp_path / "r.json", detected(walk(4))[None])
    message = refused([str(aiming_run), str(path), "--out", str(tmp_path / "o.npz"), "--focal-length", "0"])
    assert "--focal-length 0 (focal_length): it must be above 0, in pixels" in message


def test_upright_poses_are_labelled(run, track, expected, tmp_path, capsys):
    path = files.results(tmp_path / "r.json", with_confidence(track.keypoints_2d))
    facts = ["--size", "1000", "1000", "--fps", "50", "--layout", "h36m"]
    predict.main([str(run), str(path), "--out", str(tmp_path / "o.json"), *facts, "--upright", "0", "--smooth", "none"])
    written = json.loads((tmp_path / "o.json").read_text())
    assert (written["space"], written["axes"]) == ("world", "right-handed, z up")
    positions = np.array(written["people"][0]["positions"])
    np.testing.assert_allclose(
        positions - positions[:, :1], (expected - expected[:, :1])[..., [0, 2, 1]] * [1, 1, -1], atol=2e-4
    )
    assert positions[..., 2].min() == 0
    assert (
        "Poses: upright, of a camera that looks down by 0°, the lowest joint of a track on the floor"
        in capsys.readouterr().out
    )


def test_a_film_is_made_over_the_video(run, track, tmp_path, capsys, refused):
    """Of the person who is seen longest, keypoints at the place where they were found."""
    tracks = np.repeat(with_confidence(track.keypoints_2d), 2, axis=0)[:, :12]
    tracks[1, 8:, :, 2] = 0
    path = files.results(tmp_path / "r.json", tracks)
    video.write_mp4(tmp_path / "in.mp4", [np.full((64, 64, 4), (255, 0, 0, 255), np.uint8)] * 12, (64, 64), 25)
    facts = [str(run), str(path), "--size", "1000", "1000", "--fps", "25", "--layout", "h36m_17"]
    facts += ["--out", str(tmp_path / "o.bvh")]
    predict.main([*facts, "--film", str(tmp_path / "o.png"), "--video", str(tmp_path / "in.mp4")])
    written = capsys.readouterr().out
    assert f"Written: {tmp_path / 'o.png'}, a film of track 1, who is seen longest of 2" in written
    with Image.open(tmp_path / "o.png") as image:
        pixels = np.asarray(image.convert("RGB"), int)
    assert ((pixels[..., 0] > 200) & (pixels[..., 1] < 60)).mean() > 0.1
    assert refused([*facts, "--video", "in.mp4"]).endswith("name the file of the film with --film")
    assert "--film is o.avi; its suffix must be" in refused([*facts, "--film", "o.avi"])
    assert "--video no.mp4: there is no such file" in refused([*facts, "--film", "o.mp4", "--video", "no.mp4"])
    assert "--film no/o.mp4: there is no folder no" in refused([*facts, "--film", "no/o.mp4"])


def test_the_archive_has_what_pictures_need(run, track, tmp_path):
    path = files.results(tmp_path / "r.json", with_confidence(track.keypoints_2d))
    facts = ["--size", "1000", "1000", "--fps", "50", "--layout", "h36m_17", "--crop", "--constant-bones"]
    predict.main([str(run), str(path), "--out", str(tmp_path / "o.npz"), *facts])
    (motion,) = read_motions(tmp_path / "o.npz")
    np.testing.assert_allclose(motion.keypoints.pixels, track.keypoints_2d, rtol=1e-6)  # of the image, not of the crop
    assert (motion.keypoints.layout.joints, *motion.keypoints[2:]) == (H36M_17.joints, 1000, 1000)
    assert motion.trained_on == "sample motion"


def test_constant_bones_and_units(run, track, tmp_path, capsys):
    """BVH says how far it is from the poses; with constant bones it is where the other formats are, in any unit."""
    path = files.results(tmp_path / "r.json", with_confidence(track.keypoints_2d))
    command = [str(run), str(path), "--size", "1000", "1000", "--fps", "50", "--layout", "h36m", "--upright", "0"]
    predict.main([*command, "--out", str(tmp_path / "plain.bvh")])
    printed = capsys.readouterr().out
    assert "  track 1: frames 0 to 39, 0.00 to 0.80 s (0.80 s)\n" in printed
    assert re.search(r"constant bone lengths: joints are [\d.]+ mm from the lifted poses on average", printed)
    for suffix, units in ((".bvh", ["--units", "cm"]), (".npz", [])):
        predict.main([*command, "--constant-bones", "--out", str(tmp_path / f"a{suffix}"), *units])
    assert "BVH has constant bone lengths, and so have the lifted poses" in capsys.readouterr().out
    found = evaluated((tmp_path / "a.bvh").read_text())
    positions = load(tmp_path / "a.npz")["positions_0"][..., [0, 2, 1]] * [1, 1, -1]
    np.testing.assert_allclose(np.stack([found[j] for j in H36M_17.joints], axis=1) / 100, positions, atol=1e-5)


def test_what_a_run_does_not_say_is_warned_of(run, tmp_path, capsys):
    synthetic = tmp_path / "run"
    write_settings(
        synthetic, Config(model=TemporalConfig(filter_widths=(3,), channels=8)), DESCRIPTION._replace(synthetic=True)
    )
    (synthetic / "checkpoints").symlink_to(run / "checkpoints")
    path = files.results(tmp_path / "r.json", files.people(count=1, frames=2))
    predict.main([str(synthetic), str(path), "--out", str(tmp_path / "o.npz"), *FACTS])
    err = capsys.readouterr().err
    assert "the run was trained on SYNTHETIC motion, which says nothing about real people." in err
    assert "does not say at which frame rate it was trained; 50 frames/s are assumed" in err


def test_track_ids_are_shown_without_what_a_terminal_would_obey(run, tmp_path, capsys):
    keypoints = files.people(count=1, frames=4, joints=17)[0]
    keypoints[1, :, 2] = 0
    path = files.table(tmp_path / "t.csv", keypoints[None], H36M_17.joints)
    path.write_text(path.read_text().replace(",p0,", ",\x1b]0;owned\x07\x1b[2J,"))
    predict.main([str(run), str(path), "--out", str(tmp_path / "o.npz"), *FACTS])
    out, err = capsys.readouterr()
    assert "25.0% of the keypoints were not seen" in err
    for printed in (out, err):
        assert "\N{REPLACEMENT CHARACTER}]0;owned" in printed
        assert "\x1b" not in printed
        assert "\x07" not in printed


def test_help_is_quick_and_names_formats_and_layouts():
    """It imports neither JAX nor SciPy."""
    code = """
import sys
import zipfile
from jaxpose import predict
try:
    predict.main(["--help"])
finally:
    print("imported:", sorted({"jax", "scipy", "flax", "orbax"} & set(sys.modules)))
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.startswith("usage: jaxpose predict [-h] [OPTIONS] [RUN] KEYPOINTS")
    assert shown.endswith("imported: []\n")
    words = " ".join(shown.replace("│", " ").split())  # without the breaks of lines and the frame
    for name in (*LAYOUTS, *WRITERS_BY_SUFFIX, *describe_formats().splitlines(), IN_WORDS):
        assert name in words


def test_what_is_missing_is_asked_for(run, tmp_path, refusal):
    path = files.results(tmp_path / "r.json", files.people())
    out = ["--out", str(tmp_path / "o.npz")]
    assert "give --size WIDTH HEIGHT" in refusal(predict.main, [str(run), str(path), *out])
    assert "give --fps" in refusal(predict.main, [str(run), str(path), *out, "--size", "1000", "800"])
    assert "there is no layout 'mpii'" in refusal(predict.main, [str(run), str(path), *out, *FACTS, "--layout", "mpii"])
    assert "is not a run" in refusal(predict.main, [str(tmp_path), str(path), *out])
    assert "looks down by -90 to 90" in refusal(predict.main, [str(run), str(path), *out, *FACTS, "--upright", "nan"])
    assert "together with --upright" in refusal(predict.main, [str(run), str(path), *out, *FACTS, "--roll", "20"])
    line = refusal(predict.main, [str(run), str(path), "--out", str(tmp_path / "o.trc"), *FACTS, "--units", "cm"])
    assert ".trc files are in mm, not cm; choose another format" in line
    assert "not written as .xyz" in refusal(predict.main, [str(run), str(path), "--out", str(tmp_path / "o.xyz")])


@pytest.fixture
def named(track, tmp_path):
    """A keypoint file, and the facts that it does not say."""
    path = files.results(tmp_path / "r.json", with_confidence(track.keypoints_2d))
    return path, ["--out", str(tmp_path / "o.npz"), "--size", "1000", "1000", "--fps", "50", "--layout", "h36m_17"]


@pytest.fixture
def shipped(run, tmp_path, monkeypatch):
    """The run as the lifter that comes with jaxpose."""
    (tmp_path / "weights").mkdir()
    write_lifter_file(tmp_path / "weights" / "anywhere.npz", load_saved(run), "float32")
    monkeypatch.setattr(weights, "FOLDER", tmp_path / "weights")
    return tmp_path / "weights" / "anywhere.npz"


def test_the_run_is_the_first_word_or_an_option_or_the_one_that_comes_with_jaxpose(
    run, named, shipped, expected, tmp_path
):
    path, facts = named
    for words in ([path], [run, path], [path, "--run", run], ["--run", shipped, path], [shipped, path]):
        predict.main([*map(str, words), *facts, "--smooth", "none"])
        np.testing.assert_array_equal(load(tmp_path / "o.npz")["positions_0"], expected)
        (tmp_path / "o.npz").unlink()


def test_which_word_is_the_run_is_never_guessed(run, named, shipped, tmp_path, refusal):
    path, facts = named
    for words, fault in (
        ([], "no keypoints are named; name one keypoint file"),
        ([run], f"{run} is a run, and stands where keypoints are expected; name the run first"),
        ([shipped], f"{shipped} is a run, and stands where keypoints are expected"),
        ([path, run], f"{run} is a run, and stands where keypoints are expected"),
        ([run, path, "--run", run], f"2 files are named, {run}, {path} and --run; name one keypoint file"),
        ([path, path], f"{path} is not a run: it is neither a run's folder nor a lifter file"),
        ([run, path, path], f"3 files are named, {run}, {path}, {path}; name one keypoint file"),
        ([tmp_path / "no.json"], "no.json"),
        ([path, "--checkpoint", "best"], f"{shipped} is a file, which has one state of the network; remove"),
    ):
        assert fault in refusal(predict.main, [*map(str, words), *facts]), words
    assert not (tmp_path / "o.npz").exists()


def test_without_a_run_and_without_weights_the_message_names_the_remedy(named, tmp_path, monkeypatch, refusal):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    path, facts = named
    line = refusal(predict.main, [str(path), *facts])
    assert line.startswith("error: jaxpose comes without trained weights in this version; train a lifter")
