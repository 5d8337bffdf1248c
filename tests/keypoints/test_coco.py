"""COCO's files: which image is which frame, who is who, and what is missing."""

import json

import numpy as np
import pytest
from helpers.detector_files import coco_annotations, people, results, write

from jaxpose.keypoints import coco
from jaxpose.keypoints.detections import Overrides
from jaxpose.keypoints.layouts import POSETRACK_17
from jaxpose.keypoints.readers import read_keypoints
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17

TWO = people(frames=3)


def changed(path, change):
    document = json.loads(path.read_text())
    change(document)
    return document


def read(path, change=lambda document: None):
    return coco.read_coco_annotations(path, changed(path, change))


def images(rename):
    """A change of a document: each image is updated by its place in the list."""

    def change(document):
        for place, image in enumerate(document["images"]):
            image.update(rename(place))

    return change


def frames_by_name(path, change):
    """The frame of each image, in the order of the images."""
    document = changed(path, change)
    (rows,) = coco.read_coco_annotations(path, document)
    frame_of = {note["image_id"]: frame for note, frame in zip(document["annotations"], rows.frames, strict=False)}
    return [frame_of[image["id"]] for image in document["images"]], rows


def test_frames_are_numbered_by_frame_id_or_by_the_names_of_the_images(tmp_path):
    path = coco_annotations(tmp_path / "a.json", TWO)
    frames, rows = frames_by_name(path, lambda document: None)
    assert frames == [0, 1, 2]
    assert (set(rows.people), rows.size, rows.notes) == ({"5", "6"}, (1000, 800), ())
    names = ["walk_0003.jpg", "walk_0000.jpg", "walk_0002.jpg"]
    assert frames_by_name(path, images(lambda n: {"file_name": names[n]}))[0] == [3, 0, 2]
    assert frames_by_name(path, images(lambda n: {"file_name": f"{10 * n}.jpg"}))[0] == [0, 10, 20]
    for kind in (int, float, str):  # words and floats are numbers as well
        frames, rows = frames_by_name(path, images(lambda n, kind=kind: {"frame_id": kind(7 - n)} | {"file_name": "a"}))
        assert (frames, rows.notes) == ([7, 6, 5], ())


def test_a_frame_id_that_disagrees_with_the_names_is_said(tmp_path):
    path = coco_annotations(tmp_path / "a.json", TWO)
    frames, rows = frames_by_name(path, images(lambda n: {"frame_id": n, "file_name": f"w_{10 * n}.jpg"}))
    assert frames == [0, 1, 2]
    assert "frames are counted by frame_id, 0 to 2; the names of the images count 0 to 20" in rows.notes[0]
    _, rows = frames_by_name(path, images(lambda n: {"frame_id": n, "file_name": f"w_{n + 1}.jpg"}))
    assert rows.notes == ()


def test_the_order_of_nameless_images_is_said_to_count(tmp_path):
    path = coco_annotations(tmp_path / "a.json", TWO)
    frames, rows = frames_by_name(path, images(lambda n: {"file_name": "walk.jpg"}))
    assert frames == [0, 1, 2]
    assert "neither frame_id nor a number in file_name; their order counts the frames" in rows.notes[0]


def posetrack(document):
    """PoseTrack's annotations: no sizes, ids of eleven digits; the last image is of another sequence."""
    old = [image["id"] for image in document["images"]]
    new = [10034180000, 10034180004, 10034190001]
    for image, number in zip(document["images"], new, strict=True):
        image.clear()
        image |= {"id": number, "frame_id": number, "vid_id": f"{number // 10**4 % 10**6:06}"}
        image["file_name"] = f"images/val/{image['vid_id']}_mpii_test/{number % 10**4:06}.jpg"
    for note in document["annotations"]:
        note["image_id"] = dict(zip(old, new, strict=True))[note["image_id"]]
    document["annotations"].sort(key=lambda note: note["image_id"])


@pytest.mark.parametrize("without", [(), ("frame_id",), ("frame_id", "vid_id"), ("frame_id", "vid_id", "file_name")])
def test_sequences_of_posetrack_are_two_videos(without, tmp_path):
    def change(document):
        posetrack(document)
        for image in document["images"]:
            for field in without:
                image.pop(field)

    one, two = read(coco_annotations(tmp_path / "a.json", TWO), change)
    assert (one.video, sorted(one.frames), one.size) == ("003418", [0, 0, 4, 4], None)
    assert (two.video, sorted(two.frames), two.size) == ("003419", [1, 1], None)
    assert one.notes == two.notes == ()


