"""The command that prepares AIST++: tracks against float64, and files that are wrong or crafted."""

import json
import os
import pickle
import re
import zipfile

import numpy as np
import pytest
from helpers import aist_files, oracles
from helpers.aist_files import CENTRE, FOCAL, K1, SEQUENCES, dance, projected, save, to_camera

from data_prep import aist
from jaxpose.data import store
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17

BREAK, FREE, HOP, _ = SEQUENCES

# Joints of Human3.6M that are COCO's own, by name; and the trunk, by the joints of COCO whose mean each is.
OWN = {
    "right_hip": 12, "right_knee": 14, "right_ankle": 16, "left_hip": 11, "left_knee": 13, "left_ankle": 15, "neck": 0,
    "left_shoulder": 5, "left_elbow": 7, "left_wrist": 9, "right_shoulder": 6, "right_elbow": 8, "right_wrist": 10,
}  # fmt: skip
MEANS = {"pelvis": [11, 12], "spine": [5, 6, 11, 12], "thorax": [5, 6], "head": [1, 2]}
OF_H36M = [H36M_17.index(joint) for joint in OWN]
OF_COCO = [*OWN.values()]


def run(source, out, *options):
    aist.main([str(source), "--out", str(out), "--jobs", "1", *options])
    return out


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The data set of the made annotations."""
    folder = tmp_path_factory.mktemp("aist")
    return run(save(folder / "annotations"), folder / "out")


def projected_by_the_contract(track):
    """Pixels of a track's joints, float64, with the model of the data contract written out."""
    fx, fy, cx, cy, k1, k2, k3, p1, p2 = track.intrinsics.astype(np.float64)
    points = track.positions_3d.astype(np.float64)
    xy = points[..., :2] / points[..., 2:]
    r2 = (xy**2).sum(axis=-1, keepdims=True)
    assert (p1, p2) == (0, 0)
    return xy * (1 + r2 * (k1 + r2 * (k2 + r2 * k3))) * (fx, fy) + (cx, cy)


def test_the_tracks_are_those_of_dancers_sequences_cameras_and_runs(prepared):
    description, tracks = store.read_tracks(prepared, "all")
    assert (description.title, description.synthetic, description.channels) == ("AIST++", False, 3)
    assert (description.skeleton, description.layout) == (H36M_17, COCO_17)
    assert description.splits == ("d04", "d16")
    found = {(track.subject, track.action, track.camera): len(track.positions_3d) for track in tracks}
    cameras = [f"c0{number}" for number in range(1, 10)]
    expected = {("d04", "gBR sBM mBR0 ch01", camera): 9 for camera in cameras if camera != "c05"}  # not synchronous
    expected |= {("d04", "gBR sFM mBR1 ch02 chunk0", camera): 6 for camera in cameras}
    expected |= {("d16", "gLH sBM mLH4 ch05", camera): 8 for camera in cameras if camera != "c03"}
    expected |= {("d16", f"gLH sBM mLH4 ch05 chunk{number}", "c03"): 3 for number in (1, 3)}
    assert found == expected
    assert {(track.fps, track.width, track.height) for track in tracks} == {(60.0, 1920, 1080)}


def test_the_poses_fall_on_the_keypoints(prepared):
    for track in store.read_tracks(prepared, "all")[1]:
        off = projected_by_the_contract(track)[:, OF_H36M] - track.keypoints_2d[:, OF_COCO, :2]
        assert np.abs(off).max() < 1e-2
        assert (track.keypoints_2d[..., 2] >= 0.3).all()


