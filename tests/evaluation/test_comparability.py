"""Human3.6M's test set is comparable with published results by VideoPose3D's protocol, and nothing else is."""

import numpy as np
import pytest
from helpers.samples import DESCRIPTION, make_track

from jaxpose.evaluation.comparability import scored_frames, why_incomparable
from jaxpose.evaluation.paper_tables import ACTIONS
from jaxpose.evaluation.protocol import VIDEOPOSE3D, Protocol
from jaxpose.skeleton import COCO_17


def tracks_of(frames=543_344, subjects=("S9", "S11"), actions=ACTIONS, fps=50.0):
    """Tracks without content, of so many frames together; S11/Directions comes on top."""
    clips = [(subject, f"{action} 1") for subject in subjects for action in actions]
    lengths = np.full(len(clips), frames // len(clips))
    lengths[0] += frames - lengths.sum()
    tracks = [(*clip, length) for clip, length in zip(clips, lengths, strict=True)] + [("S11", "Directions", 1825)]
    nothing = np.zeros((1, 1, 1), np.float32)
    return [
        make_track(frames=1, subject=subject, action=action)._replace(
            fps=fps, keypoints_2d=np.broadcast_to(nothing, (int(length), 1, 1))
        )
        for subject, action, length in tracks
    ]


def test_human36m_is_recognised_by_its_content():
    assert why_incomparable(DESCRIPTION, scored_frames(tracks_of()), VIDEOPOSE3D) == ""


@pytest.mark.parametrize(
    ("description", "tracks", "protocol", "reason"),
    [
        ({"synthetic": True}, {}, {}, "the motion is synthetic"),
        ({"skeleton": COCO_17}, {}, {}, "the skeleton is coco_17, not h36m_17"),
        (
            {"title": "Human3.6M, gt"},
            {"subjects": ("S9",), "frames": 16_804},
            {},
            "the subjects are S9, not S9 and S11",
        ),
        ({"title": "Human3.6M, gt"}, {"actions": ("Walking",)}, {}, "the actions are not the fifteen of Human3.6M"),
        (
            {},
            {"frames": 543_343},
            {},
            "these are 543,343 frames at 50 frames/s, and published results are of 543,344 at 50",
        ),
        ({}, {"fps": 10.0}, {}, "these are 543,344 frames at 10 frames/s, and published results are of 543,344 at 50"),
        ({}, {}, {"mirror": False}, "published results are of another protocol"),
    ],
)
def test_other_data_and_protocols_are_not_compared(description, tracks, protocol, reason):
    there = DESCRIPTION._replace(**description)
    assert why_incomparable(there, scored_frames(tracks_of(**tracks)), Protocol(**protocol)) == reason
