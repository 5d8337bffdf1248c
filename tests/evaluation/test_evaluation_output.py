"""Tables are printed and written as they are, with their note."""

import csv
import io
import json
import re

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
    assert [path.name for path in files] == [f"evaluation.{form}" for form in ("md", "tex", "csv", "json")]
    assert {*files} == {*(tmp_path / "a" / "b").iterdir()}
    text = {path.name: path.read_text("utf-8") for path in files}
    average = json.loads(text["evaluation.json"])["runs"]["run"]["average"]["mpjpe"]
    rows = [row for row in csv.DictReader(io.StringIO(text["evaluation.csv"])) if row["group"] == "all"]
    assert [float(row["value"]) for row in rows if row["metric"] == "mpjpe"] == [average]
    assert f"| average | {average:.1f} |" in text["evaluation.md"]
    assert f"\\midrule\naverage & {average:.1f} &" in text["evaluation.tex"]
    assert all(text[f"evaluation.{form}"].endswith(NOTE + "\n") for form in ("md", "tex"))


def test_two_runs_are_compared_in_every_format(tmp_path):
    runs = [RUN, RUN._replace(name="other", errors=made_up(["Walking", "Walking", "Eating", "Eating"], offset=9))]
    write_tables(tmp_path, ("md", "tex", "csv", "json"), all_tables(runs, SETTING, ()), runs, SETTING)
    text = {path.suffix: path.read_text("utf-8") for path in tmp_path.iterdir()}
    (row,) = [
        row
        for row in csv.DictReader(io.StringIO(text[".csv"]))
        if (row["group"], row["metric"]) == ("difference", "mpjpe")
    ]
    found = json.loads(text[".json"])["differences"]["other"]["mpjpe"]
    assert (row["run"], row["name"], row["unit"]) == ("other", "run", "mm")
    assert [float(row[column]) for column in ("value", "low", "high")] == [found["difference"], *found["interval"]]
    assert found["difference"] == pytest.approx(9)
    assert re.search(r"^\| difference \| \+9\.0", text[".md"], re.MULTILINE)
    assert re.search(r"^difference & \+9\.0", text[".tex"], re.MULTILINE)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file cannot be made .*; choose another folder with --out"):
        write_tables(tmp_path / "file", ("md",), TABLES, [RUN], SETTING)
