"""The paper's tables are transcribed to the digit, and what does not add up in them is marked."""

import pkgutil
import re

import numpy as np
import pytest
from helpers.places import ROOT, SHARED

from jaxpose.data.synthetic import generate
from jaxpose.evaluation import paper_tables

README = (ROOT / "experiments" / "paper" / "README.md").read_text("utf-8")
TEXT = SHARED / "paper" / "back_to_the_future.txt"
BY_ACTION = ("7", "7b", "8", "9", "10")

# How a row may have to be read: for each column, where its number stands.
READINGS = {
    None: [*range(15)],
    paper_tables.DATA_ORDER: [generate.ACTIONS.index(action) for action in paper_tables.ACTIONS],
    paper_tables.EXCHANGED: [*range(12), 13, 12, 14],
    paper_tables.SHIFTED: [*range(9), *range(10, 15)],  # the last column has none
}


def actions(row):
    return np.asarray([float(cell) for name, cell in row.cells.items() if name != "Avg"])


def find(number, method):
    (found,) = (row for row in paper_tables.load_rows(number) if row.method.replace(" ", "") == method)
    return found


@pytest.mark.parametrize("number", BY_ACTION)
def test_every_row_has_fifteen_actions_and_an_average(number):
    late = ["StD" if number != "7" else "SitD", "Smk", "Wat", "WD.", "Wak" if number != "7" else "Wlk", "WT", "Avg"]
    for row in paper_tables.load_rows(number):
        assert [*row.cells] == ["Dir.", "Dis.", "Eat", "Grt", "Phn", "Pht", "Pos", "Pur", "Sit", *late]
        assert row.publication or row.method == "Ours"


def test_the_averages_that_are_not_the_mean_of_their_row():
    found = {
        (number, row.method): (paper_tables.mark_of_average(row), round(actions(row).mean(), 2))
        for number in BY_ACTION
        for row in paper_tables.load_rows(number)
        if abs(float(row.cells["Avg"]) - actions(row).mean()) > 0.5 * 10.0 ** row.cells["Avg"].as_tuple().exponent
    }
    assert found == {
        ("7", "Fang'18"): ("†", 60.51),
        ("7", "Pavlakos'18"): ("†", 55.77),
        ("7", "Yang'18"): ("†", 57.96),
        ("7", "Habibie '19"): ("†", 53.00),
        ("7", "Pavllo '19"): ("‡", 46.73),
        ("7", "Chen'19"): ("†", 45.96),
        ("7b", "Chen'19"): ("†", 50.11),
        ("8", "Fang'18"): ("‡", 45.79),
        ("8", "Pavlakos'18"): ("†", 41.45),
        ("8", "Yang'18"): ("†", 37.00),
        ("8", "Chen'19"): ("†", 41.24),
        ("10", "Pavllo'19"): ("†", 2.29),
        ("10", "Ours"): ("‡", 2.14),
    }
    marked = {
        (number, row.method)
        for number in paper_tables.NUMBERS
        for row in paper_tables.load_rows(number)
        if paper_tables.mark_of_average(row)
    }
    assert marked == found.keys()


def test_the_summaries_repeat_the_averages():
    details = {"Protocol #1": "7", "Protocol #2": "8", "Protocol #3": "7b", "Velocity": "9", "Acceleration": "10"}
    differing = {
        (number, summary.method, name, str(cell), str(average))
        for number in ("5", "6")
        for summary in paper_tables.load_rows(number)
        for name, cell in summary.cells.items()
        if cell != (average := find(details[name], summary.method).cells["Avg"])
    }
    assert differing == {
        ("5", "Pavllo'19", "Protocol #3", "44.9", "44.7"),
        ("6", "Pavllo'19", "Velocity", "2.83", "2.8"),
    }
    assert {(number, method) for number, method, *_ in differing} < paper_tables.NOTES.keys()


@pytest.mark.parametrize(
    ("name", "summary", "heading", "detail", "method", "before", "after", "percent"),
    [
        ("MPJPE", "5", "Protocol #1", "7", "Chen'19", "46.3", "45.9", -1),
        ("MPJPE", "5", "Protocol #1", "7", "Pavllo'19", "46.8", "45.9", -2),
        ("MPJVE", "6", "Velocity", "9", "Pavllo'19", "2.83", "2.63", -7),
        ("MPJAE", "6", "Acceleration", "10", "Pavllo'19", "2.44", "2.12", -13),
    ],
)
def test_the_headline(name, summary, heading, detail, method, before, after, percent):
    old, new = (find(summary, who).cells[heading] for who in (method, "Ours"))
    assert (str(old), str(new)) == (before, after)
    assert round(100 * (new / old - 1)) == percent
    old_mean, new_mean = (actions(find(detail, who)).mean() for who in (method, "Ours"))
    printed = f"{old} → {new} | {100 * (new / old - 1):.1f} %"
    means = f"{old_mean:.2f} → {new_mean:.2f} | {100 * (new_mean / old_mean - 1):.1f} %"
    assert f"| {name}, from {method} | {printed} | {means} |" in README


