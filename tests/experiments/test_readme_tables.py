"""The script that writes the READMEs' tables: it changes nothing that is right, and mends what is not."""

import runpy
import shutil

import pytest
from helpers.places import ROOT


@pytest.fixture
def script():
    return runpy.run_path(str(ROOT / "experiments" / "readme_tables.py"))


def test_tables_are_made_from_the_records(script, tmp_path):
    for readme in script["TABLES"]:
        (tmp_path / readme).parent.mkdir(parents=True)
        shutil.copy(ROOT / readme, tmp_path / readme)
    script["main"](tmp_path)
    for readme, rows in script["TABLES"].items():
        right = (ROOT / readme).read_text("utf-8")
        assert (tmp_path / readme).read_text("utf-8") == right
        last = script["as_line"](rows()[-1])
        (tmp_path / readme).write_text(right.replace(last, "| stale |\n| row |"), "utf-8")
    script["main"](tmp_path)
    assert all(
        (tmp_path / readme).read_text("utf-8") == (ROOT / readme).read_text("utf-8") for readme in script["TABLES"]
    )
