"""Lift 2D keypoint tracks to 3D human poses: temporal models, differentiable kinematics, losses and metrics in JAX.

`import jaxpose` imports nothing else; `jaxpose.losses`, `jaxpose.metrics` and the others are imported when they are
first used. `jaxpose.lift` takes keypoints to poses with a trained lifter. The commands are `jaxpose train`, `jaxpose
evaluate`, `jaxpose predict`, …; `jaxpose --help` lists them.

Conventions: metres, root-relative poses, coordinates on axis -1, joints on axis -2, time on axis -3; other axes lead.
"""

import importlib
import importlib.metadata
import sys
from typing import Any

from jaxpose.runtime.moved import MovedModules
from jaxpose.runtime.signals import end_soon_after_interrupts, is_command

MODULES = (
    "alignment",
    "cameras",
    "inverse_kinematics",
    "kinematics",
    "losses",
    "masks",
    "metrics",
    "numerics",
    "rotations",
    "shapes",
    "skeleton",
    "synthetic",
)
"""What a notebook imports; all pure functions."""

__all__ = [*MODULES, "__version__", "lift"]

if is_command(sys.orig_argv):  # before the imports of the command, which take a second
    end_soon_after_interrupts()

sys.meta_path.append(MovedModules())


def __getattr__(name: str) -> Any:
    """Import a module, or `lift`, when it is first asked for: JAX takes a second, the trainer's libraries more."""
    if name == "__version__":
        return importlib.metadata.version("jaxpose")
    if name == "lift":
        return importlib.import_module("jaxpose.lifting.lift").lift
    if name in MODULES:
        return importlib.import_module(f"jaxpose.{name}")
    raise AttributeError(f"module 'jaxpose' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, for tab completion."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
