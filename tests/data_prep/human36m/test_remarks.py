"""What a user is told about Human3.6M's files: an inventory, and what a data set leaves out."""

from helpers.h36m_files import random_keypoints, save_npz
from helpers.samples import DESCRIPTION, make_track
from rich.console import Console

from data_prep.human36m import remarks
from data_prep.human36m.builder import keypoint_config
from data_prep.human36m.mocap_files import find_recordings
from data_prep.writer import data_set
from jaxpose.data.human36m import S11_DIRECTIONS


def test_the_inventory_has_a_row_per_subject(tmp_path):
    save_npz(tmp_path)
    inventory = find_recordings(tmp_path / "poses.npz")._replace(missing={"S9": ("Photo", "Sitting 1")})
    console = Console(width=200)
    with console.capture() as capture:
        console.print(remarks.inventory_table(inventory))
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in capture.get().splitlines() if "│" in line]
    assert rows == [
        ["S1", "2", "none", str(tmp_path)],
        ["S9", "1", "Photo, Sitting 1", str(tmp_path)],
        ["S11", "1", "none", str(tmp_path)],
    ]


def test_a_source_of_keypoints_is_a_line(tmp_path):
    save_npz(tmp_path)
    path = tmp_path / "keypoints.npz"
    line = remarks.describe_keypoints(keypoint_config(path), path)
    assert line == "keypoints: 4 recordings of S1, S9, S11; layout h36m_17, 2 channels"
    assert remarks.describe_keypoints(keypoint_config(None), None) == "gt: projected joints"


def test_excluded_recordings_are_remarked_where_they_exist(tmp_path):
    save_npz(tmp_path)
    inventory = find_recordings(tmp_path / "poses.npz")
    assert remarks.excluded_recordings(inventory, [S11_DIRECTIONS]) == []
    assert remarks.excluded_recordings(inventory, [("S9", "Directions")]) == [
        "left out, as in published evaluations: S9 'Directions' (--s11-directions all keeps it)"
    ]


def test_unused_keypoints_are_remarked_the_most_first(tmp_path):
    names = [f"Clip {n}" for n in range(8)]
    data_set.write(
        tmp_path / "out",
        DESCRIPTION._replace(splits=("S1",)),
        lambda subject: [make_track(action=name, frames=2) for name in names],
        text="made by the tests",
    )
    longer = {("S1", name): 3 + n for n, name in enumerate(names)}
    save_npz(tmp_path, None, random_keypoints(frames=longer | {("S9", "Posing"): 2}))
    assert remarks.unused_keypoints(tmp_path / "out", tmp_path / "keypoints.npz") == [
        "left out, keypoints without poses: S9 'Posing'",
        "keypoints cut to the frames that have poses: S1 'Clip 7' by 8, S1 'Clip 6' by 7, S1 'Clip 5' by 6, "
        "S1 'Clip 4' by 5, S1 'Clip 3' by 4 and 3 more",
    ]
    assert remarks.unused_keypoints(tmp_path / "out", None) == []
