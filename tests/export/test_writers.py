"""Motion in files: what is read back is what was written, whatever people are called."""

import csv
import io
import json
import os
import sys

import numpy as np
import pytest

from jaxpose.export import writers
from jaxpose.export.motion import Motion
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton

pytestmark = pytest.mark.usefixtures("compiled_soon")
ARM = Skeleton("arm", ("shoulder", 'left "elbow",; ü'), (-1, 0))
HOSTILE = ["../../etc/passwd", 'a,"b"\r\n\t;', "/", "Šárka/..", "\ud800", "x" * 300]


def people(names=("1", "2"), **fields):
    random = np.random.default_rng(0)
    return [
        Motion(name, random.normal(size=(3 + number, 2, 3)).astype(np.float32), ARM, 50.0, start=10 * number)._replace(
            filled=None if number else np.array([[0, 0], [0, 1], [1, 0]], bool), **fields
        )
        for number, name in enumerate(names)
    ]


@pytest.mark.parametrize("space", ["camera", "world"])
@pytest.mark.parametrize("names", [("1", "2"), HOSTILE[:-2]])
def test_npz(tmp_path, names, space):
    motions = people(names, space=space)
    assert writers.write(tmp_path / "a.npz", motions) == [tmp_path / "a.npz"]
    with np.load(tmp_path / "a.npz", allow_pickle=False) as found:
        assert found["names"].tolist() == list(names)
        assert tuple(found["joints"]) == ARM.joints
        assert [found[key].item() for key in ("skeleton", "fps", "space", "units")] == ["arm", 50, space, "m"]
        assert found["axes"].item().endswith("z forward" if space == "camera" else "z up")
        np.testing.assert_array_equal(found["parents"], ARM.parents)
        np.testing.assert_array_equal(found["starts"], 10 * np.arange(len(names)))
        for number, motion in enumerate(motions):
            np.testing.assert_array_equal(found[f"positions_{number}"], motion.positions)
            np.testing.assert_array_equal(found[f"filled_{number}"], writers.filled(motion))
            assert found[f"positions_{number}"].dtype == np.float32


@pytest.mark.parametrize("names", [("1", "2"), HOSTILE])
def test_json(tmp_path, names):
    motions = people(names)
    writers.write(tmp_path / "a.json", motions)
    found = json.loads((tmp_path / "a.json").read_text("ascii"))
    assert {key: found[key] for key in ("units", "space", "axes", "fps", "skeleton", "parents")} == {
        "units": "m", "space": "camera", "axes": "x right, y down, z forward", "fps": 50, "skeleton": "arm",
        "parents": [-1, 0],
    }  # fmt: skip
    assert tuple(found["joints"]) == ARM.joints
    for person, motion in zip(found["people"], motions, strict=True):
        assert (person["name"], person["start"]) == (motion.name, motion.start)
        np.testing.assert_allclose(person["positions"], motion.positions, atol=5.1e-5)
        np.testing.assert_array_equal(person["filled"], writers.filled(motion))
        assert max(len(str(abs(x)).partition(".")[2]) for x in np.ravel(person["positions"]).tolist()) <= 4


@pytest.mark.parametrize("names", [("1", "2"), HOSTILE])
def test_csv(tmp_path, names):
    motions = people(names, space="world")
    writers.write(tmp_path / "a.csv", motions)
    text = (tmp_path / "a.csv").read_bytes().decode()
    found = list(csv.DictReader(io.StringIO(text, newline="")))
    assert list(found[0]) == ["frame", "time_s", "track", "joint", "x_m", "y_m", "z_m", "filled", "space"]
    expected = [
        (motion, frame, joint)
        for motion in motions for frame in range(len(motion.positions)) for joint in range(2)
    ]  # fmt: skip
    for row, (motion, frame, joint) in zip(found, expected, strict=True):
        assert (int(row["frame"]), row["joint"], row["space"]) == (motion.start + frame, ARM.joints[joint], "world")
        assert row["track"] == motion.name.replace("\ud800", "?")
        assert float(row["time_s"]) == pytest.approx((motion.start + frame) / 50)
        assert bool(int(row["filled"])) == writers.filled(motion)[frame, joint]
        np.testing.assert_allclose([float(row[k]) for k in ("x_m", "y_m", "z_m")], motion.positions[frame, joint],
                                   atol=5.1e-5)  # fmt: skip


