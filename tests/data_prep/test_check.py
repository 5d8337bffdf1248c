"""The check of a prepared data set: what is reported, what is drawn, and the exit code."""

import itertools
import json

import numpy as np
import pytest
from helpers.bodies import gliding
from helpers.samples import DESCRIPTION, make_track
from matplotlib.colors import to_hex
from rich.console import Console

from data_prep import check
from data_prep.quality import CHECKS
from data_prep.writer import builder, data_set
from jaxpose.data import store
from jaxpose.data.track import SYNTHETIC_NOTICE
from jaxpose.skeleton import H36M_17, HUMANEVA_15
from jaxpose.visualization.figures import LEFT

NO_POSES = np.zeros((0, 17, 3), np.float32)
NAMES = ("S1/Walking/55011271", "S9/Walking/55011271")


def person(subject="S1", action="Walking", frames=40):
    """A track within all limits: a body that glides by, and its exact keypoints through a lens without distortion."""
    track, positions = make_track(subject=subject, action=action, frames=1), gliding(frames)
    lens = np.concatenate([track.intrinsics[:4], np.zeros(5, np.float32)])
    keypoints = (positions / positions[..., 2:])[..., :2] * lens[:2] + lens[2:4]
    return track._replace(positions_3d=positions, keypoints_2d=keypoints, intrinsics=lens)


def with_gap(track, frame=3):
    positions = np.array(track.positions_3d)
    positions[frame, 5] = np.nan
    return track._replace(positions_3d=positions)


