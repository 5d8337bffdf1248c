"""Files that are written whole or not at all."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from jaxpose.errors import InputError


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make the file in a temporary folder beside it, then move it: a reader never sees half of it.

    Args:
      path: the file to make or replace.
      write: is given the temporary path, which has the same name.

    Raises:
      InputError: the file cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as folder:
            write(Path(folder, path.name))
            os.replace(Path(folder, path.name), path)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{path} cannot be written ({reason}); make room, or choose another place") from error


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    write_whole(path, lambda temporary: temporary.write_text(text, "utf-8"))
