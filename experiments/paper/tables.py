"""Print Tables 5 to 10 of the joint-aware paper as they are, with marks where they do not add up.

    python -m experiments.paper.tables [5 6 7 7b 8 9 10] [--markdown]

"Back to the Future: Joint Aware Temporal Deep Learning 3D Human Pose Estimation". Each table is a CSV file beside this
one, with the paper's own headings and digits. A printed average is never replaced by the mean of its row: where the two
differ, the average is marked, and a line below the table says what the mean is.
"""

import csv
import dataclasses
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Literal, NamedTuple

import tyro
from rich import box
from rich.console import Console
from rich.table import Table

from jaxpose.errors import reported

WIDTH = 120  # characters; the widest table fits


class Heading(NamedTuple):
    """What stands above a table, and what the table measures; the paper prints no units of motion."""

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
"""What to know about a row, by table and method: our judgement, not the paper's."""

MARKS = {
    "†": "the average is not the mean of the row",
    "‡": "the average is not the mean of the row, but rounding may explain it",
}


class Row(NamedTuple):
    """A row as printed, to the digit."""

    method: str
    publication: str  # empty for the paper's own
    cells: dict[str, Decimal]  # by heading; in Tables 7 to 10 fifteen actions, then "Avg"


def load(number: str) -> list[Row]:
    """The rows of one of `NUMBERS`. Some headings differ between tables; the order of the actions does not."""
    with Path(__file__).with_name(f"table_{number}.csv").open(encoding="utf-8", newline="") as file:
        return [
            Row(row.pop("method"), row.pop("publication"), {name: Decimal(cell) for name, cell in row.items()})
            for row in csv.DictReader(file)
        ]


def mean(row: Row) -> Decimal:
    """Of the actions; what is printed under "Avg" plays no part."""
    actions = [cell for name, cell in row.cells.items() if name != "Avg"]
    return sum(actions, Decimal(0)) / len(actions)


def mark(row: Row) -> str:
    """Which of `MARKS` the printed average needs; empty if none does, or none is printed."""
    if "Avg" not in row.cells:
        return ""
    action, *_, average = row.cells.values()
    if mean(row).quantize(average, ROUND_HALF_UP) == average:
        return ""
    last_digits = sum(Decimal((0, (1,), cell.as_tuple().exponent)) for cell in (action, average))
    return "‡" if abs(mean(row) - average) <= last_digits / 2 else "†"


def lines(number: str) -> list[list[str]]:
    """The table as text, headings first, with its marks."""
    rows = load(number)
    table = [["", *rows[0].cells]]
    for row in rows:
        name = f"{row.method} ({row.publication})" if row.publication else row.method
        note = " §" if (number, row.method) in NOTES else ""
        *cells, last = map(str, row.cells.values())
        table.append([name + note, *cells, last + mark(row)])
    return table


def heading(number: str) -> str:
    """The line above the table."""
    return "{}: {}, {}".format(*HEADINGS[number])


def footnotes(number: str) -> list[str]:
    """The lines below the table: what the marks mean, and for which rows."""
    notes: dict[tuple[str, str], list[str]] = {item: [] for item in MARKS.items()}
    for row in load(number):
        if symbol := mark(row):
            notes[symbol, MARKS[symbol]].append(f"{row.method} (mean {mean(row):.2f})")
        if text := NOTES.get((number, row.method)):
            notes.setdefault(("§", text), []).append(row.method)
    return [f"{symbol} {', '.join(rows)}: {text}." for (symbol, text), rows in notes.items() if rows]


def show(console: Console, number: str) -> None:
    """Print a table, its heading and its footnotes."""
    header, *rows = lines(number)
    view = Table(box=box.SIMPLE, padding=(0, 1, 0, 0))
    for name in header:
        view.add_column(name, justify="right" if name else "left", no_wrap=True)
    for row in rows:
        view.add_row(*row)
    console.print(heading(number), view, *footnotes(number), "", sep="\n", soft_wrap=True)


def markdown(number: str) -> str:
    """The same as Markdown."""
    header, *rows = lines(number)
    table = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    text = "\n".join(f"| {' | '.join(row)} |" for row in table)
    return "\n\n".join([heading(number), text, *footnotes(number)]) + "\n"


@dataclasses.dataclass(frozen=True)
class Command:
    """What the command line says."""

    numbers: tyro.conf.Positional[tuple[Literal[NUMBERS], ...]] = NUMBERS
    """Which tables; 7b is the one without a title after Table 7."""
    markdown: bool = False
    """Print Markdown."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    with reported():
        command = tyro.cli(Command, args=arguments, prog="python -m experiments.paper.tables", description=__doc__)
        console = Console()
        console.width = max(console.width, WIDTH)  # a narrow terminal wraps lines, rather than lose digits
        for number in command.numbers:
            if command.markdown:
                print(markdown(number))
            else:
                show(console, number)


if __name__ == "__main__":
    main()
