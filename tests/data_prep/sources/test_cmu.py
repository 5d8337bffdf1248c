"""CMU motion capture as tracks: real motion against another program's reading of the same trials."""

import numpy as np
import pytest
from helpers import oracles
from helpers.places import SHARED

from data_prep.formats import amc, asf
from data_prep.formats.archives import members
from data_prep.sources import cmu
from jaxpose.files.safe_npz import load_npz
from jaxpose.skeleton import CMU_31

DATA = SHARED / "data"


REAL = DATA / "cmu" / "allasfamc_subjects_01_02_03.zip"


def in_world(track):
    """Positions in the world, float64."""
    turn = oracles.quaternion_matrix(track.orientation.astype(np.float64))
    return track.positions_3d @ turn.T + track.translation


# Real motion: the same trials as another program has turned them into 17 joints at 50 frames a second.
real = pytest.mark.skipif(not REAL.exists(), reason=f"no CMU data at {DATA}")


THEIR_JOINTS = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]  # of 32


THEIR_SUBJECTS = {"S1": 1, "S5": 2, "S9": 3}


@pytest.fixture(scope="module")
def trials():
    """Name to skeleton and motion."""
    subjects, remarks = cmu.find_subjects(REAL)
    contents = {member.path: member.read() for member in members(REAL)}
    assert remarks == []
    skeletons = {number: asf.read(contents[subject.skeleton], subject.skeleton) for number, subject in subjects.items()}
    return {
        name: (skeletons[number], amc.read(contents[path], path, skeletons[number]))
        for number, subject in subjects.items()
        for name, path in subject.trials.items()
    }


@real
def test_real_bones_keep_their_lengths(trials):
    assert len(trials) == 28
    for skeleton, motion in trials.values():
        assert set(skeleton.joints) == set(CMU_31.joints)
        positions = asf.forward_kinematics(skeleton, motion)
        for joint, bone in enumerate(skeleton.bones, start=1):
            lengths = np.linalg.norm(positions[:, joint] - positions[:, bone.parent], axis=-1)
            np.testing.assert_allclose(lengths, np.linalg.norm(bone.offset), atol=1e-9)


@real
def test_real_motion_agrees_with_another_reader(trials):
    published = load_npz(DATA / "cmu_as_h36m" / "data_3d_h36m.npz")["positions_3d"]
    for subject, actions in published.items():
        for name, theirs in actions.items():
            skeleton, motion = trials[name]
            assert int(name[:2]) == THEIR_SUBJECTS[subject]
            ours = cmu.world_17(skeleton, motion)
            times = 2.4 * np.arange(len(theirs))
            before = np.minimum(times.astype(int), len(ours) - 2)
            share = (times - before)[:, None, None]
            between = (1 - share) * ours[before] + share * ours[before + 1]
            difference = theirs[:, THEIR_JOINTS] - between
            assert np.abs(difference - difference[0, 0]).max() < 1e-4, name  # metres; they have placed it elsewhere


@real
def test_real_motion_as_tracks(trials):
    subjects = cmu.select_subjects(cmu.find_subjects(REAL)[0], [3], [])
    found: dict = {}
    for track in cmu.tracks(REAL, subjects, 50.0, None, "S3"):
        found.setdefault((track.subject, track.action), []).append(track)
    assert [action for _, action in found] == ["trial 01", "trial 02", "trial 03", "trial 04"]
    for (_, action), views in found.items():
        skeleton, motion = trials[f"03_{action[-2:]}"]
        captured = cmu.world_17(skeleton, motion)
        assert len(views) == 4
        for track in views:
            world = in_world(track)
            assert len(world) == (len(captured) - 1) * 5 // 12 + 1
            off = world[::5] - captured[: 12 * len(world[::5]) : 12]  # where old and new frames coincide
            off = np.abs(off - np.median(off, axis=(0, 1)))  # they have been placed elsewhere
            assert np.median(off) < 5e-4
            assert np.quantile(off, 0.9) < 5e-3  # metres; trial 02 has a jump of 0.1 m, which spreads
