"""HumanEva-I in its converted form, filled with a person who walks, and cameras that are known."""

import numpy as np
import scipy.io
from helpers import oracles

# Poses of C1 to C3 as VideoPose3D publishes them, S1; a lens of our own.
POSES = (
    ((0.424207, -0.4983646, -0.5802981, 0.4847012), (4.062227, 0.6632477, 1.528397)),
    ((0.6503354, -0.7481602, -0.0919284, 0.0941766), (0.8448131, -3.8052092, 1.5049929)),
    ((0.0664734, -0.0690535, 0.7416416, -0.6639132), (-0.79767377, 3.9163174, 1.4336602)),
)

LENS = (600.0, 610.0, 320.0, 235.0, -0.2, 0.1, 0.0, 0.0005, -0.0008)

FRAMES = {"Train/S1/Walking_1": 12, "Train/S1/Box_1": 9, "Validate/S1/Walking_1": 10, "Train/S2/Jog_1": 11}

DAMAGED = {"Train/S1/Walking_1": [0, 1, 6], "Validate/S1/Walking_1": [9]}


def body(name):
    """A person who walks through the room, (T, 15, 3) world metres."""
    random = np.random.default_rng(sorted(FRAMES).index(name))
    joints = random.uniform([-0.4, -0.4, 0], [0.4, 0.4, 1.7], (15, 3))
    steps = np.linspace([-1, 0, 0], [1.5, 1, 0], FRAMES[name])[:, None]
    return joints + steps + random.normal(scale=0.02, size=(FRAMES[name], 15, 3))


def to_camera(world, pose):
    """World points (..., 3) in the space of a camera (quaternion, position)."""
    quaternion, place = (np.asarray(numbers, np.float64) for numbers in pose)
    return (world - place) @ oracles.quaternion_matrix(quaternion / np.linalg.norm(quaternion))


def projected(points):
    """Camera-space points (..., 3) as pixels, the lens written out."""
    fx, fy, cx, cy, k1, k2, _, p1, p2 = LENS
    x, y = points[..., 0] / points[..., 2], points[..., 1] / points[..., 2]
    r2 = x * x + y * y
    gain = 1 + k1 * r2 + k2 * r2**2 + p1 * x + p2 * y
    return np.stack([fx * (x * gain + p1 * r2) + cx, fy * (y * gain + p2 * r2) + cy], axis=-1)


def variables(name):
    """The variables of the converted file of that name."""
    world = body(name)
    poses, views = 1000 * world, np.stack([projected(to_camera(world, pose)) for pose in POSES])
    poses[DAMAGED.get(name, [])] = np.nan
    views[:, DAMAGED.get(name, [])] = np.nan
    return {"poses_3d": poses, "poses_2d": views}


def save(folder, **changed):
    """The files; the variables of Train/S1/Walking_1 may be changed, or removed with None."""
    for name in FRAMES:
        path = folder / f"{name}.mat"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = variables(name) | (changed if name == "Train/S1/Walking_1" else {})
        scipy.io.savemat(path, {key: value for key, value in content.items() if value is not None}, do_compression=True)
    return folder
