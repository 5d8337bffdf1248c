"""Predictions are saved by name of track, in a file that NumPy opens without unpickling."""

import numpy as np
import pytest
from helpers.samples import DESCRIPTION, make_track

from jaxpose.evaluation.predictions_file import save_predictions
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17

TRACKS = [make_track(frames=5), make_track(frames=3, action="Sitting")]


def test_every_track_has_its_array(tmp_path):
    predictions = np.random.default_rng(0).normal(size=(8, 17, 3)).astype(np.float32)
    save_predictions(tmp_path / "poses.npz", predictions, TRACKS, DESCRIPTION._replace(synthetic=True))
    with np.load(tmp_path / "poses.npz") as saved:
        assert saved["tracks"].tolist() == ["S1/Walking/55011271", "S1/Sitting/55011271"]
        np.testing.assert_array_equal(saved["S1/Walking/55011271"], predictions[:5])
        np.testing.assert_array_equal(saved["S1/Sitting/55011271"], predictions[5:])
        assert saved["fps"].tolist() == [50, 50]
        assert (saved["units"], saved["joints"].tolist()) == ("metres", [*H36M_17.joints])
        assert saved["space"].item().startswith("camera: x right, y down, z forward; relative to the root")
        assert saved["data"].item().startswith("SYNTHETIC")


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere/poses.npz cannot be written"):
        save_predictions(tmp_path / "nowhere" / "poses.npz", np.zeros((8, 17, 3)), TRACKS, DESCRIPTION)
