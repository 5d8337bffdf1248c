"""The paper's tables are transcribed to the digit, and what does not add up in them is marked."""

import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest
from helpers.places import SHARED
from helpers.samples import DESCRIPTION, make_track

from experiments.paper import tables as command
from jaxpose.data.synthetic import generate
from jaxpose.evaluation import paper_tables
from jaxpose.evaluation.protocol import VIDEOPOSE3D, Protocol
from jaxpose.skeleton import COCO_17

README = (Path(command.__file__).parent / "README.md").read_text("utf-8")
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
    (found,) = (row for row in paper_tables.load(number) if row.method.replace(" ", "") == method)
    return found


@pytest.mark.parametrize("number", BY_ACTION)
def test_every_row_has_fifteen_actions_and_an_average(number):
    late = ["StD" if number != "7" else "SitD", "Smk", "Wat", "WD.", "Wak" if number != "7" else "Wlk", "WT", "Avg"]
    for row in paper_tables.load(number):
        assert [*row.cells] == ["Dir.", "Dis.", "Eat", "Grt", "Phn", "Pht", "Pos", "Pur", "Sit", *late]
        assert row.publication or row.method == "Ours"


def test_the_averages_that_are_not_the_mean_of_their_row():
    found = {
        (number, row.method): (paper_tables.mark(row), round(actions(row).mean(), 2))
        for number in BY_ACTION
        for row in paper_tables.load(number)
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
        for row in paper_tables.load(number)
        if paper_tables.mark(row)
    }
    assert marked == found.keys()


