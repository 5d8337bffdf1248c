"""COCO's files: which image is which frame, who is who, and what is missing."""

import json

import numpy as np
import pytest
from helpers.detector_files import coco_annotations, people, results, write

from jaxpose.keypoints import coco
from jaxpose.runtime.errors import InputError

TWO = people(frames=3)


def changed(path, change):
    document = json.loads(path.read_text())
    change(document)
    return document


def test_frames_are_the_order_of_the_images_or_their_frame_id(tmp_path):
    path = coco_annotations(tmp_path / "a.json", TWO)
    rows = coco.read_coco_annotations(path, changed(path, lambda d: None))
    assert sorted(set(rows.frames)) == [0, 1, 2]
    assert (set(rows.people), rows.size) == ({"5", "6"}, (1000, 800))

    def number(document):
        for place, image in enumerate(document["images"]):
            image["frame_id"] = 10 * place

    assert sorted(set(coco.read_coco_annotations(path, changed(path, number)).frames)) == [0, 10, 20]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda d: d.pop("images"), "the file has a missing or invalid 'images'"),
        (lambda d: d["images"][1].update(width=999), "images of several sizes or videos"),
        (
            lambda d: [image.update(video_id=n) for n, image in enumerate(d["images"])],
            "images of several sizes or videos",
        ),
        (lambda d: d["images"].append(None), "image 3 has a missing or invalid 'width'"),
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


def test_results_name_frames_by_number_or_file(tmp_path):
    assert coco.frame_number(tmp_path, 7) == 7
    assert coco.frame_number(tmp_path, "clip2/frame_0012.jpg") == 12
    assert coco.frame_number(tmp_path, "3.png") == 3
    with pytest.raises(InputError, match=r"image 'cover\.jpg' has no number in its name"):
        coco.frame_number(tmp_path, "cover.jpg")


def test_results_without_ids_have_none(tmp_path):
    path = results(tmp_path / "r.json", TWO, person=None)
    rows = coco.read_coco_results(path, json.loads(path.read_text()))
    assert set(rows.people) == {None}
    assert (rows.size, rows.fps) == (None, None)


@pytest.mark.parametrize("entry", [None, 3, {"image_id": 1}, {"image_id": None, "keypoints": []}])
def test_faults_of_results_are_named(entry, tmp_path):
    path = write(tmp_path / "r.json", [{"image_id": 0, "keypoints": [1, 2, 3]}, entry])
    with pytest.raises(InputError, match="detection 1 has a missing or invalid"):
        coco.read_coco_results(path, json.loads(path.read_text()))


def test_a_body_of_unknown_length_has_no_layout():
    points, layout = coco.body_keypoints(np.zeros((2, 21, 3)))
    assert points.shape == (2, 21, 3)
    assert layout is None
