"""What is measured of a track, on tracks that are wrong in one known way."""

import dataclasses

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from helpers import oracles
from helpers.bodies import LEFT, RIGHT, gliding
from helpers.places import SHARED
from helpers.samples import DESCRIPTION, make_track
from hypothesis import given
from hypothesis import strategies as st

from data_prep.checks import quality
from data_prep.checks.quality import CHECKS, Finding, measure_track
from jaxpose.files.safe_npz import load_npz
from jaxpose.keypoints.layouts import conversion
from jaxpose.skeleton import BODY_22, COCO_17, H36M_17, H36M_32, HUMANEVA_15, layout

CMU_AS_H36M = SHARED / "data" / "cmu_as_h36m"
HEAD, LEFT_WRIST = H36M_17.index("head"), H36M_17.index("left_wrist")
LEGS, ARMS, BOTH = slice(0, 3), slice(3, 6), slice(0, 6)  # of LEFT and of RIGHT


def edited(track, field, where, values):
    """The track with some values of a field replaced."""
    array = np.array(getattr(track, field))
    array[where] = values
    return track._replace(**{field: array})


def exchanged(track, frames, limbs):
    """The track with left and right keypoints of limbs exchanged in some frames."""
    left, right = LEFT[limbs], RIGHT[limbs]
    keypoints = np.array(track.keypoints_2d)
    keypoints[frames, left + right] = keypoints[frames][:, right + left]
    return track._replace(keypoints_2d=keypoints)


def noisy(track, pixels, seed=0):
    noise = np.random.default_rng(seed).normal(size=track.keypoints_2d.shape) * pixels
    return track._replace(keypoints_2d=(track.keypoints_2d + noise).astype(np.float32))


def test_good_motion_has_every_quantity_and_nothing_wrong():
    findings = measure_track(make_track(), DESCRIPTION)
    assert set(findings) == set(CHECKS)
    for quantity in ("gaps", "unseen", "frozen", "repeats", "swaps"):
        assert findings[quantity] == Finding(0)
    assert findings["error_95"].value < 0.01


def test_bones_and_speed_agree_with_loops_in_float64():
    track = make_track(frames=30, seed=3)
    poses = track.positions_3d.astype(np.float64)

    def distance(a, b):
        return np.sqrt(sum((a - b) ** 2))

    def bone(child):
        return f"{H36M_17.joints[H36M_17.parents[child]]}–{H36M_17.joints[child]}"

    lengths = {child: [distance(pose[child], pose[H36M_17.parents[child]]) for pose in poses] for child in range(1, 17)}
    spread = {bone(child): 100 * np.std(values) / np.mean(values) for child, values in lengths.items()}
    sides = {}
    for left, right in zip(LEFT, RIGHT, strict=True):
        a, b = np.mean(lengths[left]), np.mean(lengths[right])
        sides[bone(left)] = 100 * abs(a - b) / ((a + b) / 2)
    speed = {
        f"{name}, frame {frame}": 50 * distance(poses[frame, joint], poses[frame - 1, joint])
        for joint, name in enumerate(H36M_17.joints)
        for frame in range(1, 30)
    }
    findings = measure_track(track, DESCRIPTION)
    for quantity, expected in (("spread", spread), ("sides", sides), ("speed", speed)):
        where = max(expected, key=expected.__getitem__)
        assert findings[quantity] == (pytest.approx(expected[where], rel=1e-4), where)


def test_falls_and_swings_of_feet():
    """A rigid body that falls at 12 m/s² in the world, and one that glides at 1 + cos(2π · 2.5 t) m/s."""
    still = make_track(frames=200, camera="54138969")
    turn = oracles.quaternion_matrix(still.orientation.astype(np.float64))
    times = np.arange(200) / 50
    for heights, way in ((-6 * times**2, 0 * times), (0 * times, times + np.sin(5 * np.pi * times) / (5 * np.pi))):
        moved = np.stack([way, 0 * way, heights], axis=1) @ turn  # in camera space
        track = still._replace(positions_3d=(still.positions_3d[:1] + moved[:, None]).astype(np.float32))
        findings = measure_track(track, DESCRIPTION)
        if heights.any():
            assert findings["fall"].value == pytest.approx(12, rel=1e-3)
        else:
            assert findings["fall"].value < 0.1
            assert findings["feet"].value == pytest.approx(2.5, abs=0.1)
    gaps = edited(track, "positions_3d", (slice(0, 60), 3), np.nan)
    assert measure_track(gaps, DESCRIPTION)["feet"].value == pytest.approx(2.5, abs=0.1)
    unplaced = track._replace(orientation=np.float32([1, 0, 0, 0]))
    assert "fall" not in measure_track(unplaced, DESCRIPTION)


