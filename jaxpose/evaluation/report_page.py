"""The parts of the HTML report about a run: tables, curves, errors by joint, tracks, the player and the settings."""

import datetime
import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from jaxpose.data.track import SYNTHETIC_NOTICE, Description, Track, title_with_notice, track_lengths
from jaxpose.evaluation import report_tables
from jaxpose.evaluation.averages import average
from jaxpose.evaluation.compare import EvaluatedRun
from jaxpose.evaluation.metric_records import by_joint
from jaxpose.evaluation.protocol import VIDEOPOSE3D
from jaxpose.evaluation.results_file import split_with_notice, trained_on_notice
from jaxpose.evaluation.track_errors import TrackErrors
from jaxpose.evaluation.training_figure import training_figure
from jaxpose.runtime import tables
from jaxpose.runtime.tables import Table
from jaxpose.skeleton import Skeleton
from jaxpose.training.config import Config, to_dict
from jaxpose.visualization import figures
from jaxpose.visualization.html_page import page, picture
from jaxpose.visualization.player import player
from jaxpose.visualization.view import Clip, around, joint_errors, make_clip, typical_pose

LISTED, SHOWN = 5, 3
"""Tracks at either end of the ranking that the table lists, and that the player shows."""
FRAMES = 1000
"""Frames of a track that the page holds, about 0.4 kB each."""
FRAMES_NOTE = f"Of a longer track, the page holds the {FRAMES:,} frames around the one with the largest error."
_POSES = 5000  # among which the typical pose is found


PAPERS = (
    "VideoPose3D is Pavllo et al., CVPR 2019. The joint-aware paper is V. Gupta, Back to the Future: Joint Aware "
    "Temporal Deep Learning 3D Human Pose Estimation."
)


class Made(NamedTuple):
    """When a page was made, and with which versions (`versions.versions`) the page and its run were."""

    time: datetime.datetime
    versions: Mapping[str, str | None]
    run_versions: Mapping[str, str | None] | None  # None: the run does not say


class LiftedTracks(NamedTuple):
    """The tracks of a report with their predictions and errors."""

    clips: Sequence[Clip]
    frame_errors: Sequence[np.ndarray]  # (T,) metres, the MPJPE of every frame of each clip
    errors: TrackErrors
    ranking: np.ndarray  # indices of the tracks, the largest MPJPE first


def lifted_tracks(tracks: Sequence[Track], predictions: np.ndarray, errors: TrackErrors) -> LiftedTracks:
    """Gather the clips, errors by frame and ranking of the tracks of a report.

    Args:
      tracks: N, all of which are measured in `errors`.
      predictions: (F, J, 3) metres, the tracks end to end.
      errors: of the tracks.
    """
    by_track = np.split(predictions, np.cumsum(track_lengths(tracks))[:-1])
    clips = [make_clip(track, poses) for track, poses in zip(tracks, by_track, strict=True)]
    frame_errors = [joint_errors(clip.prediction, clip.truth).mean(axis=-1) for clip in clips]
    return LiftedTracks(clips, frame_errors, errors, np.argsort(-errors.means["mpjpe"], kind="stable"))


def report_page(
    run: EvaluatedRun,
    records: Sequence[Mapping[str, float]],
    description: Description,
    tracks: Sequence[Track],
    split: str,
    predictions: np.ndarray,
    made: Made,
    smoothed: Sequence[EvaluatedRun] = (),
) -> str:
    """The HTML page about a run.

    Args:
      run: its name, settings and errors.
      records: of the log of its training; none of a run that was converted.
      description: of the data.
      tracks: of the split, those that VIDEOPOSE3D's protocol scores.
      split: subjects.
      predictions: (F, J, 3) metres for the tracks end to end.
      made: when and with what the page and the run were made.
      smoothed: the run with its predictions smoothed; in the tables of errors only.
    """
    title = split_with_notice(split, trained_on_notice(run.trained_on))
    skeleton, caption = description.skeleton, f"{title_with_notice(description)}, {title}"
    lifted = lifted_tracks(tracks, predictions, run.errors)
    sections = {
        "Errors": [
            tables.html_table(table) for table in evaluation_tables((run, *smoothed), description, tracks, split)
        ],
        "Training": [curves(records, run.config, description)],
        "Error by joint": [joint_figure(lifted, skeleton, caption)],
        "Worst and best tracks": [tables.html_table(track_table(lifted, skeleton))],
        "In 3D": [player(shown_clips(lifted), skeleton, description.layout), f"<p>{FRAMES_NOTE}</p>"],
        "Settings": [settings(run.config)],
    }
    notice = f'<p class="notice">{escape(SYNTHETIC_NOTICE)}</p>' if description.synthetic else ""
    size = f"{description.title}, {title}: {len(tracks)} tracks, {len(predictions):,} frames."
    head = [tables.html_table(head_table(run.config, made)), f"<p>{escape(PAPERS)}</p>"]
    body = "\n".join([notice, f"<p>{escape(size)}</p>", *head, *linked_sections(sections)])
    return page(f"Run {run.name}", body, plotly=True)


