"""Films in files have the frames, rate and size that were asked for; they are decoded again."""

import numpy as np
import pytest
from helpers.samples import make_track
from PIL import Image

from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17
from jaxpose.visualization import film_file
from jaxpose.visualization.film import ViewOptions
from jaxpose.visualization.film_file import check_suffix, frames_at_rate, strip_frames, write_film
from jaxpose.visualization.view import make_clip

OPTIONS = ViewOptions("sample motion", height=120)
TRACK = make_track(frames=10, seed=1)
CLIP = make_clip(TRACK, TRACK.positions_3d - TRACK.positions_3d[:, :1])


def test_a_gif_has_half_the_rate_of_a_fast_track(tmp_path):
    write_film(tmp_path / "walk.gif", CLIP, H36M_17, H36M_17, OPTIONS)
    with Image.open(tmp_path / "walk.gif") as image:
        assert (image.n_frames, image.size[1], image.info["duration"]) == (5, 120, 40)


def test_a_png_is_a_row_of_frames(tmp_path):
    write_film(tmp_path / "walk.png", CLIP, H36M_17, H36M_17, OPTIONS)
    with Image.open(tmp_path / "walk.png") as image:
        assert image.size == (round(150 * (1.6 * 8 + 0.4)), round(150 * (1.7 * 3 + 0.5)))
        assert np.asarray(image.convert("L")).std() > 10


def test_films_play_in_real_time():
    assert frames_at_rate(CLIP, 50).tolist() == [*range(10)]
    assert frames_at_rate(CLIP, 25).tolist() == [0, 2, 4, 6, 8]
    assert frames_at_rate(CLIP, 100).tolist() == [frame for frame in range(10) for _ in range(2)]
    assert frames_at_rate(CLIP, 1).tolist() == [0]


def test_a_row_has_the_first_and_the_last_frame():
    assert strip_frames(CLIP).tolist()[:: len(strip_frames(CLIP)) - 1] == [0, 9]
    assert len(strip_frames(CLIP)) == film_file.COLUMNS
    assert strip_frames(CLIP._replace(prediction=CLIP.prediction[:3])).tolist() == [0, 1, 2]


def test_a_gif_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(film_file, "GIF_PIXELS", 10_000)
    with pytest.raises(InputError, match=r"walk.gif would have 5 frames; choose fewer with --frames or --fps, a smal"):
        write_film(tmp_path / "walk.gif", CLIP, H36M_17, H36M_17, OPTIONS)
    assert not list(tmp_path.iterdir())


def test_other_suffixes_are_refused(tmp_path):
    for name in ("walk.avi", "walk"):
        with pytest.raises(InputError, match=r"its suffix must be .mp4, .gif or .png"):
            check_suffix(tmp_path / name)
    check_suffix(tmp_path / "walk.PNG")
