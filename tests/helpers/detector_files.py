"""Keypoint files as detectors write them, made from arrays: the tests' own writers."""

import csv
import json

import numpy as np

from jaxpose.keypoints.layouts import MEDIAPIPE_33

MMPOSE_H36M = (
    "root", "right_hip", "right_knee", "right_foot", "left_hip", "left_knee", "left_foot",
    "spine", "thorax", "neck_base", "head",
    "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
)  # fmt: skip


def people(count=2, frames=12, joints=17, seed=0):
    """(P, T, K, 3): people side by side in an image of 1000 x 800, who move slowly; confidences from 0.5 to 1."""
    random = np.random.default_rng(seed)
    pose = random.uniform(-1, 1, (count, 1, joints, 2)) * (60, 150) + (120, 400)
    pose[..., 0] += np.arange(count)[:, None, None] * 300
    drift = np.arange(frames)[None, :, None, None] * random.uniform(-3, 3, (count, 1, 1, 2))
    wobble = random.normal(size=(count, frames, joints, 2))
    confidence = random.uniform(0.5, 1, (count, frames, joints, 1))
    return np.concatenate([pose + drift + wobble, confidence], axis=-1).astype(np.float32)


def flat(pose):
    return [float(number) for number in pose.ravel()]


def write(path, document):
    path.write_text(json.dumps(document))
    return path


def coco_annotations(path, tracks, tracked=True, names=None):
    """Images in the order of their frames, ids that are none, annotations shuffled; perhaps the keypoints' names."""
    images = [{"id": 100 + 7 * t, "file_name": f"{t}.jpg", "width": 1000, "height": 800} for t in range(len(tracks[0]))]
    notes = [
        {"id": 1, "image_id": 100 + 7 * t, "category_id": 1, "keypoints": flat(pose)}
        | ({"track_id": p + 5} if tracked else {})
        for p, track in enumerate(tracks)
        for t, pose in enumerate(track)
    ]
    boxes = [{"id": 9, "image_id": 100, "category_id": 3, "bbox": [0, 0, 1, 1]}]
    categories = {"categories": [{"id": 1, "name": "person", "keypoints": list(names)}]} if names else {}
    return write(path, {"images": images, "annotations": notes[::-1] + boxes} | categories)


def results(path, tracks, person="track_id", image="{}"):
    """COCO results; AlphaPose's with person="idx" and image="frame_{:04d}.jpg"."""
    number = image.format if image != "{}" else int

    def found(t, p, pose):
        one = {"image_id": number(t), "category_id": 1, "keypoints": flat(pose), "score": 0.9}
        return one | ({person: p + 1} if person else {})

    return write(path, [found(t, p, pose) for t in range(len(tracks[0])) for p, pose in enumerate(tracks[:, t])])


def mmpose(path, tracks, names, person="track_id"):
    def instance(p, pose):
        found = {"keypoints": pose[:, :2].tolist(), "keypoint_scores": pose[:, 2].tolist(), "bbox": [[0, 0, 1, 1]]}
        return found | ({person: p + 1} if person else {})

    info = [
        {"frame_id": t + 1, "instances": [instance(p, pose) for p, pose in enumerate(tracks[:, t])]}
        for t in range(len(tracks[0]))
    ]
    meta = {"dataset_name": "any", "keypoint_id2name": {str(i): name for i, name in enumerate(names)}}
    return write(path, {"meta_info": meta, "instance_info": info} if names else info)


def mediapipe(path, tracks, size=(1000, 800)):
    def landmarks(pose):
        return [{"x": x / size[0], "y": y / size[1], "z": -0.1, "visibility": v} for x, y, v in pose.tolist()]

    frames = [[landmarks(pose) for pose in tracks[:, t]] for t in range(len(tracks[0]))]
    return write(path, {"frames": frames, "width": size[0], "height": size[1], "fps": 30})


def mediapipe_protobufs(path, tracks):
    """What `mediapipe` gives, with the numbers of the frames as keys."""
    document = json.loads(mediapipe(path, tracks).read_text())
    frames = {
        str(t): {"pose_landmarks": [{"landmark": one} for one in frame]} for t, frame in enumerate(document["frames"])
    }
    return write(path, document | {"frames": frames})


def mediapipe_names(path, tracks):
    """What `mediapipe` gives, with landmarks in another order, by their names."""
    document = json.loads(mediapipe(path, tracks).read_text())
    named = [[dict(zip(MEDIAPIPE_33.joints, one, strict=True)) for one in frame] for frame in document["frames"]]
    frames = [[{name.upper(): one[name] for name in sorted(one)} for one in frame] for frame in named]
    return write(path, document | {"frames": frames})


def dwpose(path, tracks, size=(1000, 800), relative=False):
    """Frames as ComfyUI saves them, pixels or divided by the canvas; of one more person a hand alone was found."""
    scale = np.float32([*(size if relative else (1, 1)), 1])
    others = {"face_keypoints_2d": None, "hand_left_keypoints_2d": None, "hand_right_keypoints_2d": [0.5, 0.5, 1.0]}
    frames = [
        {
            "people": [others | {"pose_keypoints_2d": flat(pose / scale)} for pose in tracks[:, t]]
            + [others | {"pose_keypoints_2d": None}],
            "canvas_height": size[1],
            "canvas_width": size[0],
        }
        for t in range(len(tracks[0]))
    ]
    return write(path, frames)


def openpose(folder, tracks, ids=None):
    folder.mkdir()
    for t in range(len(tracks[0])):
        found = [
            {"person_id": [ids[p] if ids else -1], "pose_keypoints_2d": flat(pose), "face_keypoints_2d": []}
            for p, pose in enumerate(tracks[:, t])
        ]
        write(folder / f"dance2_{t:012d}_keypoints.json", {"version": 1.3, "people": found[:: 1 - 2 * (t % 2)]})
    return folder


def table(path, tracks, joints):
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["frame", "track", "joint", "x", "y", "confidence"])
        for p, t, k in np.ndindex(tracks.shape[:3]):
            rows.writerow([t, f"p{p}", joints[k], *(repr(float(number)) for number in tracks[p, t, k])])
    return path


def exchanged(path, videos, layout="coco", sizes=True):
    """`positions_2d` of each video, an array or a list of arrays (T, K, C)."""
    metadata = {"layout_name": layout, "num_joints": 17, "keypoints_symmetry": [[1], [2]]}
    if sizes:
        metadata["video_metadata"] = {video: {"w": 1000, "h": 800} for video in videos}
    positions = {video: {"custom": views} for video, views in videos.items()}
    with path.open("wb") as file:  # savez would add a suffix
        np.savez_compressed(file, positions_2d=positions, metadata=metadata)
    return path