def test_the_summaries_repeat_the_averages():
    details = {"Protocol #1": "7", "Protocol #2": "8", "Protocol #3": "7b", "Velocity": "9", "Acceleration": "10"}
    differing = {
        (number, summary.method, name, str(cell), str(average))
        for number in ("5", "6")
        for summary in paper_tables.load(number)
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
    for other in paper_tables.load(number):
        numbers = actions(other)
        fits = {how: np.corrcoef(numbers[at], ours[: len(at)])[0, 1] for how, at in READINGS.items()}
        best = max(fits, key=fits.get)
        note = paper_tables.NOTES.get((number, other.method))
        assert best == (note if note in READINGS else None), other.method
        assert fits[best] > 0.8


def test_notes_are_of_rows_that_exist():
    assert paper_tables.NOTES.keys() <= {
        (number, row.method) for number in paper_tables.NUMBERS for row in paper_tables.load(number)
    }


@pytest.mark.parametrize("number", paper_tables.NUMBERS)
def test_the_command_prints_every_row_with_its_marks(number, capsys):
    for arguments, separator in (([], " "), (["--markdown"], " | ")):
        command.main([number, *arguments])
        printed = [re.sub(" +", " ", line.strip("| ")) for line in capsys.readouterr().out.splitlines()]
        for row in paper_tables.load(number):
            name = f"{row.method} ({row.publication})" if row.publication else row.method
            note = [f"{name} §"] if (number, row.method) in paper_tables.NOTES else [name]
            assert separator.join(note + [str(cell) for cell in row.cells.values()]) + paper_tables.mark(row) in printed


def test_the_command_says_what_the_marks_mean(capsys):
    command.main(["10", "5"])
    printed = capsys.readouterr().out
    assert "† Pavllo'19 (mean 2.29): the average is not the mean of the row." in printed
    assert "‡ Ours (mean 2.14): the average is not the mean of the row, but rounding may explain it." in printed
    assert "§ Pavllo'19: from Smk on, each number seems to belong one column to the left" in printed
    assert printed.index("Table 10. MPJAE - Acceleration: MPJAE, mm/frame²") < printed.index("Table 5. Mean Per Joint")
    assert "†" not in printed[printed.index("Table 5.") :]


def test_without_numbers_the_command_prints_all(capsys):
    command.main([])
    printed = capsys.readouterr().out
    assert [heading.title in printed for heading in paper_tables.HEADINGS.values()] == [True] * 7


def test_a_table_that_is_not_there_is_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        command.main(["4"])
    assert stop.value.code == 2


@pytest.mark.skipif(not TEXT.exists(), reason="the text of the paper is not beside this checkout")
def test_the_rows_are_those_of_the_paper():
    text = TEXT.read_text("utf-8")
    lines = [line.split("\t") for line in text[text.index("Table 5.") :].splitlines()]
    printed = [line for line in lines if len(line) > 2 and re.fullmatch(r"\d+\.\d+", line[1])]
    stored = [row for number in paper_tables.NUMBERS for row in paper_tables.load(number)]
    names = [f"{row.method} ({row.publication})" if row.publication else row.method for row in stored]
    assert printed == [[name, *map(str, row.cells.values())] for name, row in zip(names, stored, strict=True)]


def test_what_the_readme_names_is_there():
    named = re.findall(r"`(jaxpose\.[\w.]+)`", README)
    assert len(named) > 10
    for name in named:
        pkgutil.resolve_name(name)


def tracks_of(frames=543_344, subjects=("S9", "S11"), actions=paper_tables.ACTIONS, fps=50.0):
    """Tracks without content, of so many frames together; S11/Directions comes on top."""
    clips = [(subject, f"{action} 1") for subject in subjects for action in actions]
    lengths = np.full(len(clips), frames // len(clips))
    lengths[0] += frames - lengths.sum()
    tracks = [(*clip, length) for clip, length in zip(clips, lengths, strict=True)] + [("S11", "Directions", 1825)]
    nothing = np.zeros((1, 1, 1), np.float32)
    return [
        make_track(frames=1)._replace(
            subject=subject, action=action, fps=fps, keypoints_2d=np.broadcast_to(nothing, (int(length), 1, 1))
        )
        for subject, action, length in tracks
    ]


def test_human36m_is_known_by_what_is_in_it():
    assert paper_tables.incomparable(DESCRIPTION, paper_tables.scored(tracks_of()), VIDEOPOSE3D) == ""


@pytest.mark.parametrize(
    ("description", "tracks", "protocol", "reason"),
    [
        ({"synthetic": True}, {}, {}, "the motion is synthetic"),
        ({"skeleton": COCO_17}, {}, {}, "the skeleton is coco_17, not h36m_17"),
        (
            {"title": "Human3.6M, gt"},
            {"subjects": ("S9",), "frames": 16_804},
            {},
            "the subjects are S9, not S9 and S11",
        ),
        ({"title": "Human3.6M, gt"}, {"actions": ("Walking",)}, {}, "the actions are not the fifteen of Human3.6M"),
        (
            {},
            {"frames": 543_343},
            {},
            "these are 543,343 frames at 50 frames/s, and published results are of 543,344 at 50",
        ),
        ({}, {"fps": 10.0}, {}, "these are 543,344 frames at 10 frames/s, and published results are of 543,344 at 50"),
        ({}, {}, {"mirror": False}, "published results are of another protocol"),
    ],
)
def test_other_data_and_protocols_are_not_compared(description, tracks, protocol, reason):
    there = DESCRIPTION._replace(**description)
    assert paper_tables.incomparable(there, paper_tables.scored(tracks_of(**tracks)), Protocol(**protocol)) == reason


def test_runs_stand_below_the_printed_rows():
    cells = {
        action: {m: f"{m} {action}" for m in paper_tables.BY_ACTION} for action in (*paper_tables.ACTIONS, "average")
    }
    tables = paper_tables.beside({"mine": cells, "yours": cells})
    assert [*tables] == [*paper_tables.NUMBERS]
    for metric, number in paper_tables.BY_ACTION.items():
        table = tables[number]
        assert table.rows[-1] == ("yours", *(f"{metric} {action}" for action in (*paper_tables.ACTIONS, "average")))
        assert table.rows[:-2] == paper_tables.table(number).rows
        assert table.strong == (len(table.rows) - 2, len(table.rows) - 1)
        assert table.notes[-1] == paper_tables.INPUT_NOTE
    assert tables["5"].rows[-2] == ("mine", "mpjpe average", "p_mpjpe average", "n_mpjpe average")
    assert tables["6"].head[1:] == ("Velocity", "Acceleration")
    assert tables["6"].rows[-1] == ("yours", "mpjve average", "mpjae average")
