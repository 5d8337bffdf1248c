"""Files that are written whole or not at all, and small files that are read with suspicion."""

import json
import os
import stat
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

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
            descriptor = os.open(Path(folder, path.name), os.O_RDONLY)  # of a file or a folder
            try:
                os.fsync(descriptor)  # else a power cut could leave the new name without its content
            finally:
                os.close(descriptor)
            os.replace(Path(folder, path.name), path)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{path} cannot be written ({reason}); make room, or choose another place") from error


def write_all(contents: Mapping[Path, bytes]) -> None:
    """Write several files of one folder: all whole before the first of them is seen.

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

    write_whole(last[0], write)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    write_whole(path, lambda temporary: temporary.write_text(text, "utf-8"))


def read_bytes(path: Path, *, most: int) -> bytes:
    """A file that anyone may have made.

    Args:
      path: of the file.
      most: bytes that it may have; no more are ever read.

    Raises:
      FileNotFoundError: there is none.
      ValueError: it is no regular file (a pipe would be waited for, a device has no end), too large, or cannot be read;
        says what, but not which file.
    """
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ValueError("it is no file, but a folder, a pipe or a device")
            if os.fstat(file.fileno()).st_size > most:  # before a buffer of that size is made
                raise ValueError(f"it has more than {most} bytes")
            content = file.read(most + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(error.strerror) from error
    if len(content) > most:
        raise ValueError(f"it has more than {most} bytes")
    return content


def read_text(path: Path, *, most: int) -> str:
    """A text file in UTF-8; arguments and errors are those of `read_bytes`."""
    return read_bytes(path, most=most).decode("utf-8")


def read_json(path: Path, *, most: int = 2**20) -> Any:
    """What is in a JSON file that anyone may have made.

    Args:
      path: of the file.
      most: bytes that it may have.

    Raises:
      FileNotFoundError: there is none.
      ValueError: as `read_text`, or it is not JSON.
    """
    return parse_json(read_text(path, most=most))


def parse_json(text: str) -> Any:
    """What a JSON text says; raises `ValueError` for one that is no JSON, or nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
