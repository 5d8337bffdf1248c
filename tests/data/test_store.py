"""Reading prepared data sets: splits, and every way in which a folder or a track can be wrong."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from helpers.tracks import LEGS, changed_track, leg_track

from data_prep.writer import builder, data_set
from jaxpose.data import store
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17

ACTIONS = ("Walking", "Walking 1", "Sitting", "Eating")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    out = tmp_path_factory.mktemp("prepared") / "legs"
    data_set.write(out, LEGS, lambda subject: [leg_track(subject, action) for action in ACTIONS], text="")
    return out


@pytest.fixture
def copy(original, tmp_path):
    return shutil.copytree(original, tmp_path / "copy")


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("S1", [("S1", action) for action in ACTIONS]),
        ("S5+S1", [(subject, action) for subject in ("S5", "S1") for action in ACTIONS]),
        ("S5[:50%]", [("S5", "Walking"), ("S5", "Walking 1")]),
        ("S1[3:] + S5[:1]", [("S1", "Eating"), ("S5", "Walking")]),
        ("all", [(subject, action) for subject in ("S1", "S5") for action in ACTIONS]),
    ],
)
def test_splits_are_subjects_and_tracks_keep_their_order(original, split, expected):
    assert [(found.subject, found.action) for found in store.read_tracks(original, split)[1]] == expected


@pytest.mark.parametrize(
    "split", ["S9", "", "S1+S9", "S1+", "S1[", "S1[:200%]", "S1[:0%]", "S1[0]", "all[:1]", "S1 S5"]
)
def test_an_unknown_or_empty_split_names_the_known_ones(original, split):
    with pytest.raises(InputError, match=r"is unknown or empty; the subjects are S1, S5: join") as raised:
        store.read_tracks(original, split)
    assert str(original) in str(raised.value)
    assert repr(split) in str(raised.value)


def refusal(folder) -> str:
    """The message that all functions refuse the folder with."""
    messages = []
    for function, *split in ((store.read_description,), (store.read_tracks, "S1"), (store.read_tracks_unchecked, "S1")):
        with pytest.raises(InputError) as raised:
            function(folder, *split)
        messages.append(str(raised.value))
    assert len(set(messages)) == 1
    assert messages[0].startswith(f"{folder} is not a prepared data set (")
    assert messages[0].endswith("; jaxpose prepare NAME … --out DIR writes one")
    return messages[0]


def test_folders_that_are_not_prepared_data_sets(tmp_path):
    assert "no such folder" in refusal(tmp_path / "absent")
    assert "no features.json" in refusal(tmp_path)
    (tmp_path / "file").touch()
    assert "no such folder" in refusal(tmp_path / "file")


@pytest.mark.parametrize("name", ["features.json", "dataset_info.json", "metadata.json"])
@pytest.mark.parametrize("content", [None, "", "{", "{}", "[]", "null"])
def test_folders_with_a_damaged_or_foreign_description(copy, name, content):
    (copy / name).unlink()
    if content is not None:
        (copy / name).write_text(content)
    refusal(copy)


def edit(path, change):
    """Change a JSON file in place."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_data_sets_that_something_else_wrote(copy):
    edit(copy / "metadata.json", lambda metadata: metadata.pop("skeleton"))
    assert "'skeleton'" in refusal(copy)
    edit(copy / "features.json", lambda features: features["featuresDict"]["features"].pop("intrinsics"))
    assert "a TFDS data set without intrinsics" in refusal(copy)


def test_a_newer_contract_is_refused(copy):
    edit(copy / "dataset_info.json", lambda info: info.update(version="2.0.0"))
    assert "version 2.0.0, this program reads 1." in refusal(copy)


def test_foreign_classes_are_not_imported(copy, tmp_path, monkeypatch):
    (tmp_path / "stranger.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)

    def name_it(features):
        features["featuresDict"]["features"]["fps"]["pythonClassName"] = "stranger.Feature"

    edit(copy / "features.json", name_it)
    assert "names a foreign class, 'stranger.Feature'" in refusal(copy)


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: os.truncate(path, 70000)])
def test_damaged_records(copy, damage):
    (record,) = copy.glob("*S5*array_record*")
    damage(record)
    assert len(store.read_tracks(copy, "S1")[1]) == len(ACTIONS)
    with pytest.raises(InputError, match=r"copy is damaged or incomplete \(.*\); prepare or copy it again"):
        store.read_tracks(copy, "S5")


def test_faults_are_found_when_reading(tmp_path, monkeypatch):
    """A data set that breaks the contract, as only another program would write it."""
    tracks = [leg_track(action="Sitting"), changed_track("positions_3d", np.nan, at=(2, 0, 0))]
    with monkeypatch.context() as blind:
        for module in (builder, store):
            blind.setattr(module, "contract_violation", lambda track, description: "")
        data_set.write(tmp_path / "out", LEGS._replace(splits=("S1",)), lambda subject: tracks, text="")
    with pytest.raises(InputError, match=r"out: S1/Walking/left: positions_3d are not finite at frame 2; correct"):
        store.read_tracks(tmp_path / "out", "S1")
    description, found = store.read_tracks_unchecked(tmp_path / "out", "S1")
    assert description == store.read_description(tmp_path / "out")
    assert [found.action for found in found] == ["Sitting", "Walking"]
    np.testing.assert_array_equal(found[1].positions_3d, tracks[1].positions_3d)


def test_joints_that_differ_from_the_skeleton(copy):
    edit(copy / "metadata.json", lambda metadata: metadata.update(skeleton=H36M_17.to_dict()))
    with pytest.raises(
        InputError, match=r"S1/Walking/left: positions_3d have shape \(3, 3, 3\), not \(frames, 17, 3\)"
    ):
        store.read_tracks(copy, "S1")


def test_reads_quietly_and_without_tensorflow(original):
    program = f"""
import sys
from pathlib import Path
from jaxpose.data import store
assert "tensorflow_datasets" not in sys.modules  # importing the reader is cheap
print(len(store.read_tracks(Path({str(original)!r}), "S1+S5")[1]), "tensorflow" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr, run.returncode) == ("8 False\n", "", 0)