def with_jump(track, frame=20):
    positions = np.array(track.positions_3d)
    positions[frame:, 10, 2] += 2
    return track._replace(positions_3d=positions)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a data set, also one that breaks the contract, as only another program would."""

    def write(tracks, description=DESCRIPTION):
        out, splits = tmp_path / "data", tuple(dict.fromkeys(track.subject for track in tracks))
        with monkeypatch.context() as blind:
            for module in (builder, store):
                blind.setattr(module, "contract_violation", lambda track, description: "")
            data_set.write(
                out,
                description._replace(splits=splits),
                lambda subject: [track for track in tracks if track.subject == subject],
                text="made by the tests",
            )
        return out

    return write


def run(*arguments) -> int:
    """The exit code of the command."""
    try:
        check.main(list(map(str, arguments)))
    except SystemExit as stop:
        return stop.code
    return 0


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
    found = check.report(tracks, DESCRIPTION)
    assert (found.frames, found.seconds, found.rates, found.only_2d) == (85, pytest.approx(2.3), {50: 3, 25: 1}, 1)
    assert list(found.findings) == list(CHECKS)
    assert [name.split("/")[1] for name in found.findings["gaps"]] == ["Walking", "Sitting", "Eating", "Posing"]
    assert "S1/Eating/55011271" not in found.findings["speed"]
    assert found.faults == [
        "S1/Posing/55011271: positions_3d are not finite at frame 3",
        "S1/Broken/55011271: orientation is not a unit quaternion",
    ]


def test_the_table_has_the_median_the_worst_and_how_many_are_beyond_the_limit():
    tracks = [person(), with_jump(person(action="Sitting")), person(action="Eating")._replace(positions_3d=NO_POSES)]
    lines = printed(check.table("S1", check.report(tracks, DESCRIPTION))).splitlines()
    assert lines[0].rstrip() == "S1: 120 frames, 2 s; tracks: 3 at 50 frames/s; without 3D: 1"
    (row,) = (line for line in lines if "fastest joint" in line)
    numbers = row.removeprefix(" fastest joint, m/s").split()
    assert numbers == ["50.25", "100.00", "20", "1", "S1/Sitting/55011271", "head,", "frame", "20"]
    (row,) = (line for line in lines if "gaps" in line)
    assert row.split() == ["gaps,", "%", "of", "frames", "0.00", "0.00", "0", "0"]


def test_the_table_leaves_out_what_is_not_known():
    text = printed(check.table("S1", check.report([person()._replace(positions_3d=NO_POSES)], DESCRIPTION)))
    assert "unseen" in text
    assert "fastest joint" not in text
    broken = person()._replace(orientation=np.ones(4, np.float32))
    assert "S1: 0 frames, 0 s; tracks: none" in printed(check.table("S1", check.report([broken], DESCRIPTION)))


def test_complaints_name_the_worst_first_and_count_the_rest():
    assert check.complaints(check.report([person()], DESCRIPTION)) == []
    tracks = [with_jump(person(action=f"Clip {n}"))._replace(fps=50.0 + n) for n in range(8)]
    lines = check.complaints(check.report(tracks, DESCRIPTION))
    assert lines[0] == "suspect: S1/Clip 7/55011271: fastest joint, m/s: 114.00, head, frame 20"
    assert [line.split("/")[1] for line in lines[:5]] == [f"Clip {n}" for n in (7, 6, 5, 4, 3)]
    assert lines[5] == "  and 3 more"
    assert not any("more" in line for line in check.complaints(check.report(tracks[:5], DESCRIPTION)))
    faults = check.complaints(check.report([with_gap(person(action=f"Clip {n}")) for n in range(6)], DESCRIPTION))
    assert faults[-2:] == [
        "breaks the contract: S1/Clip 4/55011271: positions_3d are not finite at frame 3",
        "  and 1 more",
    ]


def test_good_data(write, capsys):
    data = write([person(), person("S9")])
    before = sorted(data.iterdir())
    assert run(data) == 0
    shown = capsys.readouterr()
    assert shown.out.count(": 40 frames, 1 s; tracks: 1 at 50 frames/s") == 2
    sheet = data.with_name("data-check.png")
    assert shown.out.splitlines()[-2:] == ["nothing is suspect", f"The contact sheet is {sheet}"]
    assert sheet.read_bytes().startswith(b"\x89PNG")
    assert sorted(data.iterdir()) == before


def test_suspect_data(write, capsys, tmp_path):
    data = write([person(), with_jump(person("S9"))])
    assert run(data, "--out", tmp_path / "sheet.png") == 1
    out = capsys.readouterr().out
    assert "suspect: S9/Walking/55011271: fastest joint, m/s: 100.00, head, frame 20\n" in out
    assert "suspect: S1/" not in out
    assert "nothing is suspect" not in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "sheet.png"]


def test_data_that_breaks_the_contract(write, capsys):
    assert run(write([with_gap(person()), person("S9")])) == 1
    out = capsys.readouterr().out
    assert "suspect: S1/Walking/55011271: gaps, % of frames: 2.50, frame 3\n" in out
    assert "breaks the contract: S1/Walking/55011271: positions_3d are not finite at frame 3\n" in out


def test_data_in_which_nothing_can_be_examined(write, capsys):
    data = write([person()])
    metadata = json.loads((data / "metadata.json").read_text())
    (data / "metadata.json").write_text(json.dumps(metadata | {"skeleton": HUMANEVA_15.to_dict()}))
    assert run(data) == 1
    out = capsys.readouterr().out
    assert "S1: 0 frames, 0 s; tracks: none" in out
    assert "breaks the contract: S1/Walking/55011271: positions_3d have shape (40, 17, 3), not (frames, 15, 3)" in out
    assert not data.with_name("data-check.png").exists()


def test_names_may_look_like_markup():
    assert "S1/[red]/" in printed(check.table("S1", check.report([with_jump(person(action="[red]"))], DESCRIPTION)))


def test_refusals(write, refusal, tmp_path):
    assert "absent is not a prepared data set (no such folder)" in refusal(check.main, [str(tmp_path / "absent")])
    data = write([person()])
    for out in ("sheet.jpg", "sheet"):
        assert f"--out is {out}; it must end with .png" in refusal(check.main, [str(data), "--out", out])


def test_a_sheet_that_cannot_be_written(write, capsys, tmp_path):
    assert run(write([person()]), "--out", tmp_path / "absent" / "sheet.png") == 2
    assert "sheet.png cannot be written" in capsys.readouterr().err.splitlines()[-1]


def panels(figure):
    """The pairs of panels of the tracks, in their order."""
    return list(zip(figure.axes[::2], figure.axes[1::2], strict=True))


def test_the_sheet_shows_poses_and_keypoints_from_two_sides():
    figure = check.contact_sheet([person(), person("S9"), person("S9", "Sitting")], DESCRIPTION, frames=3)
    drawn = [(image, side) for image, side in panels(figure) if image.lines]
    assert [image.get_title() for image, _ in drawn] == [*NAMES, "S9/Sitting/55011271"]
    bones = len(H36M_17.bones) + 1  # and the head
    for image, side in drawn:
        assert len(image.lines) == 3 * bones
        assert len(side.lines) == 3 * bones + 1  # and the floor
        assert len(image.collections) == 3
        assert not side.collections


def test_keypoints_lie_on_the_poses_in_the_colour_of_their_side():
    (image, _), *_ = panels(check.contact_sheet([person()], DESCRIPTION, frames=2))
    arm = image.lines[H36M_17.index("left_wrist")]  # bone 12, after the disc of the head
    dots = image.collections[0]
    np.testing.assert_allclose(dots.get_offsets()[13], arm.get_xydata()[1], atol=1e-3)
    assert to_hex(dots.get_facecolors()[13]) == arm.get_color() == LEFT
    swapped = person()
    swapped = swapped._replace(keypoints_2d=swapped.keypoints_2d[:, H36M_17.mirrored])
    (image, _), *_ = panels(check.contact_sheet([swapped], DESCRIPTION, frames=2))
    assert to_hex(image.collections[0].get_facecolors()[16]) != LEFT
    np.testing.assert_allclose(image.collections[0].get_offsets()[16], arm.get_xydata()[1], atol=1e-3)


def test_the_side_view_is_metres_over_the_floor_of_the_world():
    """A camera that stands 1.5 m high and looks along y: the body is seen from +x, y to the right and z up."""
    track = person()._replace(
        orientation=np.float32([0.5**0.5, -(0.5**0.5), 0, 0]), translation=np.float32([0, 0, 1.5])
    )
    (_, side), *_ = panels(check.contact_sheet([track], DESCRIPTION, frames=1))
    head = side.lines[9].get_xydata()[1]
    seen = track.positions_3d[0]
    middle = (seen[:, 2].min() + seen[:, 2].max()) / 2
    np.testing.assert_allclose(head, [seen[10, 2] - middle, 1.5 - seen[10, 1]], atol=1e-5)


def test_frames_lie_beside_each_other():
    (image, side), *_ = panels(check.contact_sheet([person()], DESCRIPTION, frames=4))
    for axes, floor in ((image, 0), (side, 1)):
        lines = axes.lines[: len(axes.lines) - floor]
        spans = [np.concatenate([line.get_xdata() for line in part]) for part in np.array_split(lines, 4)]
        assert all(one.max() < other.min() for one, other in itertools.pairwise(spans))


def test_the_sheet_of_keypoints_alone_and_of_gaps():
    flat = person()._replace(positions_3d=NO_POSES)
    holed = person()._replace(positions_3d=np.full((40, 17, 3), np.nan, np.float32))
    unseen = flat._replace(keypoints_2d=np.zeros((40, 17, 2), np.float32))
    figure = check.contact_sheet([flat, holed, unseen, with_gap(person(frames=2), frame=0)], DESCRIPTION)
    counts = [tuple(len([line for line in axes.lines if len(line.get_xdata()) == 2]) for axes in pair)
              for pair in panels(figure)]  # fmt: skip
    bones = len(H36M_17.bones)
    assert counts == [(4 * bones, 0), (0, 0), (4 * bones, 0), (bones, bones + 1)]
    figure.draw_without_rendering()


def test_a_frame_without_keypoints_does_not_hide_the_others():
    flat = person(frames=2)._replace(positions_3d=NO_POSES)
    flat.keypoints_2d[0] = 0
    (image, _), *_ = panels(check.contact_sheet([flat], DESCRIPTION, frames=2))
    blank, seen = (np.isfinite(np.ma.filled(dots.get_offsets(), np.nan)) for dots in image.collections)
    assert seen.all()
    assert not blank.any()


def test_synthetic_data_say_so():
    made_up = DESCRIPTION._replace(synthetic=True)
    assert SYNTHETIC_NOTICE in check.contact_sheet([person()], made_up).get_suptitle()
    assert SYNTHETIC_NOTICE not in check.contact_sheet([person()], DESCRIPTION).get_suptitle()


def test_a_spread_has_both_ends():
    assert check._spread(range(101), 5) == [0, 25, 50, 75, 100]
    assert check._spread("ab", 5) == ["a", "b"]
    assert check._spread([], 5) == []