def test_a_bone_that_changes():
    track = make_track()._replace(positions_3d=gliding())
    assert measure_track(track, DESCRIPTION)["spread"].value < 0.01
    head, neck = gliding()[:, HEAD], gliding()[:, HEAD - 1]
    factor = 1 + 0.1 * (-1.0) ** np.arange(40)[:, None]  # 1.1 and 0.9 in turn
    changing = edited(track, "positions_3d", np.s_[:, HEAD], neck + factor * (head - neck))
    assert measure_track(changing, DESCRIPTION)["spread"] == (pytest.approx(10, abs=0.01), "neck–head")


def test_a_bone_that_is_longer_than_its_mirror_image():
    track = make_track()._replace(positions_3d=gliding())
    assert measure_track(track, DESCRIPTION)["sides"].value < 0.01
    wrist, elbow = gliding()[:, LEFT_WRIST], gliding()[:, LEFT_WRIST - 1]
    longer = edited(track, "positions_3d", np.s_[:, LEFT_WRIST], elbow + 1.2 * (wrist - elbow))
    assert measure_track(longer, DESCRIPTION)["sides"] == (
        pytest.approx(100 * 0.2 / 1.1, abs=0.01),
        "left_elbow–left_wrist",
    )


def test_a_marker_that_jumps():
    track = make_track()._replace(positions_3d=gliding())
    assert measure_track(track, DESCRIPTION)["speed"].value == pytest.approx(
        0.5, rel=1e-3
    )  # 1 cm at 50 frames per second
    jumping = edited(track, "positions_3d", np.s_[20:, HEAD, 2], gliding()[20:, HEAD, 2] + 2)
    assert measure_track(jumping, DESCRIPTION)["speed"] == (pytest.approx(100, rel=1e-3), "head, frame 20")


def test_a_frame_rate_that_was_doubled():
    track = make_track()
    doubled = track._replace(**{f: getattr(track, f).repeat(2, axis=0) for f in ("positions_3d", "keypoints_2d")})
    findings = measure_track(doubled, DESCRIPTION)
    assert findings["repeats"] == (pytest.approx(100 * 40 / 79), "frame 1")
    assert findings["frozen"].value == pytest.approx(100 * 40 / 79)


def test_a_keypoint_that_freezes():
    track = make_track()
    frozen = edited(track, "keypoints_2d", np.s_[11:16, HEAD], track.keypoints_2d[10, HEAD])
    findings = measure_track(frozen, DESCRIPTION)
    assert findings["frozen"] == (pytest.approx(100 * 5 / (39 * 17)), "head")
    assert findings["repeats"] == Finding(0)


def test_keypoints_that_are_not_seen():
    track = edited(make_track(), "keypoints_2d", np.s_[4:8, LEFT_WRIST], 0)
    track = edited(track, "keypoints_2d", np.s_[9, HEAD, 0], 0)  # at the image's edge, but seen
    findings = measure_track(track, DESCRIPTION)
    assert findings["unseen"] == (pytest.approx(100 * 4 / (40 * 17)), "left_wrist")
    assert findings["frozen"] == Finding(0)
    confidence = np.ones((40, 17, 1), np.float32)
    confidence[:, LEFT_WRIST] = 0
    sure = make_track()._replace(keypoints_2d=np.concatenate([make_track().keypoints_2d, confidence], axis=-1))
    sure = edited(sure, "keypoints_2d", np.s_[:, LEFT_WRIST, 0], 9000)
    findings = measure_track(sure, DESCRIPTION._replace(channels=3))
    assert findings["unseen"] == (pytest.approx(100 / 17), "left_wrist")
    assert findings["error_95"].value < 0.01  # where an unseen keypoint lies does not matter


