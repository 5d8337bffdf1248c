"""Falls and swings of feet, of motion whose are known, and of real motion that is read at twice its frame rate."""

import numpy as np
import pytest
from helpers.places import SHARED

from data_prep import cmu
from data_prep.checks.pace import body_weights, fastest_fall, foot_frequency
from data_prep.checks.quality import CHECKS
from data_prep.formats import amc, asf, cmu_joints
from data_prep.formats.archives import members
from jaxpose.data.resampling import resample
from jaxpose.skeleton import COCO_17, H36M_17, HUMANEVA_15, layout

REAL = SHARED / "data" / "cmu" / "allasfamc_subjects_01_02_03.zip"
ANKLES = [H36M_17.index("left_ankle"), H36M_17.index("right_ankle")]


@pytest.mark.parametrize("skeleton", [H36M_17, HUMANEVA_15, COCO_17])
def test_the_centre_of_mass_is_where_the_segments_are(skeleton):
    """A body of points: the sum over segments, written out, for De Leva's men; COCO has no joint in the head."""
    points = np.random.default_rng(0).normal(size=(skeleton.num_joints, 3))

    def at(name):
        return points[skeleton.joints.index(name)]

    moment, total = np.zeros(3), 0.0
    if "head" in skeleton.joints:
        moment, total = 0.0694 * at("head"), 0.0694
    for side in ("left", "right"):
        hip, knee, ankle, shoulder, elbow, wrist = (
            at(f"{side}_{joint}") for joint in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
        )
        for mass, place in (
            (0.4346 / 2, hip + 0.5138 * (shoulder - hip)),
            (0.1416, hip + 0.4095 * (knee - hip)),
            (0.0433, knee + 0.4459 * (ankle - knee)),
            (0.0137, knee + 0.9127 * (ankle - knee)),
            (0.0271, shoulder + 0.5772 * (elbow - shoulder)),
            (0.0162, elbow + 0.4574 * (wrist - elbow)),
            (0.0061, elbow + 0.974 * (wrist - elbow)),
        ):
            moment, total = moment + mass * place, total + mass
    np.testing.assert_allclose(body_weights(skeleton) @ points, moment / total, atol=2e-3)


def test_a_skeleton_without_limbs_has_no_centre():
    assert body_weights(layout("dots", 5, (), ())) is None


@pytest.mark.parametrize("fps", [25.0, 50.0, 120.0])
def test_a_fall_is_that_of_its_parabola(fps):
    times = np.arange(0, 2, 1 / fps)
    heights = 1 + 0.3 * times - 9.81 / 2 * np.clip(times - 1, 0, None) ** 2
    value, frame = fastest_fall(heights, fps)
    assert value == pytest.approx(9.81, rel=1e-6)
    assert frame / fps > 1
    assert fastest_fall(-heights, fps)[0] == pytest.approx(0, abs=1e-6)  # what is thrown up is not a fall
    assert fastest_fall(heights[:4], fps) == (0.0, 0)
    heights[len(heights) * 3 // 4] = np.nan
    assert fastest_fall(heights, fps)[0] == pytest.approx(9.81, rel=1e-6)


@pytest.mark.parametrize("fps", [25.0, 60.0])
def test_feet_swing_as_often_as_they_speed_up(fps):
    """Speeds of 1 + cos(2π f t) m/s, of one foot after the other."""
    times = np.arange(0, 12, 1 / fps)
    for frequency in (1.0, 2.5):
        turns = 2 * np.pi * frequency * times
        way = np.stack([times + np.sin(turns + phase) / (2 * np.pi * frequency) for phase in (0, np.pi)], axis=1)
        ankles = np.stack([way, 0 * way, 0 * way], axis=-1)
        assert foot_frequency(ankles, fps) == pytest.approx(frequency, abs=0.1)
        assert foot_frequency(ankles, 2 * fps) == pytest.approx(2 * frequency, abs=0.2)
    assert foot_frequency(0.3 * ankles, fps) == 0  # hardly moves
    assert foot_frequency(ankles[: int(fps / 2)], fps) == 0  # too short


@pytest.mark.skipif(not REAL.exists(), reason=f"no CMU data at {REAL}")
def test_real_trials_at_twice_their_frame_rate():
    """No trial of CMU's subjects 2 and 3 is beyond a limit; with every second frame taken away, walks and jumps are."""
    subjects = cmu.select_subjects(cmu.find_subjects(REAL)[0], [2, 3], [])
    contents = {member.path: member.read() for member in members(REAL)}
    weights = body_weights(H36M_17)

    def is_too_fast(world):
        clip = resample(world, 120.0, 50.0)
        fall, feet = fastest_fall(clip[..., 2] @ weights, 50.0)[0], foot_frequency(clip[:, ANKLES], 50.0)
        return fall > CHECKS["fall"].limit or feet > CHECKS["feet"].limit

    sound, fast = set(), set()
    for skeleton_path, trials in subjects.values():
        skeleton = asf.read(contents[skeleton_path], skeleton_path)
        for trial, path in trials.items():
            world = cmu_joints.world_17(skeleton, amc.read(contents[path], path, skeleton))
            sound |= {trial} if is_too_fast(world) else set()
            fast |= {trial} if is_too_fast(world[::2]) else set()
    assert not sound
    assert fast == {"02_01", "02_02", "02_04", "03_01"}
