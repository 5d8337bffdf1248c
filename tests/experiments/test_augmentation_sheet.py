"""The picture of augmented windows is drawn, without keypoints that are not seen."""

import importlib

import numpy as np
import pytest
from matplotlib.figure import Figure

from jaxpose.skeleton import H36M_17

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture(scope="module")
def script():
    return importlib.import_module("experiments.augmentation_sheet")  # tyro reads the source of its dataclass


def test_the_sheet_is_drawn(script, tmp_path, monkeypatch):
    """Of the built-in data, a few clips of it."""
    load = script.load

    def few(data, split):
        description, tracks = load(data, split)
        return description, tracks[:4]

    monkeypatch.setattr(script, "load", few)
    for name, words in {"a": ["--augment", "camera"], "b": ["--augment", "mirror"]}.items():
        script.main([str(tmp_path / name) + ".png", "--windows", "4", "--frames", "9", "--shown", "2", *words])
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_an_unknown_augmentation_is_refused(script, tmp_path):
    with pytest.raises(SystemExit):
        script.main([str(tmp_path / "a.png"), "--augment", "camara"])
    assert not [*tmp_path.iterdir()]


def test_bones_to_keypoints_that_are_not_seen_are_not_drawn(script):
    keypoints = np.random.default_rng(0).uniform(size=(17, 3)).astype(np.float32) + 0.1
    keypoints[[3, 10], 2] = 0  # an ankle and the head
    axes = Figure().subplots()
    script.draw_keypoints(axes, keypoints, H36M_17, 1.0)
    *bones, points = axes.lines
    assert len(bones) == len(H36M_17.bones) - 2
    assert len(points.get_xdata()) == 15
