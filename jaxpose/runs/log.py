"""The log of a run, `metrics.jsonl`: a JSON object a line, with the mean losses and, after an epoch, the errors."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxpose.files.atomic import atomic_write_text
from jaxpose.files.guarded_read import parse_json, read_text
from jaxpose.runtime.errors import InputError

_LARGEST_LOG = 2**28  # bytes: a line for each of a million steps

_LARGEST_NUMBER = 2**53  # in a record: larger floats are no longer exact whole numbers


def append_log(run: Path, record: Mapping[str, float]) -> None:
    """Add a line to the run's log; it is on the disk when this returns.

    A checkpoint that is saved later relies on this line: resuming from it does not write the line again.

    Raises:
      InputError: the log cannot be written.
    """
    path = run / "metrics.jsonl"
    try:
        with path.open("a") as log:
            log.write(json.dumps(record) + "\n")
            log.flush()
            os.fsync(log.fileno())  # else a power cut could keep the checkpoint and lose the line
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}); make room, and continue with --resume {run}"
        ) from error


def read_log(run: Path) -> list[dict[str, float]]:
    """Read the records of the run's log: none if there is no log, and without a last line that was cut short.

    Raises:
      InputError: the log cannot be read, or a line of it is not what `append_log` writes.
    """
    path, number = run / "metrics.jsonl", 0
    try:
        whole_lines = read_text(path, most=_LARGEST_LOG).split("\n")[:-1]
        records = []
        for number, line in enumerate(whole_lines, start=1):  # noqa: B007
            records.append(_parse_record(line))
        return records
    except FileNotFoundError:
        return []
    except ValueError as error:
        place = f"{path}, line {number}," if number else f"{path}"
        raise InputError(f"{place} cannot be read: {error}; remove the line, or the file") from error


def _parse_record(line: str) -> dict[str, float]:
    """Parse a line of the log; raises `ValueError` if it is not a JSON object of numbers with a step."""
    record: Any = parse_json(line)
    if not isinstance(record, dict) or "step" not in record:
        raise ValueError("it is not a JSON object with a step")
    for name, value in record.items():  # a loss may be NaN
        number = type(value) in (int, float) and not abs(value) > _LARGEST_NUMBER
        if not number or (name in ("step", "epoch") and not value >= 0):
            raise ValueError(f"{name!r:.50} is {value!r:.50}, not a number")
    return record


def cut_log(run: Path, step: int) -> None:
    """Remove the records after a step, before training goes on from it."""
    lines = [json.dumps(record) + "\n" for record in read_log(run) if record["step"] <= step]
    atomic_write_text(run / "metrics.jsonl", "".join(lines))
