"""The log of a run, `metrics.jsonl`: mean losses and errors after each epoch, a JSON object a line."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxpose.files.atomic import atomic_write_text
from jaxpose.files.guarded_read import parse_json, read_text
from jaxpose.runtime.errors import InputError

_LARGEST_LOG = 2**28  # bytes: a line for each of a million steps

_LARGEST_NUMBER = 2**53  # of a record: steps are counted with whole numbers


def append_log(run: Path, record: Mapping[str, float]) -> None:
    """Add a line to the run's log, `metrics.jsonl`.

    Raises:
      InputError: it cannot be written.
    """
    path = run / "metrics.jsonl"
    try:
        with path.open("a") as log:
            log.write(json.dumps(record) + "\n")
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}); make room, and go on with --resume {run}"
        ) from error


def read_log(run: Path) -> list[dict[str, float]]:
    """The records of the run's log, none if there is no log; a last line that was cut short is left out.

    Raises:
      InputError: the log cannot be read, or a line of it is not what `append_log` writes.
    """
    path, number = run / "metrics.jsonl", 0
    try:
        whole_lines = read_text(path, most=_LARGEST_LOG).split("\n")[:-1]
        records = []
        for number, line in enumerate(whole_lines, start=1):  # noqa: B007
            records.append(_record(parse_json(line)))
        return records
    except FileNotFoundError:
        return []
    except ValueError as error:
        where = f"{path}, line {number}," if number else f"{path}"
        raise InputError(f"{where} cannot be read: {error}; remove the line, or the file") from error


def _record(content: Any) -> dict[str, float]:
    """A record of the log; raises `ValueError` for what is none."""
    if not isinstance(content, dict) or "step" not in content:
        raise ValueError("it is no object with a step")
    for name, value in content.items():  # a loss may be NaN
        number = type(value) in (int, float) and not abs(value) > _LARGEST_NUMBER
        if not number or (name in ("step", "epoch") and not value >= 0):
            raise ValueError(f"{name!r:.50} is {value!r:.50}, not a number")
    return content


def cut_log(run: Path, step: int) -> None:
    """Forget what was logged after a step, before training goes on from it."""
    kept = [json.dumps(record) + "\n" for record in read_log(run) if record["step"] <= step]
    atomic_write_text(run / "metrics.jsonl", "".join(kept))
