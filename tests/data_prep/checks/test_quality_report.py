"""The report on a split: what is counted, the table, and the lines about what is suspect."""

import numpy as np
import pytest
from helpers.bodies import NO_POSES, person, with_gap, with_jump
from helpers.samples import DESCRIPTION
from rich.console import Console

from data_prep.checks.quality import CHECKS
from data_prep.checks.quality_report import make_report, problem_lines, quality_table


def printed(table) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_a_report_counts_what_there_is():
    tracks = [
        person(),
        person(action="Sitting", frames=30)._replace(fps=25.0),
        person(action="Eating", frames=10)._replace(positions_3d=NO_POSES),
        with_gap(person(action="Posing", frames=5)),
        person(action="Broken")._replace(orientation=np.ones(4, np.float32)),
    ]
    report = make_report(tracks, DESCRIPTION)
    assert (report.frames, report.seconds, report.rates, report.only_2d) == (85, pytest.approx(2.3), {50: 3, 25: 1}, 1)
    assert list(report.findings) == list(CHECKS)
    assert [name.split("/")[1] for name in report.findings["gaps"]] == ["Walking", "Sitting", "Eating", "Posing"]
    assert "S1/Eating/55011271" not in report.findings["speed"]
    assert report.violations == [
        "S1/Posing/55011271: positions_3d are not finite at frame 3",
        "S1/Broken/55011271: orientation is not a unit quaternion",
    ]


def test_the_table_has_the_median_the_worst_and_how_many_are_beyond_the_limit():
    tracks = [person(), with_jump(person(action="Sitting")), person(action="Eating")._replace(positions_3d=NO_POSES)]
    lines = printed(quality_table("S1", make_report(tracks, DESCRIPTION))).splitlines()
    assert lines[0].rstrip() == "S1: 120 frames, 2 s; tracks: 3 at 50 frames/s; without 3D: 1"
    (row,) = (line for line in lines if "fastest joint" in line)
    numbers = row.removeprefix(" fastest joint, m/s").split()
    assert numbers == ["50.25", "100.00", "20", "1", "S1/Sitting/55011271", "head,", "frame", "20"]
    (row,) = (line for line in lines if "gaps" in line)
    assert row.split() == ["gaps,", "%", "of", "frames", "0.00", "0.00", "0", "0"]


def test_the_table_leaves_out_what_is_not_known():
    text = printed(quality_table("S1", make_report([person()._replace(positions_3d=NO_POSES)], DESCRIPTION)))
    assert "unseen" in text
    assert "fastest joint" not in text
    broken = person()._replace(orientation=np.ones(4, np.float32))
    assert "S1: 0 frames, 0 s; tracks: none" in printed(quality_table("S1", make_report([broken], DESCRIPTION)))


def test_problems_name_the_worst_first_and_count_the_rest():
    assert problem_lines(make_report([person()], DESCRIPTION)) == []
    tracks = [with_jump(person(action=f"Clip {n}"))._replace(fps=50.0 + n) for n in range(8)]
    lines = problem_lines(make_report(tracks, DESCRIPTION))
    assert lines[0] == "suspect: S1/Clip 7/55011271: fastest joint, m/s: 114.00, head, frame 20"
    assert [line.split("/")[1] for line in lines[:5]] == [f"Clip {n}" for n in (7, 6, 5, 4, 3)]
    assert lines[5] == "  and 3 more"
    assert not any("more" in line for line in problem_lines(make_report(tracks[:5], DESCRIPTION)))
    faults = problem_lines(make_report([with_gap(person(action=f"Clip {n}")) for n in range(6)], DESCRIPTION))
    assert faults[-2:] == [
        "violates the data contract: S1/Clip 4/55011271: positions_3d are not finite at frame 3",
        "  and 1 more",
    ]


def test_views_of_a_recording_share_a_line():
    cameras = ("54138969", "55011271", "58860488", "60457274")
    tracks = [with_jump(person(camera=camera)) for camera in cameras] + [with_jump(person(action="Sitting"))]
    lines = [line for line in problem_lines(make_report(tracks, DESCRIPTION)) if "fastest joint" in line]
    assert lines == [
        f"suspect: S1/Walking/{', '.join(cameras)}: fastest joint, m/s: 100.00, head, frame 20",
        "suspect: S1/Sitting/55011271: fastest joint, m/s: 100.00, head, frame 20",
    ]


def test_motion_that_is_too_fast_is_asked_about():
    """A body that glides to and fro 2.5 times a second."""
    still, times = person(frames=150), np.arange(150) / 50
    way = np.float32(np.sin(2 * np.pi * 1.25 * times) / 2)[:, None, None] * np.float32([1, 0, 0])
    lines = problem_lines(make_report([still._replace(positions_3d=still.positions_3d[:1] + way)], DESCRIPTION))
    asked = [line for line in lines if line.endswith("; was it captured at a lower frame rate?")]
    assert [line[: line.index(": 2.")] for line in asked] == ["suspect: S1/Walking/55011271: swings of the feet, 1/s"]


def test_names_may_look_like_markup():
    assert "S1/[red]/" in printed(quality_table("S1", make_report([with_jump(person(action="[red]"))], DESCRIPTION)))
