"""Predictions are saved by name of track, in a file that NumPy opens without unpickling."""

import numpy as np
import pytest
from helpers.samples import DESCRIPTION, make_track

from jaxpose.evaluation.predictions_file import check_root, load_predictions, save_predictions
from jaxpose.export.motion import Motion
from jaxpose.export.writers import write_motions
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


NAMES = ["S1/Walking/55011271", "S1/Sitting/55011271"]
POSES = np.random.default_rng(1).normal(scale=0.3, size=(8, 17, 3)).astype(np.float32)
BY_NAME = dict(zip(NAMES, np.split(POSES, [5]), strict=True))


def load(path, tracks=TRACKS):
    return load_predictions(path, tracks, TRACKS, DESCRIPTION)


def write(path, arrays, **facts):
    np.savez(path, **arrays, **facts)
    return path


def test_what_was_saved_is_read_again(tmp_path):
    save_predictions(tmp_path / "poses.npz", POSES, TRACKS, DESCRIPTION)
    np.testing.assert_array_equal(load(tmp_path / "poses.npz"), POSES)
    np.testing.assert_array_equal(load(tmp_path / "poses.npz", TRACKS[1:]), POSES[5:])


def test_other_programs_need_arrays_and_names_alone(tmp_path):
    by_number = {"S1/Sitting/0": np.float64(POSES[5:]), "S1/Walking/0": np.float64(POSES[:5]), "S7/Eating/0": POSES}
    np.testing.assert_array_equal(load(write(tmp_path / "a.npz", by_number)), POSES)


def test_units_and_the_order_of_joints_can_be_said(tmp_path):
    order = np.random.default_rng(2).permutation(17)
    shuffled = {name: 1000 * poses[:, order] for name, poses in BY_NAME.items()}
    path = write(tmp_path / "a.npz", shuffled, units="mm", joints=np.asarray(H36M_17.joints)[order])
    np.testing.assert_allclose(load(path), POSES, rtol=1e-6)


def test_what_predict_writes_is_read(tmp_path):
    motions = [Motion(name, poses, H36M_17, 50.0) for name, poses in BY_NAME.items()]
    (path,) = write_motions(tmp_path / "poses.npz", motions[::-1])
    np.testing.assert_array_equal(load(path), POSES)
    (path,) = write_motions(tmp_path / "up.npz", [motion._replace(space="world") for motion in motions])
    with pytest.raises(InputError, match=r"up.npz has upright poses; .* lift without --upright"):
        load(path)


@pytest.mark.parametrize(
    ("arrays", "facts", "message"),
    [
        ({NAMES[0]: POSES[:5]}, {}, r"lacks 1 of the 2 tracks to score: S1/Sitting/55011271; it has 1, such as S1/Wal"),
        ({}, {"fps": 50}, r"holds no poses; it must hold an array \(frames, joints, 3\) for each track"),
        (BY_NAME | {NAMES[1]: POSES[4:]}, {}, r"'S1/Sitting/55011271' has shape \(4, 17, 3\); .* have \(3, 17, 3\)"),
        (BY_NAME | {NAMES[1]: POSES[5:] * np.nan}, {}, r"'S1/Sitting/55011271' is not finite at frame 0"),
        (BY_NAME, {"units": "inches"}, r"units is 'inches'; it must be one of m, metres"),
        (BY_NAME, {"joints": ["a", "b"]}, r"joints are a, b; those of the data are pelvis, "),
        ({name: 1000 * poses for name, poses in BY_NAME.items()}, {}, r"metres tall; save units='mm' if these"),
    ],
)  # fmt: skip
def test_what_cannot_be_scored_is_refused(tmp_path, arrays, facts, message):
    with pytest.raises(InputError, match=message):
        load(write(tmp_path / "a.npz", arrays, **facts))


def test_pickles_are_not_run(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.asarray([print], object))
    with pytest.raises(InputError, match="the pickle names"):
        load(tmp_path / "a.npz")


def test_a_root_far_from_the_origin_is_refused(tmp_path):
    check_root(tmp_path, POSES - POSES[:, :1] + [0, 0.1, 0])
    with pytest.raises(InputError, match=r"the root, joint 0, is 4\.0 m from the origin; .* --root subtracted"):
        check_root(tmp_path, POSES - POSES[:, :1] + [0, 0, 4])
