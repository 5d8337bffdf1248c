"""Archives with the structure, names and quirks of Human3.6M's, filled with real motion where there is any."""

import functools
import io
import tarfile
from pathlib import Path

import numpy as np
from cdflib import cdfwrite
from helpers.places import SHARED

from jaxpose.files.safe_npz import load_npz

CAMERAS = ("54138969", "55011271", "58860488", "60457274")
KEPT = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]  # of 32 joints, as the literature lists them
METADATA = {
    "layout_name": "h36m",
    "num_joints": 17,
    "keypoints_symmetry": [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]],
}

REAL = SHARED / "data" / "cmu_as_h36m" / "data_3d_h36m.npz"
SUBJECTS = ("S1", "S9")
JOINTS = 32

# The names of the 60 files, written out from the list of the data set's own metadata.
FILES = {
    "S1": """Directions 1,Directions,Discussion 1,Discussion,Eating 2,Eating,Greeting 1,Greeting,Phoning 1,Phoning,
        Posing 1,Posing,Purchases 1,Purchases,Sitting 1,Sitting 2,SittingDown 2,SittingDown,Smoking 1,Smoking,
        TakingPhoto 1,TakingPhoto,Waiting 1,Waiting,Walking 1,Walking,WalkingDog 1,WalkingDog,WalkTogether 1,
        WalkTogether""",
    "S9": """Directions 1,Directions,Discussion 1,Discussion 2,Eating 1,Eating,Greeting 1,Greeting,Phoning 1,Phoning,
        Posing 1,Posing,Purchases 1,Purchases,Sitting 1,Sitting,SittingDown,SittingDown 1,Smoking 1,Smoking,Photo 1,
        Photo,Waiting 1,Waiting,Walking 1,Walking,WalkDog 1,WalkDog,WalkTogether 1,WalkTogether""",
}
FILES = {subject: [name.strip() for name in names.split(",")] for subject, names in FILES.items()}


@functools.cache
def captured() -> np.ndarray | None:
    """(T, 32, 3) world metres of CMU's motion capture, if it is there."""
    return np.concatenate(list(load_npz(REAL)["positions_3d"]["S1"].values())) if REAL.exists() else None


def motion(subject: str, name: str) -> np.ndarray:
    """(T, 32, 3) world millimetres, different for every file: real motion, or a random body that drifts."""
    random = np.random.default_rng(sum(map(ord, subject + name)))
    frames = int(random.integers(2, 6))
    if (real := captured()) is not None:
        start = random.integers(len(real) - frames)
        return (1000 * real[start : start + frames]).astype(np.float32)
    body = random.uniform((-800, -800, 100), (800, 800, 1700), (JOINTS, 3))
    return (body + np.cumsum(random.normal(0, 5, (frames, 1, 3)), axis=0)).astype(np.float32)


def cdf(folder: Path, values: np.ndarray, variable: str = "Pose", kind: int = 44, compress: int = 0) -> bytes:
    """A CDF file with one record of one variable; kind 44 is float32, 4 is int32; compress is a level of gzip."""
    path = folder / "made.cdf"
    path.unlink(missing_ok=True)
    writer = cdfwrite.CDF(path)
    spec = {"Variable": variable, "Data_Type": kind, "Num_Elements": 1, "Rec_Vary": True,
            "Dim_Sizes": list(values.shape[1:]), "Compress": compress}  # fmt: skip
    writer.write_var(spec, var_data=values)
    writer.close()
    return path.read_bytes()


def contents(folder: Path, subject: str) -> dict[str, bytes]:
    """The 30 files of a subject, by their path in an archive of world poses."""
    return {
        f"{subject}/MyPoseFeatures/D3_Positions/{name}.cdf": cdf(folder, motion(subject, name).reshape(1, -1, 96))
        for name in FILES[subject]
    }


