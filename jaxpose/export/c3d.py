"""Write a motion as C3D, the format of marker trajectories in biomechanics: z up, millimetres.

The package c3d makes the bytes: the other package that writes C3D, ezc3d, puts camera masks where residuals belong
(pyomeca/ezc3d, issue 386). Filled joints are marked as c3d.org has it, as seen by no camera; all others are seen by the
first camera. All residuals are zero, since nothing was measured in 3D.
"""

import io
import warnings
from types import ModuleType

import numpy as np

from jaxpose.export.motion import Motion, filled_mask, safe_names, z_up
from jaxpose.runtime.errors import InputError

_MAX_JOINTS = 255  # a parameter's dimensions are bytes
_MAX_FRAME = 2**32 - 1  # two words of 16 bits
_MAX_INTEGER = 32000  # of a coordinate, where programs make integers of them


def encode_c3d(motion: Motion) -> bytes:
    """Encode a motion as a C3D file: Intel floats, no analog channels.

    Args:
      motion: of at least one frame. Camera space is written as if the camera were level.

    Returns:
      The file. Its frames are those of the video, counted from one.

    Raises:
      InputError: the package c3d is not installed, there are more joints than a C3D file names, or frames beyond those
        that it numbers.
    """
    package = require_package()
    joints = motion.skeleton.num_joints
    if joints > _MAX_JOINTS:
        raise InputError(f"a C3D file holds {_MAX_JOINTS} joints, not {joints}; choose another format")
    positions = 1000 * z_up(motion)
    seen = ~filled_mask(motion)
    points = np.concatenate([positions, np.zeros_like(positions[..., :1]), seen[..., None]], axis=-1)
    scale = max(np.abs(positions).max() / _MAX_INTEGER, 1e-6)
    first = motion.start + 1
    if first + len(positions) - 1 > _MAX_FRAME:
        raise InputError(
            f"a C3D file numbers frames up to {_MAX_FRAME}, and {motion.name} begins at {first}; number the frames of "
            "the keypoint file from the start of the video, or choose another format"
        )

    class Writer(package.Writer):
        first_frame = first  # the package reads back what it was given, beyond 65,535 as one frame less or more

    writer = Writer(point_rate=motion.fps, point_scale=-scale, point_units="mm")
    ascii_names = [joint.encode("ascii", "replace").decode() for joint in motion.skeleton.joints]
    writer.set_point_labels(safe_names(ascii_names))
    writer.set_screen_axis("+X", "+Z")  # the axes to the right and up
    writer.add_frames([(frame, np.zeros((0, 0))) for frame in np.float32(points)])
    buffer = io.BytesIO()
    with warnings.catch_warnings():  # that there are no analog channels
        warnings.simplefilter("ignore")
        writer.write(buffer)
    return buffer.getvalue()


def require_package() -> ModuleType:
    """Import the package that writes C3D, which jaxpose does not depend on.

    Raises:
      InputError: it is not installed.
    """
    try:
        import c3d as package
    except ImportError:
        raise InputError("C3D files require the package c3d: pip install c3d") from None
    return package