def head_table(config: Config, made: Made) -> Table:
    """What the run is, and when and with what it and the page were made."""
    network = config.model.to_dict()
    settings = {name: value for name, value in network.items() if name != "kind"}
    length = f"{config.epochs} epochs" if config.steps is None else f"{config.steps} steps"
    weights = ", ".join(f"{name} {weight:g}" for name, weight in config.constraints.items()) or "none"
    rows = [
        ("network", f"{network['kind']}: {', '.join(f'{name} {_plain(value)}' for name, value in settings.items())}"),
        ("training", f"{config.data}, {config.train_split}; {length}, batches of {config.batch_size}, loss "
                     f"{config.loss}, learning rate {config.learning_rate:g}, seed {config.seed}"),
        ("constraints, with weights", weights),
        ("trained with", _version_text(made.run_versions) if made.run_versions else "not recorded"),
        ("page made", f"{made.time:%Y-%m-%d %H:%M %Z} with {_version_text(made.versions)}"),
    ]  # fmt: skip
    return Table("", ("run", ""), rows, text_columns=(0, 1))


def _plain(value: object) -> str:
    """A setting as on the command line: a tuple as its items."""
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _version_text(versions: Mapping[str, str | None]) -> str:
    """Versions in a phrase, without those that are not known."""
    return ", ".join(f"{package} {version}" for package, version in versions.items() if version)


def linked_sections(sections: Mapping[str, Sequence[str]]) -> list[str]:
    """HTML of links to the sections, then of each section: a heading and its parts."""
    ids = {heading: heading.lower().replace(" ", "-") for heading in sections}
    links = " · ".join(f'<a href="#{ids[heading]}">{heading}</a>' for heading in sections)
    parts = [f"<nav>{links}</nav>"]
    for heading, content in sections.items():
        parts += [f'<h2 id="{ids[heading]}">{heading}</h2>', *(f'<div class="part">{part}</div>' for part in content)]
    return parts


def evaluation_tables(
    runs: Sequence[EvaluatedRun], description: Description, tracks: Sequence[Track], split: str
) -> list[Table]:
    """The tables that `jaxpose evaluate` prints."""
    setting = report_tables.evaluation_setting(description, split, tracks, VIDEOPOSE3D, runs)
    by_name = report_tables.all_tables(runs, setting, ("joint",))
    *others, last = tables.deduplicate_notes(by_name.values())
    note = report_tables.published_rows_note(setting)
    return [*others, last._replace(notes=[*last.notes, note] if note else last.notes)]


def shown_ranks(count: int) -> dict[str, int]:
    """The ranks, from 0 for the worst of `count` tracks, of the worst, the median and the best tracks, by label."""
    ranks = {f"worst {rank + 1}": rank for rank in range(min(SHOWN, count))}
    if count > 2 * SHOWN:
        ranks["median"] = count // 2
    first_best = max(count - SHOWN, len(ranks))
    return ranks | {f"best {count - rank}": rank for rank in range(first_best, count)}


def shown_clips(lifted: LiftedTracks) -> dict[str, Clip]:
    """The clips of the player by label, each cut to `FRAMES` around its worst frame."""
    clips = {}
    for label, rank in shown_ranks(len(lifted.ranking)).items():
        index = lifted.ranking[rank]
        clip, error = lifted.clips[index], lifted.errors.means["mpjpe"][index]
        worst = int(np.argmax(lifted.frame_errors[index]))
        clips[f"{label}: {clip.name}, {error:.1f} mm"] = around(clip, worst, FRAMES)
    return clips


def track_table(lifted: LiftedTracks, skeleton: Skeleton) -> Table:
    """The tracks with the largest and the smallest errors, each with its worst joint and frame."""
    means, rows, count = lifted.errors.means, [], len(lifted.ranking)
    for rank, index in enumerate(lifted.ranking):
        if LISTED <= rank < count - LISTED:
            if rank == LISTED:
                rows.append(("…",) + ("",) * 6)
            continue
        frame_errors = lifted.frame_errors[index]
        errors = [f"{means[metric][index]:.1f}" for metric in ("mpjpe", "p_mpjpe")]
        joint = skeleton.joints[np.argmax(means[by_joint("mpjpe")][index])]
        worst = f"{np.argmax(frame_errors)} ({1000 * frame_errors.max():.0f} mm)"
        rows.append((str(rank + 1), lifted.clips[index].name, f"{len(frame_errors):,}", *errors, joint, worst))
    head = ("rank", "track", "frames", "MPJPE, mm", "P-MPJPE, mm", "worst joint", "worst frame")
    return Table(f"{count} tracks, ranked by MPJPE, the largest first", head, rows, text_columns=(1, 5))


def joint_figure(lifted: LiftedTracks, skeleton: Skeleton, caption: str) -> str:
    """HTML of the error by joint, averaged as in the tables, on a typical pose of the data."""
    every = max(sum(len(clip.truth) for clip in lifted.clips) // _POSES, 1)
    pose = typical_pose(np.concatenate([clip.truth[::every] for clip in lifted.clips]), skeleton)
    errors = average(lifted.errors, by_joint("mpjpe"), over=VIDEOPOSE3D.average)
    in_words = ", ".join(f"{joint} {error:.0f} mm" for joint, error in zip(skeleton.joints, errors, strict=True))
    title = f"{caption}. Averaged as in the tables."
    return picture(figures.joint_error_figure(pose, errors, skeleton, title=title), f"Error by joint: {in_words}")


def curves(records: Sequence[Mapping[str, float]], config: Config, description: Description) -> str:
    """HTML of the training curves."""
    if not records:
        return "<p>The run has no log of its training.</p>"
    figure = training_figure(records, config, description)
    return picture(figure, "Training loss, test error, other terms of the log and learning rate by epoch")


def settings(config: Config) -> str:
    """HTML of the settings, folded up."""
    text = escape(json.dumps(to_dict(config), indent=2))
    return f"<details><summary>config.json</summary><pre>{text}</pre></details>"