def test_gaps_are_counted_and_do_not_hide_the_rest():
    track = make_track(frames=50)
    whole = measure_track(track, DESCRIPTION)
    changing = H36M_17.index(whole["spread"].location.split("–")[1])
    holed = edited(track, "positions_3d", np.s_[[3, 9, 10], changing], np.nan)
    holed = edited(holed, "positions_3d", np.s_[[9, 10], changing, 1], np.inf)
    holed = edited(holed, "keypoints_2d", np.s_[[9, 20], LEFT_WRIST, 0], -np.inf)
    findings = measure_track(holed, DESCRIPTION)
    assert findings["gaps"] == (pytest.approx(100 * 4 / 50), "frame 3")
    for quantity in ("spread", "sides", "speed"):
        assert findings[quantity] == (pytest.approx(whole[quantity].value, rel=0.1), whole[quantity].location)
    assert findings["error_95"].value < 0.01


def test_reprojection_errors_are_pixels():
    track = make_track()
    shifted = edited(track, "keypoints_2d", np.s_[:], track.keypoints_2d + np.float32([3, 4]))
    shifted = edited(shifted, "keypoints_2d", np.s_[30, LEFT_WRIST], track.keypoints_2d[30, LEFT_WRIST] + [0, 99])
    findings = measure_track(shifted, DESCRIPTION)
    assert findings["error"] == (pytest.approx(5, abs=0.01), "left_wrist")
    assert findings["error_95"] == (pytest.approx(5, abs=0.01), "frame 30")


