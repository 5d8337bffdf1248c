"""Files that are written whole or not at all, and small files that are read with suspicion."""

import json
import os
import stat
from pathlib import Path
from typing import Any


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
