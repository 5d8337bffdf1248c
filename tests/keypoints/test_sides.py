"""Exchanged sides are found in made-up walks, motion capture and real detections; crossings are not touched."""

import itertools

import numpy as np
import pytest
from helpers.real_detections import caliscope, cmu, needs_cmu, needs_detections, sports2d
from helpers.walking import walk
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxpose.keypoints import sides
from jaxpose.keypoints.layouts import MEDIAPIPE_33
from jaxpose.skeleton import COCO_17, H36M_17, layout

PARTS = {
    "legs": ("hip", "knee", "ankle"),
    "arms": ("shoulder", "elbow", "wrist"),
    "all": ("hip", "knee", "ankle", "shoulder", "elbow", "wrist", "eye", "ear"),
}


def mask(frames, runs, parts, of=COCO_17):
    """Which keypoints (T, K) are exchanged in runs of frames."""
    exchanged = np.zeros((frames, of.num_joints), bool)
    joints = [place for place, joint in enumerate(of.joints) if joint.partition("_")[2] in PARTS[parts]]
    for start, stop in runs:
        exchanged[start:stop, joints] = True
    return exchanged


def noisy(pixels, scale=3.0, seed=0):
    return pixels + scale * np.random.default_rng(seed).normal(size=pixels.shape)


