"""Tracks come from a prepared folder or from the generator, and only from subjects that are there."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from helpers.samples import DESCRIPTION, make_track

from jaxpose.data import load
from jaxpose.runtime.errors import InputError


def test_a_prepared_folder(prepared):
    description, tracks = load.load(str(prepared), "S1")
    assert description.splits == ("S1", "S9")
    assert {track.subject for track in tracks} == {"S1"}
    assert description.fps == 50
    sizes = [np.ptp(track.keypoints_2d[::25], axis=1).max(axis=-1) / track.width for track in tracks]
    assert description.extent == pytest.approx(np.median([np.median(size) for size in sizes]))


def test_tracks_of_several_rates_have_none(monkeypatch):
    tracks = [make_track(), make_track()._replace(fps=60.0)]
    monkeypatch.setattr(load.store, "read_tracks", lambda path, split: (DESCRIPTION, tracks))
    assert load.load("some", "S1")[0].fps is None


def test_a_prepared_folder_is_opened_once(prepared, monkeypatch):
    opened, original = [], tfds.builder_from_directory
    monkeypatch.setattr(tfds, "builder_from_directory", lambda path: opened.append(path) or original(path))
    load.load(str(prepared), "S1")
    assert opened == [prepared]


def test_the_built_in_data_is_called_synthetic():
    description, tracks = load.load("synthetic", "S9+S1")
    assert description.synthetic
    assert description.fps == 50
    assert "synthetic" in description.title
    assert [track.subject for track in tracks[:: len(tracks) // 2]] == ["S9", "S1"]
    assert np.isfinite(tracks[0].keypoints_2d).all()


@pytest.mark.parametrize("split", ["S2", "S1+S2", "", "S1 + S5"])
def test_an_unknown_subject_is_refused(split):
    with pytest.raises(InputError, match=r"the built-in data has no split .*; it has S1, S5, S6, S7, S8, S9, S11"):
        load.load("synthetic", split)


def test_no_such_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        load.load(str(tmp_path / "nothing"), "S1")


def test_no_import_starts_a_backend():
    """JAX may be told its platform, or join a cluster, after jaxpose has been imported."""
    code = "import jaxpose.data.synthetic.generate, jaxpose.export.writers, jaxpose.lifting.people"
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"JAX_PLATFORMS": "no_such_platform"})


def test_prepared_data_do_not_wait_for_the_generator():
    """Nor does any command that loads data wait for SciPy or TFDS."""
    code = """
import sys
import jaxpose.data.load, jaxpose.data.resampling, jaxpose.data.smoothing
import jaxpose.keypoints.readers, jaxpose.export.writers
print(sorted({"jaxpose.data.synthetic.generate", "scipy.optimize", "scipy.signal", "scipy.spatial",
              "tensorflow_datasets"} & set(sys.modules)))
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == "[]\n"
