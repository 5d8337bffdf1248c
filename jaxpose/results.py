"""The five metrics as tables: on the terminal, as Markdown, as JSON."""

import json
import math
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from jaxpose.dataset import Description
from jaxpose.files import write_text
from jaxpose.scoring import METRICS, Scores

HEADINGS = {
    "mpjpe": "MPJPE (P1)",
    "p_mpjpe": "P-MPJPE (P2)",
    "n_mpjpe": "N-MPJPE (P3)",
    "mpjve": "MPJVE",
    "mpjae": "MPJAE",
}
UNITS = "Positions in mm, velocity in mm/frame, acceleration in mm/frame²"
PROTOCOL = (
    "whole tracks, every frame, averaged with the mirrored prediction; the predicted root is kept and counts as a "
    "joint; frames are averaged within an action, actions equally"
)
SYNTHETIC = "SYNTHETIC motion: these numbers say nothing about real people."


def caption(description: Description, split: str) -> str:
    """What the numbers are of."""
    return f"{source(description)}, {split}. {UNITS}."


def source(description: Description) -> str:
    """The title of the data, after the notice if they are synthetic."""
    return f"{SYNTHETIC} {description.title}" if description.synthetic else description.title


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


def show(console: Console, scores: Scores, description: Description, split: str) -> None:
    """Print the table, a row per action, then the average and what the numbers are of."""
    view = Table("action")
    for metric in METRICS:
        view.add_column(HEADINGS[metric], justify="right")
    for action, values in scores["actions"].items():
        view.add_row(action, *_cells(values))
    view.add_section()
    view.add_row("average", *_cells(scores["average"]), style="bold")
    console.print(view)
    console.print(caption(description, split), per_second(scores), soft_wrap=True)


def markdown(scores: Scores, description: Description, split: str) -> str:
    """The same table as Markdown, with the protocol."""
    rows = [["action", *(HEADINGS[metric] for metric in METRICS)], ["---", *["---:"] * len(METRICS)]]
    rows += [[action, *_cells(values)] for action, values in scores["actions"].items()]
    rows += [["**average**", *(f"**{cell}**" for cell in _cells(scores["average"]))]]
    lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    facts = f"{caption(description, split)} {per_second(scores)}"
    return f"# Results\n\n{facts}\n\n{lines}\n\nProtocol: {PROTOCOL}.\n"


def write(run: Path, scores: Scores, description: Description, split: str) -> None:
    """Write `results.json` and `results.md` into the run's folder; an undefined value is null."""
    facts: dict[str, Any] = {
        "data": description.title,
        "synthetic": description.synthetic,
        "split": split,
        "units": UNITS,
        "protocol": PROTOCOL,
    }
    plain = json.dumps(facts | _without_nan(scores), indent=2, allow_nan=False)
    write_text(run / "results.json", plain + "\n")
    write_text(run / "results.md", markdown(scores, description, split))


def _cells(values: dict[str, float]) -> list[str]:
    """Positions to 0.1, derivatives to 0.01, as the field prints them."""
    digits = {"mpjve": 2, "mpjae": 2}
    return ["–" if math.isnan(values[m]) else f"{values[m]:.{digits.get(m, 1)}f}" for m in METRICS]


def _without_nan(node: Any) -> Any:
    """JSON has no NaN: null takes its place."""
    if isinstance(node, dict):
        return {key: _without_nan(value) for key, value in node.items()}
    return None if math.isnan(node) else node
