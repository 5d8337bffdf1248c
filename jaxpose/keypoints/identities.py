"""Who is who: the detections of a file that are people, each once a frame, and an id for each of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxpose.keypoints.duplicates import person_scores, without_duplicates
from jaxpose.keypoints.track_ids import meaningful_ids
from jaxpose.keypoints.tracking import adopt_unnamed, associate, frame_step, jumps
from jaxpose.runtime.errors import InputError

MAX_PEOPLE = 1000
"""Most detections in a frame: more are those of many frames under one number."""
_SPARSE = 15  # frames from one detection to the next, in which people can exchange their places
_JUMPS = 0.05  # share of steps from which ids are in doubt
_FEWEST_JUMPS = 3


class Identities(NamedTuple):
    """Which detections are people, and who they are."""

    rows: np.ndarray  # (M,) int64, places of the detections that are kept, increasing
    people: list[str]  # (M,) their track ids
    notes: tuple[str, ...]  # what was left out or decided, one line each, with the name of the file


def identify(
    path: Path,
    frames: np.ndarray,
    keypoints: np.ndarray,
    ids: Sequence[str | None],
    *,
    scores: Sequence[float] = (),
    min_score: float | None = None,
) -> Identities:
    """Choose the detections that are people, each once a frame, and give all of them an id.

    People are left out whose score is below `min_score`, and who are another person again
    (`duplicates.without_duplicates`). Ids that tell nobody apart are not used (`track_ids.meaningful_ids`). Without
    ids, detections are linked by `tracking.associate`; if some have ids, by `tracking.adopt_unnamed`.

    Args:
      path: of the file, for messages.
      frames: (N,) int64, at least one.
      keypoints: (N, K, 3) pixels and a confidence; zero or NaN where nothing was seen.
      ids: (N,) track ids; None where the file has none.
      scores: (N,) of the detector of people; empty for the mean confidence of each person's keypoints.
      min_score: lowest score of a person; None for any, but then also those are left out who lie mostly in the box of
        another person with twice their score.

    Raises:
      InputError: nobody has the score, or a frame has more than `MAX_PEOPLE` detections.
    """
    found, counts = np.unique(frames, return_counts=True)
    if counts.max() > MAX_PEOPLE:
        raise InputError(
            f"{path}: {counts.max()} detections in frame {found[counts.argmax()]}, more than the {MAX_PEOPLE:,} that "
            "are read; check the frame numbers"
        )
    values = np.asarray(scores, np.float64) if len(scores) else person_scores(keypoints)
    values = np.nan_to_num(values, posinf=0, neginf=0)
    notes = []
    high = np.ones(len(frames), bool) if min_score is None else values >= min_score
    if not high.any():
        raise InputError(
            f"{path}: no person has a score of {min_score:g} or more, the highest is {values.max():.3g}; give a lower "
            "--min-score"
        )
    if not high.all():
        notes.append(f"{(~high).sum()} of {len(high)} detections have a score below {min_score:g} and are left out")
    rows = np.flatnonzero(high)
    known, reason = meaningful_ids(frames[rows].tolist(), [ids[row] for row in rows])
    notes += [reason] if reason else []
    by_score = len(scores) > 0 and min_score is None
    once = without_duplicates(frames[rows], keypoints[rows], values[rows], known, by_score=by_score)
    if not once.all():
        notes.append(
            f"{(~once).sum()} of {len(once)} detections show a person again, with a lower score, and are left out; "
            "--min-score sets the lowest score of a person instead"
        )
    rows, known = rows[once], [known[place] for place in np.flatnonzero(once)]
    people, linked = _linked(frames[rows], keypoints[rows], known)
    notes += [linked] if linked else []
    if any(known):  # not None, nor "", which is all of a file
        notes += _jump_notes(frames[rows], keypoints[rows], people)
    return Identities(rows, people, tuple(f"{path}: {note}" for note in notes))


def _jump_notes(frames: np.ndarray, keypoints: np.ndarray, people: list[str]) -> list[str]:
    """A note if people with a track id jump about, as they do if ids are places in a list of detections."""
    jumped, steps = jumps(frames, keypoints, people)
    if jumped < _FEWEST_JUMPS or jumped < _JUMPS * steps:
        return []
    return [
        f"people jump by half their size or more in {jumped} of {steps} steps from a frame to the next: the track ids "
        "may not be those of people over time; without ids in the file, people are linked by their place"
    ]


def _linked(frames: np.ndarray, keypoints: np.ndarray, ids: list[str | None]) -> tuple[list[str], str]:
    """Ids for all detections, and a note if they are in doubt, or ""."""
    unnamed = ids.count(None)
    if not unnamed:
        return [str(person) for person in ids], ""
    if unnamed < len(ids):
        people, joined = adopt_unnamed(frames, keypoints, ids)
        rest = f", {unnamed - joined} are further tracks, new1 and on" if joined < unnamed else ""
        return people, f"{unnamed} of {len(ids)} detections have no track id: {joined} joined the nearest track{rest}"
    people = [str(person) for person in associate(frames, keypoints)]
    step = frame_step(frames)
    if step < _SPARSE or len(set(people)) == 1:
        return people, ""
    return people, f"detections are {step} frames apart and have no track ids: their place alone tells who is who"
