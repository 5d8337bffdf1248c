"""Read files that anyone may have made, up to a size."""

import json
import os
import stat
from pathlib import Path
from typing import Any


def read_bytes(path: Path, *, most: int) -> bytes:
    """Read a regular file of limited size.

    Args:
      path: of the file.
      most: bytes that it may have; no more are ever read.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it is not a regular file (reading a pipe would wait, a device has no end), is too large, or cannot be
        read; says what, but not which file.
    """
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ValueError("it is a folder, a pipe or a device, not a file")
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
    """Read a text file in UTF-8; arguments and errors as of `read_bytes`."""
    return read_bytes(path, most=most).decode("utf-8")


def read_json(path: Path, *, most: int = 2**20) -> Any:
    """Read a JSON file of limited size.

    Args:
      path: of the file.
      most: bytes that it may have.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: as of `read_bytes`, or it is not JSON.
    """
    return parse_json(read_text(path, most=most))


def parse_json(text: str) -> Any:
    """Parse JSON; raises `ValueError` if it is not JSON, or is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
