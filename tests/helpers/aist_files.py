"""AIST++'s annotations, filled with people whose joints and projections are known."""

import json
import pickle

import numpy as np
from scipy.spatial.transform import Rotation

SEQUENCES = {  # frames
    "gBR_sBM_cAll_d04_mBR0_ch01": 9,
    "gBR_sFM_cAll_d04_mBR1_ch02": 7,
    "gLH_sBM_cAll_d16_mLH4_ch05": 8,
    "gLH_sBM_cAll_d16_mLH4_ch06": 5,
}
IGNORED = "gLH_sBM_cAll_d16_mLH4_ch06"
NOT_DETECTED = ("gLH_sBM_cAll_d16_mLH4_ch05", 2, [0, 4])  # by the third camera, in these frames
NOT_TRIANGULATED = ("gBR_sFM_cAll_d04_mBR1_ch02", [6])
FOCAL, CENTRE, K1 = (1600.0, 1580.0), (962.0, 539.0), -0.12


def dance(sequence):
    """A person who moves on the floor, (T, 17, 3) centimetres, y up; joints as COCO lists them."""
    random = np.random.default_rng(sorted(SEQUENCES).index(sequence))
    body = random.uniform([-40, 0, -40], [40, 170, 40], (17, 3))
    way = np.linspace([-50, 0, -20], [60, 0, 30], SEQUENCES[sequence])[:, None]
    return body + way + random.normal(scale=2, size=(SEQUENCES[sequence], 17, 3))


def pose_of(index):
    """The rotation vector and the translation of a camera: 1.8 m high, 5 m away, turned by 40 degrees for each.

    Half a turn about z puts y down; z is forward already.
    """
    turn = Rotation.from_euler("y", 40 * index, degrees=True) * Rotation.from_euler("z", 180, degrees=True)
    return turn.as_rotvec(), np.array([3.0, 180.0, 500.0])


def to_camera(points, index):
    """Points (..., 3) of the world in the space of a camera, centimetres, by Rodrigues' formula."""
    vector, shift = pose_of(index)
    angle = np.linalg.norm(vector)
    axis = vector / angle
    along = (points @ axis)[..., None] * axis
    return along + np.cos(angle) * (points - along) + np.sin(angle) * np.cross(axis, points) + shift


def projected(seen):
    """Pixels of points in camera space, with OpenCV's radial distortion."""
    xy = seen[..., :2] / seen[..., 2:]
    return xy * (1 + K1 * (xy**2).sum(axis=-1, keepdims=True)) * FOCAL + CENTRE


def cameras():
    """The content of a file of cameras."""
    matrix = [[FOCAL[0], 0, CENTRE[0]], [0, FOCAL[1], CENTRE[1]], [0, 0, 1]]
    return [
        {
            "name": f"c0{index + 1}",
            "size": [1920, 1080],
            "matrix": matrix,
            "rotation": pose_of(index)[0].tolist(),
            "translation": pose_of(index)[1].tolist(),
            "distortions": [K1, 0, 0, 0, 0],
        }
        for index in range(9)
    ]


def contents(sequence):
    """The dicts of keypoints3d and keypoints2d."""
    poses = dance(sequence)
    confidence = np.random.default_rng(0).uniform(0.3, 1, (9, len(poses), 17, 1))
    pixels = np.stack([projected(to_camera(poses, index)) for index in range(9)])
    keypoints = np.concatenate([pixels, confidence], axis=-1).astype(np.float32)
    if sequence == NOT_DETECTED[0]:
        keypoints[NOT_DETECTED[1], NOT_DETECTED[2]] = np.nan
    if sequence == NOT_TRIANGULATED[0]:
        poses[NOT_TRIANGULATED[1]] = np.nan
    timestamps = np.arange(len(poses)) * 16667
    return (
        {"keypoints3d": poses + 9, "keypoints3d_optim": poses},
        {"keypoints2d": keypoints, "det_scores": confidence[..., 0, 0], "timestamps": timestamps},
    )


def save(folder, protocol=pickle.HIGHEST_PROTOCOL):
    """The annotations as they are published."""
    for name in ("keypoints2d", "keypoints3d", "cameras", "motions"):
        (folder / name).mkdir(parents=True)
    for sequence in SEQUENCES:
        for kind, content in zip(("keypoints3d", "keypoints2d"), contents(sequence), strict=True):
            (folder / kind / f"{sequence}.pkl").write_bytes(pickle.dumps(content, protocol))
    (folder / "motions" / f"{IGNORED}.pkl").write_bytes(b"not read")
    (folder / "cameras" / "setting1.json").write_text(json.dumps(cameras()))
    (folder / "cameras" / "mapping.txt").write_text("".join(f"{name} setting1\n" for name in SEQUENCES))
    (folder / "ignore_list.txt").write_text(f"{IGNORED}\n")
    return folder
