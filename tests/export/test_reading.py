"""What was written is read again, and nothing else is."""

import re

import numpy as np
import pytest
from helpers import corpus
from helpers.motions import HOSTILE_NAMES, lifted

from jaxpose.export.motion import filled_mask
from jaxpose.export.reading import choose_motion, is_motion_file, read_motions
from jaxpose.export.writers import write_motions
from jaxpose.runtime.errors import InputError


@pytest.mark.parametrize(("space", "unit"), [("camera", "m"), ("world", "mm")])
@pytest.mark.parametrize("names", [("1", "2"), HOSTILE_NAMES[:-2]])
def test_what_was_written_is_read_again(tmp_path, space, unit, names):
    motions = lifted(names, space=space)
    (path,) = write_motions(tmp_path / "poses.npz", motions, unit)
    assert is_motion_file(path)
    for found, motion in zip(read_motions(path), motions, strict=True):
        np.testing.assert_allclose(found.positions, motion.positions, rtol=1e-6)
        np.testing.assert_array_equal(found.filled, filled_mask(motion))
        np.testing.assert_array_equal(found.keypoints.pixels, motion.keypoints.pixels)
        for one in ("name", "fps", "space", "start", "trained_on"):
            assert getattr(found, one) == getattr(motion, one)
        for one in ("joints", "parents", "left", "right"):
            assert getattr(found.skeleton, one) == getattr(motion.skeleton, one)
            assert getattr(found.keypoints.layout, one) == getattr(motion.keypoints.layout, one)
        assert found.keypoints[2:] == motion.keypoints[2:]


def test_other_files_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", a=1)
    with pytest.raises(InputError, match=r"other.npz is not a file of jaxpose predict"):
        read_motions(tmp_path / "other.npz")
    assert not is_motion_file(tmp_path)


def test_poses_are_read_without_keypoints(tmp_path):
    motions = lifted(keypoints=None)
    (path,) = write_motions(tmp_path / "bare.npz", motions)
    for found, motion in zip(read_motions(path), motions, strict=True):
        np.testing.assert_array_equal(found.positions, motion.positions)
        assert found.keypoints is None
        assert found.trained_on == "sample motion"
        for one in ("joints", "parents", "left", "right"):
            assert getattr(found.skeleton, one) == getattr(motion.skeleton, one)
    with np.load(path) as archive:  # as version 0.1.0 wrote it
        np.savez(path, **{key: archive[key] for key in archive if key not in ("left", "right", "trained_on")})
    found, _ = read_motions(path)
    assert (found.trained_on, found.skeleton.left, found.skeleton.joints) == ("", (), motions[0].skeleton.joints)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"fps": np.array(0.0)}, "fps 0.0"),
        ({"positions_1": np.zeros((3, 17, 3), np.float32)}, "person 1 has arrays of shapes (3, 17, 3)"),
        (
            {"keypoints_0": np.full((20, 17, 2), np.nan, np.float32)},
            "person 0 has keypoints of shape (20, 17, 2), or some",
        ),
        ({"keypoints_1": np.zeros((3, 17, 2), np.float32)}, "person 1 has keypoints of shape (3, 17, 2)"),
        ({"positions_0": np.full((20, 17, 3), np.nan, np.float32)}, "person 0 is not finite"),
        ({"names": np.array(["1", "2", "3"])}, "positions_2"),
        ({"names": np.zeros(0, "U1")}, "no names"),
        ({"units": np.array("miles")}, "miles"),
        ({"parents": np.full(17, 5)}, "must come before it"),
        ({"image_0": np.array([0, 0])}, "image 0 x 0"),
    ],
)
def test_damage_is_named(tmp_path, change, reason):
    (path,) = write_motions(tmp_path / "poses.npz", lifted())
    with np.load(path) as archive:
        np.savez(path, **(dict(archive) | change))
    with pytest.raises(InputError, match=rf"poses.npz is damaged .*{re.escape(reason)}"):
        read_motions(path)


def test_spoilt_files_are_refused(tmp_path):
    (path,) = write_motions(tmp_path / "poses.npz", lifted(("1",)))
    corpus.assert_refuses(lambda: read_motions(path), path)


def test_a_motion_is_chosen_by_name_or_is_the_longest():
    motions = lifted(("a", "b"))
    assert choose_motion(motions, None) is motions[1]
    assert choose_motion(motions, "a") is motions[0]
    with pytest.raises(InputError, match="--track c: there is no such track; there are 2, the longest are b, a"):
        choose_motion(motions, "c")
