"""Lift 2D keypoint tracks to 3D human poses: temporal models, differentiable kinematics, the field's metrics.

`import jaxpose` gives the pure parts, for notebooks; `jaxpose.lift` takes keypoints to poses with a trained run;
`python -m jaxpose.train`, `jaxpose.evaluate` and `jaxpose.predict` are the commands. Metres, root-relative poses,
joints on axis -2, coordinates on axis -1, time first.
"""

from typing import Any

from jaxpose import cameras, kinematics, metrics, numerics, rotations, skeleton

__all__ = ["cameras", "kinematics", "lift", "metrics", "numerics", "rotations", "skeleton"]


def __getattr__(name: str) -> Any:
    """`lift`, when it is asked for: it needs the trainer's libraries, which take seconds to import."""
    if name == "lift":
        from jaxpose.lifting import lift

        return lift
    raise AttributeError(f"module 'jaxpose' has no attribute {name!r}")
