"""The evaluation protocol: the switches by which published evaluations differ.

Each switch moves a result by a tenth of a millimetre to some millimetres; a number without them cannot be compared.
`jaxpose.evaluation.track_selection` applies those that choose and cut tracks, `track_errors` and `averages` the others.
"""

import dataclasses
from collections.abc import Collection
from typing import Literal, get_args, get_type_hints

from jaxpose.runtime.errors import InputError


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How published evaluations differ; the defaults are VideoPose3D's (Pavllo et al., CVPR 2019)."""

    mirror: bool = True
    """Average with the prediction for the mirrored input (flip test-time augmentation)."""
    root: Literal["kept", "subtracted"] = "kept"
    """The root of the prediction: kept, or subtracted from every joint; its own error is then zero, and counts."""
    s11_directions: Literal["none", "three-views", "all"] = "none"
    """Views of Human3.6M's recording S11/Directions to score; that of camera 54138969 is damaged. No effect on other
    data."""
    without_damaged_s9: bool = False
    """Exclude Human3.6M's S9/Greeting, S9/SittingDown 1 and S9/Waiting 1, as MotionBERT and its successors do. No
    effect on other data."""
    every: int = 1
    """Score every n-th frame of a track; velocity is then the difference between consecutive scored frames."""
    average: Literal["actions", "frames"] = "actions"
    """Average over actions with equal weights, or over all frames with equal weights."""
    derivative_weights: Literal["frames", "differences"] = "frames"
    """Weight of a track in the averages of velocity and acceleration: its number of frames, or its number of
    differences in time, which is one or two less."""
    chunk: int | None = None
    """Lift chunks of this many frames, each without context, as MixSTE and its successors do: the last chunk ends with
    the track, its overlap counts twice, a shorter track's last frame is repeated, velocity reaches from chunk to
    chunk."""

    def __post_init__(self) -> None:
        """Raise `InputError` for a value outside its range."""
        for field in ("root", "s11_directions", "average", "derivative_weights"):
            choices, value = get_args(get_type_hints(Protocol)[field]), getattr(self, field)
            if value not in choices:
                raise InputError(f"--{field.replace('_', '-')} is {value!r}; it must be one of {', '.join(choices)}")
        if self.every < 1:
            raise InputError(f"--every is {self.every}; it must be at least 1")
        if self.chunk is not None and self.chunk < 1:
            raise InputError(f"--chunk is {self.chunk}; it must be at least 1")


VIDEOPOSE3D = Protocol()
"""VideoPose3D's protocol."""


def describe_protocol(protocol: Protocol, human36m_subjects: Collection[str] = ()) -> str:
    """All switches as a sentence for the notes below a table.

    Args:
      protocol: the switches.
      human36m_subjects: the scored subjects of Human3.6M, see `track_selection.is_human36m`; the sentence names the
        recordings that the switches exclude of these subjects only.
    """
    frames = "whole tracks, edge frames repeated beyond their ends"
    if protocol.chunk:
        frames = (
            f"chunks of {protocol.chunk} frames without context, overlaps counted twice, velocity also between chunks"
        )
    root = "kept and counts as a joint" if protocol.root == "kept" else "subtracted, its error of zero counts"
    by_action = "frames are averaged within an action, actions with equal weights"
    parts = [
        frames,
        "averaged with the mirrored prediction" if protocol.mirror else "not averaged with the mirrored prediction",
        "every frame" if protocol.every == 1 else f"one frame of {protocol.every}",
        f"the predicted root is {root}",
        by_action if protocol.average == "actions" else "all frames have equal weights",
        "velocity and acceleration of a track are weighted by its number of "
        + ("frames" if protocol.derivative_weights == "frames" else "differences in time"),
    ]
    if "S11" in human36m_subjects:
        views = {"none": "excluded", "three-views": "scored without its damaged view", "all": "scored in all views"}
        parts.append(f"S11/Directions is {views[protocol.s11_directions]}")
    if "S9" in human36m_subjects:
        parts.append(
            "S9/Greeting, S9/SittingDown 1 and S9/Waiting 1 are "
            + ("excluded" if protocol.without_damaged_s9 else "included")
        )
    changed = [
        field.name
        for field in dataclasses.fields(Protocol)
        if getattr(protocol, field.name) != getattr(VIDEOPOSE3D, field.name)
    ]
    name = f"differs from VideoPose3D's in {', '.join(changed)}" if changed else "VideoPose3D's"
    return f"Protocol ({name}): {'; '.join(parts)}."
