"""Comparability of an evaluation with published results on Human3.6M."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from jaxpose.data.track import Description, Track, track_lengths
from jaxpose.evaluation.paper_tables import ACTIONS
from jaxpose.evaluation.protocol import VIDEOPOSE3D, Protocol
from jaxpose.evaluation.track_errors import base_action
from jaxpose.evaluation.track_selection import is_scored
from jaxpose.skeleton import H36M_17

TEST_SUBJECTS, TEST_FRAMES, TEST_FPS = ("S11", "S9"), 543_344, 50.0
"""The test set of published results: these subjects of Human3.6M in four views, without S11/Directions."""


class ScoredFrames(NamedTuple):
    """Subjects, actions, number and rates of the frames that an evaluation scored."""

    subjects: Collection[str]
    actions: Collection[str]
    frames: float
    rates: Collection[float]  # frames per second


def scored_frames(tracks: Sequence[Track]) -> ScoredFrames:
    """Summarize the frames of some tracks that VideoPose3D's protocol scores."""
    scored = [track for track in tracks if is_scored(track, VIDEOPOSE3D)]
    return ScoredFrames(
        subjects={track.subject for track in scored},
        actions={base_action(track) for track in scored},
        frames=int(track_lengths(scored).sum()),
        rates={track.fps for track in scored},
    )


def why_incomparable(
    description: Description, scored: ScoredFrames, protocol: Protocol, trained_on: Sequence[str] = ()
) -> str:
    """The reason why published rows are not comparable with an evaluation; empty if they are.

    Human3.6M's test set is recognised by its content, not by a title, which is free text: 17 joints, the test subjects,
    all actions, and the number of frames, which other motion does not have by chance.

    Args:
      description: of the data.
      scored: the frames of the evaluation.
      protocol: of the evaluation.
      trained_on: those of the subjects that a run was trained on.
    """
    subjects = tuple(sorted(scored.subjects))
    if description.synthetic:
        return "the motion is synthetic"
    if description.skeleton != H36M_17:
        return f"the skeleton is {description.skeleton.name}, not {H36M_17.name}"
    if subjects != TEST_SUBJECTS:
        return f"the subjects are {', '.join(subjects)}, not S9 and S11"
    if set(scored.actions) != set(ACTIONS):
        return "the actions are not the fifteen of Human3.6M"
    if scored.frames != TEST_FRAMES or set(scored.rates) != {TEST_FPS}:
        rates = ", ".join(f"{fps:g}" for fps in sorted(scored.rates))
        return (
            f"these are {scored.frames:,.0f} frames at {rates} frames/s, and published results are of "
            f"{TEST_FRAMES:,} at {TEST_FPS:g}"
        )
    if trained_on:
        return f"these subjects were trained on: {', '.join(trained_on)}"
    return "" if protocol == VIDEOPOSE3D else "published results are of another protocol"
