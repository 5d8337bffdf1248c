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

from jaxpose.keypoints import formats
from jaxpose.keypoints.detections import Overrides
from jaxpose.keypoints.formats import FILES
from jaxpose.keypoints.layouts import BODY_25, COCO_18, HALPE_26, MEDIAPIPE_33, POSETRACK_17
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
    "annotations with names": (
        "COCO annotations",
        lambda path, tracks: files.coco_annotations(path, tracks, names=POSETRACK_17.joints),
        TWO,
        POSETRACK_17,
    ),
    "results": ("COCO results", files.results, TWO, COCO_17),
    "whole bodies": ("COCO results", files.results, files.people(joints=133), COCO_17),
    "alphapose": ("AlphaPose", halpe, wide(HALPE_26), HALPE_26),
    "alphapose's whole bodies": ("AlphaPose", halpe, files.people(joints=136), HALPE_26),
    "mmpose": ("MMPose", lambda path, tracks: files.mmpose(path, tracks, COCO_17.joints), TWO, COCO_17),
    "mmpose of h36m": ("MMPose", lambda path, tracks: files.mmpose(path, tracks, files.MMPOSE_H36M), TWO, H36M_17),
    "mmpose's list": ("MMPose", lambda path, tracks: files.mmpose(path, tracks, (), None), wide(HALPE_26), HALPE_26),
    "mediapipe": ("MediaPipe", files.mediapipe, wide(MEDIAPIPE_33), MEDIAPIPE_33),
    "mediapipe's protobufs": ("MediaPipe", files.mediapipe_protobufs, wide(MEDIAPIPE_33), MEDIAPIPE_33),
    "mediapipe's names": ("MediaPipe", files.mediapipe_names, wide(MEDIAPIPE_33), MEDIAPIPE_33),
    "dwpose": ("DWPose", files.dwpose, wide(COCO_18), COCO_18),
    "dwpose, divided by the canvas": (
        "DWPose",
        lambda path, tracks: files.dwpose(path, tracks, relative=True),
        wide(COCO_18),
        COCO_18,
    ),
    "openpose": ("OpenPose", files.openpose, wide(BODY_25), BODY_25),
    "openpose's whole bodies": ("OpenPose", files.openpose, files.people(joints=133), COCO_17),
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
    assert readme_table("jaxpose/keypoints/README.md", "format") == formats.readme_table()
    rows = formats.readme_table()[1:]
    assert [*dict.fromkeys(row[0] for row in rows)] == [*READERS] == [*FILES]
    assert {kind for kind, *_ in FORMATS.values()} == {*READERS}
    with pytest.raises(InputError) as raised:
        read_keypoints(Path("/nowhere"), GIVEN)
    assert all(each.words in str(raised.value) for each in FILES.values())


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


def alphapose(path, ids, **more):
    """AlphaPose's results of the people in `TWO`, with the ids of (frame, person)."""
    found = [
        {"image_id": f"{t}.jpg", "keypoints": files.flat(pose), "score": 2.5, "box": [0, 0, 1, 1], **ids(t, p)}
        for p, track in enumerate(TWO)
        for t, pose in enumerate(track)
    ]
    return files.write(path, found)


def about_people(track):
    """The notes but the one that the points of `TWO`, which are at random, are no body."""
    return [note for note in track.notes if "check --layout" not in note]


SINGLE = [("1", 12), ("2", 12)]
LINKED = {
    "floats over a million": (lambda t, p: {"idx": [1234567.0 + p]}, [("1234567", 12), ("1234568", 12)], ""),
    "null beside a sound id": (lambda t, p: {"track_id": None, "idx": p + 4}, [("4", 12), ("5", 12)], ""),
    "attributes of CVAT": (lambda t, p: {"attributes": {"track_id": p, "keyframe": False}}, [("0", 12), ("1", 12)], ""),
    "no tracking": (lambda t, p: {"idx": [0.0]}, SINGLE, ""),
    "no tracking, after its own suppression": (lambda t, p: {"idx": [[0.0], [0.0]]}, SINGLE, ""),
    "an id for everybody": (lambda t, p: {"track_id": 7}, SINGLE, "the track id 7 is that of several people"),
    "an id for each detection": (lambda t, p: {"track_id": 100 * t + p}, SINGLE, "every detection has a track id of"),
    "no id in one frame": (
        lambda t, p: {} if t == 5 else {"track_id": p},
        [("0", 12), ("1", 12)],
        "2 of 24 detections have no track id: 2 joined the nearest track",
    ),
    "no ids of one person": (
        lambda t, p: {"idx": [1.0] if p else []},
        [("1", 12), ("new1", 12)],
        "12 of 24 detections have no track id: 0 joined the nearest track, 12 are further tracks, new1 and on",
    ),
}


