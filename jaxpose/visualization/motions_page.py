"""The HTML page about people who were lifted from a video: a table of them and the 3D player."""

from collections.abc import Sequence
from html import escape

import numpy as np

from jaxpose.data.track import SYNTHETIC_NOTICE
from jaxpose.export.motion import Motion, filled_mask
from jaxpose.runtime import tables
from jaxpose.runtime.errors import one_line
from jaxpose.runtime.tables import Table
from jaxpose.skeleton import Skeleton
from jaxpose.visualization.html_page import page
from jaxpose.visualization.player import player
from jaxpose.visualization.view import clip_of_motion, cut, layout_of_motion

SHOWN, FRAMES = 12, 3000
"""Tracks that the player shows, and frames of each: a frame takes about 0.3 kB."""


def motions_page(title: str, motions: Sequence[Motion]) -> str:
    """The HTML page; there is no ground truth, and so there are no errors.

    Args:
      title: of the page.
      motions: at least one, of one skeleton; all with keypoints of one layout, or none.
    """
    longest_first = sorted(motions, key=lambda motion: -len(motion.positions))
    clips = {}
    for motion in longest_first[:SHOWN]:
        clip = clip_of_motion(motion)
        label = f"{clip.name}, {len(clip.prediction)} frames"
        clips[label if label not in clips else f"{label} ({len(clips) + 1})"] = cut(
            clip, 0, min(FRAMES, len(clip.prediction)) - 1
        )
    skeleton, layout = motions[0].skeleton, layout_of_motion(longest_first[0])
    cuts = len(motions) > SHOWN or len(longest_first[0].positions) > FRAMES
    note = f"The player has the {SHOWN} longest tracks, and the first {FRAMES:,} frames of each. " if cuts else ""
    space = "" if motions[0].space == "world" else "Poses are shown as if the camera were level. "
    trained_on = motions[0].trained_on
    is_synthetic = trained_on.startswith(SYNTHETIC_NOTICE)
    body = [
        f"<p{' class=notice' * is_synthetic}>Lifter trained on: {escape(trained_on or 'not known')}</p>",
        "<h2>In 3D</h2>",
        player(clips, skeleton, layout),
        f"<p>{note}{space}They are relative to the root; the path through the room is not estimated.</p>",
        "<h2>Tracks</h2>",
        f'<div class="part">{tables.html_table(tracks_table(longest_first))}</div>',
    ]
    return page(title, "\n".join(body), plotly=True)


def tracks_table(motions: Sequence[Motion]) -> Table:
    """A row for each motion: when it begins, how long it is, how much was filled, and how steady its bones are."""
    rows = [
        (
            one_line(motion.name),
            f"{motion.start}",
            f"{len(motion.positions):,}",
            f"{len(motion.positions) / motion.fps:.2f}",
            f"{100 * filled_mask(motion).mean():.1f}",
            f"{1000 * bone_length_deviation(motion.positions, motion.skeleton):.1f}",
        )
        for motion in motions
    ]
    head = ("track", "first frame", "frames", "seconds", "joints filled, %", "bone-length SD, mm")
    note = (
        "Joints filled: not seen, but filled in. Bone-length SD: standard deviation over time of a bone's length, mean "
        "over bones; a real body has none."
    )
    return Table("", head, rows, (note,))


def bone_length_deviation(positions: np.ndarray, skeleton: Skeleton) -> float:
    """Standard deviation in time of a bone's length, mean over bones, in the unit of positions (T, J, 3)."""
    parents, children = np.asarray(skeleton.bones, int).reshape(-1, 2).T
    lengths = np.sqrt(np.square(positions[:, children] - positions[:, parents]).sum(axis=-1))
    return float(lengths.std(axis=0).mean()) if len(children) else 0.0
