"""Everything about a run on one page, which opens from disk and needs no network.

    python -m jaxpose.report RUN

The tables that `evaluate` prints, the training curves, the error by joint, the worst and the best tracks, and a player
that shows them in 3D.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console

from jaxpose.data.track import SYNTHETIC_NOTICE, Description, Track, title_with_notice, track_lengths
from jaxpose.evaluation import report_tables
from jaxpose.evaluation.averages import average
from jaxpose.evaluation.compare import Evaluated
from jaxpose.evaluation.protocol import VIDEOPOSE3D
from jaxpose.evaluation.track_errors import JOINTS, TrackErrors, measure_tracks
from jaxpose.files.atomic import atomic_write_text
from jaxpose.runs.log import read_log
from jaxpose.runs.trained import TrainedModel, load_fitting, open_run
from jaxpose.runtime import tables
from jaxpose.runtime.devices import keep_compiled
from jaxpose.runtime.errors import cli_errors
from jaxpose.runtime.tables import Table
from jaxpose.skeleton import Skeleton
from jaxpose.visualization import figures
from jaxpose.visualization.html_page import page, picture
from jaxpose.visualization.player import player
from jaxpose.visualization.view import Clip, around, joint_errors, make_clip, typical_pose

LISTED, SHOWN = 5, 3
"""Tracks at either end that the table lists, and that the player shows."""
FRAMES = 1000
"""Frames of a track that the page holds, some 0.4 kB each."""
FRAMES_NOTE = f"Of a longer track, the page holds the {FRAMES:,} frames around the one with the largest error."
_POSES = 5000
"""Poses among which a typical one is looked for."""


@dataclasses.dataclass(frozen=True)
class Command:
    """What the command line says."""

    run: tyro.conf.Positional[Path]
    """The run's folder."""
    data: str | None = None
    """Report on this data set; without it, on the one that the run was trained on."""
    split: str | None = None
    """Report on these subjects; without it, on the run's test split."""
    out: Path | None = None
    """File to write; without it, RUN/report.html."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    with cli_errors():
        command = tyro.cli(Command, args=arguments, prog="python -m jaxpose.report", description=__doc__)
        keep_compiled()
        report(command)


def report(command: Command) -> None:
    """Lift the split and write the page.

    Raises:
      InputError: there is no such run or data, they do not fit each other, or the page cannot be written.
    """
    console, out = Console(markup=False), command.out or command.run / "report.html"
    lifter = open_run(command.run)
    description, tracks, split = load_fitting(lifter, command.data, command.split)
    frames = lifter.join(tracks)
    with console.status(f"lifting {len(tracks)} tracks, {len(frames.track):,} frames"):
        predictions = lifter.lift(frames)
    with console.status("measuring and drawing"):
        measures = measure_tracks(predictions, np.asarray(frames.poses), tracks, skeleton=description.skeleton)
        lifted = np.split(predictions, np.cumsum(track_lengths(tracks))[:-1])
        clips = [make_clip(*pair) for pair in zip(tracks, lifted, strict=True)]
        courses = [joint_errors(clip.prediction, clip.truth).mean(axis=-1) for clip in clips]
        ranking = np.argsort(-measures.means["mpjpe"], kind="stable")
        shown = {
            f"{label}: {clips[index].name}, {measures.means['mpjpe'][index]:.1f} mm": around(
                clips[index], int(np.argmax(courses[index])), FRAMES
            )
            for label, index in choose(ranking).items()
        }
        caption = f"{title_with_notice(description)}, {split}"
        sections = {
            "Errors": [tables.page_part(table) for table in score_tables(lifter, measures, description, tracks, split)],
            "Training": [curves(lifter)],
            "Error by joint": [joint_figure(clips, measures, description.skeleton, caption)],
            "Worst and best tracks": [tables.page_part(track_table(clips, courses, measures, description.skeleton))],
            "In 3D": [player(shown, description.skeleton, description.layout), f"<p>{FRAMES_NOTE}</p>"],
            "Settings": [settings(lifter)],
        }
        notice = f'<p class="notice">{escape(SYNTHETIC_NOTICE)}</p>' if description.synthetic else ""
        facts = f"{description.title}, {split}: {len(tracks)} tracks, {len(predictions):,} frames."
        title = f"Run {command.run.resolve().name}"
        atomic_write_text(
            out, page(title, "\n".join([notice, f"<p>{escape(facts)}</p>", *body(sections)]), plotly=True)
        )
    console.print(f"The report is {out}", soft_wrap=True)


def body(sections: Mapping[str, Sequence[str]]) -> list[str]:
    """Links to the sections, then each: a heading and parts of HTML."""
    places = {heading: heading.lower().replace(" ", "-") for heading in sections}
    links = " · ".join(f'<a href="#{place}">{heading}</a>' for heading, place in places.items())
    found = [f"<nav>{links}</nav>"]
    for heading, parts in sections.items():
        found += [f'<h2 id="{places[heading]}">{heading}</h2>', *(f'<div class="part">{part}</div>' for part in parts)]
    return found


def score_tables(
    lifter: TrainedModel, measures: TrackErrors, description: Description, tracks: Sequence[Track], split: str
) -> list[Table]:
    """The tables that `evaluate` prints."""
    where = report_tables.setting(description, split, tracks, VIDEOPOSE3D)
    run = Evaluated(lifter.run.resolve().name, lifter.config, measures)
    *found, last = tables.deduplicate_notes(report_tables.all_tables([run], where, ("joint",)).values())
    said = report_tables.notice(where)
    return [*found, last._replace(notes=[*last.notes, said] if said else last.notes)]


def choose(ranking: Sequence[int]) -> dict[str, int]:
    """What the player shows of a ranking that begins with the worst: the worst, the median and the best, by label."""
    count = len(ranking)
    places = {place: f"worst {place + 1}" for place in range(min(SHOWN, count))}
    if count > 2 * SHOWN:
        places[count // 2] = "median"
    places |= {p: f"best {count - p}" for p in range(max(count - SHOWN, len(places)), count)}
    return {label: int(ranking[place]) for place, label in places.items()}


def track_table(
    clips: Sequence[Clip], courses: Sequence[np.ndarray], measures: TrackErrors, skeleton: Skeleton
) -> Table:
    """The tracks with the largest and the smallest errors, each with its worst joint and frame.

    Args:
      clips: the tracks.
      courses: the error of every frame of each, metres.
      measures: of the tracks.
      skeleton: names the joints.
    """
    ranking = np.argsort(-measures.means["mpjpe"], kind="stable")
    rows = []
    for place, index in enumerate(ranking):
        if LISTED <= place < len(ranking) - LISTED:
            continue
        course = courses[index]
        errors = [f"{measures.means[metric][index]:.1f}" for metric in ("mpjpe", "p_mpjpe")]
        joint = skeleton.joints[np.argmax(measures.means["joints"][index])]
        worst = f"{np.argmax(course)} ({1000 * course.max():.0f} mm)"
        rows.append((str(place + 1), clips[index].name, f"{len(course):,}", *errors, joint, worst))
    head = ("place", "track", "frames", "MPJPE, mm", "P-MPJPE, mm", "worst joint", "worst frame")
    return Table(f"Of {len(ranking)} tracks, the largest MPJPE first", head, rows, left=(1, 5))


def joint_figure(clips: Sequence[Clip], measures: TrackErrors, skeleton: Skeleton, caption: str) -> str:
    """HTML of the error by joint, averaged as in the tables, on a typical pose of the data."""
    every = max(sum(len(clip.truth) for clip in clips) // _POSES, 1)
    pose = typical_pose(np.concatenate([clip.truth[::every] for clip in clips]), skeleton)
    errors = average(measures, JOINTS["mpjpe"], over=VIDEOPOSE3D.average)
    words = ", ".join(f"{joint} {error:.0f} mm" for joint, error in zip(skeleton.joints, errors, strict=True))
    figure = figures.joint_errors(pose, errors, skeleton, title=f"{caption}. Averaged as in the table.")
    return picture(figure, f"Error by joint: {words}")


def curves(lifter: TrainedModel) -> str:
    """HTML of the training curves; a run that was converted has no log."""
    records = read_log(lifter.run)
    if not records:
        return "<p>The run has no log of its training.</p>"
    config = lifter.config
    title = f"{title_with_notice(lifter.description)}, trained on {config.train_split}, tested on {config.test_split}"
    return picture(
        figures.training_curves(records, title=title), "Training loss, test error and learning rate by epoch"
    )


def settings(lifter: TrainedModel) -> str:
    """HTML of the settings, folded up."""
    text = escape(json.dumps(dataclasses.asdict(lifter.config), indent=2))
    return f"<details><summary>config.json</summary><pre>{text}</pre></details>"


if __name__ == "__main__":
    main()
