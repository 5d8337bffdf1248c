"""Motions of several people, for the tests of what writes them."""

import numpy as np

from jaxpose.export.motion import Keypoints, Motion
from jaxpose.skeleton import COCO_17, H36M_17, Skeleton

ARM = Skeleton("arm", ("shoulder", 'left "elbow",; ü'), (-1, 0))
HOSTILE_NAMES = ["../../etc/passwd", 'a,"b"\r\n\t;', "/", "Šárka/..", "\ud800", "x" * 300]


def people(names=("1", "2"), **fields):
    """A motion of three frames and more for each name; some joints of the first are filled."""
    random = np.random.default_rng(0)
    return [
        Motion(name, random.normal(size=(3 + number, 2, 3)).astype(np.float32), ARM, 50.0, start=10 * number)._replace(
            filled=None if number else np.array([[0, 0], [0, 1], [1, 0]], bool), **fields
        )
        for number, name in enumerate(names)
    ]


def lifted(names=("1", "2"), **fields):
    """A motion of H36M_17 of 20 frames and more for each name, with COCO's keypoints that move to the right."""
    random = np.random.default_rng(1)
    motions = []
    for number, name in enumerate(names):
        frames = 20 + 5 * number
        poses = random.normal(scale=0.3, size=(frames, 17, 3)).astype(np.float32)
        pixels = random.uniform(100, 300, (1, 17, 2)) + 10 * np.arange(frames)[:, None, None] * [1, 0]
        keypoints = Keypoints(np.float32(pixels), COCO_17, 640, 480)
        motion = Motion(name, poses, H36M_17, 25.0, start=4 * number, keypoints=keypoints, trained_on="sample motion")
        motions.append(motion._replace(**fields))
    return motions
