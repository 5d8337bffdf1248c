"""The command that films a track; what it writes is decoded again."""

import itertools

import imageio_ffmpeg
import numpy as np
import pytest
from helpers.motions import lifted
from PIL import Image

from jaxpose import render
from jaxpose.export.writers import write_motions
from jaxpose.visualization import video

pytestmark = [
    pytest.mark.usefixtures("compiled_soon"),
    pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning"),  # of the decoder here
]


@pytest.fixture(scope="module")
def films(untrained, tmp_path_factory):
    """A film, and one with it behind the keypoints, of frames 10 to 29, at half the track's rate."""
    folder = tmp_path_factory.mktemp("films")
    window = ["--track", "S9/Walking/0", "--frames", "10", "29", "--fps", "25", "--size", "140"]
    background = folder / "background.mp4"
    video.write_mp4(background, [np.full((64, 64, 4), (255, 0, 0, 255), np.uint8)] * 24, (64, 64), 50)
    render.main([str(untrained), *window, "--out", str(folder / "plain.mp4")])
    render.main([str(untrained), *window, "--out", str(folder / "over.mp4"), "--video", str(background)])
    return folder


def decode(path):
    frames = imageio_ffmpeg.read_frames(path)
    facts = next(frames)
    width, height = facts["size"]
    return facts, [np.frombuffer(frame, np.uint8).reshape(height, width, 3).astype(int) for frame in frames]


def test_an_mp4_has_the_frames_rate_and_size_that_were_asked_for(films):
    facts, frames = decode(films / "plain.mp4")
    assert (facts["codec"], facts["fps"], facts["size"][1], len(frames)) == ("h264", 25, 140, 10)
    for before, after in itertools.pairwise(frames):
        assert (np.abs(after - before).max(axis=-1) > 60).sum() > 20


def test_the_video_is_behind_the_keypoints_until_it_ends(films):
    _, frames = decode(films / "over.mp4")
    red = [((frame[..., 0] > 200) & (frame[..., 1] < 60)).mean() > 0.1 for frame in frames]
    assert red == [True] * 7 + [False] * 3  # the video has frames 0 to 23 of the track


def test_a_gif(untrained, tmp_path, capsys):
    out = tmp_path / "walk.gif"
    render.main([str(untrained), "--track", "S9/Walking/0", "--frames", "0", "9", "--size", "120", "--out", str(out)])
    with Image.open(out) as image:
        assert (image.n_frames, image.size[1], image.info["duration"]) == (5, 120, 40)
    assert "10 frames of S9/Walking/55011271" in capsys.readouterr().out


def test_a_png_is_a_row_of_frames(untrained, tmp_path):
    render.main([str(untrained), "--track", "S9/Sitting/0", "--frames", "3", "5", "--out", str(tmp_path / "sit.png")])
    with Image.open(tmp_path / "sit.png") as image:
        assert image.size == (round(150 * (1.6 * 3 + 0.4)), round(150 * (1.7 * 3 + 0.5)))
        assert np.asarray(image.convert("L")).std() > 10


def test_poses_in_a_file_are_filmed_at_their_time_in_the_video(tmp_path, capsys):
    (poses,) = write_motions(tmp_path / "poses.npz", lifted(("1", "$2$")))  # the second has frames 4 to 28 of the video
    background = tmp_path / "background.mp4"
    colours = [(255, 0, 0, 255)] * 14 + [(0, 255, 0, 255)] * 20
    video.write_mp4(background, [np.full((48, 64, 4), colour, np.uint8) for colour in colours], (64, 48), 25)
    render.main([str(poses), "--out", str(tmp_path / "o.mp4"), "--size", "140", "--video", str(background)])
    assert "shows 25 frames of track $2$" in capsys.readouterr().out
    facts, frames = decode(tmp_path / "o.mp4")
    assert (facts["fps"], len(frames)) == (25, 25)
    green = [((frame[..., 1] > 200) & (frame[..., 0] < 60)).mean() > 0.1 for frame in frames]
    assert green == [False] * 10 + [True] * 15
    render.main([str(poses), "--out", str(tmp_path / "o.png"), "--track", "1", "--frames", "2", "4"])
    with Image.open(tmp_path / "o.png") as image:
        assert image.size == (round(150 * (1.6 * 3 + 0.4)), round(150 * (1.7 * 2 + 0.5)))  # no ground truth


def test_poses_without_keypoints_are_filmed_alone(tmp_path, refusal):
    (poses,) = write_motions(tmp_path / "poses.npz", lifted(keypoints=None))
    render.main([str(poses), "--out", str(tmp_path / "o.mp4"), "--size", "140"])
    facts, frames = decode(tmp_path / "o.mp4")
    assert (facts["fps"], len(frames), facts["size"]) == (25, 25, (118, 140))
    assert frames[0].std() > 10
    line = refusal(render.main, [str(poses), "--out", str(tmp_path / "p.mp4"), "--video", "dance.mp4"])
    assert "--video dance.mp4: track 2 has no 2D keypoints to show over it; remove --video" in line


def test_poses_in_a_file_have_tracks_of_their_own(tmp_path, refusal):
    (poses,) = write_motions(tmp_path / "poses.npz", lifted())
    out = ["--out", str(tmp_path / "o.mp4")]
    assert "--data and --split are for runs" in refusal(render.main, [str(poses), *out, "--split", "S9"])
    assert "--track 7: there is no such track; there are 2" in refusal(render.main, [str(poses), *out, "--track", "7"])
    assert "absent.npz: no such file" in refusal(render.main, ["absent.npz", *out])
    assert not (tmp_path / "o.mp4").exists()


@pytest.mark.parametrize(("arguments", "reason"), [
    (["--out", "walk.avi"], "--out is walk.avi; its suffix must be .mp4, .gif or .png"),
    (["--out", "walk.mp4", "--fps", "0"], "--fps is 0.0; choose one from 1 to 240"),
    (["--out", "walk.mp4", "--size", "99999"], "--size is 99999; choose one from 120 to 2160"),
    (["--out", "walk.mp4", "--track", "S9/Walking/7"], "there is no track 'S9/Walking/7' in "),
    (["--out", "walk.mp4", "--frames", "5", "40"], "--frames is 5 40; S9/Walking/55011271 has frames 0 to 39"),
    (["--out", "walk.mp4", "--video", "absent.mov"], "absent.mov cannot be read as a video; choose one"),
    (["--out", "walk.gif", "--size", "2160", "--fps", "240"], "walk.gif would have 192 frames; choose fewer with "),
    (["--out", "nowhere/walk.png"], "nowhere/walk.png cannot be written (No such file or directory)"),
])  # fmt: skip
def test_what_cannot_be_done_is_refused_and_nothing_is_left(
    untrained, tmp_path, monkeypatch, refusal, arguments, reason
):
    monkeypatch.chdir(tmp_path)
    assert f"error: {reason}" in refusal(render.main, [str(untrained), *arguments])
    assert not list(tmp_path.iterdir())
