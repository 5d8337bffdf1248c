"""Tables of motion: npz, JSON and CSV give back the motion, whatever people are called."""

import csv
import io
import json

import numpy as np
import pytest
from helpers.motions import ARM, HOSTILE_NAMES, people

from jaxpose.export import tables
from jaxpose.export.motion import Motion, filled_mask
from jaxpose.skeleton import H36M_17


@pytest.mark.parametrize("space", ["camera", "world"])
@pytest.mark.parametrize("names", [("1", "2"), HOSTILE_NAMES[:-2]])
def test_npz(names, space):
    motions = people(names, space=space)
    with np.load(io.BytesIO(tables.encode_npz(motions)), allow_pickle=False) as found:
        assert found["names"].tolist() == list(names)
        assert tuple(found["joints"]) == ARM.joints
        assert [found[key].item() for key in ("skeleton", "fps", "space", "units")] == ["arm", 50, space, "m"]
        assert found["axes"].item().endswith("z forward" if space == "camera" else "z up")
        np.testing.assert_array_equal(found["parents"], ARM.parents)
        np.testing.assert_array_equal(found["starts"], 10 * np.arange(len(names)))
        for number, motion in enumerate(motions):
            np.testing.assert_array_equal(found[f"positions_{number}"], motion.positions)
            np.testing.assert_array_equal(found[f"filled_{number}"], filled_mask(motion))
            assert found[f"positions_{number}"].dtype == np.float32


def test_joint_angles_are_those_between_the_limbs():
    positions = np.random.default_rng(0).normal(size=(5, 17, 3)).astype(np.float32)
    motion = Motion("ann", positions, H36M_17, 50.0)
    one, middle, other = (positions[:, [angle.joints[n] for angle in H36M_17.angles]].astype(float) for n in range(3))
    first, second = one - middle, other - middle
    cosines = (first * second).sum(-1) / np.linalg.norm(first, axis=-1) / np.linalg.norm(second, axis=-1)
    with np.load(io.BytesIO(tables.encode_npz([motion])), allow_pickle=False) as found:
        assert found["angle_names"].tolist() == [angle.name for angle in H36M_17.angles]
        np.testing.assert_allclose(found["angles_0"], np.rad2deg(np.arccos(cosines)), atol=1e-3)
    document = json.loads(tables.encode_json([motion]))
    np.testing.assert_allclose(document["people"][0]["angles"], np.rad2deg(np.arccos(cosines)), atol=0.06)


@pytest.mark.parametrize("names", [("1", "2"), HOSTILE_NAMES])
def test_json(names):
    motions = people(names)
    found = json.loads(tables.encode_json(motions).decode("ascii"))
    assert {key: found[key] for key in ("units", "space", "axes", "fps", "skeleton", "parents")} == {
        "units": "m", "space": "camera", "axes": "x right, y down, z forward", "fps": 50, "skeleton": "arm",
        "parents": [-1, 0],
    }  # fmt: skip
    assert tuple(found["joints"]) == ARM.joints
    for person, motion in zip(found["people"], motions, strict=True):
        assert (person["name"], person["start"]) == (motion.name, motion.start)
        np.testing.assert_allclose(person["positions"], motion.positions, atol=5.1e-5)
        np.testing.assert_array_equal(person["filled"], filled_mask(motion))
        assert max(len(str(abs(x)).partition(".")[2]) for x in np.ravel(person["positions"]).tolist()) <= 4


@pytest.mark.parametrize(("unit", "scale"), [("cm", 100), ("mm", 1000)])
def test_other_units(unit, scale):
    motions = people(space="world")
    with np.load(io.BytesIO(tables.encode_npz(motions, unit)), allow_pickle=False) as archive:
        assert archive["units"].item() == unit
        np.testing.assert_allclose(archive["positions_1"], scale * motions[1].positions, rtol=1e-6)
        assert archive["positions_1"].dtype == np.float32
    document = json.loads(tables.encode_json(motions, unit))
    assert document["units"] == unit
    np.testing.assert_allclose(
        document["people"][1]["positions"], scale * motions[1].positions, atol=0.051 * scale / 1000
    )
    rows = list(csv.DictReader(io.StringIO(tables.encode_csv(motions, unit).decode(), newline="")))
    found = [[float(row[f"{axis}_{unit}"]) for axis in "xyz"] for row in rows if row["track"] == "2"]
    np.testing.assert_allclose(np.reshape(found, (-1, 2, 3)), scale * motions[1].positions, atol=0.051 * scale / 1000)


@pytest.mark.parametrize("names", [("1", "2"), HOSTILE_NAMES])
def test_csv(names):
    motions = people(names, space="world")
    found = list(csv.DictReader(io.StringIO(tables.encode_csv(motions).decode(), newline="")))
    assert list(found[0]) == ["frame", "time_s", "track", "joint", "x_m", "y_m", "z_m", "filled", "space"]
    expected = [
        (motion, frame, joint)
        for motion in motions for frame in range(len(motion.positions)) for joint in range(2)
    ]  # fmt: skip
    for row, (motion, frame, joint) in zip(found, expected, strict=True):
        assert (int(row["frame"]), row["joint"], row["space"]) == (motion.start + frame, ARM.joints[joint], "world")
        assert row["track"] == motion.name.replace("\ud800", "?")
        assert float(row["time_s"]) == pytest.approx((motion.start + frame) / 50)
        assert bool(int(row["filled"])) == filled_mask(motion)[frame, joint]
        np.testing.assert_allclose([float(row[k]) for k in ("x_m", "y_m", "z_m")], motion.positions[frame, joint],
                                   atol=5.1e-5)  # fmt: skip


def test_filled_joints_are_listed():
    found = list(csv.reader(io.StringIO(tables.encode_filled_csv(people()).decode(), newline="")))
    assert found[0] == ["frame", "time_s", "track", "joint"]
    assert found[1:] == [["1", "0.0200", "1", ARM.joints[1]], ["2", "0.0400", "1", "shoulder"]]