def test_videos_have_names_and_sizes_of_their_own(tmp_path):
    path = coco_annotations(tmp_path / "a.json", TWO)

    def change(document):
        images(lambda n: {"video_id": n // 2, "width": [640, 1000][n // 2]})(document)
        document["videos"] = [{"id": 0, "name": "kick"}, {"id": 1, "name": "throw"}]

    rows = {one.video: one for one in read(path, change)}
    assert rows["kick"].size == (640, 800)
    assert rows["throw"].size == (1000, 800)
    np.testing.assert_array_equal(rows["throw"].keypoints[::-1], TWO[:, 2])
    (one,) = read(path, images(lambda n: {"video_id": 3}))
    assert one.video == ""


def test_two_videos_that_do_not_say_so_are_refused(tmp_path):
    path = coco_annotations(tmp_path / "a.json", TWO)
    with pytest.raises(InputError, match=r"'cam1_0\.jpg' and 'cam2_0\.jpg', as if .*; or give the images a frame_id"):
        read(path, images(lambda n: {"file_name": ["cam1_0.jpg", "cam1_1.jpg", "cam2_0.jpg"][n]}))


def test_a_size_that_says_nothing_is_left_to_the_user(tmp_path):
    path = coco_annotations(tmp_path / "a.json", TWO)
    assert read(path, images(lambda n: {"width": 0}))[0].size is None
    assert read(path, images(lambda n: {"width": 1000.0}))[0].size == (1000, 800)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda d: d.pop("images"), "the file has a missing or invalid 'images'"),
        (lambda d: d["images"][1].update(width=999), r"images of several sizes \(999 x 800 and 1000 x 800\)"),
        (lambda d: d["images"].append(d["images"][1]), "two images have the id 107"),
        (lambda d: d["images"].append(None), "image 3 has a missing or invalid 'id'"),
        (lambda d: d["annotations"][0].update(image_id=5), "annotation 0 is of image 5, which is not among 'images'"),
        (lambda d: d["annotations"][1].update(keypoints="x"), "annotation 1 has a missing or invalid 'keypoints'"),
        (lambda d: d["annotations"][1]["keypoints"].pop(), r"'keypoints' of annotation 1 has shape \(50,\)"),
        (lambda d: d["annotations"][0].update(track_id={}), "annotation 0 has the track id"),
    ],
)
def test_faults_of_annotations_are_named(change, fault, tmp_path):
    path = coco_annotations(tmp_path / "a.json", TWO)
    with pytest.raises(InputError, match=fault):
        coco.read_coco_annotations(path, changed(path, change))


@pytest.mark.parametrize(
    ("ids", "frames"),
    [
        ([0, 60, 120], [0, 60, 120]),
        ([0.0, 1.0, 2.0], [0, 1, 2]),
        (["clip2/frame_0012.jpg", "clip2/frame_0013.jpg", "clip2/frame_0015.jpg"], [12, 13, 15]),
        (["3.png", "5.png", "4.png"], [3, 5, 4]),
        ([1700000000033, 1700000000067, 1700000000100], [0, 1, 2]),
    ],
)
def test_results_name_frames_by_number_or_file(ids, frames, tmp_path):
    found = [{"image_id": image, "keypoints": [1, 2, 1] * 17} for image in ids]
    (rows,) = coco.read_coco_results(tmp_path / "r.json", found)
    assert rows.frames == frames


def test_results_of_two_sequences_of_posetrack_are_two_videos(tmp_path):
    found = [{"image_id": n, "keypoints": [1, 2, 1] * 17} for n in (10034180000, 10034190007, 10034180002)]
    one, two = coco.read_coco_results(tmp_path / "r.json", found)
    assert (one.video, one.frames, two.video, two.frames) == ("003418", [0, 2], "003419", [7])


@pytest.mark.parametrize(
    ("ids", "fault"),
    [
        (["cover.jpg"], r"image 'cover\.jpg' has no number in its name"),
        ([0.5], "image_id 0.5 is not a whole number"),
        (["a_1.jpg", "b_1.jpg"], r"names as 'a_1\.jpg' and as 'b_1\.jpg' are those of two videos"),
    ],
)
def test_results_of_unknown_frames_are_refused(ids, fault, tmp_path):
    found = [{"image_id": image, "keypoints": [1, 2, 1] * 17} for image in ids]
    with pytest.raises(InputError, match=fault):
        coco.read_coco_results(tmp_path / "r.json", found)


def test_results_without_ids_have_none(tmp_path):
    path = results(tmp_path / "r.json", TWO, person=None)
    (rows,) = coco.read_coco_results(path, json.loads(path.read_text()))
    assert set(rows.people) == {None}
    assert (rows.size, rows.fps, set(rows.scores)) == (None, None, {0.9})


