"""A run is opened as it was trained, and refuses data of other joints."""

import dataclasses
import shutil

import jax
import numpy as np
import pytest
from helpers.samples import DESCRIPTION, make_track

from data_prep.writer import data_set
from jaxpose.data.track import track_lengths
from jaxpose.data.windows import pack
from jaxpose.evaluation.averages import score
from jaxpose.metrics import mpjpe
from jaxpose.runs import trained
from jaxpose.runs.folder import read_settings, write_settings
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17
from jaxpose.training import setup

pytestmark = pytest.mark.usefixtures("compiled_soon")


def test_a_run_lifts_its_test_split(untrained):
    opened = trained.open_run(untrained)
    description, tracks, split = trained.load_fitting(opened)
    frames = pack(tracks)
    lifted = opened.lift(frames)
    assert (description.splits, split) == (("S1", "S9"), "S9")
    assert lifted.shape == (track_lengths(tracks).sum(), 17, 3)
    recipe = setup.build_recipe(opened.config, DESCRIPTION, 65)
    again = setup.init(recipe, jax.random.key(3)).variables
    np.testing.assert_array_equal(lifted, opened._replace(variables=again).lift(frames))
    assert np.isclose(1000 * np.mean(mpjpe(lifted[:40], frames.poses[:40])),
                      score(lifted, frames.poses, tracks)["actions"]["Walking"]["mpjpe"])  # fmt: skip


def test_a_path_may_be_a_string(untrained):
    assert trained.open_run(str(untrained)).run == untrained


def test_other_splits_and_data(untrained, tmp_path):
    opened = trained.open_run(untrained)
    assert trained.load_fitting(opened, split="S1")[1][0].subject == "S1"
    other = DESCRIPTION._replace(layout=COCO_17, splits=("S9",))
    data_set.write(tmp_path / "coco", other, lambda split: [make_track(subject=split)], text="COCO")
    with pytest.raises(InputError, match=f"coco has layout coco_17, but {untrained} was trained on h36m_17"):
        trained.load_fitting(opened, str(tmp_path / "coco"))


def test_a_run_that_was_moved_with_its_data_finds_them_and_else_says_what_they_were(
    prepared, tmp_path, monkeypatch, untrained
):
    """The data have a relative path, and the run is opened from another folder."""
    old, new = tmp_path / "old", tmp_path / "new"
    shutil.copytree(prepared, old / "data")
    shutil.copytree(untrained, old / "runs" / "a")
    monkeypatch.chdir(old)
    config, description = read_settings(untrained)
    write_settings(old / "runs" / "a", dataclasses.replace(config, data="data"), description)
    old.rename(new)
    monkeypatch.chdir(tmp_path)
    opened = trained.open_run("new/runs/a")
    assert trained.load_fitting(opened)[2] == "S9"
    shutil.rmtree(new / "data")
    opened = trained.open_run("new/runs/a")
    with pytest.raises(
        InputError, match=f"new/runs/a was trained on sample motion, in the folder {old}/data, which is"
    ):
        trained.load_fitting(opened)
    assert trained.load_fitting(opened, str(prepared))[2] == "S9"
