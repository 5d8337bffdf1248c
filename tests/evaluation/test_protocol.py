"""The switches choose what they say, cut as they say, and are told in words."""

import dataclasses
import itertools

import numpy as np
import pytest
from helpers.samples import make_track
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.data.track import track_name
from jaxpose.evaluation import protocol
from jaxpose.evaluation.protocol import VIDEOPOSE3D, Protocol
from jaxpose.runtime.errors import InputError

TRACK = make_track(frames=2)
NAMES = [
    "S11/Directions/54138969", "S11/Directions/55011271", "S11/Directions 1/54138969", "S9/Directions/54138969",
    "S9/Greeting/1", "S9/Greeting 1/1", "S9/SittingDown 1/1", "S9/SittingDown/1", "S9/Waiting 1/1", "S11/Greeting/1",
]  # fmt: skip
TRACKS = [TRACK._replace(**dict(zip(("subject", "action", "camera"), n.split("/"), strict=True))) for n in NAMES]


@pytest.mark.parametrize(
    ("switches", "left_out"),
    [
        ({}, NAMES[:2]),
        ({"s11_directions": "three-views"}, NAMES[:1]),
        ({"s11_directions": "all"}, []),
        ({"s11_directions": "all", "without_damaged_s9": True}, [NAMES[4], NAMES[6], NAMES[8]]),
    ],
)
def test_recordings_are_left_out_by_their_exact_names(switches, left_out):
    chosen = [track_name(track) for track in protocol.choose(TRACKS, Protocol(**switches))]
    assert chosen == [n for n in NAMES if n not in left_out]


def test_nothing_to_score_is_refused():
    with pytest.raises(InputError, match=r"leaves out every track of the split; .* or --s11-directions all"):
        protocol.choose(TRACKS[:2], VIDEOPOSE3D)


@given(st.integers(1, 40), st.integers(1, 12))
def test_chunks_follow_each_other_and_the_last_ends_with_the_track(frames, chunk):
    track = TRACK._replace(
        keypoints_2d=np.arange(frames)[:, None, None] * np.ones((1, 17, 2)),
        positions_3d=np.arange(frames)[:, None, None] * np.ones((1, 17, 3)),
    )
    pieces, (whole,) = protocol.cut([track], Protocol(chunk=chunk))
    seen = [piece.keypoints_2d[:, 0, 0].astype(int).tolist() for piece in pieces]
    if frames < chunk:
        assert seen == [[*range(frames), *[frames - 1] * (chunk - frames)]]
    else:
        full = [[*range(begin, begin + chunk)] for begin in range(0, frames - chunk + 1, chunk)]
        assert seen == full + ([[*range(frames - chunk, frames)]] if frames % chunk else [])
    assert whole.keypoints_2d[:, 0, 0].tolist() == [*itertools.chain(*seen)]
    np.testing.assert_array_equal(whole.positions_3d[:, 0, 0], whole.keypoints_2d[:, 0, 0])


def test_without_chunks_tracks_stay_as_they_are():
    lifted, scored = protocol.cut(TRACKS, VIDEOPOSE3D)
    assert all(a is b is c for a, b, c in zip(lifted, scored, TRACKS, strict=True))


OTHER = {
    "mirror": (False, "not averaged with the mirrored prediction"),
    "root": ("subtracted", "the predicted root is subtracted"),
    "s11_directions": ("three-views", "camera 54138969 of S11/Directions is left out"),
    "without_damaged_s9": (True, "S9's three damaged recordings are left out"),
    "every": (5, "one frame of 5"),
    "average": ("frames", "all frames are averaged alike"),
    "derivative_weights": ("differences", "weigh by its differences in time"),
    "chunk": (243, "chunks of 243 frames without context, overlaps counted twice, velocity also between chunks"),
}


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Protocol)])
def test_every_switch_is_told(field):
    value, words = OTHER[field]
    said = protocol.describe_protocol(Protocol(**{field: value}))
    assert words in said
    assert said.startswith(f"Protocol (differs from VideoPose3D's in {field}): ")
    assert words not in protocol.describe_protocol(VIDEOPOSE3D)
    assert protocol.describe_protocol(VIDEOPOSE3D).startswith("Protocol (VideoPose3D's): whole tracks")


@pytest.mark.parametrize(
    ("switch", "message"),
    [
        ({"every": 0}, "--every is 0; it must be at least 1"),
        ({"chunk": 0}, "--chunk is 0; it must be at least 1"),
        ({"root": "gone"}, "--root is 'gone'; it must be one of kept, subtracted"),
        ({"s11_directions": "some"}, "--s11-directions is 'some'; it must be one of none, three-views, all"),
    ],
)
def test_what_cannot_be_is_refused(switch, message):
    with pytest.raises(InputError, match=message):
        Protocol(**switch)
