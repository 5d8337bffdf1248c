"""The tables of the experiment: held-out people, kinds of motion, real detections."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments.anywhere import real
from experiments.anywhere.scores import PROTOCOL, Score
from experiments.anywhere.views import USUAL
from jaxpose.data.track import Track
from jaxpose.evaluation.metric_records import PUBLISHED, Metric
from jaxpose.runtime.tables import Table

ELSEWHERE = (
    "Measured elsewhere, on another recording with truth (one person, four cameras of 1088 x 1920 pixels, "
    "MediaPipe's keypoints): MediaPipe's own 3D 152 / 97 mm, a constant mean pose 166 / 103, a run on CMU before the "
    "four cameras of Human3.6M 171 / 102."
)


def overall_table(
    title: str, overall: Mapping[str, dict[str, list[dict[str, Score]]]], tracks: Sequence[Track]
) -> Table:
    """The table of the held-out people."""
    header = ["", *(metric.heading for metric in PUBLISHED), "P1, lens unknown", "P2, lens unknown"]

    def cell(metric: Metric, seeds: Sequence[dict[str, Score]], *, interval: bool) -> str:
        scores = [of[metric.key] for of in seeds]
        text = metric.format(statistics.mean(score.mean for score in scores))
        if len(scores) > 1:
            return f"{text} ± {metric.format(statistics.stdev(score.mean for score in scores))}"
        return f"{text} ({scores[0].low:.0f}-{scores[0].high:.0f})" if interval and np.isfinite(scores[0].low) else text

    rows = [
        [
            label,
            *(cell(metric, scores["known"], interval=metric in PUBLISHED[:2]) for metric in PUBLISHED),
            *(cell(metric, scores["unknown"], interval=False) for metric in PUBLISHED[:2]),
        ]
        for label, scores in overall.items()
    ]
    rates = "/".join(f"{fps:g}" for fps in sorted({track.fps for track in tracks}))
    seconds = sum(len(track.keypoints_2d) / track.fps for track in tracks)
    seen = np.concatenate([track.keypoints_2d[..., 2].ravel() > 0 for track in tracks]).mean()
    ranges = USUAL.ranges
    notes = [
        f"{len(tracks)} clips, {seconds:.0f} s at {rates} frames/s, each before a camera of its own (pitch "
        f"{ranges.camera_pitch[0]:g} to {ranges.camera_pitch[1]:g}°, roll up to {ranges.camera_roll:g}°, distance "
        f"{ranges.camera_distance[0]:g} to {ranges.camera_distance[1]:g} m) with a detector of its own; {seen:.0%} of "
        "the keypoints are seen. Positions in mm, velocity in mm/frame, acceleration in mm/frame².",
        PROTOCOL,
        *(
            ["± is the standard deviation over the seeds of a row."]
            if any(len(of["known"]) > 1 for of in overall.values())
            else []
        ),
        "Lens unknown: the run is not told the focal length, and assumes the longer side of the image.",
    ]
    return Table(f"Held-out people and cameras: {title}", header, rows, notes)


def groups_table(groups: Mapping[str, dict[str, Any]], labels: Sequence[str]) -> Table:
    """The table of what is lifted badly."""
    keys = [metric.key for metric in PUBLISHED[:3]]
    rows = [
        [name, str(of["clips"]), *(" / ".join(f"{of['runs'][label][key]:.0f}" for key in keys) for label in labels)]
        for name, of in groups.items()
    ]
    notes = [
        "P1 / P2 / P3 in mm, averaged as above, over at most 5 clips of each subject. Synthetic motion says nothing "
        "about real people. Nobody among the held-out people lies on the ground, or is in contact with another."
    ]
    return Table("By kind of motion, and beyond the range of the training", ["", "clips", *labels], rows, notes)


def real_tables(views: Mapping[str, dict[str, Any]]) -> list[Table]:
    """The table of the real detections; none without them."""
    if not views:
        return []

    def cell(errors: tuple[float, float] | None) -> str:
        return "–" if errors is None else f"{errors[0]:.0f} / {errors[1]:.0f}"

    names = list(next(iter(views.values()))["views"])
    rows = [
        [label, cell(of["mean"]), cell(of["mean, lens known"]), *map(cell, of["views"].values())]
        for label, of in views.items()
    ]
    notes = [
        f"P1 / P2 in mm. {real.PROTOCOL} The focal length is told in one column, to runs that use it.",
        ELSEWHERE,
    ]
    return [
        Table(
            "Real detections: MediaPipe's landmarks, caliscope's recording",
            ["", "mean", "mean, lens known", *names],
            rows,
            notes,
        )
    ]
