"""Write a motion as C3D, the biomechanists' format of marker trajectories: z up, millimetres.

The bytes are those of the package c3d: of the two that write C3D, ezc3d puts camera masks where residuals belong
(pyomeca/ezc3d, issue 386). The convention of c3d.org says how a joint is told that was filled: it was seen by no
camera. Those that were seen were by the first. All residuals are zero, since nothing was measured in 3D.
"""

import io
import warnings
from types import ModuleType

import numpy as np

from jaxpose.export.motion import Motion, filled, safe_names, z_up
from jaxpose.runtime.errors import InputError

_MOST_JOINTS = 255  # a parameter's dimensions are bytes
_LARGEST_INTEGER = 32000  # of a coordinate, where programs make integers of them


def c3d(motion: Motion) -> bytes:
    """The motion as a C3D file: Intel floats, no analog channels.

    Args:
      motion: of at least one frame. In camera space, the camera is taken for level.

    Returns:
      The file. Its frames are those of the video, counted from one.

    Raises:
      InputError: the package c3d is not installed, or there are more joints than a C3D file names.
    """
    package = require_package()
    joints = motion.skeleton.num_joints
    if joints > _MOST_JOINTS:
        raise InputError(f"a C3D file holds {_MOST_JOINTS} joints, not {joints}; choose another format")
    positions = 1000 * z_up(motion)
    seen = ~filled(motion)
    points = np.concatenate([positions, np.zeros_like(positions[..., :1]), seen[..., None]], axis=-1)
    scale = max(np.abs(positions).max() / _LARGEST_INTEGER, 1e-6)
    writer = package.Writer(point_rate=motion.fps, point_scale=-scale, point_units="mm")
    ascii_names = [joint.encode("ascii", "replace").decode() for joint in motion.skeleton.joints]
    writer.set_point_labels(safe_names(ascii_names))
    writer.set_screen_axis("+X", "+Z")  # what is to the right, and up
    writer.set_start_frame(motion.start + 1)
    writer.add_frames([(frame, np.zeros((0, 0))) for frame in np.float32(points)])
    buffer = io.BytesIO()
    with warnings.catch_warnings():  # that there are no analog channels
        warnings.simplefilter("ignore")
        writer.write(buffer)
    return buffer.getvalue()


def require_package() -> ModuleType:
    """The package that writes C3D, which jaxpose does not depend on.

    Raises:
      InputError: it is not installed.
    """
    try:
        import c3d as package
    except ImportError:
        raise InputError("C3D files take the package c3d; pip install 'jaxpose[c3d]'") from None
    return package
