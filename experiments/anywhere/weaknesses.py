"""What lifters do badly: kinds of motion, children, cameras from high above, and what CMU's motion lacks."""

import csv
import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.anywhere.clips import Clip, cut
from experiments.anywhere.views import USUAL, Condition
from jaxpose.data.load import SYNTHETIC, load
from jaxpose.files.guarded_read import read_text
from jaxpose.runtime.errors import InputError

KINDS = {
    "cartwheels": "cartwheel",
    "on the ground": "lay|lying|get up|crawl|floor",
    "sitting": r"\bsit|motorcycle|chair",
    "climbing, swinging": "climb|hang|ladder",
    "ducking": "duck",
    "jumping, hopping": "jump|hop",
    "balancing on one leg": "balance",
    "dancing": "danc|salsa|charleston",
    "ball games": "soccer|ball|swing",
    "walking, running": "walk|run",
}
"""Kinds of motion, and what the labels of their recordings have in them; a recording is of the first that fits."""

CHILD = 0.6
"""Size of a child among grown people: 1.05 m tall, as at the age of four."""

SYNTHETIC_KINDS = ("Sitting", "SittingDown", "Phoning")
"""Built-in actions that CMU's motion lacks, of a synthetic person."""

SYNTHETIC_SPLIT = "S9"


class Group(NamedTuple):
    """Clips that are measured together."""

    name: str
    clips: list[Clip]
    condition: Condition = USUAL


def by_kind(clips: Sequence[Clip], trials: Path) -> list[Group]:
    """Groups of the recordings of CMU by their labels.

    Args:
      clips: whose subjects are S1, S2, …, and whose actions are "trial 01", …, as `data_prep.cmu` names them.
      trials: a table with the columns `trial` (01_01, …) and `label`.

    Raises:
      InputError: the table cannot be used.
    """
    try:
        rows = csv.DictReader(read_text(trials, most=2**24).splitlines())
        labels = {row["trial"]: row["label"].lower() for row in rows}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{trials} is not a table with the columns trial and label ({error}); see --trials") from error
    groups: dict[str, list[Clip]] = {kind: [] for kind in KINDS}
    for clip in clips:
        label = labels.get(trial_of(clip), "")
        kind = next((kind for kind, words in KINDS.items() if re.search(words, label)), None)
        if kind:
            groups[kind].append(clip)
    return [Group(kind, members) for kind, members in groups.items() if members]


def trial_of(clip: Clip) -> str:
    """The name that CMU gives to the recording of a clip: "07_01" for subject S7's "trial 01"."""
    return f"{int(clip.subject.removeprefix('S')):02}_{clip.action.removeprefix('trial ')}"


def harder(clips: Sequence[Clip]) -> list[Group]:
    """The same people before cameras that look down steeply, or as children."""
    steep = dataclasses.replace(USUAL.ranges, camera_pitch=(60.0, 80.0))
    return [
        Group("all", list(clips)),
        Group("from above, 60 to 80°", list(clips), Condition(steep)),
        Group(f"children, {CHILD:g} of the size", list(clips), Condition(size=CHILD)),
    ]


def synthetic() -> list[Group]:
    """What CMU's motion lacks, by a synthetic person."""
    description, tracks = load(SYNTHETIC, SYNTHETIC_SPLIT)
    actions = [(kind, [track for track in tracks if track.action.split(" ")[0] == kind]) for kind in SYNTHETIC_KINDS]
    return [Group(f"{kind} (synthetic)", cut(own, description.skeleton)) for kind, own in actions if own]
