"""Motion in files: what is read back is what was written, whatever people are called."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.motions import HOSTILE_NAMES, people
from helpers.readme import readme_table

from jaxpose.export import formats, writers
from jaxpose.export.formats import FORMATS, in_words
from jaxpose.export.tables import encode_filled_csv
from jaxpose.runtime.errors import InputError

pytestmark = pytest.mark.usefixtures("compiled_soon")


def test_every_format_is_described_and_in_the_readme():
    rows = {row[0].strip("`"): row[1:] for row in readme_table("jaxpose/export/README.md", "suffix")[1:]}
    assert rows == {
        suffix: [each.people, each.axes, in_words(each.units), "yes" if each.marks_filled else "no", each.use]
        for suffix, each in FORMATS.items()
    }
    assert [*rows] == [*writers.WRITERS] == [*FORMATS]
    assert readme_table("jaxpose/export/README.md", "suffix") == formats.readme_table()


@pytest.mark.parametrize("suffix", [".bvh", ".trc", ".c3d", ".TRC"])
def test_one_file_a_person(tmp_path, suffix):
    folder = tmp_path / "inside"
    folder.mkdir()
    one = writers.write_motions(folder / f"one{suffix}", people(["7"], space="world"))
    assert one[0] == folder / f"one{suffix}"
    files = writers.write_motions(folder / f"all.of{suffix}", people(HOSTILE_NAMES))
    flagged = [] if suffix == ".c3d" else ["all.of.filled.csv", "one.filled.csv"]
    flagged += ["all.of.starts.csv"] if suffix == ".bvh" else []
    labels = [".._.._etc_passwd", "a_b_", "_", "Šárka_..", "_-2", "x" * 40]
    assert [file.name for file in files[:6]] == [f"all.of_{label}{suffix}" for label in labels]
    assert sorted(os.listdir(folder)) == sorted([*flagged, one[0].name, *(file.name for file in files[:6])])
    assert os.listdir(tmp_path) == ["inside"]
    assert all(file.stat().st_size > 100 for file in files[:6])


def test_trc_says_the_name_of_the_file_and_not_of_the_track(tmp_path):
    files = writers.write_motions(tmp_path / "a.trc", people(["x"])) + writers.write_motions(
        tmp_path / "dance.TRC", people(["x", "y"])
    )
    files = [file for file in files if file.suffix.lower() == ".trc"]
    assert [file.name for file in files] == ["a.trc", "dance_x.TRC", "dance_y.TRC"]
    for file in files:
        first, *_ = file.read_text("utf-8").splitlines()
        assert first.split("\t") == ["PathFileType", "4", "(X/Y/Z)", file.name]


@pytest.mark.parametrize("suffix", [".npz", ".json", ".csv", ".CSV"])
def test_all_people_in_one_file(tmp_path, suffix):
    assert writers.write_motions(tmp_path / f"a{suffix}", people()) == [tmp_path / f"a{suffix}"]
    assert (tmp_path / f"a{suffix}").read_bytes() == writers.WRITERS[suffix.lower()].encode(people())


def test_a_refusal_of_the_format_leaves_no_file(tmp_path):
    with pytest.raises(InputError, match="arm has no right_shoulder"):
        writers.write_motions(tmp_path / "a.zip", people())
    assert not os.listdir(tmp_path)


def test_filled_joints_are_listed_beside_formats_that_cannot_flag_them(tmp_path):
    assert writers.write_motions(tmp_path / "a.trc", people())[-1] == tmp_path / "a.filled.csv"
    assert (tmp_path / "a.filled.csv").read_bytes() == encode_filled_csv(people())
    assert writers.write_motions(tmp_path / "b.trc", people()[1:]) == [tmp_path / "b.trc"]


def test_when_people_appear_is_listed_and_told_where_the_format_cannot_say_it(tmp_path):
    """The first begins with the video, the second at its tenth frame."""
    seen = [motion._replace(filled=None) for motion in people(["x", "../y"])]
    *files, starts = writers.write_motions(tmp_path / "a.bvh", seen)
    assert [file.name for file in files] == ["a_x.bvh", "a_.._y.bvh"]
    assert starts.read_text("utf-8").splitlines() == [
        "file,track,first_frame,time_s,frames", "a_x.bvh,x,0,0.0000,3", "a_.._y.bvh,../y,10,0.2000,4"
    ]  # fmt: skip
    first, second = writers.describe_losses(tmp_path / "a.bvh", people(["x", "../y"]))
    assert first.startswith("BVH has constant bone lengths: joints are ")
    assert second == "a_.._y.bvh begins at frame 10 of the video, 0.20 s, which the file itself cannot say"
    assert len(writers.describe_losses(tmp_path / "a.bvh", people(["x"]))) == 1
    assert writers.describe_losses(tmp_path / "a.trc", people()) == []
    assert writers.write_motions(tmp_path / "b.bvh", seen[:1]) == [tmp_path / "b.bvh"]


@pytest.mark.parametrize("suffix", [".npz", ".json", ".csv", ".zip", ".bvh", ".trc", ".c3d"])
def test_units_are_the_formats_or_refused(suffix):
    for unit in ("m", "cm", "mm"):
        if suffix in (".trc", ".c3d") and unit != "mm":
            with pytest.raises(InputError, match=rf"\{suffix} files are in mm, not {unit}; choose another format"):
                writers.check_output_path(Path("a").with_suffix(suffix), unit)
        else:
            writers.check_output_path(Path("a").with_suffix(suffix), unit)


@pytest.mark.parametrize(
    ("path", "change", "fault"),
    [
        (
            "a.txt",
            {},
            r"a\.txt: motion is not written as \.txt; use \.npz, \.json, \.csv, \.zip, \.bvh, \.trc or \.c3d",
        ),
        ("a", {}, "a: motion is not written as a file without suffix; use"),
        ("no/a.csv", {}, r"no/a\.csv: there is no folder .*no; make it"),
        ("a.csv", {"name": "1"}, r"a\.csv: two tracks are called '1'; give each a name of its own"),
        ("a.csv", {"positions": np.zeros((0, 2, 3)), "filled": None}, "track '2' has no frames; remove it"),
        (
            "a.csv",
            {"positions": np.full((4, 2, 3), np.inf)},
            "track '2' is not finite at frame 10, joint shoulder",
        ),
    ],
)
def test_what_no_file_can_hold_is_refused(tmp_path, path, change, fault):
    first, second = people()
    with pytest.raises(InputError, match=fault):
        writers.write_motions(tmp_path / path, [first, second._replace(**change)])
    assert not os.listdir(tmp_path)


def test_more_that_is_refused(tmp_path, monkeypatch):
    first, second = people()
    for motions, fault in (([], "there is no motion to write"), ([first._replace(fps=0.0)], "frame rate is 0.0")):
        with pytest.raises(InputError, match=fault):
            writers.write_motions(tmp_path / "a.csv", motions)
    for other in (
        second._replace(fps=25.0),
        second._replace(space="world"),
        second._replace(positions=np.ones((4, 3, 3))),
    ):
        with pytest.raises(ValueError, match=r"must have one skeleton|positions must be \(T, J, 3\)"):
            writers.write_motions(tmp_path / "a.csv", [first, other])
    with pytest.raises(InputError, match=r"x+_[12]\.c3d cannot be written \(File name too long"):
        writers.write_motions(tmp_path / f"{'x' * 250}.c3d", people())
    monkeypatch.setitem(sys.modules, "c3d", None)
    with pytest.raises(InputError, match=r"pip install c3d$"):
        writers.check_output_path(tmp_path / "a.c3d")
    assert not os.listdir(tmp_path)