def tgz(path: Path, members: dict[str, bytes]) -> Path:
    """A compressed tar archive."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def nested(recordings):
    """(subject, action) -> value as subject -> action -> value."""
    subjects: dict = {}
    for (subject, action), value in recordings.items():
        subjects.setdefault(subject, {})[action] = value
    return subjects


def rotation(quaternion):
    """The matrix of a unit quaternion (w, x, y, z)."""
    w, x, y, z = np.asarray(quaternion, np.float64) / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def camera_space(world, track):
    """World to camera in float64: the rows of the orientation's matrix, transposed, are the camera's axes."""
    return (np.asarray(world, np.float64) - np.asarray(track.translation, np.float64)) @ rotation(track.orientation)


def literature_name(name):
    """The name of a file as the literature has it."""
    return name.replace("TakingPhoto", "Photo").replace("WalkingDog", "WalkDog")


def expected_poses():
    """World metres of the 17 joints by subject and action, of every file."""
    return {
        (subject, literature_name(name)): motion(subject, name)[:, KEPT] / 1000
        for subject in SUBJECTS
        for name in FILES[subject]
    }


def save_archives(folder: Path, files: dict[str, dict[str, bytes]]) -> Path:
    """Two archives as the site serves them, of `contents` by subject."""
    for number, subject in enumerate(SUBJECTS, start=1):
        tgz(folder / f"SubjectSpecific_{number}.tgz", files[subject])
    return folder


def save_keypoints(folder, name="cpn_ft_h36m_dbb", extra=0, subjects=SUBJECTS):
    """A file of detected keypoints, `extra` frames longer than the poses; its path, and the keypoints."""
    random = np.random.default_rng(3)
    views = {
        (subject, literature_name(file)): [
            random.uniform(0, 1000, (len(motion(subject, file)) + extra, 17, 2)).astype(np.float32) for _ in CAMERAS
        ]
        for subject in subjects
        for file in FILES.get(subject, ["Walking"])
    }
    path = folder / f"data_2d_h36m_{name}.npz"
    np.savez_compressed(path, positions_2d=nested(views), metadata=METADATA)
    return path, views


def assert_complete(out: Path) -> None:
    """Assert that a data set has every recording, by its name in the literature, from four cameras, in metres."""
    from jaxpose.data import store

    found: dict = {}
    for track in store.read_tracks(out, "+".join(SUBJECTS))[1]:
        to_world = np.linalg.inv(camera_space(np.eye(3) + track.translation, track))
        world = track.positions_3d.astype(np.float64) @ to_world + track.translation
        found.setdefault((track.subject, track.action), []).append(world)
    expected = expected_poses()
    assert set(found) == set(expected)
    for recording, world in expected.items():
        assert len(found[recording]) == len(CAMERAS)
        for view in found[recording]:
            np.testing.assert_allclose(view, world, atol=2e-5)


# Small npz files of three subjects, with the structure of the published ones.

FRAMES = {("S1", "Directions"): 5, ("S1", "Walking 1"): 3, ("S9", "Directions"): 4, ("S11", "Sitting"): 1}


def random_poses(joints=32, frames=FRAMES):
    """World metres (T, joints, 3) by subject and action."""
    rng = np.random.default_rng(1)
    return {key: rng.uniform(-2, 2, (count, joints, 3)).astype(np.float32) for key, count in frames.items()}


def random_keypoints(joints=17, channels=2, frames=FRAMES):
    """Pixels (T, joints, channels) of each camera, by subject and action."""
    rng = np.random.default_rng(2)
    shape = (joints, channels)
    return {
        key: [rng.uniform(0, 1000, (count, *shape)).astype(np.float32) for _ in CAMERAS]
        for key, count in frames.items()
    }


def save_npz(folder, poses=None, keypoints=None, metadata=METADATA):
    """Save poses.npz and keypoints.npz as the published ones are: pickled dicts in object arrays."""
    np.savez_compressed(folder / "poses.npz", positions_3d=nested(random_poses() if poses is None else poses))
    views = nested(random_keypoints() if keypoints is None else keypoints)
    np.savez_compressed(folder / "keypoints.npz", positions_2d=views, metadata=metadata)
