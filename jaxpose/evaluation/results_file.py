"""A run's `results.json` and `results.md`: the published metrics by action."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from jaxpose.data.track import Description, title_with_notice
from jaxpose.evaluation.averages import Scores
from jaxpose.evaluation.metric_records import PUBLISHED, PUBLISHED_KEYS, Metric, describe_units
from jaxpose.evaluation.protocol import VIDEOPOSE3D, Protocol
from jaxpose.files.atomic import atomic_write_text
from jaxpose.files.guarded_read import read_json
from jaxpose.runtime import tables
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.tables import Table

AVERAGE = "average"
"""The group of all actions among the errors of `Results`."""


class Results(NamedTuple):
    """The numbers of a `results.json`."""

    errors: dict[str, dict[str, float]]  # by action, then `AVERAGE`, and by metric; NaN where there is none
    frames: float  # scored
    fps: float  # frames per second
    trained_on: tuple[str, ...] = ()  # subjects of the split that the run was trained on


def trained_on_notice(subjects: Sequence[str]) -> str:
    """What every table and figure says of errors of subjects that a run was trained on; empty if there are none."""
    return f"TRAINED ON {', '.join(subjects)}: these are not errors of unseen people" if subjects else ""


def split_with_notice(split: str, notice: str) -> str:
    """The name of a split in a title, with the notice that it was trained on, if it was."""
    return f"{split} ({notice})" if notice else split


def caption(description: Description, split: str, metrics: Sequence[Metric] = PUBLISHED) -> str:
    """The data set, split and units of the numbers in a table or figure."""
    return f"{title_with_notice(description)}, {split}. {describe_units(metrics)}."


def per_second(scores: Scores, metrics: Sequence[Metric] = PUBLISHED) -> str:
    """A sentence of the number of frames, their rate, and the errors of motion per second."""
    average, fps = scores["average"], scores["fps"]
    if math.isnan(fps):
        return f"{scores['frames']:,} frames, at different frame rates."
    of_motion = [
        f"{metric.heading} {'' if number else 'is '}{average[metric.key] * fps**metric.order:,.0f} "
        f"{metric.unit.replace('frame', 's')}"
        for number, metric in enumerate(metric for metric in metrics if metric.order)
    ]
    motion = f"; per second, {' and '.join(of_motion)} on average" if of_motion else ""
    return f"{scores['frames']:,} frames at {fps:g} frames/s{motion}."


def results_table(
    scores: Scores,
    description: Description,
    split: str,
    *,
    protocol: Protocol = VIDEOPOSE3D,
    metrics: Sequence[Metric] = PUBLISHED,
) -> Table:
    """A row for each action, then the average."""
    rows = [(action, *format_metrics(values, metrics)) for action, values in scores["actions"].items()]
    label = "average" if protocol.average == "actions" else "average of frames"
    return Table(
        caption(description, split, metrics),
        ("action", *(metric.heading for metric in metrics)),
        [*rows, (label, *format_metrics(scores["average"], metrics))],
        notes=(per_second(scores, metrics), scores["protocol"]),
        rules=(len(rows),),
    )


def show_results(console: Console, scores: Scores, description: Description, split: str) -> None:
    """Print the table of a run's results."""
    tables.show(console, results_table(scores, description, split))


def results_markdown(scores: Scores, description: Description, split: str) -> str:
    """The text of `results.md`."""
    return f"# Results\n\n{tables.markdown(results_table(scores, description, split))}"


def write_results(
    run: Path, scores: Scores, description: Description, split: str, trained_on: Sequence[str] = ()
) -> None:
    """Write `results.json` and `results.md` into the run's folder; an undefined value is null.

    Args:
      run: the folder.
      scores: of the last checkpoint.
      description: of the data.
      split: the subjects that were scored.
      trained_on: those of them that the run was trained on.
    """
    results = metadata(description, split, VIDEOPOSE3D, scores["protocol"], PUBLISHED) | {"trained_on": [*trained_on]}
    atomic_write_text(run / "results.json", json_text(results | scores))
    title = split_with_notice(split, trained_on_notice(trained_on))
    atomic_write_text(run / "results.md", results_markdown(scores, description, title))


def metadata(
    description: Description, split: str, protocol: Protocol, in_words: str, metrics: Sequence[Metric]
) -> dict[str, Any]:
    """The data set, split, units and protocol of the numbers in a JSON file."""
    return {
        "data": description.title,
        "synthetic": description.synthetic,
        "split": split,
        "units": describe_units(metrics),
        "protocol": in_words,
        "switches": asdict(protocol),
    }


def read_results(run: Path) -> Results:
    """Read a run's `results.json`.

    Raises:
      InputError: the run has no results yet, or the file is damaged.
    """
    path = run / "results.json"
    try:
        data = read_json(path)
        groups = {**data["actions"], AVERAGE: data["average"]}
        errors = {name: {key: _as_float(group[key]) for key in PUBLISHED_KEYS} for name, group in groups.items()}
        trained_on = tuple(map(str, data.get("trained_on", ())))  # older results do not say
        results = Results(errors, _as_float(data["frames"]), _as_float(data["fps"]), trained_on)
    except FileNotFoundError:
        raise InputError(
            f"{run} has no results yet: finish its training (--resume), or run jaxpose evaluate {run}"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} does not hold the results of a run ({error!r}); evaluate it again") from error
    if not data["actions"]:
        raise InputError(f"{path} holds no action; evaluate the run again")
    return results


def _as_float(value: float | None) -> float:
    """A number of a JSON file, in which null stands for NaN."""
    return math.nan if value is None else float(value)


def format_metrics(values: Mapping[str, float], metrics: Sequence[Metric]) -> list[str]:
    """The cells of a row: the value of each metric as text."""
    return [metric.format(values[metric.key]) for metric in metrics]


def json_text(data: Mapping[str, Any]) -> str:
    """JSON text of nested mappings and sequences; NaN, which JSON does not have, becomes null."""
    return json.dumps(_without_nan(data), indent=2, allow_nan=False) + "\n"


def _without_nan(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {key: _without_nan(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_without_nan(value) for value in node]
    return None if isinstance(node, float) and math.isnan(node) else node
