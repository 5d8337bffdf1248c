"""The notebooks run, and what is committed of them is what they print."""

import json
import os
import re

import pytest
from helpers.places import ROOT

FOLDER = ROOT / "experiments" / "notebooks"
NOTEBOOKS = ("kinematics", "loss_inspection", "metric_derivatives", "training")
CHAOTIC = ("training",)  # rounding grows over hundreds of steps: another machine prints other numbers
NUMBER = re.compile(r"-?\d+(?:\.(\d+))?")
AGAIN = "; run the notebook again as experiments/notebooks/README.md says"


def committed(name):
    return json.loads((FOLDER / f"{name}.ipynb").read_text("utf-8"))


def code_cells(book):
    return [cell for cell in book["cells"] if cell["cell_type"] == "code"]


def text(lines):
    """What a notebook keeps as one string or as a list of lines."""
    return "".join(lines)


def printed(cell):
    return "".join(text(output["text"]) for output in cell["outputs"] if output["output_type"] == "stream")


def has_picture(cell):
    return any("image/png" in output.get("data", {}) for output in cell.get("outputs", ()))


def words(printout):
    """The text with # for every number, whatever the columns' width."""
    return " ".join(NUMBER.sub("#", printout).split())


def test_every_notebook_is_tested_and_described():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(NOTEBOOKS)
    readme = (FOLDER / "README.md").read_text("utf-8")
    assert all(f"`{name}`" in readme for name in NOTEBOOKS)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_committed_from_top_to_bottom_and_without_complaint(name):
    book = committed(name)
    cells = code_cells(book)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1)), AGAIN
    for cell in cells:
        source = text(cell["source"])
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
            assert output.get("name") != "stderr"
        assert "execution" not in cell["metadata"], "when it ran" + AGAIN
        assert has_picture(cell) == ("plt.show()" in source or "figures.training_curves(" in source), AGAIN
        assert bool(printed(cell)) == bool(re.search(r"^ *print\(", source, re.MULTILINE)), AGAIN


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_says_what_it_shows_and_of_which_data(name):
    cells = committed(name)["cells"]
    title = text(cells[0]["source"])
    assert cells[0]["cell_type"] == "markdown"
    assert title.startswith("# ")
    assert "**synthetic**" in title
    for cell, following in zip(cells, [*cells[1:], None], strict=True):
        if has_picture(cell):
            assert following is not None
            assert following["cell_type"] == "markdown"
            assert not text(following["source"]).startswith("#"), "a heading, not what the picture shows"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_is_small_and_names_no_path_of_a_machine(name):
    assert (FOLDER / f"{name}.ipynb").stat().st_size < 300_000
    for cell in code_cells(committed(name)):
        for output in cell["outputs"]:
            data = {kind: value for kind, value in output.get("data", {}).items() if not kind.startswith("image/")}
            shown = json.dumps({**output, "data": data})
            assert not re.search(r"/(home|root|tmp|usr|Users|work)/|[A-Z]:\\", shown)
            assert str(ROOT) not in shown


@pytest.mark.system
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in CHAOTIC else []) for n in NOTEBOOKS])
def test_runs_and_prints_what_is_committed(name, tmp_path):
    for needed in ("nbclient", "nbformat", "ipykernel"):
        pytest.importorskip(needed, reason=f"{needed} is not installed; the extra `test` has it")
    import nbclient
    import nbformat

    book = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    before = [printed(cell) for cell in code_cells(book)]
    # This tree, not an installed one; a new folder, so that nothing beside the notebook is needed; no user's settings.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(tmp_path / "ipython")}
    environment["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"  # as the fixture `compiled_soon`
    environment.pop("MPLBACKEND", None)
    client = nbclient.NotebookClient(book, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=environment)  # raises where a cell does

    for old, cell in zip(before, code_cells(book), strict=True):
        new = "".join(text(output["text"]) for output in cell["outputs"] if output.get("name") == "stdout")
        assert words(new) == words(old), AGAIN
        if name in CHAOTIC:
            continue
        for a, b in zip(NUMBER.finditer(old), NUMBER.finditer(new), strict=True):
            last_digit = 10 ** -len(a[1] or "")
            assert float(b[0]) == pytest.approx(float(a[0]), rel=0.05, abs=1.5 * last_digit), f"{old}\n{new}{AGAIN}"
