"""Read folders, zip and tar archives alike, as a stranger could have crafted them, without unpacking them to disk."""

import contextlib
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from jaxpose.files.guarded_read import read_bytes
from jaxpose.runtime.errors import InputError

LARGEST_BYTES = 2**30
"""The most that one member may hold."""

LARGEST_TOTAL_BYTES = 64 * 2**30
"""The most that all members of an archive may hold."""


class Member(NamedTuple):
    """A file in a folder or an archive."""

    path: str  # inside it, with forward slashes
    size: int  # bytes, as declared
    read: Callable[[], bytes]  # its content; of a member of an archive, before the next member is asked for


def members(source: Path) -> Iterator[Member]:
    """The files of a folder or an archive, whatever its name: a folder's sorted, an archive's as they lie in it.

    Args:
      source: a folder, a zip archive, or a tar archive, compressed or not. Archives are read front to back.

    Yields:
      Every file. Folders are passed over.

    Raises:
      InputError: nothing is there, it is no archive, it is damaged, or a member is a link or a device, has a path that
        leads out of the archive, or declares a size far over what motion data have. Nothing is ever written.
    """
    if not source.exists():
        raise InputError(f"{source}: no such file or folder")
    if source.is_dir():
        for path in sorted(path for path in source.rglob("*") if path.is_file()):
            yield Member(path.relative_to(source).as_posix(), path.stat().st_size, lambda path=path: content(path))
        return
    if not source.is_file():  # a pipe would be waited for, a device has no end
        raise InputError(f"{source}: no file or folder; name an archive, or a folder")
    total = 0
    for member in _guarded(source, _zipped(source) if zipfile.is_zipfile(source) else _tarred(source)):
        if PurePosixPath(member.path).is_absolute() or ".." in PurePosixPath(member.path).parts:
            raise InputError(f"{source}: member {member.path!r} leads out of the archive; nothing was unpacked")
        total += member.size
        if member.size > LARGEST_BYTES or total > LARGEST_TOTAL_BYTES:
            raise InputError(
                f"{source}: member {member.path!r} unpacks to {member.size} bytes, {total} with those before it; "
                "no motion data are as large: download the archive again, from where it is published"
            )
        yield member._replace(read=lambda member=member: _read(source, member))


def content(path: Path) -> bytes:
    """What a file of motion data holds.

    Raises:
      InputError: there is no such file, it cannot be read, or it is far larger than motion data are.
    """
    try:
        return read_bytes(path, most=LARGEST_BYTES)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; download it again") from None
    except ValueError as error:
        raise InputError(f"{path}: {error}; download it again") from error


def is_archive(path: Path) -> bool:
    """Whether a file is a zip or tar archive, by its content."""
    return path.is_file() and (zipfile.is_zipfile(path) or tarfile.is_tarfile(path))


def _zipped(source: Path) -> Iterator[Member]:
    """The files of a zip archive."""
    with zipfile.ZipFile(source) as archive:
        for entry in archive.infolist():
            mode = entry.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):  # 0: written under Windows
                raise InputError(f"{source}: member {entry.filename!r} is a link or a device; only files are read")
            if not entry.is_dir():
                yield Member(entry.filename, entry.file_size, lambda entry=entry: archive.read(entry))


def _tarred(source: Path) -> Iterator[Member]:
    """The files of a tar archive."""
    with tarfile.open(source, "r|*") as archive:
        for entry in archive:
            if not entry.isfile() and not entry.isdir():
                raise InputError(f"{source}: member {entry.name!r} is a link or a device; only files are read")
            if entry.isfile():
                yield Member(entry.name, entry.size, lambda entry=entry: _extracted(archive, entry))


def _extracted(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(entry)
    content = stream.read() if stream else b""
    if len(content) != entry.size:
        raise tarfile.ReadError(f"{len(content)} bytes of {entry.size}")
    return content


def _read(source: Path, member: Member) -> bytes:
    with _faults(source):
        return member.read()


def _guarded(source: Path, found: Iterator[Member]) -> Iterator[Member]:
    """`found`, its exceptions as input errors."""
    with _faults(source), contextlib.closing(found):
        yield from found


@contextlib.contextmanager
def _faults(source: Path) -> Iterator[None]:
    """Whatever a damaged archive makes the readers raise, as one input error."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # damaged bytes can make zlib, zipfile and tarfile raise anything
        fault = f"{type(error).__name__}: {error}"
        raise InputError(
            f"{source}: not a zip or tar archive, or damaged or incomplete ({fault}); download it again"
        ) from error
