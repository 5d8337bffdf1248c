"""Films of motion files: whom they show, and what is refused before the work."""

import pytest
from helpers.motions import lifted
from PIL import Image

from jaxpose.runtime.errors import InputError
from jaxpose.visualization.motion_film import check_film, film_longest


@pytest.mark.parametrize(
    ("film", "video", "fault"),
    [
        ("o.avi", None, "--film is .*o.avi; its suffix must be"),
        ("no/o.mp4", None, "--film .*no/o.mp4: there is no folder .*no; make it"),
        ("o.mp4", "no.mp4", "--video .*no.mp4: there is no such file"),
    ],
)
def test_faults_are_found_before_the_work(film, video, fault, tmp_path):
    with pytest.raises(InputError, match=fault):
        check_film(tmp_path / film, tmp_path / video if video else None)


def test_it_shows_the_person_who_is_seen_longest(tmp_path):
    film = tmp_path / "o.png"
    check_film(film, None)
    assert film_longest(film, lifted(("ann", "ben")), "o.npz", None) == "track ben, who is seen longest of 2"
    assert film_longest(film, lifted(("ann",)), "o.npz", None) == "track ann"
    with Image.open(film) as image:
        assert min(image.size) > 100
