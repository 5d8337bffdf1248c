"""Video files, decoded again by ffmpeg and Pillow."""

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from jaxpose.runtime.errors import InputError
from jaxpose.visualization import video

pytestmark = pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning")  # of the decoder here
SIZE = (64, 48)


def grey(levels):
    return [np.full((SIZE[1], SIZE[0], 4), (level, level, level, 255), np.uint8) for level in levels]


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Ten frames at 25 a second; each is brighter than the one before by 20."""
    path = tmp_path_factory.mktemp("video") / "film.mp4"
    video.write_mp4(path, grey(range(20, 220, 20)), SIZE, 25)
    return path


def levels(pictures):
    return [None if picture is None else round((picture.mean() - 20) / 20) for picture in pictures]


def test_mp4_is_h264_that_every_player_plays(film):
    frames = imageio_ffmpeg.read_frames(film)
    facts = next(frames)
    assert (facts["codec"], facts["pix_fmt"].split("(")[0], facts["size"], facts["fps"]) == (
        "h264",
        "yuv420p",
        SIZE,
        25,
    )
    assert levels(np.frombuffer(frame, np.uint8) for frame in frames) == list(range(10))


def test_pictures_by_time_whatever_the_rate_of_the_track(film):
    assert levels(video.pictures(film, np.arange(10) / 25, SIZE)) == list(range(10))
    assert levels(video.pictures(film, np.arange(6) / 50, SIZE)) == [0, 0, 1, 1, 2, 2]
    assert levels(video.pictures(film, np.arange(4) / 10, SIZE)) == [0, 2, 5, 7]
    assert levels(video.pictures(film, [0.2, 0.2, 0.36], SIZE)) == [5, 5, 9]


def test_after_its_end_there_is_no_picture(film):
    assert levels(video.pictures(film, [0.32, 0.36, 0.4, 5.0], SIZE)) == [8, 9, None, None]


def test_pictures_are_scaled_and_another_aspect_is_refused(film):
    (picture,) = video.pictures(film, [0.0], (32, 24))
    assert picture.shape == (24, 32, 3)
    with pytest.raises(InputError, match="pictures of 64 × 48 pixels, but the aspect ratio of the track's is 48 × 48"):
        next(video.pictures(film, [0.0], (48, 48)))


def test_what_is_no_video_is_refused(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    for path in (tmp_path / "text.mp4", tmp_path / "absent.mp4"):
        with pytest.raises(InputError, match=f"{path.name} cannot be read as a video"):
            next(video.pictures(path, [0.0], SIZE))


def test_a_gif_lasts_as_long_as_it_should(tmp_path):
    video.write_gif(tmp_path / "film.gif", grey(range(20, 220, 20)), 30)
    with Image.open(tmp_path / "film.gif") as image:
        lasts, seen = [], []
        for frame in range(image.n_frames):
            image.seek(frame)
            lasts.append(image.info["duration"])
            seen.append(np.asarray(image.convert("RGB")))
        assert (image.size, image.info["loop"]) == (SIZE, 0)
    assert levels(seen) == list(range(10))
    assert sum(lasts) == 330
    assert set(lasts) == {30, 40}
