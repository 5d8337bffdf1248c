"""People who are moved away from the camera become smaller and keep their noise in proportion; the script runs."""

import runpy

import numpy as np
import pytest
from helpers.places import ROOT
from helpers.samples import make_track

from jaxpose.data.track import person_extent

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(ROOT / "experiments" / "distance.py"))


def test_far_people_are_small(script):
    moved_away, track = script["moved_away"], make_track(frames=5)
    noise = np.random.default_rng(0).normal(size=(5, 17, 2)).astype(np.float32) * 4
    noisy = track._replace(keypoints_2d=track.keypoints_2d + noise)
    np.testing.assert_allclose(moved_away(noisy, 0), noisy.keypoints_2d, atol=1e-3)
    far = moved_away(track, 12)  # from 4 m to 16 m
    shrunk = person_extent(far) / person_extent(track.keypoints_2d)
    assert shrunk == pytest.approx(1 / 4, rel=0.1)
    np.testing.assert_allclose(moved_away(noisy, 12) - far, noise * shrunk, atol=1e-3)


def test_the_table_has_errors_by_distance(script, untrained, capsys):
    script["main"]([str(untrained)])
    shown = capsys.readouterr().out
    assert "moved by, m" in shown
    assert "P1 in mm, tracks averaged equally. sample motion, S9." in shown
    for row in ("as it is", "cropped"):
        (line,) = (line for line in shown.splitlines() if row in line)
        assert len([word for word in line.split() if word.replace(".", "").isdigit()]) == 5
