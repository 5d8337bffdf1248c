"""Checksums of a checkpoint's files: written before it appears under its name, checked before it is read."""

import hashlib
import json
from pathlib import Path

import jax
from orbax.checkpoint.path import step as orbax_paths

from jaxpose.files.atomic import atomic_write_text
from jaxpose.files.guarded_read import read_json

CHECKSUMS = "checksums.json"
"""In every checkpoint: `files`, [size in bytes, SHA-256] by path, and `sha256`, the checksum of these checksums."""

LARGEST_DESCRIPTION = 2**26  # bytes of any file but those of the arrays, which Orbax's format OCDBT puts in folders "d"


def find_unreadable(folder: Path) -> str:
    """Describe a file of a checkpoint on which Orbax would wait without end, or that it would read whole; "" if none.

    These are pipes, devices, and descriptions of more than `LARGEST_DESCRIPTION` bytes.
    """
    for path in folder.rglob("*"):
        if not path.is_dir() and not path.is_file():
            return f"{path} is not a regular file"
        if path.is_file() and path.parent.name != "d" and path.stat().st_size > LARGEST_DESCRIPTION:
            return f"{path} is larger than {LARGEST_DESCRIPTION} bytes"
    return ""


def write_checksums(folder: Path) -> None:
    """Add `checksums.json` to the checkpoints that Orbax has written and is about to move to their final name.

    Orbax calls this without saying for which checkpoint, so all in `folder` that still have a temporary name get them.
    """
    if jax.process_index() != 0:
        return
    for checkpoint in folder.glob(f"*{orbax_paths.TMP_DIR_SUFFIX}"):
        # The files at the top are left out: Orbax still adds the time to its note there, and nothing is read from it.
        files = sorted(path for path in checkpoint.glob("*/**/*") if path.is_file())
        sums = {path.relative_to(checkpoint).as_posix(): [path.stat().st_size, _sha256(path)] for path in files}
        content = {"files": sums, "sha256": _sha256_of_sums(sums)}
        atomic_write_text(checkpoint / CHECKSUMS, json.dumps(content, indent=1) + "\n")


def find_damage(folder: Path) -> str:
    """Describe the first file of a checkpoint that is missing or altered; "" if none is, or without checksums."""
    try:
        content = read_json(folder / CHECKSUMS, most=LARGEST_DESCRIPTION)
        sums = {name: [size, digest] for name, (size, digest) in content["files"].items()}
        if content["sha256"] != _sha256_of_sums(sums):
            return f"{folder / CHECKSUMS} is damaged"
    except FileNotFoundError:  # written by an older version
        return ""
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return f"{folder / CHECKSUMS} is damaged"
    for name, (size, digest) in sums.items():
        path = folder / name
        if not path.is_file():
            return f"{path} is missing"
        if path.stat().st_size != size:  # before it is read: a damaged file may have any size
            return f"{path} is damaged (it has {path.stat().st_size} bytes, not {size})"
        if _sha256(path) != digest:
            return f"{path} is damaged (its SHA-256 is not that in {CHECKSUMS})"
    return ""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256_of_sums(sums: dict[str, list]) -> str:
    return hashlib.sha256(json.dumps(sums).encode()).hexdigest()
