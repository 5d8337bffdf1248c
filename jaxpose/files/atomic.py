"""Write files atomically: whole, or not at all."""

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from jaxpose.runtime.errors import InputError


def atomic_write(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file, or a folder, in a temporary folder beside it, then move it: a reader never sees half of it.

    Args:
      path: the file to make or replace.
      write: makes the file at the temporary path that it is given, which has the same name.

    Raises:
      InputError: the file cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as folder:
            write(Path(folder, path.name))
            descriptor = os.open(Path(folder, path.name), os.O_RDONLY)  # of a file or a folder
            try:
                os.fsync(descriptor)  # else a power cut could leave the new name without its content
            finally:
                os.close(descriptor)
            os.replace(Path(folder, path.name), path)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{path} cannot be written ({reason}); make room, or choose another folder") from error


def atomic_write_all(contents: Mapping[Path, bytes]) -> None:
    """Write several files of one folder: all are whole before the first of them appears.

    Args:
      contents: by the file to make or replace; at least one.

    Raises:
      InputError: a file cannot be written.
    """
    *others, last = contents.items()

    def write(temporary: Path) -> None:
        for path, content in others:
            temporary.with_name(path.name).write_bytes(content)
        temporary.write_bytes(last[1])
        for path, _ in others:
            os.replace(temporary.with_name(path.name), path)

    atomic_write(last[0], write)


def atomic_write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8 atomically; raises `InputError` if it cannot be written."""
    atomic_write(path, lambda temporary: temporary.write_text(text, "utf-8"))
