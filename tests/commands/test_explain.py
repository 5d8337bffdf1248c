"""The command leaves a whole folder with a page, and refuses what is not there."""

import functools
import shutil

import pytest
from helpers.pages import Page
from matplotlib.figure import Figure
from matplotlib.image import imread

from jaxpose import explain
from jaxpose.evaluation import loss_attribution
from jaxpose.training.attribution import terms
from jaxpose.visualization.attribution_page import FIGURES

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture(scope="module")
def run(untrained, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "run"
    shutil.copytree(untrained, run)
    return run


@pytest.fixture(scope="module")
def explained(run):
    """The folder that the command leaves, and the attribution in it."""
    results = []
    attribute = functools.partial(loss_attribution.attribute_loss, steps=5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            loss_attribution, "attribute_loss", lambda *given: results.append(attribute(*given)) or results[0]
        )
        explain.main([str(run), "--track", "S9/Walking/0", "--frames", "2", "13", "--frame", "7"])
    return run / "explanation" / "S9-Walking-55011271", results[0]


def test_the_page_shows_every_term_and_every_figure_and_needs_no_network(explained):
    folder = explained[0]
    text = (folder / "index.html").read_text("utf-8")
    page = Page(text)
    assert set(terms()) <= set(page.words)
    assert any("sample motion, S9/Walking/55011271, frames 2 to 13 of 40" in words for words in page.words)
    assert sorted(page.links) == sorted(FIGURES)
    assert {file.name for file in folder.iterdir()} == {"index.html", *FIGURES}
    assert "//" not in text
    assert "url(" not in text
    assert all(imread(folder / file).shape[1] > 500 for file in FIGURES)


def test_the_table_is_printed(run, explained, monkeypatch, tmp_path, capsys):
    windows = []
    monkeypatch.setattr(loss_attribution, "attribute_loss", lambda *given: windows.append(given[-1]) or explained[1])
    monkeypatch.setattr(loss_attribution, "attribution_figures", lambda *_: {"joints.png": Figure()})
    explain.main([str(run), "--out", str(tmp_path / "deep" / "out")])
    printed = capsys.readouterr().out
    assert set(terms()) <= set(printed.split())
    assert "sample motion, S9/Walking/55011271, frames 0 to 39 of 40" in printed
    assert (windows[0].first, windows[0].last) == (0, 39)
    assert (tmp_path / "deep" / "out" / "index.html").exists()


def test_an_occupied_folder_is_refused(run, explained, refusal):
    before = (explained[0] / "index.html").read_text("utf-8")
    line = refusal(explain.main, [str(run), "--track", "S9/Walking/0"])
    assert line.endswith("already exists; remove it, or name another folder with --out")
    assert (explained[0] / "index.html").read_text("utf-8") == before


def test_what_is_not_there_is_refused(run, tmp_path, refusal):
    assert "is not a run" in refusal(explain.main, [str(tmp_path)])
    out = ["--out", str(tmp_path / "out")]
    line = refusal(explain.main, [str(run), "--track", "S9/Walkin/0", *out])
    assert "there is no track 'S9/Walkin/0'" in line
    assert line.endswith("it has 2, such as S9/Walking/55011271, S9/Sitting/55011271")
    assert "the track has frames 0 to 39" in refusal(explain.main, [str(run), "--frames", "3", "40", *out])
    assert "split 'S7' is unknown" in refusal(explain.main, [str(run), "--split", "S7", *out])
    shutil.copytree(run, tmp_path / "empty", ignore=shutil.ignore_patterns("checkpoints", "explanation"))
    assert "has no checkpoint" in refusal(explain.main, [str(tmp_path / "empty")])
    assert {path.name for path in tmp_path.iterdir()} == {"empty"}
