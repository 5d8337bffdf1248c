"""Tables are printed and written as they are, with their note."""

import csv
import io
import json

import pytest
from helpers.made_up import made_up
from helpers.samples import DESCRIPTION
from rich.console import Console

from jaxpose.evaluation.compare import EvaluatedRun, EvaluationSetting
from jaxpose.evaluation.evaluation_output import print_tables, write_tables
from jaxpose.evaluation.protocol import VIDEOPOSE3D
from jaxpose.evaluation.report_tables import all_tables
from jaxpose.runtime.errors import InputError
from jaxpose.training.config import Config

RUN = EvaluatedRun("run", Config(), made_up(["Walking", "Walking", "Eating", "Eating"]))
SETTING = EvaluationSetting(DESCRIPTION, "S9", VIDEOPOSE3D, "sample motion")
TABLES = all_tables([RUN], SETTING, ("subject", "camera"))
NOTE = "are not comparable: sample motion."


def test_every_table_is_printed_and_a_note_once():
    console = Console(width=120, file=io.StringIO())
    print_tables(console, TABLES, SETTING)
    printed = console.file.getvalue()
    assert all(table.title in printed for table in TABLES.values())
    assert printed.count("95 % bootstrap confidence intervals") == 1
    assert printed.rstrip().endswith(NOTE)
    console = Console(width=120, file=io.StringIO())
    print_tables(console, TABLES, SETTING._replace(incomparable=""))
    assert NOTE not in console.file.getvalue()


def test_every_format_has_the_numbers(tmp_path):
    files = write_tables(tmp_path / "a" / "b", ("md", "tex", "csv", "json", "md"), TABLES, [RUN], SETTING)
    stems = ("actions", "constraints", "subjects", "cameras")
    assert {path.name for path in files} == {f"evaluation.{form}" for form in ("md", "tex", "json")} | {
        f"{stem}.csv" for stem in stems
    }
    assert {*files} == {*(tmp_path / "a" / "b").iterdir()}
    text = {path.name: path.read_text("utf-8") for path in files}
    average = json.loads(text["evaluation.json"])["runs"]["run"]["average"]["mpjpe"]
    rows = {row[0]: row for row in csv.reader(text["actions.csv"].splitlines())}
    assert rows["average"][1] == f"{average:.1f}"
    assert f"| **{average:.1f}** |" in text["evaluation.md"]
    assert f"\\textbf{{{average:.1f}}}" in text["evaluation.tex"]
    assert all(text[f"evaluation.{form}"].endswith(NOTE + "\n") for form in ("md", "tex"))


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file cannot be made .*; choose another folder with --out"):
        write_tables(tmp_path / "file", ("md",), TABLES, [RUN], SETTING)
