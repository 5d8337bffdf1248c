"""A run's folder: what is written is read back, what is damaged is named."""

import dataclasses
import json
from pathlib import Path

import pytest
from helpers.samples import DESCRIPTION

from jaxpose.runs import folder
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.versions import versions
from jaxpose.training.config import PRESETS


@pytest.fixture
def run(tmp_path):
    folder.write_settings(tmp_path / "run", PRESETS["quick"], DESCRIPTION)
    return tmp_path / "run"


def test_settings_round_trip(run):
    assert folder.read_settings(run) == (PRESETS["quick"], DESCRIPTION)


def test_versions_are_beside_the_settings(run):
    written = json.loads((run / "config.json").read_text())
    assert written["versions"] == versions()
    assert "data_from_run" not in written  # the built-in data are nowhere


def test_data_are_found_from_any_folder_and_when_they_move_with_the_run(tmp_path, monkeypatch):
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "data").mkdir(parents=True)
    monkeypatch.chdir(old)
    config = dataclasses.replace(PRESETS["quick"], data="data")
    folder.write_settings(old / "runs" / "a", config, DESCRIPTION)
    monkeypatch.chdir(tmp_path)
    assert folder.read_settings(old / "runs" / "a")[0] == dataclasses.replace(config, data=str(old / "data"))
    old.rename(new)
    assert folder.read_settings(Path("new/runs/a"))[0] == dataclasses.replace(config, data=str(new / "data"))
    (old / "data").mkdir(parents=True)  # the absolute path comes first
    assert folder.read_settings(new / "runs" / "a")[0].data == str(old / "data")


def test_data_that_are_nowhere_are_named(tmp_path):
    run, data = tmp_path / "run", tmp_path / "gone"
    folder.write_settings(run, dataclasses.replace(PRESETS["quick"], data=str(data)), DESCRIPTION)
    config, description = folder.read_settings(run)
    with pytest.raises(
        InputError,
        match=f"{run} was trained on sample motion, in the folder {data}, which is not there; name .* with --data DIR$",
    ):
        folder.refuse_missing_data(run, config, description)
    data.mkdir()
    folder.refuse_missing_data(run, config, description)
    folder.refuse_missing_data(run, PRESETS["quick"], description)


@pytest.mark.parametrize("damaged", [3, ["a"], "a\0b", "..", None])
def test_a_damaged_relative_path_is_ignored(tmp_path, damaged):
    run, data = tmp_path / "run", str(tmp_path / "gone")
    folder.write_settings(run, dataclasses.replace(PRESETS["quick"], data=data), DESCRIPTION)
    written = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(written | {"data_from_run": damaged, "versions": damaged}))
    assert folder.read_settings(run)[0].data == (str(tmp_path) if damaged == ".." else data)


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
