"""Training on recordings of the test or validation split is refused; subjects that were trained on are found."""

import dataclasses
import json

import pytest
from helpers.samples import DESCRIPTION, make_track

from jaxpose import weights
from jaxpose.runs import overlap
from jaxpose.runs.folder import write_settings
from jaxpose.runs.lifter_file import write_lifter_file
from jaxpose.runs.saved import load_saved
from jaxpose.runtime.errors import InputError
from jaxpose.training.config import PRESETS, Config

WALKING = [make_track(frames=3, camera=camera) for camera in ("54138969", "55011271")]
SITTING = [make_track(frames=3, action="Sitting")]
OTHER = [make_track(frames=3, subject="S9")]
CONFIG = Config(train_split="S1", test_split="S9")


def refused(config, train, held_out):
    """The message of the refusal; empty if there is none."""
    try:
        overlap.refuse_overlap(config, DESCRIPTION, train, held_out)
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("purpose", ["test", "validation"])
def test_recordings_of_a_held_out_split_are_not_trained_on(purpose):
    """Another camera's view of a recording is the same motion."""
    config = Config(**{"train_split": "S1", "test_split": "S9", f"{purpose}_split": "S1[50%:]"})
    held_out = {"test": OTHER} | {purpose: WALKING[1:]}
    message = refused(config, [*WALKING[:1], *SITTING], held_out)
    assert f"--{purpose}-split S1[50%:] holds the recording S1/Walking of --train-split S1; choose other" in message
    assert "--allow-overlap trains all the same, and every table then says so" in message
    assert "S1/Walking and 1 more of" in refused(config, [*WALKING, *SITTING], held_out | {purpose: WALKING + SITTING})
    assert not refused(dataclasses.replace(config, allow_overlap=True), WALKING, held_out)
    assert not refused(config, SITTING, held_out)


def test_a_test_split_that_chose_the_checkpoint_is_refused_in_any_case():
    config = Config(test_split="S1", validation_split="S1", allow_overlap=True)
    assert "--validation-split S1 holds the recording S1/Walking of --test-split S1; " in refused(
        config, OTHER, {"test": WALKING[:1], "validation": WALKING[1:]}
    )


@pytest.mark.parametrize(
    ("split", "subjects"),
    [("S1", {"S1"}), ("S1[:50%]+S9", {"S1", "S9"}), ("S1[3:] + S9[-2:]", {"S1", "S9"}), ("all", {"S1", "S9"})],
)
def test_the_subjects_of_a_split(split, subjects):
    assert overlap.split_subjects(split, DESCRIPTION.splits) == subjects


@pytest.mark.parametrize(
    ("title", "other", "same"),
    [
        ("Human3.6M, cpn", "Human3.6M, gt", True),
        ("sample motion", "sample motion", True),
        ("sample motion", "CMU motion capture", False),
    ],
)
def test_people_of_other_data_are_others(title, other, same):
    found = overlap.trained_subjects(
        CONFIG, DESCRIPTION._replace(title=title), DESCRIPTION._replace(title=other), ["S9", "S1", "S1"]
    )
    assert found == (("S1",) if same else ())
    made_up = DESCRIPTION._replace(synthetic=True)
    assert overlap.trained_subjects(CONFIG, DESCRIPTION, made_up, ["S1"]) == ()


def test_weights_of_a_run_bring_its_subjects(tmp_path):
    """S9 is not trained on, but the run before the run that training begins with was."""
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    write_settings(tmp_path / "first", Config(train_split="S9", test_split="S1", init=second), DESCRIPTION)
    write_settings(tmp_path / "second", Config(train_split="S5", init=first), DESCRIPTION)
    config = dataclasses.replace(CONFIG, init=second)  # the two name each other, which must come to an end
    assert overlap.trained_subjects(config, DESCRIPTION, DESCRIPTION, ["S1", "S9", "S11"]) == ("S1", "S9")
    message = refused(config, WALKING, {"test": OTHER})
    assert message.startswith(f"--init {second} was trained on S9, of --test-split S9; ")
    assert not refused(dataclasses.replace(config, allow_overlap=True), WALKING, {"test": OTHER})
    gone = dataclasses.replace(CONFIG, init=str(tmp_path / "gone"))  # as when a run is resumed
    assert not refused(gone, WALKING, {"test": OTHER})
    assert overlap.trained_subjects(gone, DESCRIPTION, DESCRIPTION, ["S9"]) == ()


def test_the_subjects_of_a_lifter_file_are_known(untrained, tmp_path, monkeypatch):
    """Also of the one that comes with jaxpose: fine-tuning from it is not tested on whom it was trained on."""
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    tuned = dataclasses.replace(CONFIG, train_split="S9", test_split="S1", init="weights")
    assert not refused(tuned, OTHER, {"test": WALKING})  # there is none
    saved = load_saved(untrained)
    saved = saved._replace(config=dataclasses.replace(saved.config, train_split="S1"))
    write_lifter_file(tmp_path / "anywhere.npz", saved, "float16")
    for init in ("weights", str(tmp_path / "anywhere.npz")):
        tuned = dataclasses.replace(tuned, init=init)
        assert f"--init {init} was trained on S1, of --test-split S1" in refused(tuned, OTHER, {"test": WALKING})


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_test_other_people(preset):
    """On the built-in data, by their default splits; their recordings are named by subject."""
    config = PRESETS[preset]
    people = [overlap.split_subjects(split, ()) for split in (config.train_split, config.test_split)]
    assert not people[0] & people[1]
    assert not config.allow_overlap


def test_allowing_it_is_recorded(tmp_path):
    write_settings(tmp_path, dataclasses.replace(CONFIG, allow_overlap=True), DESCRIPTION)
    assert json.loads((tmp_path / "config.json").read_text())["allow_overlap"] is True
