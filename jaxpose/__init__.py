"""Lift 2D keypoint tracks to 3D human poses: temporal models, differentiable kinematics, the field's metrics.

`import jaxpose` gives the pure parts, for notebooks; `python -m jaxpose.train` and `python -m jaxpose.evaluate` are
the commands. Metres, root-relative poses, joints on axis -2, coordinates on axis -1, time first.
"""

from jaxpose import cameras, kinematics, metrics, numerics, rotations, skeleton

__all__ = ["cameras", "kinematics", "metrics", "numerics", "rotations", "skeleton"]