def test_reprojection_errors_have_a_median_and_a_95th_percentile():
    track = noisy(make_track(frames=500), pixels=5)
    away = np.sqrt(((track.keypoints_2d - make_track(frames=500).keypoints_2d) ** 2).sum(axis=-1))
    findings = measure_track(track, DESCRIPTION)
    ranked = np.sort(away, axis=None)
    assert findings["error"].value == pytest.approx(ranked[len(ranked) // 2], rel=1e-3)
    assert findings["error_95"].value == pytest.approx(ranked[int(0.95 * len(ranked))], rel=1e-3)


def test_keypoints_are_compared_by_name():
    track = make_track()
    keypoints = np.full((40, 17, 2), 9000, np.float32)  # what COCO calls eyes and ears cannot be compared
    for place, joint in enumerate(COCO_17.joints):
        if joint in H36M_17.joints:
            keypoints[:, place] = track.keypoints_2d[:, H36M_17.index(joint)]
    findings = measure_track(track._replace(keypoints_2d=keypoints), DESCRIPTION._replace(layout=COCO_17))
    assert findings["error_95"].value < 0.01
    nameless = measure_track(track, DESCRIPTION._replace(layout=layout("custom", 17, LEFT, RIGHT)))
    assert set(CHECKS) - set(nameless) == {"error", "error_95", "swaps"}


@pytest.mark.parametrize("limbs", [LEGS, ARMS, BOTH])
def test_swaps_are_found_in_noise_by_limb_and_frame(limbs):
    track = exchanged(noisy(make_track(), pixels=5), slice(5, 13), limbs)
    assert measure_track(track, DESCRIPTION)["swaps"] == (20, "frame 5")


def test_a_swap_is_found_where_a_joint_is_not_seen():
    track = exchanged(noisy(make_track(), pixels=5), slice(5, 13), ARMS)
    assert measure_track(edited(track, "keypoints_2d", np.s_[:, LEFT_WRIST], 0), DESCRIPTION)["swaps"] == (
        20,
        "frame 5",
    )


def test_someone_seen_from_the_side_is_not_swapped():
    """Left and right are as near to each other in the image as the noise is strong."""
    side = gliding(400)
    side[..., 0] = 0.01 * np.sign(side[0, :, 0])
    track = make_track(frames=400)._replace(positions_3d=side)
    exact = track._replace(keypoints_2d=quality._geometry(track, H36M_17)[1])
    assert measure_track(exact, DESCRIPTION)["swaps"] == Finding(0)
    assert measure_track(noisy(exact, pixels=5), DESCRIPTION)["swaps"].value < CHECKS["swaps"].limit


def test_limbs_may_be_known_in_part():
    skeleton = dataclasses.replace(H36M_17, joints=(*H36M_17.joints[:13], "left_hand", *H36M_17.joints[14:]))
    track = exchanged(make_track(), slice(5, 13), ARMS)
    assert measure_track(track, DESCRIPTION._replace(skeleton=skeleton))["swaps"] == (20, "frame 5")


@pytest.mark.parametrize("skeleton", [H36M_17, BODY_22, HUMANEVA_15])
def test_arms_and_legs_are_branches_of_the_tree(skeleton):
    limbs = quality._limbs(skeleton, skeleton.joints)
    found = [[[skeleton.joints[joint] for joint in side] for side in limb] for limb in limbs]
    legs_and_arms = (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist"))
    assert sorted(found) == [[[f"{side}_{j}" for j in limb] for side in ("left", "right")] for limb in legs_and_arms]


def test_what_is_known_of_keypoints_alone():
    track = make_track()._replace(positions_3d=np.zeros((0, 17, 3), np.float32))
    assert set(measure_track(track, DESCRIPTION)) == {"gaps", "unseen", "frozen"}


def test_what_is_known_of_one_frame():
    findings = measure_track(make_track(frames=1), DESCRIPTION)
    assert set(CHECKS) - set(findings) == {"speed"}
    assert findings["spread"].value == 0


def test_bones_without_length_do_not_count():
    """As several of the 32 joints of Human3.6M's files coincide."""
    poses = np.repeat(make_track().positions_3d, 2, axis=1)[:, :32]
    description = DESCRIPTION._replace(skeleton=H36M_32, layout=H36M_32)
    findings = measure_track(make_track()._replace(positions_3d=poses, keypoints_2d=poses[..., :2]), description)
    assert all(np.isfinite(finding.value) for finding in findings.values())


@given(
    st.integers(1, 3).flatmap(
        lambda frames: st.tuples(
            *(arrays.arrays(np.float32, (frames, 17, size), elements=st.floats(width=32)) for size in (3, 2))
        )
    )
)
def test_whatever_the_numbers_are(arrays_of_both):
    poses, keypoints = arrays_of_both
    findings = measure_track(make_track()._replace(positions_3d=poses, keypoints_2d=keypoints), DESCRIPTION)
    for quantity, (value, _) in findings.items():
        assert np.isfinite(value)
        assert value >= 0
        assert not CHECKS[quantity].title.endswith(("frames", "keypoints", "poses")) or value <= 100


def test_few_programs_are_compiled():
    track = make_track(frames=512)

    def examine_first(frames):
        some = {field: getattr(track, field)[:frames] for field in ("positions_3d", "keypoints_2d")}
        measure_track(track._replace(**some), DESCRIPTION)
        return quality._measure._cache_size()

    assert len({examine_first(frames) for frames in (1, 2, 100, 255, 256)}) == 1
    assert len({examine_first(frames) for frames in (257, 300, 511, 512)}) == 1


@pytest.mark.skipif(not CMU_AS_H36M.is_dir(), reason=f"no CMU data at {CMU_AS_H36M}")
def test_faults_of_real_motion_capture():
    """Clip 03_02 of the CMU data has frames that are held, and jumps; 03_01 is sound."""
    poses = load_npz(CMU_AS_H36M / "data_3d_h36m.npz")["positions_3d"]["S9"]
    findings = {}
    for clip in ("03_01", "03_02"):
        positions = (conversion(H36M_32, H36M_17) @ poses[clip]).astype(np.float32)
        findings[clip] = measure_track(
            make_track()._replace(positions_3d=positions, keypoints_2d=positions[..., :2]), DESCRIPTION
        )
    sound, faulty = findings["03_01"], findings["03_02"]
    assert sound["repeats"] == Finding(0)
    assert sound["speed"].value < 5
    assert faulty["repeats"] == (pytest.approx(100 * 4 / 151), "frame 6")
    assert faulty["speed"] == (pytest.approx(34, abs=0.1), "right_wrist, frame 21")
