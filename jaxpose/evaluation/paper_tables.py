"""Tables 5 to 10 of the joint-aware paper as printed, with marks where they do not add up, and rows of runs below.

"Back to the Future: Joint Aware Temporal Deep Learning 3D Human Pose Estimation". Each table is a CSV file in
`paper_csv/`, with the paper's own headings and digits. A printed average is never replaced by the mean of its row:
where the two differ, the average is marked, and a note below the table gives the mean.
"""

import csv
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import NamedTuple

from jaxpose.runtime.tables import Table


class Heading(NamedTuple):
    """Title, metrics and unit of a table; the paper prints no units of motion."""

    title: str
    measure: str
    unit: str


HEADINGS = {
    "5": Heading("Table 5. Mean Per Joint Error Summary", "MPJPE, P-MPJPE, N-MPJPE", "mm"),
    "6": Heading("Table 6. Motion Summary", "MPJVE, MPJAE", "mm/frame, mm/frame² at 50 frames/s"),
    "7": Heading("Table 7. Protocol 1 MPJPE", "MPJPE", "mm"),
    "7b": Heading("Untitled, after Table 7", "Protocol 3, N-MPJPE", "mm"),
    "8": Heading("Table 8. Protocol 2 P-MPJPE", "P-MPJPE", "mm"),
    "9": Heading("Table 9. MPJVE - Velocity", "MPJVE", "mm/frame at 50 frames/s"),
    "10": Heading("Table 10. MPJAE - Acceleration", "MPJAE", "mm/frame² at 50 frames/s"),
}
NUMBERS = tuple(HEADINGS)

DATA_ORDER = (
    "from Pht on, the numbers seem to be in Human3.6M's order of actions and not in that of the headings "
    "(Posing, Purchasing, Sitting, SittingDown, Smoking, Photo, Waiting, Walking, Walk Dog, Walk Together)"
)
EXCHANGED = "the numbers of Walk Dog and Walking seem to be exchanged"
SHIFTED = "from Smk on, each number seems to belong one column to the left, and the last one to be missing"
NOTES = {
    ("5", "Pavllo'19"): "Protocol #3 is 44.7 in the table after Table 7",
    ("6", "Pavllo'19"): "Velocity is 2.8 in Table 9, and the mean of its row 2.79",
    ("7", "Yang'18"): EXCHANGED,
    ("7", "Zhao '19"): DATA_ORDER,
    ("7", "Habibie '19"): DATA_ORDER,
    ("7", "Chen'19"): DATA_ORDER,
    ("7b", "Chen'19"): DATA_ORDER,
    ("8", "Yang'18"): EXCHANGED,
    ("8", "Hos .???'18"): "so in the text that was transcribed; Hos. '18 in Table 7",
    ("8", "Chen'19"): DATA_ORDER,
    ("10", "Pavllo'19"): SHIFTED,
}
"""Remarks on rows, by table and method: our judgement, not the paper's. Where a table has such a row its readers need
them, so they belong to the table."""

MARKS = {
    "†": "the average is not the mean of the row",
    "‡": "the average is not the mean of the row, but rounding may explain it",
}


class Row(NamedTuple):
    """A row of a table, to the printed digit."""

    method: str
    publication: str  # empty for the paper's own
    cells: dict[str, Decimal]  # by heading; in Tables 7 to 10 fifteen actions, then "Avg"


def load_rows(number: str) -> list[Row]:
    """The rows of one of `NUMBERS`. Some headings differ between tables; the order of the actions is the same."""
    with (
        Path(__file__).with_name("paper_csv").joinpath(f"table_{number}.csv").open(encoding="utf-8", newline="") as file
    ):
        return [
            Row(row.pop("method"), row.pop("publication"), {name: Decimal(cell) for name, cell in row.items()})
            for row in csv.DictReader(file)
        ]


