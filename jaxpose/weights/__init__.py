"""The trained lifter that comes with jaxpose, a file that `runs.lifter_file` reads; README.md is its card."""

import importlib.resources
from pathlib import Path

from jaxpose.runtime.errors import InputError

NAME = "weights"
"""What `--init` calls the file."""

FOLDER = Path(str(importlib.resources.files(__name__)))


def find_weights() -> Path:
    """Find the trained lifter that comes with jaxpose.

    Raises:
      InputError: this version comes without one.
    """
    file = FOLDER / "anywhere.npz"
    if not file.is_file():
        raise InputError(
            "jaxpose comes without trained weights in this version; train a lifter (jaxpose train --data DIR) and name "
            "its RUN"
        )
    return file
