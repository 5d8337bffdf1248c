"""Tables 5 to 10 of the joint-aware paper as it prints them, with marks where they do not add up, and runs beside them.

"Back to the Future: Joint Aware Temporal Deep Learning 3D Human Pose Estimation". Each table is a CSV file in
`paper_tables/`, with the paper's own headings and digits. A printed average is never replaced by the mean of its row:
where the two differ, the average is marked, and a note below the table says what the mean is.
"""

import csv
from collections.abc import Collection, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import NamedTuple

from jaxpose.data.track import Description, Track, track_lengths
from jaxpose.evaluation.protocol import VIDEOPOSE3D, Protocol, counts
from jaxpose.runtime.tables import Table
from jaxpose.skeleton import H36M_17


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
    with (
        Path(__file__).with_name("paper_csv").joinpath(f"table_{number}.csv").open(encoding="utf-8", newline="") as file
    ):
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


def footnotes(number: str) -> list[str]:
    """The notes below the table: what the marks mean, and for which rows."""
    notes: dict[tuple[str, str], list[str]] = {item: [] for item in MARKS.items()}
    for row in load(number):
        if symbol := mark(row):
            notes[symbol, MARKS[symbol]].append(f"{row.method} (mean {mean(row):.2f})")
        if text := NOTES.get((number, row.method)):
            notes.setdefault(("§", text), []).append(row.method)
    return [f"{symbol} {', '.join(rows)}: {text}." for (symbol, text), rows in notes.items() if rows]


ACTIONS = (
    "Directions", "Discussion", "Eating", "Greeting", "Phoning", "Photo", "Posing", "Purchases", "Sitting",
    "SittingDown", "Smoking", "Waiting", "WalkDog", "Walking", "WalkTogether",
)  # fmt: skip
"""What the paper's columns are called in prepared data, in the order of the columns."""

BY_ACTION: Mapping[str, str] = {"mpjpe": "7", "p_mpjpe": "8", "n_mpjpe": "7b", "mpjve": "9", "mpjae": "10"}
"""The table of each metric."""

SUMMARIES: Mapping[str, Sequence[str]] = {"5": ("mpjpe", "p_mpjpe", "n_mpjpe"), "6": ("mpjve", "mpjae")}
"""The metrics in the columns of the tables of averages."""

TEST_SUBJECTS, TEST_FRAMES, TEST_FPS = ("S11", "S9"), 543_344, 50.0
"""What published results are of: the frames of Human3.6M's test subjects in four views, without S11/Directions."""

INPUT_NOTE = (
    "Pavllo'19's rows are of the keypoints of a detector, CPN: a run on others, such as projected joints (gt), is no "
    "match for them."
)


class Scored(NamedTuple):
    """What numbers are of."""

    subjects: Collection[str]
    actions: Collection[str]
    frames: float
    rates: Collection[float]  # frames a second


def scored(tracks: Sequence[Track]) -> Scored:
    """What the published protocol scores of some tracks."""
    there = [track for track in tracks if counts(track, VIDEOPOSE3D)]
    return Scored(
        subjects={track.subject for track in there},
        actions={track.action.split(" ")[0] for track in there},
        frames=int(track_lengths(there).sum()),
        rates={track.fps for track in there},
    )


def incomparable(description: Description, there: Scored, protocol: Protocol) -> str:
    """Why the printed rows must not stand beside what was scored; empty if they may.

    Data are known as Human3.6M by what is in them, not by their title, which anyone may choose: 17 joints, the test
    subjects, all actions, and the number of frames, which no other motion has by chance.
    """
    subjects = tuple(sorted(there.subjects))
    if description.synthetic:
        return "the motion is synthetic"
    if description.skeleton != H36M_17:
        return f"the skeleton is {description.skeleton.name}, not {H36M_17.name}"
    if subjects != TEST_SUBJECTS:
        return f"the subjects are {', '.join(subjects)}, not S9 and S11"
    if set(there.actions) != set(ACTIONS):
        return "the actions are not the fifteen of Human3.6M"
    if there.frames != TEST_FRAMES or set(there.rates) != {TEST_FPS}:
        rates = ", ".join(f"{fps:g}" for fps in sorted(there.rates))
        return (
            f"these are {there.frames:,.0f} frames at {rates} frames/s, and published results are of "
            f"{TEST_FRAMES:,} at {TEST_FPS:g}"
        )
    return "" if protocol == VIDEOPOSE3D else "published results are of another protocol"


def table(number: str) -> Table:
    """One of `NUMBERS`, its averages marked, its notes below."""
    rows = load(number)
    lines = []
    for row in rows:
        name = f"{row.method} ({row.publication})" if row.publication else row.method
        note = " §" if (number, row.method) in NOTES else ""
        *cells, last = map(str, row.cells.values())
        lines.append((name + note, *cells, last + mark(row)))
    return Table("{}: {}, {}".format(*HEADINGS[number]), ("", *rows[0].cells), lines, footnotes(number))


def beside(runs: Mapping[str, Mapping[str, Mapping[str, str]]]) -> dict[str, Table]:
    """The printed tables by number, each with a row for every run.

    Args:
      runs: by name; the cells by action, and by "average", then by metric.
    """
    found = {}
    for number in NUMBERS:
        printed = table(number)
        if number in SUMMARIES:
            rows = [(name, *(cells["average"][metric] for metric in SUMMARIES[number])) for name, cells in runs.items()]
        else:
            (metric,) = (metric for metric, of in BY_ACTION.items() if of == number)
            rows = [(name, *(cells[a][metric] for a in (*ACTIONS, "average"))) for name, cells in runs.items()]
        strong = range(len(printed.rows), len(printed.rows) + len(rows))
        notes = [*printed.notes, INPUT_NOTE]
        found[number] = printed._replace(rows=[*printed.rows, *rows], strong=tuple(strong), notes=notes)
    return found
