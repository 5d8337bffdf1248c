"""Read folders, zip archives and tar archives alike, without unpacking them to disk.

Archives may be forged: links, devices and paths that lead out of the archive are refused, and sizes are limited.
"""

import contextlib
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from data_prep.formats.damage import damage_as_input_error
from jaxpose.files.guarded_read import read_bytes
from jaxpose.runtime.errors import InputError

LARGEST_BYTES = 2**30
"""Largest size of one member."""

LARGEST_TOTAL_BYTES = 64 * 2**30
"""Largest size of all members of an archive together."""

_PROBLEM = "not a zip or tar archive, or damaged or incomplete"


class Member(NamedTuple):
    """A file in a folder or an archive."""

    path: str  # inside it, with forward slashes
    size: int  # bytes, as declared
    read: Callable[[], bytes]  # returns the content; for an archive, call it before taking the next member


def members(source: Path) -> Iterator[Member]:
    """Iterate over the files of a folder, sorted, or of an archive, in its order. Nothing is written to disk.

    Args:
      source: a folder, a zip archive, or a tar archive, compressed or not, whatever its name.

    Yields:
      Every file; no folders.

    Raises:
      InputError: `source` does not exist, is not an archive, or is damaged; or a member is a link or a device, has a
        path that leads out of the archive, or declares more than `LARGEST_BYTES` (`LARGEST_TOTAL_BYTES` for all).
    """
    if not source.exists():
        raise InputError(f"{source}: no such file or folder")
    if source.is_dir():
        for path in sorted(path for path in source.rglob("*") if path.is_file()):
            yield Member(path.relative_to(source).as_posix(), path.stat().st_size, lambda path=path: read_file(path))
        return
    if not source.is_file():  # opening a pipe would block, a device has no end
        raise InputError(f"{source}: neither a file nor a folder; name an archive, or a folder")
    total = 0
    for member in _guarded(source, _zip_members(source) if zipfile.is_zipfile(source) else _tar_members(source)):
        if PurePosixPath(member.path).is_absolute() or ".." in PurePosixPath(member.path).parts:
            raise InputError(f"{source}: member {member.path!r} leads out of the archive; nothing was unpacked")
        total += member.size
        if member.size > LARGEST_BYTES or total > LARGEST_TOTAL_BYTES:
            raise InputError(
                f"{source}: member {member.path!r} unpacks to {member.size} bytes, {total} with those before it, more "
                "than motion data ever have; download the archive again, from where it is published"
            )
        yield member._replace(read=lambda member=member: _read(source, member))


def read_file(path: Path) -> bytes:
    """Read a file of motion data.

    Raises:
      InputError: the file does not exist, cannot be read, or is larger than `LARGEST_BYTES`.
    """
    try:
        return read_bytes(path, most=LARGEST_BYTES)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; download it again") from None
    except ValueError as error:
        raise InputError(f"{path}: {error}; download it again") from error


def is_archive(path: Path) -> bool:
    """Return true for a zip or tar archive, recognised by its content."""
    return path.is_file() and (zipfile.is_zipfile(path) or tarfile.is_tarfile(path))


def _zip_members(source: Path) -> Iterator[Member]:
    with zipfile.ZipFile(source) as archive:
        for entry in archive.infolist():
            mode = entry.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):  # 0: written under Windows
                raise InputError(f"{source}: member {entry.filename!r} is a link or a device; only files are read")
            if not entry.is_dir():
                yield Member(entry.filename, entry.file_size, lambda entry=entry: archive.read(entry))


def _tar_members(source: Path) -> Iterator[Member]:
    with tarfile.open(source, "r|*") as archive:
        for entry in archive:
            if not entry.isfile() and not entry.isdir():
                raise InputError(f"{source}: member {entry.name!r} is a link or a device; only files are read")
            if entry.isfile():
                yield Member(entry.name, entry.size, lambda entry=entry: _extract(archive, entry))


def _extract(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(entry)
    content = stream.read() if stream else b""
    if len(content) != entry.size:
        raise tarfile.ReadError(f"{len(content)} bytes of {entry.size}")
    return content


def _read(source: Path, member: Member) -> bytes:
    with damage_as_input_error(str(source), _PROBLEM):
        return member.read()


def _guarded(source: Path, entries: Iterator[Member]) -> Iterator[Member]:
    """Pass the entries on; their exceptions become input errors."""
    with damage_as_input_error(str(source), _PROBLEM), contextlib.closing(entries):
        yield from entries
