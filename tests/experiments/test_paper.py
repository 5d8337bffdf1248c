"""The commands of the paper run: tables on the terminal, figures as files."""

import subprocess
import sys

import pytest
from helpers.places import ROOT
from helpers.samples import DESCRIPTION

from jaxpose.evaluation import paper_tables, results_file
from jaxpose.evaluation.metric_records import PUBLISHED_KEYS
from jaxpose.runs.folder import write_settings
from jaxpose.runs.log import append_log
from jaxpose.training.config import Config

pytestmark = pytest.mark.system
ROW = dict.fromkeys(PUBLISHED_KEYS, 50.0)


def run(*arguments):
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def make_run(folder):
    description = DESCRIPTION._replace(title="$1 a_frame", synthetic=True)
    write_settings(folder, Config(), description)
    for step in (1, 2):
        append_log(folder, {"step": step, "epoch": step / 2, "learning_rate": 1e-3, "loss": 0.1})
    scores = {"average": ROW | {"mpjae": float("nan")}, "actions": {"A$": ROW}}
    results_file.write_results(folder, scores | {"frames": 9, "fps": 50.0, "protocol": ""}, description, "S9")
    return folder


def test_all_tables_are_printed():
    printed = run("experiments.paper.tables").stdout
    assert [heading.title in printed for heading in paper_tables.HEADINGS.values()] == [True] * 7
    printed = run("experiments.paper.tables", "10", "5", "--markdown").stdout
    assert printed.index("Table 10. MPJAE - Acceleration: MPJAE, mm/frame²") < printed.index("Table 5. Mean Per Joint")
    assert "| Ours | " in printed
    assert run("experiments.paper.tables", "4").returncode == 2


def test_every_figure_is_written_twice(tmp_path):
    folder = make_run(tmp_path / "run $1")
    done = run("experiments.paper.figures", folder, "--out", tmp_path / "new" / "figures")
    assert "SYNTHETIC motion" in done.stdout
    written = {path.name: path.read_bytes() for path in (tmp_path / "new" / "figures").iterdir()}
    names = ("curves", *PUBLISHED_KEYS)
    assert written.keys() == {f"{name}.{kind}" for name in names for kind in ("png", "pdf")}
    for name, content in written.items():
        assert content.startswith(b"%PDF" if name.endswith("pdf") else b"\x89PNG")
        assert b"/Type3" not in content


def test_bad_input_is_one_line(tmp_path):
    folder = make_run(tmp_path / "a")
    for out, runs, message in (
        (tmp_path / "out", [], "there is nothing to draw"),
        (tmp_path / "out", [tmp_path / "none"], "none is not a run"),
        (folder / "config.json" / "x", [folder], "choose another --out"),
    ):
        done = run("experiments.paper.figures", *runs, "--out", out)
        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        assert message in line
    assert not (tmp_path / "out").exists()