@pytest.mark.parametrize("name", LINKED)
def test_track_ids_as_programs_write_them(name, tmp_path):
    ids, expected, note = LINKED[name]
    _, tracks = read_keypoints(alphapose(tmp_path / "r.json", ids), GIVEN)
    assert sorted((track.name, len(track.frames)) for track in tracks) == expected
    for track in tracks:
        person = int(track.keypoints[0, :, 0].mean() > 300)
        np.testing.assert_array_equal(track.keypoints, TWO[person])
        notes = about_people(track)
        assert len(notes) == bool(note)
        assert note in "".join(notes)


def test_one_who_is_tracked_by_openpose_in_most_frames(tmp_path):
    folder = files.openpose(tmp_path / "json", wide(BODY_25)[:1], [0])
    for frame in (0, 7):
        file = next(folder.glob(f"*{frame:012}_keypoints.json"))
        file.write_text(file.read_text().replace('"person_id": [0]', '"person_id": [-1]'))
    _, (track,) = read_keypoints(folder, GIVEN)
    assert (track.name, track.frames.tolist()) == ("0", [*range(12)])
    assert "2 of 12 detections have no track id: 2 joined the nearest track" in about_people(track)[0]


@pytest.mark.parametrize("moved", [{}, {"dance2_": "dance3_"}, {"dance2_00000": "side_00000"}])
def test_a_folder_of_two_videos_is_refused(moved, tmp_path):
    folder = files.openpose(tmp_path / "json", wide(BODY_25))
    for file in sorted(folder.iterdir())[6:]:
        for old, new in moved.items():
            file.rename(folder / file.name.replace(old, new))
    if not moved:
        assert read_keypoints(folder, GIVEN)[1][0].frames.tolist() == [*range(12)]
        return
    with pytest.raises(InputError, match=r"two videos.*give each video a file or folder of its own") as raised:
        read_keypoints(folder, GIVEN)
    assert "dance2_" in str(raised.value)
    assert any(new in str(raised.value) for new in moved.values())


@pytest.mark.parametrize(("pattern", "number"), [("{:05}_00_keypoints.json", 1), ("cam1.{:019}.json", 10**18)])
def test_a_folder_is_numbered_by_what_varies_in_its_names(pattern, number, tmp_path):
    folder = files.openpose(tmp_path / "json", wide(BODY_25))
    for frame, file in enumerate(sorted(folder.iterdir())):
        file.rename(folder / pattern.format(number + frame * (1 if number == 1 else 33_366_700)))
    _, tracks = read_keypoints(folder, GIVEN)
    assert [(track.frames - track.frames[0]).tolist() for track in tracks] == [[*range(12)]] * 2
    assert tracks[0].frames[0] == (1 if number == 1 else 0)


def test_results_of_every_sixtieth_frame_are_a_track_with_gaps(tmp_path):
    found = [
        {"image_id": 60 * t, "keypoints": files.flat(pose + np.array([90 * t, 0, 0])), "score": 0.9}
        for t, pose in enumerate(TWO[0, :8])
    ]
    _, (track,) = read_keypoints(files.write(tmp_path / "r.json", found), GIVEN)
    assert track.frames.tolist() == [*range(0, 480, 60)]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("frame\n", "is in no known format; name the folder that OpenPose"),
        ("", "is in no known format"),
        ("{]", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        (
            "frame;joint;x;y\n0;nose;1,5;2,5\n",
            "is no table with the columns frame, joint, x, y, separated by commas",
        ),
        ("scorer,DLC,DLC\n", "its first line is 'scorer,DLC,DLC'; name the folder"),
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


KINDS = [
    "annotations", "annotations with names", "results", "alphapose", "mmpose", "mediapipe", "mediapipe's protobufs",
    "dwpose", "openpose", "csv", "npz in the wild",
]  # fmt: skip


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
