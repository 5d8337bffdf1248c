"""Every format that detectors write gives the same tracks again, and is told by its content alone."""

import contextlib
import tempfile
from pathlib import Path

import numpy as np
import pytest
from helpers import corpus
from helpers import detector_files as files
from helpers.corpus import assert_refuses
from helpers.readme import readme_table
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.keypoints.detections import Overrides
from jaxpose.keypoints.formats import FILES
from jaxpose.keypoints.layouts import BODY_25, COCO_18, HALPE_26, MEDIAPIPE_33
from jaxpose.keypoints.readers import READERS, read_keypoints
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17

GIVEN = Overrides(size=(1000, 800), fps=30.0)
TWO = files.people()


def wide(layout):
    return files.people(joints=layout.num_joints)


def halpe(path, tracks):
    return files.results(path, tracks, "idx", "v2/frame_{:04d}.jpg")


# What is recognised, how it is written (path, tracks), what is written, the layout that comes out.
FORMATS = {
    "annotations": ("COCO annotations", files.coco_annotations, TWO, COCO_17),
    "no ids": (
        "COCO annotations",
        lambda path, tracks: files.coco_annotations(path, tracks, tracked=False),
        TWO,
        COCO_17,
    ),
    "results": ("COCO results", files.results, TWO, COCO_17),
    "whole bodies": ("COCO results", files.results, files.people(joints=133), COCO_17),
    "alphapose": ("AlphaPose", halpe, wide(HALPE_26), HALPE_26),
    "alphapose's whole bodies": ("AlphaPose", halpe, files.people(joints=136), HALPE_26),
    "mmpose": ("MMPose", lambda path, tracks: files.mmpose(path, tracks, COCO_17.joints), TWO, COCO_17),
    "mmpose of h36m": ("MMPose", lambda path, tracks: files.mmpose(path, tracks, files.MMPOSE_H36M), TWO, H36M_17),
    "mmpose's list": ("MMPose", lambda path, tracks: files.mmpose(path, tracks, (), None), wide(HALPE_26), HALPE_26),
    "mediapipe": ("MediaPipe", files.mediapipe, wide(MEDIAPIPE_33), MEDIAPIPE_33),
    "dwpose": ("DWPose", files.dwpose, wide(COCO_18), COCO_18),
    "dwpose, divided by the canvas": (
        "DWPose",
        lambda path, tracks: files.dwpose(path, tracks, relative=True),
        wide(COCO_18),
        COCO_18,
    ),
    "openpose": ("OpenPose", files.openpose, wide(BODY_25), BODY_25),
    "openpose coco": ("OpenPose", files.openpose, wide(COCO_18), COCO_18),
    "openpose with ids": (
        "OpenPose",
        lambda path, tracks: files.openpose(path, tracks, [4, 2]),
        wide(BODY_25),
        BODY_25,
    ),
    "csv": ("CSV", lambda path, tracks: files.table(path, tracks, HALPE_26.joints), wide(HALPE_26), HALPE_26),
    "npz in the wild": ("npz", lambda path, tracks: files.exchanged(path, {"dance.mp4": list(tracks)}), TWO, COCO_17),
    "npz of h36m": (
        "npz",
        lambda path, tracks: files.exchanged(path, {"S9": list(tracks)}, "h36m", False),
        TWO,
        H36M_17,
    ),
}


def test_every_format_is_in_the_readme_and_in_the_messages():
    rows = readme_table("jaxpose/keypoints/README.md", "format")[1:]
    assert [*dict.fromkeys(row[0] for row in rows)] == [*READERS] == [*FILES]
    assert {kind for kind, *_ in FORMATS.values()} == {*READERS}
    with pytest.raises(InputError) as raised:
        read_keypoints(Path("/nowhere"), GIVEN)
    assert all(described in str(raised.value) for described in FILES.values())


@pytest.mark.parametrize("name", FORMATS)
def test_tracks_come_back(name, tmp_path):
    kind, write, tracks, layout = FORMATS[name]
    found, people = read_keypoints(write(tmp_path / "unnamed", tracks), GIVEN)
    assert found == kind
    assert len(people) == len(tracks)
    people = sorted(people, key=lambda person: person.keypoints[0, :, 0].mean())  # the writers shuffle; left to right
    for person, track in zip(people, tracks, strict=True):
        assert (person.layout, person.width, person.height, person.fps) == (layout, 1000, 800, 30)
        np.testing.assert_array_equal(np.diff(person.frames), 1)
        exact = 1e-4 if kind in ("MediaPipe", "DWPose") else 0  # divided by the size of the image and multiplied again
        np.testing.assert_allclose(person.keypoints, track[:, : layout.num_joints], atol=exact)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("frame\n", "is in no known format; name the folder that OpenPose"),
        ("", "is in no known format"),
        ("{]", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"people": []}', "is one frame of OpenPose, not the folder"),
        ('{"bodies": [], "version": 1}', "is JSON with 'bodies', 'version'; name"),
        ('[{"people": []}]', "is a JSON list of dict; name"),
        ("[1, 2]", "is a JSON list of int; name"),
        ("[]", "is a JSON list of NoneType; name"),
        ("PK no archive", "is in no known format"),
        ("\xff", "is in no known format"),
    ],
)
def test_what_is_no_keypoint_file_is_refused(content, fault, tmp_path):
    (tmp_path / "file").write_text(content)
    with pytest.raises(InputError, match=fault):
        read_keypoints(tmp_path / "file", GIVEN)


def test_bytes_and_nothing_are_refused(tmp_path):
    (tmp_path / "film.mp4").write_bytes(b"\x00\x01\xff\xfe" * 9)
    with pytest.raises(InputError, match=r"film\.mp4 cannot be read as text"):
        read_keypoints(tmp_path / "film.mp4", GIVEN)
    with pytest.raises(
        InputError,
        match=r"there is no file or folder .*gone\.json; name the folder that OpenPose writes, ",
    ):
        read_keypoints(tmp_path / "gone.json", GIVEN)


def to_damage(name, folder):
    """A sound file of a format, and what reads it; of OpenPose's folder the file of one frame."""
    _, write, tracks, _ = FORMATS[name]
    whole = write(folder / "unnamed", tracks[:, :3])
    return next(whole.iterdir()) if whole.is_dir() else whole, lambda: read_keypoints(whole, GIVEN)


KINDS = ["annotations", "results", "alphapose", "mmpose", "mediapipe", "dwpose", "openpose", "csv", "npz in the wild"]


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_file(name, tmp_path):
    file, read_it = to_damage(name, tmp_path)
    assert_refuses(read_it, file, named=str(tmp_path / "unnamed"))


@pytest.mark.parametrize("name", KINDS)
@given(draw=st.data())
def test_an_edited_file_is_refused_or_read(name, draw):
    """No bytes of a stranger's file raise anything but `InputError`, and what is read can be lifted."""
    with tempfile.TemporaryDirectory() as folder:
        file, read_it = to_damage(name, Path(folder))
        file.write_bytes(draw.draw(corpus.edits(file.read_bytes())))
        with contextlib.suppress(InputError):
            for person in read_it()[1]:
                assert person.keypoints.shape == (len(person.frames), person.layout.num_joints, 3)
                assert not np.isinf(person.keypoints).any()
                assert (np.diff(person.frames) > 0).all()
