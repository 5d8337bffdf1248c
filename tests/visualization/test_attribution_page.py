"""The page of an attribution, and the folder that holds it; that it shows everything is tested with the command."""

import pytest
from helpers.pages import Page
from matplotlib.figure import Figure

from jaxpose.runtime.errors import InputError
from jaxpose.runtime.tables import Table
from jaxpose.visualization import attribution_page


def test_what_comes_from_data_is_escaped():
    text = attribution_page.attribution_page("<script>alert(1)</script>", "a & b", Table("", ("c",), (('<b>"',),)))
    page = Page(text)
    assert "<script>" not in text
    assert {"a & b", '<b>"'} <= set(page.words)


def test_the_folder_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    figures = {"joints.png": Figure(figsize=(1, 1))}
    attribution_page.write_folder(tmp_path / "deep" / "out", "text", figures)
    assert {path.name for path in (tmp_path / "deep" / "out").iterdir()} == {"index.html", "joints.png"}
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file cannot be made"):
        attribution_page.write_folder(tmp_path / "file" / "out", "text", figures)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", full)
    with pytest.raises(InputError, match="No space left"):
        attribution_page.write_folder(tmp_path / "full", "text", figures)
    assert {path.name for path in tmp_path.iterdir()} == {"deep", "file"}
