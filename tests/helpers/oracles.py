"""Independent implementations in NumPy and float64 of what jaxpose computes, as loops where that is clearest."""

import itertools

import numpy as np


def mpjpe(prediction, target):
    return np.mean([np.sqrt(((p - t) ** 2).sum()) for p, t in zip(prediction, target, strict=True)])


def n_mpjpe(prediction, target):
    scale = np.vdot(prediction, target) / np.vdot(prediction, prediction)
    return mpjpe(scale * prediction, target)


def p_mpjpe(prediction, target):
    scale, rotation, translation = similarity(prediction, target)
    return mpjpe(np.array([scale * rotation @ joint + translation for joint in prediction]), target)


def similarity(prediction, target):
    """Kabsch-Umeyama through the eigenvectors of Horn's quaternion matrix: no SVD, no reflection case."""
    a, b = prediction - prediction.mean(0), target - target.mean(0)
    s = a.T @ b
    horn = np.array(
        [
            [s[0, 0] + s[1, 1] + s[2, 2], s[1, 2] - s[2, 1], s[2, 0] - s[0, 2], s[0, 1] - s[1, 0]],
            [s[1, 2] - s[2, 1], s[0, 0] - s[1, 1] - s[2, 2], s[0, 1] + s[1, 0], s[2, 0] + s[0, 2]],
            [s[2, 0] - s[0, 2], s[0, 1] + s[1, 0], s[1, 1] - s[0, 0] - s[2, 2], s[1, 2] + s[2, 1]],
            [s[0, 1] - s[1, 0], s[2, 0] + s[0, 2], s[1, 2] + s[2, 1], s[2, 2] - s[0, 0] - s[1, 1]],
        ]
    )
    rotation = quaternion_matrix(np.linalg.eigh(horn)[1][:, -1])
    scale = np.vdot(a @ rotation.T, b) / np.vdot(a, a)
    return scale, rotation, target.mean(0) - scale * rotation @ prediction.mean(0)


def pck(prediction, target, threshold_mm):
    return np.mean([1000 * mpjpe([p], [t]) < threshold_mm for p, t in zip(prediction, target, strict=True)])


def auc(prediction, target):
    return np.mean([pck(prediction, target, threshold_mm) for threshold_mm in range(0, 151, 5)])


def quaternion_matrix(q):
    w, x, y, z = q
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def forward_kinematics(rotations, offsets, root, parents):
    """Joint positions (J, 3) of one pose, through matrices."""
    frames, positions = [], []
    for rotation, offset, parent in zip(np.asarray(rotations, np.float64), offsets, parents, strict=True):
        matrix = quaternion_matrix(rotation)
        frames.append(matrix if parent < 0 else frames[parent] @ matrix)
        positions.append(root + offset if parent < 0 else positions[parent] + frames[parent] @ offset)
    return np.array(positions)


def time_derivative_error(predictions, targets, order):
    """The mean over one track, with the differences written out."""
    difference = predictions - targets
    for _ in range(order):
        difference = np.array([b - a for a, b in itertools.pairwise(difference)])
    return np.mean(np.sqrt((difference**2).sum(-1)))
