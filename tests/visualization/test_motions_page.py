"""The page about lifted people: who is on it, what is said of them, and no errors."""

import json
import re

import numpy as np
import pytest
from helpers.motions import lifted
from helpers.pages import Page

from jaxpose.data.track import SYNTHETIC_NOTICE
from jaxpose.skeleton import Skeleton
from jaxpose.visualization import motions_page
from jaxpose.visualization.motions_page import bone_length_deviation, tracks_table


def test_the_page_has_every_person_and_no_errors():
    text = motions_page.motions_page("Poses of <a>.npz", lifted(("1", "</script>")))
    page = Page(text)
    words = " ".join(page.words)
    assert "Poses of <a>.npz" in words
    assert {"track </script>, 25 frames", "track 1, 20 frames"} <= {*page.words}
    assert "Lifter trained on: sample motion" in words
    assert "as if the camera were level" in words
    assert "longest tracks" not in words
    assert not re.search('id="(overlay|coloured|curve)"', text)  # controls that need the ground truth
    data = json.loads(re.search(r'id="player-data">(.*?)</script>', text)[1])
    assert [track["frames"] for track in data["tracks"]] == [25, 20]
    assert [trace["marker"]["showscale"] for trace in data["figures"]["scene"]["data"]] == [False]
    assert not [link for link in page.links if not link.startswith("#")]


def test_poses_without_keypoints_have_a_page_too():
    page = Page(motions_page.motions_page("Poses", lifted(keypoints=None)))
    assert "track 1, 20 frames" in page.words
    assert "2D input" not in page.words


def test_more_than_the_page_holds_is_cut_and_said(monkeypatch):
    monkeypatch.setattr(motions_page, "SHOWN", 1)
    monkeypatch.setattr(motions_page, "FRAMES", 7)
    motions = lifted(("1", "2"), space="world", trained_on=f"{SYNTHETIC_NOTICE} synthetic motion")
    text = motions_page.motions_page("Poses", motions)
    data = json.loads(re.search(r'id="player-data">(.*?)</script>', text)[1])
    assert [track["frames"] for track in data["tracks"]] == [7]
    assert "The player has the 1 longest tracks, and the first 7 frames of each." in text
    assert "camera were level" not in text
    assert re.search(r"class=notice>Lifter trained on: SYNTHETIC", text)


def test_the_table_says_how_much_was_filled():
    motion, other = lifted()
    filled = np.zeros((20, 17), bool)
    filled[:10] = True
    first, second = tracks_table([motion._replace(filled=filled), other]).rows
    assert first[:5] == ("1", "0", "20", "0.80", "50.0")
    assert second[:5] == ("2", "4", "25", "1.00", "0.0")


def test_deviation_of_bone_lengths():
    skeleton = Skeleton("three", ("a", "b", "c"), (-1, 0, 0))
    positions = np.zeros((2, 3, 3))
    positions[:, 1, 0] = [1, 3]  # standard deviation 1
    positions[:, 2, 1] = 2
    assert bone_length_deviation(positions, skeleton) == pytest.approx(0.5)
    assert bone_length_deviation(positions[:, :1], Skeleton("point", ("a",), (-1,))) == 0
