"""Recordings are excluded by name from Human3.6M and from nothing else; chunks are cut as the protocol says."""

import itertools

import numpy as np
import pytest
from helpers.samples import make_track
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.data.track import track_name
from jaxpose.evaluation.protocol import VIDEOPOSE3D, Protocol
from jaxpose.evaluation.track_selection import cut_into_chunks, is_human36m, poses_of_chunks, select_tracks
from jaxpose.runtime.errors import InputError

NAMES = [
    "S11/Directions/54138969", "S11/Directions/55011271", "S11/Directions 1/54138969", "S9/Directions/54138969",
    "S9/Greeting/55011271", "S9/Greeting 1/55011271", "S9/SittingDown 1/55011271", "S9/SittingDown/55011271",
    "S9/Waiting 1/55011271", "S11/Greeting/55011271",
]  # fmt: skip
TRACKS = [make_track(frames=2, **dict(zip(("subject", "action", "camera"), n.split("/"), strict=True))) for n in NAMES]
S5 = make_track(frames=2, subject="S5")


@pytest.mark.parametrize(
    ("switches", "excluded"),
    [
        ({}, NAMES[:2]),
        ({"s11_directions": "three-views"}, NAMES[:1]),
        ({"s11_directions": "all"}, []),
        ({"s11_directions": "all", "without_damaged_s9": True}, [NAMES[4], NAMES[6], NAMES[8]]),
    ],
)
def test_recordings_are_excluded_by_their_exact_names(switches, excluded):
    chosen = [track_name(track) for track in select_tracks(TRACKS, Protocol(**switches))]
    assert chosen == [name for name in NAMES if name not in excluded]


@pytest.mark.parametrize(
    "change",
    [
        {"camera": "0"},
        {"camera": "58860488"},  # with the calibration of another one
        {
            "orientation": S5.orientation,
            "translation": S5.translation,
        },  # as data_prep.cmu films its subjects S9 and S11
        {"translation": np.float32([0, 0, 1])},
    ],
)
def test_other_data_with_subjects_and_actions_of_these_names_are_scored(change):
    tracks = [track._replace(**change) for track in TRACKS if track.camera == "55011271"]
    assert not any(map(is_human36m, tracks))
    assert select_tracks(tracks, Protocol(without_damaged_s9=True)) == tracks


def test_rounded_calibration_is_still_human36m():
    track = TRACKS[0]._replace(translation=TRACKS[0].translation.round(3), orientation=TRACKS[0].orientation.round(4))
    assert is_human36m(track)


def test_nothing_to_score_is_refused():
    with pytest.raises(InputError, match=r"excludes every track of the split; .* or --s11-directions all"):
        select_tracks(TRACKS[:2], VIDEOPOSE3D)


@given(st.integers(1, 40), st.integers(1, 12))
def test_chunks_follow_each_other_and_the_last_ends_with_the_track(frames, chunk):
    track = TRACKS[0]._replace(
        keypoints_2d=np.arange(frames)[:, None, None] * np.ones((1, 17, 2)),
        positions_3d=np.arange(frames)[:, None, None] * np.ones((1, 17, 3)),
    )
    pieces, (whole,) = cut_into_chunks([track], Protocol(chunk=chunk))
    rows = [piece.keypoints_2d[:, 0, 0].astype(int).tolist() for piece in pieces]
    if frames < chunk:
        assert rows == [[*range(frames), *[frames - 1] * (chunk - frames)]]
    else:
        full = [[*range(begin, begin + chunk)] for begin in range(0, frames - chunk + 1, chunk)]
        assert rows == full + ([[*range(frames - chunk, frames)]] if frames % chunk else [])
    assert whole.keypoints_2d[:, 0, 0].tolist() == [*itertools.chain(*rows)]
    np.testing.assert_array_equal(whole.positions_3d[:, 0, 0], whole.keypoints_2d[:, 0, 0])


def test_without_chunks_tracks_stay_as_they_are():
    lifted, scored = cut_into_chunks(TRACKS, VIDEOPOSE3D)
    assert all(a is b is c for a, b, c in zip(lifted, scored, TRACKS, strict=True))


@pytest.mark.parametrize("chunk", [None, 7])
def test_poses_are_cut_like_the_tracks(chunk):
    tracks = [make_track(frames=10), make_track(frames=5, seed=1)]
    poses = np.concatenate([track.positions_3d for track in tracks])
    cut = poses_of_chunks(poses, tracks, Protocol(chunk=chunk))
    chunks, _ = cut_into_chunks(tracks, Protocol(chunk=chunk))
    assert len(cut) == (15 if chunk is None else 21)
    np.testing.assert_array_equal(cut, np.concatenate([piece.positions_3d for piece in chunks]))
