"""A run's folder: what is written is read back, what is damaged is named."""

import json

import pytest
from helpers.samples import DESCRIPTION

from jaxpose.runs import folder
from jaxpose.runtime.errors import InputError
from jaxpose.training.config import PRESETS


@pytest.fixture
def run(tmp_path):
    folder.write_settings(tmp_path / "run", PRESETS["quick"], DESCRIPTION)
    return tmp_path / "run"


def test_settings_round_trip(run):
    assert folder.read_settings(run) == (PRESETS["quick"], DESCRIPTION)


def test_the_frame_rate_is_kept_and_may_be_missing(run):
    """Runs of older versions do not name it."""
    described = DESCRIPTION._replace(fps=59.94)
    folder.write_settings(run, PRESETS["quick"], described)
    assert folder.read_settings(run)[1] == described
    data = json.loads((run / "data.json").read_text())
    del data["fps"]
    (run / "data.json").write_text(json.dumps(data))
    assert folder.read_settings(run)[1] == DESCRIPTION


def test_a_folder_that_cannot_be_created_is_named(run):
    with pytest.raises(
        InputError, match=r"config.json/below cannot be created \(Not a directory\); choose another folder"
    ):
        folder.write_settings(run / "config.json" / "below", PRESETS["quick"], DESCRIPTION)


def test_new_runs_are_numbered(tmp_path):
    (tmp_path / "quick-1").mkdir()
    assert folder.new_run("quick", tmp_path) == tmp_path / "quick-2"
    assert folder.new_run("baseline", tmp_path) == tmp_path / "baseline-1"


def test_an_occupied_folder_is_refused(tmp_path, run):
    folder.refuse_occupied(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    folder.refuse_occupied(tmp_path / "empty")
    for occupied in (run, run / "config.json"):
        with pytest.raises(InputError, match="already exists; name another folder with --out, or continue with"):
            folder.refuse_occupied(occupied)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", None, "is not a run: it has no config.json"),
        ("data.json", None, "is not a run: it has no data.json"),
        ("config.json", "{", "config.json cannot be read"),
        ("config.json", "[1]", "config.json does not hold a JSON object"),
        ("config.json", "{}", "config.json does not hold the settings of a run"),
        ("config.json", '{"filter_widths": [3], "depth": 1}', "config.json does not hold the settings of a run"),
        ("config.json", '{"filter_widths": [2]}', "config.json does not hold the settings .* --filter-widths is"),
        ("config.json", '{"filter_widths": [3], "channels": "many"}', "config.json does not hold the settings"),
        ("config.json", '{"seed": 3}', "does not hold the settings of a run: it does not say of what kind the network"),
        ("config.json", '{"model": {"channels": 8}}', "it does not say of what kind the network is; undo the change"),
        ("config.json", '{"model": {"kind": "temporal", "depth": 1}}', "does not hold the settings of a run: .*depth"),
        (
            "config.json",
            '{"model": {"kind": "mixer"}}',
            "/config.json is of a network 'mixer', which is not known; --plugin FILE adds those that a file defines$",
        ),
        ("data.json", '{"title": "a"}', "data.json does not describe a data set"),
        ("data.json", '{"skeleton": 3, "layout": 4, "splits": []}', "data.json does not describe a data set"),
    ],
)
def test_damage_is_named(run, file, content, message):
    (run / file).unlink() if content is None else (run / file).write_text(content)
    with pytest.raises(InputError, match=message):
        folder.read_settings(run)
