"""What a run needs in memory: data read and told, where they are kept, splits that share a track refused."""

import dataclasses

import jax
import numpy as np
import pytest
from helpers.samples import DESCRIPTION, make_track
from rich.console import Console

from data_prep.writer import data_set
from jaxpose.runs import prepare
from jaxpose.runtime.errors import InputError
from jaxpose.training.config import Config


@pytest.fixture(scope="module")
def prepared_job(config):
    console = Console(quiet=True)
    return prepare.prepare(config, None, prepare.read_splits(config, console), console)


def test_training_data_are_on_the_devices_and_held_out_data_on_the_host(prepared_job):
    assert isinstance(prepared_job.data.poses, jax.Array)
    assert isinstance(prepared_job.held_out["test"].poses, np.ndarray)
    assert prepared_job.names == ["S1/Walking/55011271", "S1/Sitting/55011271"]
    assert prepared_job.until == 2 * prepared_job.recipe.steps_per_epoch


def test_the_splits_are_told_in_plain_words(config, capsys):
    prepare.read_splits(config, Console(markup=False, width=200))
    assert capsys.readouterr().out.splitlines()[1:] == [
        "Training: sample motion, S1, 2 tracks, 65 frames.", "Test: sample motion, S9, 2 tracks, 65 frames.",
    ]  # fmt: skip


def test_a_validation_split_that_shares_a_recording_with_the_test_split_is_refused(config, tmp_path):
    tracks = {"S1": [make_track()], "S9": [make_track(subject="S9")]}
    data_set.write(tmp_path / "data", DESCRIPTION, tracks.__getitem__, text="two tracks")
    other = Config(data=str(tmp_path / "data"), train_split="S1", test_split="S9", validation_split="S9")
    with pytest.raises(InputError, match=r"holds the recording S9/Walking of --test-split S9; choose other subjects"):
        prepare.read_splits(other, Console(quiet=True))


def test_a_test_split_that_is_trained_on_is_refused_or_told(config, capsys):
    overlapping = dataclasses.replace(config, train_split="S1+S9")
    with pytest.raises(InputError, match=r"--test-split S9 holds the recording S9/Walking and 1 more of --train-split"):
        prepare.read_splits(overlapping, Console(quiet=True))
    allowed = dataclasses.replace(overlapping, allow_overlap=True)
    assert prepare.read_splits(allowed, Console(width=200)).trained_on == ("S9",)
    assert "--test-split S9: TRAINED ON S9: these are not errors of unseen people." in capsys.readouterr().out


def test_other_recordings_of_a_person_are_told(config, capsys):
    """Halves of a subject are not refused: the recordings differ, and the person is the same."""
    halves = dataclasses.replace(config, train_split="S1[:50%]", test_split="S1[50%:]")
    assert prepare.read_splits(halves, Console(width=200)).trained_on == ("S1",)
    assert "--test-split S1[50%:]: TRAINED ON S1: these are not errors of unseen people." in capsys.readouterr().out
    assert prepare.read_splits(config, Console(quiet=True)).trained_on == ()
