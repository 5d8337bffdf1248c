"""The lifter that comes with jaxpose is found, small, and opens; without one, the message says what to do."""

import pytest

from jaxpose import weights
from jaxpose.runs.trained import open_run
from jaxpose.runtime.errors import InputError

MOST_BYTES = 12e6


def test_what_comes_with_jaxpose_is_small_and_opens():
    files = sorted(weights.FOLDER.glob("*.npz"))
    assert sum(file.stat().st_size for file in files) <= MOST_BYTES
    assert {file.stem for file in files} == {*weights.FILES}
    for file in files:
        opened = open_run(file)
        assert not opened.description.synthetic
        assert opened.description.channels == 3
        assert opened.config.model.causal == (file.stem == "anywhere-causal")
    card = (weights.FOLDER / "README.md").read_text("utf-8")
    assert bool(files) != ("to fill in" in card), "the card is filled in when there are weights, and not before"


def test_without_a_file_the_message_names_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    with pytest.raises(InputError) as raised:
        weights.find_weights()
    assert str(raised.value) == (
        "jaxpose comes without trained weights in this version; train a lifter (jaxpose train --data DIR) and name its "
        "RUN"
    )
    (tmp_path / "anywhere.npz").touch()
    assert weights.find_weights() == tmp_path / "anywhere.npz"
    with pytest.raises(InputError, match="jaxpose has no weights 'other'; choose from anywhere, anywhere-causal"):
        weights.find_weights("other")
