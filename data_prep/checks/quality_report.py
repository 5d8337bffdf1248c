"""Report the quality of a split: a table of quantities, a line per suspect track and violation of the contract."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from rich import box
from rich.table import Column, Table
from rich.text import Text

from data_prep.checks.quality import CHECKS, TOO_FAST, Finding, measure_track
from jaxpose.data.track import Description, Track, contract_violation, track_name

_MAX_LINES = 5  # of one kind


class Report(NamedTuple):
    """The quality of a split."""

    frames: int
    seconds: float
    rates: Mapping[float, int]  # number of tracks by frame rate
    only_2d: int  # number of tracks without poses
    findings: Mapping[str, Mapping[str, Finding]]  # by quantity, then by name of the tracks that have it
    violations: Sequence[str]  # of the data contract


def make_report(tracks: Sequence[Track], description: Description) -> Report:
    """Measure the tracks of a split.

    Args:
      tracks: as read, unchecked; those that are not `is_measurable` count for the violations only.
      description: of the data.
    """
    measurable = [track for track in tracks if is_measurable(track, description)]
    findings = {track_name(track): measure_track(track, description) for track in measurable}
    return Report(
        frames=sum(len(track.keypoints_2d) for track in measurable),
        seconds=sum(len(track.keypoints_2d) / track.fps for track in measurable),
        rates=Counter(track.fps for track in measurable),
        only_2d=sum(len(track.positions_3d) == 0 for track in measurable),
        findings={q: {track: values[q] for track, values in findings.items() if q in values} for q in CHECKS},
        violations=[text for track in tracks if (text := contract_violation(track, description))],
    )


def is_measurable(track: Track, description: Description) -> bool:
    """Return true if the track would satisfy the data contract with its gaps, NaN or infinite, filled."""
    filled = {field: np.nan_to_num(getattr(track, field)) for field in ("positions_3d", "keypoints_2d")}
    return not contract_violation(track._replace(**filled), description)


def suspects(report: Report, quantity: str) -> list[str]:
    """Names of the tracks beyond the limit of a quantity, the worst first."""
    values = {track: finding.value for track, finding in report.findings[quantity].items()}
    return sorted((t for t in values if values[t] > CHECKS[quantity].limit), key=values.__getitem__, reverse=True)


def quality_table(split: str, report: Report) -> Table:
    """Make the table of a split to print, a row per quantity that at least one track has."""
    rates = ", ".join(f"{tracks} at {fps:g} frames/s" for fps, tracks in sorted(report.rates.items()))
    only_2d = f"; without 3D: {report.only_2d}" if report.only_2d else ""
    title = f"{split}: {report.frames:,} frames, {report.seconds:,.0f} s; tracks: {rates or 'none'}{only_2d}"
    numbers = [Column(heading, justify="right") for heading in ("median", "worst", "limit", "beyond")]
    style = {"box": box.SIMPLE_HEAD, "pad_edge": False, "collapse_padding": True, "title_justify": "left"}
    table = Table("per track", *numbers, Column("worst at", overflow="fold"), title=title, **style)
    for quantity, findings in report.findings.items():
        if findings:
            worst = max(findings, key=lambda track: findings[track].value)
            median = statistics.median(finding.value for finding in findings.values())
            table.add_row(
                CHECKS[quantity].title,
                f"{median:.2f}",
                f"{findings[worst].value:.2f}",
                f"{CHECKS[quantity].limit:g}",
                str(len(suspects(report, quantity))),
                Text(f"{worst} {findings[worst].location}" if findings[worst].location else ""),
            )
    return table


def problem_lines(report: Report) -> list[str]:
    """List suspect tracks and violations of the contract, a line each, the first few of every kind; empty if none.

    Views of one recording with the same finding share a line: a marker that jumps does so in front of every camera.
    """
    lines = []
    for quantity, findings in report.findings.items():
        hint = "; was it captured at a lower frame rate?" if quantity in TOO_FAST else ""
        cameras: dict[tuple[str, str], list[str]] = {}
        for track in suspects(report, quantity):
            recording, _, camera = track.rpartition("/")
            found = f"{findings[track].value:.2f}, {findings[track].location}".removesuffix(", ")
            text = f"{CHECKS[quantity].title}: {found}{hint}"
            cameras.setdefault((recording, text), []).append(camera)
        lines += _first_few(
            [f"suspect: {name}/{', '.join(sorted(views))}: {text}" for (name, text), views in cameras.items()]
        )
    return lines + _first_few([f"violates the data contract: {text}" for text in report.violations])


def _first_few(lines: Sequence[str]) -> list[str]:
    more = len(lines) - _MAX_LINES
    return [*lines[:_MAX_LINES], *([f"  and {more} more"] if more > 0 else [])]