@pytest.mark.parametrize("suffix", [".bvh", ".trc", ".c3d", ".TRC"])
def test_one_file_a_person(tmp_path, suffix):
    folder = tmp_path / "inside"
    folder.mkdir()
    one = writers.write(folder / f"one{suffix}", people(["7"], space="world"))
    assert one[0] == folder / f"one{suffix}"
    files = writers.write(folder / f"all.of{suffix}", people(HOSTILE))
    flagged = [] if suffix == ".c3d" else ["all.of.filled.csv", "one.filled.csv"]
    labels = [".._.._etc_passwd", "a_b_", "_", "Šárka_..", "_-2", "x" * 40]
    assert [file.name for file in files[:6]] == [f"all.of_{label}{suffix}" for label in labels]
    assert sorted(os.listdir(folder)) == sorted([*flagged, one[0].name, *(file.name for file in files[:6])])
    assert os.listdir(tmp_path) == ["inside"]
    assert all(file.stat().st_size > 100 for file in files[:6])


def test_filled_joints_are_listed_beside_formats_that_cannot_flag_them(tmp_path):
    assert writers.write(tmp_path / "a.trc", people())[-1] == tmp_path / "a.filled.csv"
    rows = list(csv.reader(io.StringIO((tmp_path / "a.filled.csv").read_bytes().decode(), newline="")))
    assert rows[0] == ["frame", "time_s", "track", "joint"]
    assert rows[1:] == [["1", "0.0200", "1", ARM.joints[1]], ["2", "0.0400", "1", "shoulder"]]
    assert writers.write(tmp_path / "b.trc", people()[1:]) == [tmp_path / "b.trc"]


@pytest.mark.parametrize(
    ("path", "change", "fault"),
    [
        ("a.txt", {}, r"a\.txt: motion is not written as \.txt; use \.npz, \.json, \.csv, \.bvh, \.trc, \.c3d"),
        ("a", {}, "a: motion is not written as a file without suffix; use"),
        ("no/a.csv", {}, r"no/a\.csv: there is no folder .*no; make it"),
        ("a.csv", {"name": "1"}, r"a\.csv: two tracks are called '1'; give each a name of its own"),
        ("a.csv", {"positions": np.zeros((0, 2, 3)), "filled": None}, "track '2' has no frames; leave it out"),
        ("a.csv", {"positions": np.full((4, 2, 3), np.inf)}, "track '2' is not finite at frame 10, joint shoulder; l"),
    ],
)
def test_what_no_file_can_hold_is_refused(tmp_path, path, change, fault):
    first, second = people()
    with pytest.raises(InputError, match=fault):
        writers.write(tmp_path / path, [first, second._replace(**change)])
    assert not os.listdir(tmp_path)


def test_more_that_is_refused(tmp_path, monkeypatch):
    first, second = people()
    for motions, fault in (([], "there is no motion to write"), ([first._replace(fps=0.0)], "frame rate is 0.0")):
        with pytest.raises(InputError, match=fault):
            writers.write(tmp_path / "a.csv", motions)
    for other in (
        second._replace(fps=25.0),
        second._replace(space="world"),
        second._replace(positions=np.ones((4, 3, 3))),
    ):
        with pytest.raises(ValueError, match=r"do not belong in one file|shapes are \(T, J, 3\)"):
            writers.write(tmp_path / "a.csv", [first, other])
    with pytest.raises(InputError, match=r"x+_[12]\.c3d cannot be written \(File name too long"):
        writers.write(tmp_path / f"{'x' * 250}.c3d", people())
    monkeypatch.setitem(sys.modules, "c3d", None)
    with pytest.raises(InputError, match=r"pip install 'jaxpose\[c3d\]'"):
        writers.check_path(tmp_path / "a.c3d")
    assert not os.listdir(tmp_path)