@pytest.mark.parametrize("entry", [None, 3, {"image_id": 1}, {"image_id": None, "keypoints": [1]}])
def test_faults_of_results_are_named(entry, tmp_path):
    path = write(tmp_path / "r.json", [{"image_id": 0, "keypoints": [1, 2, 3]}, entry])
    with pytest.raises(InputError, match="detection 1 has a missing or invalid"):
        coco.read_coco_results(path, json.loads(path.read_text()))


def test_a_number_of_keypoints_that_the_format_does_not_have_has_no_layout(tmp_path):
    found = [{"image_id": 0, "keypoints": [1, 2, 1] * 21}]
    (rows,) = coco.read_coco_results(tmp_path, found)
    assert (rows.keypoints.shape, rows.layout) == ((1, 21, 3), None)


@pytest.mark.parametrize("nobody", [None, [], {}])
def test_results_of_nobody_are_left_out(nobody, tmp_path):
    found = [{"image_id": frame, "keypoints": [1, 2, 1] * 17 if frame % 2 else nobody} for frame in range(6)]
    (rows,) = coco.read_coco_results(tmp_path, found)
    assert rows.frames == [1, 3, 5]
    (rows,) = coco.read_coco_results(tmp_path, found[::2])
    assert not len(rows.frames)


def named(path, categories):
    document = json.loads(coco_annotations(path, TWO).read_text())
    return document | {"categories": categories}


def test_the_names_in_the_categories_are_those_of_the_keypoints(tmp_path):
    """17 keypoints of PoseTrack or Human3.6M are not COCO's: the head would come out at the nose."""
    path = tmp_path / "a.json"
    boxes = {"id": 3, "name": "car"}
    for layout in (POSETRACK_17, H36M_17):
        document = named(path, [boxes, {"id": 1, "name": "person", "keypoints": list(layout.joints)}])
        write(path, document)
        (rows,) = coco.read_coco_annotations(path, document)
        assert rows.names == layout.joints
        tracks = read_keypoints(path, Overrides(fps=30.0))[1]
        assert {track.layout for track in tracks} == {layout}
        np.testing.assert_allclose(sorted(track.keypoints[0, 0, 0] for track in tracks), TWO[:, 0, 0, 0])


@pytest.mark.parametrize(
    ("categories", "fault"),
    [
        ([{"id": 1, "keypoints": 17}], "'keypoints' of a category are 17; they must be the keypoints' names"),
        ([{"id": 1, "keypoints": [1, 2]}], r"'keypoints' of a category are \[1, 2\]"),
        (
            [{"id": 1, "keypoints": ["nose", "snout", *"abcdefghijklmno"]}],
            "no layout has keypoints called snout",
        ),
        ([{"id": 1, "keypoints": ["nose"]}], "a.json names 1 keypoints and has 17 a person"),
    ],
)
def test_names_that_cannot_be_those_of_the_keypoints_are_refused(categories, fault, tmp_path):
    path = tmp_path / "a.json"
    write(path, named(path, categories))
    with pytest.raises(InputError, match=fault):
        read_keypoints(path, Overrides(fps=30.0))


def test_keypoints_of_two_categories_are_refused(tmp_path):
    path = tmp_path / "a.json"
    document = named(path, [{"id": 1, "keypoints": list(COCO_17.joints)}, {"id": 2, "keypoints": ["paw", "tail"]}])
    document["annotations"][0]["category_id"] = 2
    with pytest.raises(InputError, match="keypoints of several categories; make one file of each"):
        coco.read_coco_annotations(path, document)


@pytest.mark.parametrize("size", [{}, {"width": 0, "height": 0}, {"width": None}, {"width": "?", "height": 9}])
def test_a_size_that_says_nothing_is_asked_for(size, tmp_path):
    path = tmp_path / "a.json"
    document = json.loads(coco_annotations(path, TWO).read_text())
    for image in document["images"]:
        del image["width"], image["height"]
        image.update(size)
    write(path, document)
    with pytest.raises(InputError, match="does not say how large the images are; give --size"):
        read_keypoints(path, Overrides(fps=30.0))
    assert read_keypoints(path, Overrides(size=(1920, 1080), fps=30.0))[1][0].width == 1920


def test_sizes_with_a_fraction_of_nothing_are_sizes(tmp_path):
    path = tmp_path / "a.json"
    document = json.loads(coco_annotations(path, TWO).read_text())
    for image in document["images"]:
        image["width"] = 1920.0
    assert coco.read_coco_annotations(path, document)[0].size == (1920, 800)
