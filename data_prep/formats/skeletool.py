"""Read camera calibration files of Skeletool ("Skeletool Camera Calibration File V1.0"), as in MPI-INF-3DHP.

A camera is a few lines, each a keyword and its values: `name`, then `size` in pixels, `intrinsic` and `extrinsic`,
matrices of 4 x 4 row by row, in pixels and millimetres, `radial`, and others. The world of a file has y up.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from jaxpose.cameras import Camera
from jaxpose.files.guarded_read import read_bytes
from jaxpose.runtime.errors import InputError

_Z_UP = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])  # from a world with y up
_LARGEST_BYTES = 2**20


def read(path: Path) -> dict[int, Camera]:
    """Read the cameras in a file, by their names, which are numbers.

    Raises:
      InputError: the file cannot be read, violates the format, or has a camera that is not rigid or that distorts.
    """
    try:
        text = read_bytes(path, most=_LARGEST_BYTES).decode("utf-8", "replace")
    except (FileNotFoundError, ValueError) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', error)}; download it again") from None
    cameras = {}
    for name, *lines in (block.splitlines() for block in re.split(r"^\s*name\b", text, flags=re.MULTILINE)[1:]):
        where = f"{path}: camera {name.strip():.20}"
        fields = {words[0]: words[1:] for line in lines if (words := line.split())}
        width, height = map(int, _numbers(where, fields, "size", 2))
        lens, motion = (_numbers(where, fields, field, 16).reshape(4, 4) for field in ("intrinsic", "extrinsic"))
        rotation = motion[:3, :3]
        rigid = np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) and np.linalg.det(rotation) > 0
        if not re.fullmatch(r"\s*\d{1,9}\s*", name) or not rigid or _numbers(where, fields, "radial", 1).any():
            raise InputError(f"{where}: the name must be a number, extrinsic rigid, and radial 0; download it again")
        position = -rotation.T @ motion[:3, 3]
        cameras[int(name)] = camera(lens[[0, 1, 0, 1], [0, 1, 2, 2]], rotation, position, width, height)
    return cameras


def camera(lens: Sequence[float], rotation: np.ndarray, position: Sequence[float], width: int, height: int) -> Camera:
    """Convert a camera to the data contract, with z up in the world.

    Args:
      lens: (4,) fx, fy, cx, cy in pixels.
      rotation: (3, 3) from a world with y up to camera space.
      position: (3,) millimetres, of the camera in that world.
      width: of the image, pixels.
      height: of the image, pixels.

    Returns:
      The camera, float32.
    """
    orientation = np.roll(Rotation.from_matrix(_Z_UP @ np.transpose(rotation)).as_quat(), 1)
    translation = _Z_UP @ np.asarray(position) / 1000
    arrays = (np.asarray(numbers, np.float32) for numbers in (orientation, translation, [*lens, 0, 0, 0, 0, 0]))
    return Camera(*arrays, width, height)


def _numbers(where: str, fields: Mapping[str, Sequence[str]], field: str, count: int) -> np.ndarray:
    """Return the values of a field."""
    try:
        values = np.array([float(word) for word in fields.get(field, ())])
    except ValueError:
        values = np.array([np.nan])
    if len(values) != count or not (np.abs(values) < 1e9).all():
        raise InputError(f"{where}: {field!r} must be {count} numbers; download it again")
    return values
