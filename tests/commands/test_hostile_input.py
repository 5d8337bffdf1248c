"""Commands show what files say, whatever it is, and end in one line when a file is not what it should be."""

import io

import pytest
from helpers import corpus
from helpers.samples import DESCRIPTION, make_track

from data_prep import check
from data_prep.writer import data_set
from jaxpose import evaluate
from jaxpose.visualization import figures

pytestmark = pytest.mark.usefixtures("compiled_soon")


def test_what_data_say_of_themselves_is_shown_not_obeyed(untrained, tmp_path, capsys):
    """Brackets are markup to rich, dollars are formulas to matplotlib, and both raise for wrong ones."""
    title = r"[/red] $\frac{ [link=x]"
    tracks = [make_track(subject="S9", action="[/bold]", frames=12)._replace(camera="$^$")]
    description = DESCRIPTION._replace(splits=("S9",), title=title)
    data_set.write(tmp_path / "data", description, lambda subject: tracks, text="")
    evaluate.main([str(untrained), "--data", str(tmp_path / "data"), "--split", "S9"])
    shown = capsys.readouterr().out
    assert title in shown
    assert "[/bold]" in shown
    with pytest.raises(SystemExit):  # random bodies are suspect
        check.main([str(tmp_path / "data"), "--out", str(tmp_path / "sheet.png")])
    assert "S9/[/bold]/$^$" in capsys.readouterr().out
    figures.training_curves([], title=title).savefig(io.BytesIO())


@pytest.mark.parametrize("spoil", ["is a folder", "is a pipe that nobody writes to", "leads to a device without end"])
def test_commands_end_in_one_line(untrained, refusal, spoil):
    (damage,) = (damage for damage in corpus.damages(b"") if damage.name == spoil)
    for file in (untrained / "config.json", untrained / "data.json"):
        kept = file.rename(file.with_suffix(".kept"))
        damage.make(file)
        try:
            assert str(file) in refusal(evaluate.main, [str(untrained)])
        finally:
            corpus.remove(file)
            kept.rename(file)
