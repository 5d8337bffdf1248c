"""The trained lifters that come with jaxpose, files that `runs.lifter_file` reads; README.md is their card."""

import importlib.resources
from pathlib import Path

from jaxpose.runtime.errors import InputError

NAME = "weights"
"""What `--init` calls the file that `find_weights()` finds."""

FOLDER = Path(str(importlib.resources.files(__name__)))

FILES = ("anywhere", "anywhere-causal")
"""The lifters by name; the second is for streams: its pose of a frame depends on that frame and those before."""


def find_weights(name: str = "anywhere") -> Path:
    """Find a trained lifter that comes with jaxpose.

    Args:
      name: in `FILES`.

    Raises:
      InputError: there is none of that name, or this version comes without it.
    """
    if name not in FILES:
        raise InputError(f"jaxpose has no weights {name!r:.50}; choose from {', '.join(FILES)}")
    file = FOLDER / f"{name}.npz"
    if not file.is_file():
        raise InputError(
            "jaxpose comes without trained weights in this version; train a lifter (jaxpose train --data DIR) and name "
            "its RUN"
        )
    return file
