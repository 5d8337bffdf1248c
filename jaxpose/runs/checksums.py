"""Checksums of a checkpoint's files: written before it appears under its name, checked before it is read."""

import hashlib
import json
from pathlib import Path

import jax

from jaxpose.files.atomic import atomic_write_text
from jaxpose.files.guarded_read import read_json
from jaxpose.runtime.errors import InputError

CHECKSUMS = "checksums.json"
"""In every checkpoint: size and SHA-256 by file. It is written before the checkpoint appears under its name."""

LARGEST_DESCRIPTION = 2**26  # bytes of any file but the arrays, which are in folders called d


def check_files(folder: Path) -> None:
    """Refuse what Orbax would wait for or read without end: pipes, devices, descriptions of any size."""
    for path in folder.rglob("*"):
        if not path.is_dir() and not path.is_file():
            raise InputError(f"{path} is no file; restore a copy, or train again")
        if path.is_file() and path.parent.name != "d" and path.stat().st_size > LARGEST_DESCRIPTION:
            raise InputError(f"{path} has more than {LARGEST_DESCRIPTION} bytes; restore a copy, or train again")


def write_checksums(folder: Path) -> None:
    """Add the checksums to what Orbax has written whole and is about to move under its final name."""
    if jax.process_index() == 0:
        for checkpoint in folder.glob("*.orbax-checkpoint-tmp"):
            # Orbax still adds the time to its note at the top; nothing is read from it.
            files = sorted(path for path in checkpoint.glob("*/**/*") if path.is_file())
            sums = {path.relative_to(checkpoint).as_posix(): [path.stat().st_size, _digest(path)] for path in files}
            whole = {"files": sums, "sha256": _digest_of(sums)}
            atomic_write_text(checkpoint / CHECKSUMS, json.dumps(whole, indent=1) + "\n")


def _digest_of(sums: dict[str, list]) -> str:
    """Of the checksums themselves."""
    return hashlib.sha256(json.dumps(sums).encode()).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_damage(folder: Path) -> str:
    """Which file of a checkpoint is missing or altered, in words; empty if none, or if it has no checksums to tell."""
    try:
        whole = read_json(folder / CHECKSUMS, most=LARGEST_DESCRIPTION)
        sums = {name: [size, digest] for name, (size, digest) in whole["files"].items()}
        if whole["sha256"] != _digest_of(sums):
            return f"{folder / CHECKSUMS} is damaged"
    except FileNotFoundError:  # written by an older version
        return ""
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return f"{folder / CHECKSUMS} is damaged"
    for path, size, digest in ((folder / name, *of) for name, of in sums.items()):
        if not path.is_file():
            return f"{path} is missing"
        if path.stat().st_size != size:  # before it is read: a damaged file may have any size
            return f"{path} is damaged (it has {path.stat().st_size} bytes, not {size})"
        if _digest(path) != digest:
            return f"{path} is damaged (its SHA-256 is not that in {CHECKSUMS})"
    return ""
