"""A lock on a run's folder: one process at a time, or one job of a cluster, trains in it."""

import contextlib
import datetime
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import filelock
import jax

from jaxpose.files.atomic import atomic_write_text
from jaxpose.files.guarded_read import read_json
from jaxpose.runtime.devices import max_over_processes
from jaxpose.runtime.errors import InputError

LOCK, OWNER = ".lock", ".owner.json"


@contextlib.contextmanager
def locked(run: Path) -> Iterator[None]:
    """Hold the lock of a run's folder, which exists.

    The operating system holds the lock and releases it when the process ends, however it ends: the lock of a dead
    process is taken over. Of several processes of one job the first one holds it for all.

    Raises:
      InputError: another process holds it (the message says which, and since when), or the lock cannot be created.
    """
    lock, acquired = filelock.FileLock(run / LOCK), True
    if jax.process_index() == 0:
        try:
            lock.acquire(timeout=0)
            acquired = (run / LOCK).exists()  # else the process that held it has just removed it
        except filelock.Timeout:
            acquired = False
        except OSError as error:
            raise InputError(f"{run / LOCK} cannot be created ({error.strerror}); choose another folder") from error
    if any(max_over_processes(not acquired)):
        raise InputError(f"{run} is being trained by {_owner(run)}; wait for it, stop it, or choose another folder")
    try:
        if jax.process_index() == 0:
            since = datetime.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
            owner = {"host": socket.gethostname(), "pid": os.getpid(), "since": since}
            atomic_write_text(run / OWNER, json.dumps(owner) + "\n")
        yield
    finally:
        if jax.process_index() == 0:
            for name in (OWNER, LOCK):
                (run / name).unlink(missing_ok=True)
            lock.release()


def _owner(run: Path) -> str:
    """Describe the process that holds the lock."""
    try:
        owner = read_json(run / OWNER)
        return f"process {owner['pid']} on {owner['host']} since {owner['since']}"
    except (OSError, ValueError, KeyError, TypeError):  # it has not written the file yet
        return "another process"