def test_the_tracks_against_float64(prepared):
    frames = {"gBR sBM mBR0 ch01": (BREAK, slice(0, 9)), "gBR sFM mBR1 ch02 chunk0": (FREE, slice(0, 6)),
              "gLH sBM mLH4 ch05": (HOP, slice(0, 8)), "gLH sBM mLH4 ch05 chunk1": (HOP, slice(1, 4)),
              "gLH sBM mLH4 ch05 chunk3": (HOP, slice(5, 8))}  # fmt: skip
    for track in store.read_tracks(prepared, "all")[1]:
        sequence, run_ = frames[track.action]
        index = int(track.camera[1:]) - 1
        coco = to_camera(dance(sequence), index)[run_] / 100
        np.testing.assert_allclose(track.positions_3d[:, OF_H36M], coco[:, OF_COCO], atol=1e-5)
        for joint, mean in MEANS.items():
            np.testing.assert_allclose(track.positions_3d[:, H36M_17.index(joint)], coco[:, mean].mean(1), atol=1e-5)
        np.testing.assert_allclose(track.keypoints_2d[..., :2], projected(100 * coco), rtol=1e-5)
        np.testing.assert_allclose(track.intrinsics, [*FOCAL, *CENTRE, K1, 0, 0, 0, 0], rtol=1e-6)
        # Back in the world: y up has become z up, the handedness is kept, the feet are on the floor.
        turn = oracles.quaternion_matrix(track.orientation.astype(np.float64))
        x, y, z = np.moveaxis(dance(sequence)[run_][:, OF_COCO] / 100, -1, 0)
        back = track.positions_3d @ turn.T + track.translation
        np.testing.assert_allclose(back[:, OF_H36M], np.stack([x, -z, y], axis=-1), atol=1e-5)
        assert track.translation[2] == pytest.approx(1.8, abs=1e-5)
        assert turn[2, 1] < -0.99  # the image's y axis points down in the world


def test_what_is_left_out_is_said_and_stored(tmp_path, capsys):
    folder = save(tmp_path / "annotations")
    (folder / "keypoints2d" / f"{FREE}.pkl").unlink()
    out = run(folder, tmp_path / "out", "--cameras", "c01", "c05")
    lines = [
        "left out, sequences in ignore_list.txt: gLH_sBM_cAll_d16_mLH4_ch06",
        f"left out, sequences in only one of keypoints2d and keypoints3d: {FREE}",
        f"left out, views that are not synchronous or of another size: c05 of {BREAK}",
        "left out, frames that are not finite: each run of frames between them is a track",
    ]
    printed = capsys.readouterr().out
    assert printed.splitlines()[:4] == lines
    info = json.loads((out / "dataset_info.json").read_text())
    assert all(line in info["description"] for line in lines)
    found = [(track.action, track.camera) for track in store.read_tracks(out, "all")[1]]
    hop = "gLH sBM mLH4 ch05"
    assert found == [("gBR sBM mBR0 ch01", "c01"), (hop, "c01"), (hop, "c05")]


def test_poses_in_metres(tmp_path, refusal):
    folder = save(tmp_path / "annotations")
    for path in (folder / "keypoints3d").iterdir():
        poses, _ = aist_files.contents(path.stem)
        path.write_bytes(pickle.dumps({name: array / 100 for name, array in poses.items()}))
    line = refusal(aist.main, [str(folder), "--out", str(tmp_path / "out"), "--jobs", "1"])
    assert re.search(r"d04/gBR sBM mBR0 ch01/c01: the box around the person has a diagonal of 0.0\d+ m: t", line)


@pytest.mark.parametrize("protocol", [2, 4])
def test_an_archive_is_read_as_it_is(tmp_path, prepared, protocol):
    folder = save(tmp_path / "annotations", protocol)
    with zipfile.ZipFile(tmp_path / "fullset.zip", "w") as archive:
        for path in sorted(folder.rglob("*.*"), reverse=True):
            archive.write(path, f"aist_plusplus_final/{path.relative_to(folder)}")
            archive.writestr(f"__MACOSX/aist_plusplus_final/{path.parent.name}/._{path.name}", b"of a Mac")
    out = run(tmp_path / "fullset.zip", tmp_path / "out")
    expected = {track[:3]: track for track in store.read_tracks(prepared, "all")[1]}
    for track in store.read_tracks(out, "all")[1]:
        for field, value in expected.pop(track[:3])._asdict().items():
            np.testing.assert_array_equal(getattr(track, field), value)
    assert not expected