def find(pixels, of=COCO_17):
    return sides.find_exchanges(pixels, np.isfinite(pixels).all(axis=-1), of)


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize(
    "runs",
    [[(60, 61)], [(60, 62)], [(60, 66)], [(60, 130)], [(0, 3)], [(0, 40)], [(160, 200)], [(197, 200)],
     [(20, 50), (80, 84), (120, 121), (150, 200)]],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("turn", [-40, 20, 150])
def test_runs_of_any_length_and_place_are_found(parts, runs, turn):
    truth = mask(200, runs, parts)
    pixels = noisy(walk(turn=turn))
    np.testing.assert_array_equal(find(sides.exchange_back(pixels, truth, COCO_17)), truth)


def test_legs_and_arms_that_are_exchanged_at_different_times():
    truth = mask(200, [(30, 60), (100, 110)], "legs") | mask(200, [(80, 90), (140, 170)], "arms")
    pixels = noisy(walk(turn=30))
    np.testing.assert_array_equal(find(sides.exchange_back(pixels, truth, COCO_17)), truth)


def test_what_is_below_the_hips_may_be_exchanged_alone():
    truth = mask(200, [(30, 34), (100, 112)], "legs")
    truth[:, [COCO_17.index("left_hip"), COCO_17.index("right_hip")]] = False
    pixels = noisy(walk(turn=30))
    np.testing.assert_array_equal(find(sides.exchange_back(pixels, truth, COCO_17)), truth)


@pytest.mark.parametrize("speed", [0, 5, 12])
@pytest.mark.parametrize("turn", [0, 45, 80, 85, 90, 95, 180, 270])
def test_legs_that_cross_are_not_touched(turn, speed):
    for seed in range(3):
        assert not find(noisy(walk(turn=turn, speed=speed), seed=seed)).any()


def test_a_person_who_turns_around_is_not_touched():
    turning = np.stack([walk(turn=turn)[frame] for frame, turn in enumerate(np.linspace(0, 360, 200))])
    assert not find(noisy(turning)).any()


def test_what_is_said_most_of_the_time_is_taken_for_right():
    truth = mask(200, [(10, 150)], "all")
    np.testing.assert_array_equal(find(sides.exchange_back(walk(turn=20), truth, COCO_17)), ~truth & truth.any(axis=0))


def test_keypoints_that_are_not_seen_do_not_matter():
    truth = mask(200, [(60, 90)], "all")
    pixels = sides.exchange_back(noisy(walk(turn=20)), truth, COCO_17)
    pixels[np.random.default_rng(0).random((200, 17)) < 0.15] = np.nan
    pixels[100:110] = np.nan
    np.testing.assert_array_equal(find(pixels)[:100], truth[:100])
    assert not find(pixels)[110:].any()
    assert not find(np.full((9, 17, 2), np.nan)).any()


def test_without_names_or_motion_nothing_is_found():
    pixels = sides.exchange_back(walk(turn=20), mask(200, [(60, 90)], "all"), COCO_17)
    assert not find(pixels, layout("mine", 17, COCO_17.left, COCO_17.right)).any()
    assert not find(pixels[59:61]).any()
    assert find(pixels[:0]).shape == (0, 17)
    assert not find(np.zeros((9, 17, 2))).any()


@settings(max_examples=20)
@given(st.floats(1e-3, 1e3), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.booleans(), st.sampled_from(sorted(PARTS)))
def test_the_place_the_scale_and_the_mirror_image_do_not_matter(scale, x, y, mirrored, parts):
    truth = mask(60, [(20, 31)], parts)
    pixels = sides.exchange_back(noisy(walk(60, turn=20)), truth, COCO_17)
    if mirrored:
        pixels = pixels[:, list(COCO_17.mirrored)] * (-1, 1)
    np.testing.assert_array_equal(find(pixels * scale + (x * scale, y * scale)), truth)


def test_the_cheapest_sequence_is_that_of_all():
    """Against the sum of costs, written out, of all sequences of four frames."""
    random = np.random.default_rng(0)
    exchanged = sides._EXCHANGED
    for _ in range(5):
        costs, twist = random.uniform(0, 9, (4, 6, 2, 2)), random.uniform(0, 2, (4, 2))
        costs[:2, :, :, 1] = costs[:2, :, :, 0]  # there is no second frame before these

        def cost_of(states, costs=costs, twist=twist):
            total = 3 * sum(state in (1, 2, 3, 4) for state in (states[0], states[-1]))
            for frame, now in enumerate(states):
                before, earlier = states[max(frame - 1, 0)], states[max(frame - 2, 0)]
                total += twist[frame, int(exchanged[now, 0] != exchanged[now, 3])] + 0.003 * exchanged[now].sum()
                total += 0.1 * (now in (1, 3)) + 3 * (now != before)
                for part in range(6 if frame else 0):
                    now_, before_, earlier_ = (exchanged[state, part] for state in (now, before, earlier))
                    total += costs[frame, part, now_ ^ before_, now_ ^ earlier_]
            return total

        best = min(itertools.product(range(6), repeat=4), key=cost_of)
        assert tuple(sides._cheapest_states(costs, twist)) == best


def test_exchanging_twice_is_nothing():
    keypoints, exchanged = np.random.default_rng(0).normal(size=(50, 17, 3)), mask(50, [(3, 9)], "arms")
    once = sides.exchange_back(keypoints, exchanged, COCO_17)
    np.testing.assert_array_equal(once[5, COCO_17.index("left_wrist")], keypoints[5, COCO_17.index("right_wrist")])
    np.testing.assert_array_equal(sides.exchange_back(once, exchanged, COCO_17), keypoints)


@needs_detections
def test_mediapipe_exchanged_a_body_for_six_frames():
    """In frames 67 to 73 of the video; the filter of MediaPipe smears the ends."""
    found = find(sports2d()[..., :2], MEDIAPIPE_33)
    frames = {joint: 5 + np.flatnonzero(found[:100, MEDIAPIPE_33.index(f"left_{joint}")]) for joint in PARTS["all"]}
    assert frames["hip"].tolist() == frames["knee"].tolist() == [68, 69, 70, 71, 72, 73]
    assert frames["shoulder"].tolist() == frames["wrist"].tolist() == [67, 68, 69, 70, 71]
    assert frames["ear"].tolist() == [68, 69, 70, 71]


@needs_detections
@pytest.mark.parametrize("camera", range(4))
def test_real_detections_that_are_right_are_not_touched(camera):
    assert not find(caliscope()[camera][..., :2], MEDIAPIPE_33).any()


@needs_cmu
@pytest.mark.parametrize("subject", ["S5", "S9"])
def test_motion_capture_with_a_detectors_noise_is_not_touched(subject):
    """Walks, runs, jumps, boxing and sword play before four cameras: legs cross in hundreds of places."""
    assert [name for name, track in cmu(subject).items() if find(track, H36M_17).any()] == []


@needs_cmu
@pytest.mark.parametrize("parts", PARTS)
def test_random_exchanges_in_motion_capture_are_found(parts):
    """Of the keypoints that are exchanged and farther from their mirror images than 5 % of the body."""
    random, counts = np.random.default_rng(0), np.zeros(4)
    for track in cmu("S9").values():
        starts = np.arange(random.integers(0, 30), len(track), 200)
        truth = mask(
            len(track), [(start, start + random.choice([1, 2, 5, 20, 30])) for start in starts], parts, H36M_17
        )
        found = find(sides.exchange_back(track, truth, H36M_17), H36M_17)
        size = np.median(np.hypot(*np.ptp(track, axis=1).T))
        apart = np.linalg.norm(track - track[:, list(H36M_17.mirrored)], axis=-1) > 0.05 * size
        counts += [np.sum(apart & truth & ~found), np.sum(apart & truth), np.sum(apart & ~truth & found), np.sum(apart)]
    missed, exchanged, wrong, all_apart = counts
    assert exchanged > 1000
    assert missed / exchanged < 0.02
    assert wrong / all_apart < 0.002
