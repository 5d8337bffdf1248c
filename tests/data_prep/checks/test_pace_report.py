"""Recordings that are too fast are named: each once, a few of each split."""

import numpy as np
from helpers.bodies import NO_POSES, person
from helpers.samples import DESCRIPTION

from data_prep.checks.pace_report import too_fast
from data_prep.writer import data_set


def swinging(action, frequency, camera="55011271", subject="S1"):
    """A body that glides to and fro, so that its speed has this frequency."""
    still, times = person(subject, action, frames=150, camera=camera), np.arange(150) / 50
    way = np.float32(np.sin(np.pi * frequency * times) / 2)[:, None, None] * np.float32([1, 0, 0])
    return still._replace(positions_3d=still.positions_3d[:1] + way)


def test_recordings_are_named_once_and_the_rest_counted(tmp_path):
    cameras = ("54138969", "55011271")
    tracks = [swinging(f"clip {number}", 2.5, camera) for number in range(7) for camera in cameras]
    tracks += [swinging("slow", 1.2), person("S9"), person("S9", "Sitting")._replace(positions_3d=NO_POSES)]
    data_set.write(
        tmp_path / "out",
        DESCRIPTION._replace(splits=("S1", "S9")),
        lambda split: [track for track in tracks if track.subject == split],
        text="made by the tests",
    )
    (line,) = too_fast(tmp_path / "out")
    start = (
        "too fast in S1, 7 of 8 recordings, perhaps captured at a lower frame rate (--capture-fps): clip 0 (swings of "
    )
    assert line.startswith(start)
    assert line.endswith("and 2 more")
    assert line.count("clip") == 5