class Crafted:
    """Pickles to a call."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def changed_pickle(folder, kind, **fields):
    path = folder / kind / f"{BREAK}.pkl"
    path.write_bytes(pickle.dumps({**pickle.loads(path.read_bytes()), **fields}))


@pytest.mark.parametrize("kind", ["keypoints3d", "keypoints2d"])
def test_a_crafted_pickle_is_refused_and_nothing_runs(tmp_path, refusal, kind):
    folder = save(tmp_path / "annotations")
    changed_pickle(folder, kind, timestamps=Crafted(tmp_path / "made"))
    line = refusal(lambda options: run(folder, tmp_path / "out", *options), [])
    assert f"{kind}/{BREAK}.pkl: the pickle names 'posix.mkdir'" in line
    assert not (tmp_path / "made").exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("kind", "field", "value", "message"),
    [
        ("keypoints3d", "keypoints3d_optim", np.zeros((9, 16, 3)),
         r"'keypoints3d_optim' are float64 of shape \(9, 16, 3\), not numbers of shape \(frames, 17, 3\); download"),
        ("keypoints3d", "keypoints3d_optim", np.zeros((0, 17, 3)), r"of shape \(0, 17, 3\), not"),
        ("keypoints3d", "keypoints3d_optim", np.array(0.0), r"of shape \(\), not"),
        ("keypoints3d", "keypoints3d_optim", [[0.0]], "'keypoints3d_optim' are list, not numbers"),
        ("keypoints3d", "keypoints3d_optim", np.zeros((9, 17, 3), object), "are object of shape"),
        ("keypoints2d", "keypoints2d", np.zeros((8, 9, 17, 3), np.float32),
         r"'keypoints2d' are float32 of shape \(8, 9, 17, 3\), not numbers of shape \(9, 9, 17, 3\)"),
        ("keypoints2d", "keypoints2d", np.zeros((9, 8, 17, 3)), r"\(9, 8, 17, 3\), not numbers of shape \(9, 9, 17,"),
        ("keypoints2d", "keypoints2d", np.full((9, 9, 17, 3), 1e300), "split 'd04' has no tracks"),
    ],
)  # fmt: skip
def test_wrong_keypoints(tmp_path, refusal, kind, field, value, message):
    folder = save(tmp_path / "annotations")
    (folder / "keypoints2d" / f"{FREE}.pkl").unlink()
    changed_pickle(folder, kind, **{field: value})
    line = refusal(lambda options: run(folder, tmp_path / "out", *options), [])
    assert re.search(message, line)
    assert f"{kind}/{BREAK}.pkl: " in line or "has no tracks" in message
    assert not (tmp_path / "out").exists()


def test_pickles_of_other_things(tmp_path, refusal):
    folder = save(tmp_path / "annotations")
    path = folder / "keypoints3d" / f"{BREAK}.pkl"
    for content, message in (
        (pickle.dumps({"smpl_poses": np.zeros(3)}), "it has no 'keypoints3d_optim', only smpl_poses; download"),
        (pickle.dumps([1]), "it has no 'keypoints3d_optim', list; download"),
        (path.read_bytes()[:-30], "not a readable pickle"),
        (b"", "not a readable pickle"),
    ):
        path.write_bytes(content)
        line = refusal(lambda options: run(folder, tmp_path / "out", *options), [])
        assert f"{path.relative_to(folder)}: {message}" in line


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda listed: listed[1].pop("rotation"), "camera c02: 'rotation' must be 3 numbers; download it again"),
        (lambda listed: listed[1].update(rotation=[0, 0, "x"]), "camera c02: 'rotation' must be 3 numbers"),
        (lambda listed: listed[1].update(translation=[0, 0, float("nan")]), "'translation' must be 3 numbers"),
        (lambda listed: listed[1].update(translation=[0, 0, 10**400]), "'translation' must be 3 numbers"),
        (lambda listed: listed[1].update(matrix=[[1, 0], [0, 1]]), "'matrix' must be 3 x 3 numbers"),
        (lambda listed: listed[1].update(matrix=[[9, 1, 0], [0, 9, 0], [0, 0, 1]]), "'matrix' must be [[fx, 0, cx]"),
        (lambda listed: listed[1].update(matrix=[[9, 0, 0], [0, -9, 0], [0, 0, 1]]), "'matrix' must be [[fx, 0, cx]"),
        (lambda listed: listed[1].update(size=[1920, 0]), "camera c02: 'size' must be the width and height"),
        (lambda listed: listed[1].update(size=[1920, 10.5]), "camera c02: 'size' must be the width and height"),
        (lambda listed: listed[1].update(distortions=[0, 0, 1e-3, 0, 0]), "c02: 'distortions' are tangential"),
        (lambda listed: listed[1].update(distortions=[0]), "c02: 'distortions' must be 5 numbers"),
        (lambda listed: listed[1].update(name="c01"), "setting1.json: a camera has the name 'c01', not one of"),
        (lambda listed: listed[1].update(name=["c02"]), "setting1.json: a camera has the name ['c02'], not one of"),
        (lambda listed: listed.pop(4), "setting1.json: there is no camera c05, only c01, c02, c03, c04, c06"),
        (lambda listed: listed.insert(0, 7), "setting1.json: it is not a list of cameras"),
    ],
)
def test_wrong_cameras(tmp_path, refusal, change, message):
    folder, listed = save(tmp_path / "annotations"), aist_files.cameras()
    change(listed)
    (folder / "cameras/setting1.json").write_text(json.dumps(listed))
    line = refusal(lambda options: run(folder, tmp_path / "out", *options), [])
    assert f"{folder}: cameras/setting1.json: " in line
    assert message in line


def test_missing_and_wrong_files(tmp_path, refusal):
    folder = save(tmp_path / "annotations")

    def refused(*options):
        return refusal(lambda words: run(folder, tmp_path / "out", *options, *words), [])

    assert "--cameras: there is no camera c10, only c01, c02" in refused("--cameras", "c01", "c10")
    assert "--cameras names no camera" in refused("--cameras")
    (folder / "copy").mkdir()
    (folder / "copy" / "ignore_list.txt").touch()
    assert "copy/ignore_list.txt and ignore_list.txt are the same file" in refused()
    (folder / "copy" / "ignore_list.txt").unlink()
    for name, text, message in (
        ("cameras/setting1.json", "[", "cameras/setting1.json: not a JSON file (Expecting value"),
        ("cameras/setting1.json", None, "cameras/setting1.json: there is no such file, but mapping.txt names it"),
        ("cameras/mapping.txt", f"{BREAK} setting1 x", f"cameras/mapping.txt: '{BREAK} setting1 x' is not a seq"),
        ("cameras/mapping.txt", f"{BREAK} setting1", f"cameras/mapping.txt: {FREE}, {HOP} is missing; download"),
        ("cameras/mapping.txt", None, "there is no cameras/mapping.txt in it; name the folder that has"),
        ("ignore_list.txt", "\n".join(SEQUENCES), "no sequence has a file in both keypoints2d and keypoints3d"),
        ("ignore_list.txt", None, "there is no ignore_list.txt in it; name the folder that has keypoints2d,"),
    ):  # fmt: skip
        before = (folder / name).read_text()
        (folder / name).unlink() if text is None else (folder / name).write_text(text)
        assert message in refused()
        (folder / name).write_text(before)
    folder = tmp_path / "nowhere"
    assert "nowhere: no such file or folder" in refused()


def test_a_file_that_goes_away_is_named(tmp_path):
    options = aist.Options(source=save(tmp_path / "annotations"), out=tmp_path / "out")
    source = aist.make_source(options)
    (options.source / "keypoints2d" / f"{BREAK}.pkl").unlink()
    with pytest.raises(InputError, match=f"keypoints2d/{BREAK}.pkl no longer exists; restore it"):
        list(source.tracks("d04"))