@pytest.mark.parametrize("number", BY_ACTION)
def test_rows_out_of_order_are_noted(number):
    """Read as its note says, and in no other way, a row goes up and down with the paper's own."""
    ours = actions(find(number, "Ours"))
    for other in paper_tables.load_rows(number):
        numbers = actions(other)
        fits = {how: np.corrcoef(numbers[at], ours[: len(at)])[0, 1] for how, at in READINGS.items()}
        best = max(fits, key=fits.get)
        note = paper_tables.NOTES.get((number, other.method))
        assert best == (note if note in READINGS else None), other.method
        assert fits[best] > 0.8


def test_notes_are_of_rows_that_exist():
    assert paper_tables.NOTES.keys() <= {
        (number, row.method) for number in paper_tables.NUMBERS for row in paper_tables.load_rows(number)
    }


@pytest.mark.parametrize("number", paper_tables.NUMBERS)
def test_a_table_has_every_row_with_its_marks(number):
    table = paper_tables.paper_table(number)
    for line, row in zip(table.rows, paper_tables.load_rows(number), strict=True):
        name = f"{row.method} ({row.publication})" if row.publication else row.method
        remark = " §" if (number, row.method) in paper_tables.NOTES else ""
        assert line[0] == name + remark
        cells = [str(cell) for cell in row.cells.values()]
        assert [*line[1:]] == [*cells[:-1], cells[-1] + paper_tables.mark_of_average(row)]


def test_notes_say_what_the_marks_mean():
    table = paper_tables.paper_table("10")
    assert table.title == "Table 10. MPJAE - Acceleration: MPJAE, mm/frame² at 50 frames/s"
    first, second, third = table.notes
    assert first == "† Pavllo'19 (mean 2.29): the average is not the mean of the row."
    assert second == "‡ Ours (mean 2.14): the average is not the mean of the row, but rounding may explain it."
    assert third.startswith("§ Pavllo'19: from Smk on, each number seems to belong one column to the left")
    assert all(note.startswith("§") for note in paper_tables.paper_table("5").notes)


@pytest.mark.skipif(not TEXT.exists(), reason="the text of the paper is not beside this checkout")
def test_the_rows_are_those_of_the_paper():
    text = TEXT.read_text("utf-8")
    lines = [line.split("\t") for line in text[text.index("Table 5.") :].splitlines()]
    printed = [line for line in lines if len(line) > 2 and re.fullmatch(r"\d+\.\d+", line[1])]
    stored = [row for number in paper_tables.NUMBERS for row in paper_tables.load_rows(number)]
    names = [f"{row.method} ({row.publication})" if row.publication else row.method for row in stored]
    assert printed == [[name, *map(str, row.cells.values())] for name, row in zip(names, stored, strict=True)]


def test_the_readme_names_what_exists():
    named = re.findall(r"`(jaxpose\.[\w.]+)`", README)
    assert len(named) > 10
    for name in named:
        pkgutil.resolve_name(name)


def test_runs_stand_below_the_printed_rows():
    cells = {
        action: {m: f"{m} {action}" for m in paper_tables.BY_ACTION} for action in (*paper_tables.ACTIONS, "average")
    }
    tables = paper_tables.tables_with_runs({"mine": cells, "yours": cells})
    assert [*tables] == [*paper_tables.NUMBERS]
    for metric, number in paper_tables.BY_ACTION.items():
        table = tables[number]
        assert table.rows[-1] == ("yours", *(f"{metric} {action}" for action in (*paper_tables.ACTIONS, "average")))
        assert table.rows[:-2] == paper_tables.paper_table(number).rows
        assert table.rules == (len(table.rows) - 2,)
        assert table.notes[-1] == paper_tables.INPUT_NOTE
    assert tables["5"].rows[-2] == ("mine", "mpjpe average", "p_mpjpe average", "n_mpjpe average")
    assert tables["6"].header[1:] == ("Velocity", "Acceleration")
    assert tables["6"].rows[-1] == ("yours", "mpjve average", "mpjae average")
