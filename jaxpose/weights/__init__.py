"""The trained lifters that come with jaxpose, files that `runs.lifter_file` reads; README.md is their card."""

import importlib.resources
from pathlib import Path

from jaxpose.runtime.errors import InputError

NAME = "weights"
"""What `--init` calls the file that `find_weights()` finds."""

FOLDER = Path(str(importlib.resources.files(__name__)))


def find_weights(name: str = "anywhere") -> Path:
    """Find a trained lifter that comes with jaxpose.

    Args:
      name: "anywhere", or "anywhere-causal" for streams: its pose of a frame depends on that frame and those before.

    Raises:
      InputError: this version comes without one.
    """
    file = FOLDER / f"{name}.npz"
    if file.is_file():
        return file
    if others := sorted(other.stem for other in FOLDER.glob("*.npz")):
        raise InputError(f"jaxpose comes without weights {name!r:.50}; it has {', '.join(others)}")
    raise InputError(
        "jaxpose comes without trained weights in this version; train a lifter (jaxpose train --data DIR) and name its "
        "RUN"
    )
