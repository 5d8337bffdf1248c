"""The hidden folder in which a data set is prepared: what a killed process had finished stays there."""

import contextlib
import hashlib
import pickle
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import filelock

from data_prep.writer.builder import Source
from jaxpose.runtime.errors import InputError


@contextlib.contextmanager
def workplace(out: Path, source: Source, inputs: Sequence[Path]) -> Iterator[Path]:
    """The folder where `out` is made, with what is left of the same work; gone afterwards, unless killed."""
    place = out.parent / f".{out.name}.parts"
    interrupted = False
    try:
        place.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(place / "lock", timeout=0):
            try:
                _take_over(place, identity := _identity(source, inputs) if inputs else "")
                yield place
            except KeyboardInterrupt:  # as if killed
                interrupted = bool(identity)
                raise
            finally:
                if not interrupted:
                    shutil.rmtree(place)
    except filelock.Timeout:
        raise InputError(f"{out} is being prepared by another process; wait for it, or name another folder") from None
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error}; make room, or name another folder") from error


def _take_over(place: Path, identity: str) -> None:
    """Remove what other work has left, and what this work has left half done."""
    kept = place / "source"
    same = bool(identity) and kept.exists() and kept.read_text() == identity
    _clear(place, keep=("lock", "data", *(path.name for path in place.glob("*.json"))) if same else ("lock",))
    kept.write_text(identity)
    (place / "data").mkdir(exist_ok=True)


def _identity(source: Source, inputs: Sequence[Path]) -> str:
    """A hash of the work: what is made, of which state of which files."""
    files = [file for path in inputs for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    states = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.exists()]
    return hashlib.sha256(pickle.dumps((source, states))).hexdigest()


def _clear(place: Path, keep: Sequence[str]) -> None:
    for path in place.iterdir():
        if path.name not in keep:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def finished_record(place: Path, split: str) -> Path:
    """The file that says that a split is finished, and how it is sharded."""
    return place / f"{split}.json"
