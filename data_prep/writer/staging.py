"""The hidden folder in which a data set is prepared; the splits that a killed process had finished stay there."""

import contextlib
import hashlib
import pickle
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import filelock

from data_prep.writer.source import Source
from jaxpose.runtime.errors import InputError


@contextlib.contextmanager
def staging_folder(out: Path, source: Source, inputs: Sequence[Path]) -> Iterator[Path]:
    """Make the hidden folder for `out`, or take over that of an interrupted process with the same source and inputs.

    It is removed at the end, except after Ctrl-C (or a kill) with `inputs`: then the next process continues from it.

    Raises:
      InputError: another process prepares `out`, or it cannot be written.
    """
    folder = out.parent / f".{out.name}.parts"
    interrupted = False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / "lock", timeout=0):
            try:
                _take_over(folder, identity := _identity(source, inputs) if inputs else "")
                yield folder
            except KeyboardInterrupt:  # as if killed
                interrupted = bool(identity)
                raise
            finally:
                if not interrupted:
                    shutil.rmtree(folder)
    except filelock.Timeout:
        raise InputError(f"{out} is being prepared by another process; wait for it, or name another folder") from None
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error}; make room, or name another folder") from error


def finished_record(folder: Path, split: str) -> Path:
    """Return the path of the file whose existence says that a split is finished; it holds how the split is sharded."""
    return folder / f"{split}.json"


def _take_over(folder: Path, identity: str) -> None:
    """Remove what other work has left, and unfinished splits of the same work."""
    record = folder / "source"
    same = bool(identity) and record.exists() and record.read_text() == identity
    finished = ("data", *(path.name for path in folder.glob("*.json"))) if same else ()
    for path in folder.iterdir():
        if path.name not in ("lock", *finished):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    record.write_text(identity)
    (folder / "data").mkdir(exist_ok=True)


def _identity(source: Source, inputs: Sequence[Path]) -> str:
    """Hash the source, and the sizes and times of its input files."""
    files = [file for path in inputs for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    states = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.exists()]
    return hashlib.sha256(pickle.dumps((source, states))).hexdigest()