def mean_of_actions(row: Row) -> Decimal:
    """The mean of a row's actions, without what is printed under "Avg"."""
    actions = [cell for name, cell in row.cells.items() if name != "Avg"]
    return sum(actions, Decimal(0)) / len(actions)


def mark_of_average(row: Row) -> str:
    """The one of `MARKS` that the printed average of a row needs; empty if it is the mean, or none is printed."""
    if "Avg" not in row.cells:
        return ""
    action, *_, average = row.cells.values()
    if mean_of_actions(row).quantize(average, ROUND_HALF_UP) == average:
        return ""
    last_digits = sum(Decimal((0, (1,), cell.as_tuple().exponent)) for cell in (action, average))
    return "‡" if abs(mean_of_actions(row) - average) <= last_digits / 2 else "†"


def footnotes(number: str) -> list[str]:
    """The notes below a table: the meaning of each mark, with the rows that have it."""
    notes: dict[tuple[str, str], list[str]] = {item: [] for item in MARKS.items()}
    for row in load_rows(number):
        if symbol := mark_of_average(row):
            notes[symbol, MARKS[symbol]].append(f"{row.method} (mean {mean_of_actions(row):.2f})")
        if text := NOTES.get((number, row.method)):
            notes.setdefault(("§", text), []).append(row.method)
    return [f"{symbol} {', '.join(rows)}: {text}." for (symbol, text), rows in notes.items() if rows]


ACTIONS = (
    "Directions", "Discussion", "Eating", "Greeting", "Phoning", "Photo", "Posing", "Purchases", "Sitting",
    "SittingDown", "Smoking", "Waiting", "WalkDog", "Walking", "WalkTogether",
)  # fmt: skip
"""The actions of Human3.6M as prepared data name them, in the order of the paper's columns."""

BY_ACTION: Mapping[str, str] = {"mpjpe": "7", "p_mpjpe": "8", "n_mpjpe": "7b", "mpjve": "9", "mpjae": "10"}
"""The table of each metric."""

SUMMARIES: Mapping[str, Sequence[str]] = {"5": ("mpjpe", "p_mpjpe", "n_mpjpe"), "6": ("mpjve", "mpjae")}
"""The metrics in the columns of the tables of averages."""

INPUT_NOTE = (
    "Pavllo'19's rows were computed from the keypoints of a detector, CPN; they are not comparable with a run on other "
    "keypoints, such as projected joints (gt)."
)


def paper_table(number: str) -> Table:
    """One of `NUMBERS` as a table: its averages marked, its notes below."""
    rows = load_rows(number)
    lines = []
    for row in rows:
        name = f"{row.method} ({row.publication})" if row.publication else row.method
        note = " §" if (number, row.method) in NOTES else ""
        *cells, last = map(str, row.cells.values())
        lines.append((name + note, *cells, last + mark_of_average(row)))
    return Table("{}: {}, {}".format(*HEADINGS[number]), ("", *rows[0].cells), lines, footnotes(number))


def tables_with_runs(runs: Mapping[str, Mapping[str, Mapping[str, str]]]) -> dict[str, Table]:
    """The printed tables of the metrics that the runs have, by number, each with a row for every run below.

    Args:
      runs: by name; the cells by action, and by "average", then by metric; all runs have the same metrics.
    """
    metric_of = {number: metric for metric, number in BY_ACTION.items()}
    tables = {}
    for number in NUMBERS:
        printed = paper_table(number)
        if number in SUMMARIES:
            columns = [("average", metric) for metric in SUMMARIES[number]]
        else:
            columns = [(action, metric_of[number]) for action in (*ACTIONS, "average")]
        if not all(metric in cells["average"] for cells in runs.values() for _, metric in columns):
            continue
        rows = [(name, *(cells[action][metric] for action, metric in columns)) for name, cells in runs.items()]
        notes = [*printed.notes, INPUT_NOTE]
        tables[number] = printed._replace(rows=[*printed.rows, *rows], rules=(len(printed.rows),), notes=notes)
    return tables
