"""The five metrics as a table: what a run leaves as `results.json` and `results.md`, and how numbers look anywhere."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from jaxpose.data.track import Description, title_with_notice
from jaxpose.evaluation.averages import Scores
from jaxpose.evaluation.protocol import VIDEOPOSE3D, Protocol, describe_protocol
from jaxpose.evaluation.track_errors import METRICS
from jaxpose.files.atomic import atomic_write_text
from jaxpose.runtime import tables
from jaxpose.runtime.tables import Table

HEADINGS = {
    "mpjpe": "MPJPE (P1)",
    "p_mpjpe": "P-MPJPE (P2)",
    "n_mpjpe": "N-MPJPE (P3)",
    "mpjve": "MPJVE",
    "mpjae": "MPJAE",
}
UNITS = "Positions in mm, velocity in mm/frame, acceleration in mm/frame²"
_DIGITS = {"mpjve": 2, "mpjae": 2}  # as the field prints them; positions have one


def caption(description: Description, split: str) -> str:
    """What the numbers are of."""
    return f"{title_with_notice(description)}, {split}. {UNITS}."


def per_second(scores: Scores) -> str:
    """Frame count and rate, and the errors of motion converted to seconds."""
    average, fps = scores["average"], scores["fps"]
    if math.isnan(fps):
        return f"{scores['frames']:,} frames, at different frame rates."
    velocity, acceleration = average["mpjve"] * fps, average["mpjae"] * fps**2
    return (
        f"{scores['frames']:,} frames at {fps:g} frames/s; "
        f"per second, MPJVE is {velocity:.0f} mm/s and MPJAE {acceleration:.0f} mm/s² on average."
    )


def table(scores: Scores, description: Description, split: str, *, protocol: Protocol = VIDEOPOSE3D) -> Table:
    """A row per action, then the average and what the numbers are of."""
    rows = [(action, *cells(values).values()) for action, values in scores["actions"].items()]
    over = "average" if protocol.average == "actions" else "average of frames"
    return Table(
        caption(description, split),
        ("action", *HEADINGS.values()),
        [*rows, (over, *cells(scores["average"]).values())],
        notes=(per_second(scores), describe_protocol(protocol)),
        strong=(len(rows),),
    )


def show(console: Console, scores: Scores, description: Description, split: str) -> None:
    """Print the table of a run's results."""
    tables.show(console, table(scores, description, split))


def markdown(scores: Scores, description: Description, split: str) -> str:
    """The same table as Markdown."""
    return f"# Results\n\n{tables.markdown(table(scores, description, split))}"


def write(run: Path, scores: Scores, description: Description, split: str) -> None:
    """Write `results.json` and `results.md` into the run's folder; an undefined value is null."""
    facts = metadata(description, split, VIDEOPOSE3D) | scores
    atomic_write_text(run / "results.json", plain_json(facts))
    atomic_write_text(run / "results.md", markdown(scores, description, split))


def metadata(description: Description, split: str, protocol: Protocol) -> dict[str, Any]:
    """What numbers in a JSON file are of."""
    return {
        "data": description.title,
        "synthetic": description.synthetic,
        "split": split,
        "units": UNITS,
        "protocol": describe_protocol(protocol),
        "switches": asdict(protocol),
    }


def cells(values: Mapping[str, float]) -> dict[str, str]:
    """Positions to 0.1, derivatives to 0.01, as the field prints them; by metric."""
    return {metric: number(values[metric], metric) for metric in METRICS}


def number(value: float, metric: str, sign: str = "") -> str:
    """A value of a metric as text; with `sign` "+" a difference."""
    return "–" if math.isnan(value) else f"{value:{sign}.{_DIGITS.get(metric, 1)}f}"


def plain_json(facts: Mapping[str, Any]) -> str:
    """JSON text; it has no NaN, null takes its place."""
    return json.dumps(_without_nan(facts), indent=2, allow_nan=False) + "\n"


def _without_nan(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {key: _without_nan(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_without_nan(value) for value in node]
    return None if isinstance(node, float) and math.isnan(node) else node
