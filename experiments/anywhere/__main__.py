"""Measure how well lifters do on anyone's video: `python -m experiments.anywhere`.

    python -m experiments.anywhere fixed=runs/fixed all=runs/all --data cmu --out anywhere \\
        --trials trials.csv --detections caliscope_4cam

Held-out people before cameras and detectors that are drawn once and for all; curves, one thing varied; kinds of motion
that are lifted badly; and real detections. `experiments/anywhere/README.md` says what the numbers mean.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import tyro
from rich.console import Console

from experiments.anywhere import real, weaknesses
from experiments.anywhere.clips import Clip, cut, spread
from experiments.anywhere.curves import CURVES, draw, measure_curve
from experiments.anywhere.lifting import constant_poses, facing_pose, lift_tracks, mean_pose
from experiments.anywhere.scores import Score, means, measure, summarize
from experiments.anywhere.tables import groups_table, overall_table, real_tables
from experiments.anywhere.views import see
from experiments.labelled_runs import open_runs
from jaxpose.data.load import SYNTHETIC, load
from jaxpose.data.smoothing import Smoothing, choose_smoothings, describe_smoothers, smooth_tracks
from jaxpose.data.track import Description, Track, title_with_notice
from jaxpose.files.atomic import atomic_write, atomic_write_text
from jaxpose.runs.trained import TrainedModel
from jaxpose.runtime.command import run_command
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.progress import working
from jaxpose.runtime.tables import markdown, show

TEST, VALIDATION = "S7+S10+S26+S49+S61+S131", "S6+S16+S55+S124"
"""Subjects of CMU that no training sees; settings are chosen on the latter."""

SYNTHETIC_TEST, SYNTHETIC_VALIDATION = "S9", "S5+S6+S7+S8+S11"

MEAN, FACING = "mean pose", "mean pose facing the camera"
"""Poses that take no lifter: the mean of the training in aimed cameras, of any heading; and turned to the camera."""


class Sizes(NamedTuple):
    """How much is measured."""

    clips: int  # of a subject, in the table; at most
    of_curve: int  # clips of a subject, in curves and by group
    values: slice  # of the things varied
    trained: int  # subjects of the training, whose mean pose is taken


FULL, QUICK = Sizes(10**6, 5, slice(None), 8), Sizes(2, 1, slice(1, 3), 1)

SMOOTH_HELP = f"Filters whose rows stand below those of the runs in the first table. {describe_smoothers()}"


@dataclasses.dataclass(frozen=True)
class Command:
    """Options of the experiment."""

    runs: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="LABEL=RUN ...")]
    """Runs, or lifter files, each with the label of its row. Runs of one label, of several seeds, are one row of means
    in the first table; in the others and in the curves, the first of them stands for all."""
    out: Path
    """Folder of the tables, the figure and the numbers: anywhere.md, anywhere.png, anywhere.json."""
    data: str = SYNTHETIC
    """A data set of `data_prep.cmu` with --keypoints coco_17, or "synthetic"."""
    split: str | None = None
    """Subjects that are measured; by default, those of CMU that no training sees."""
    trials: Path | None = None
    """Table of CMU's recordings with the columns trial and label, for the kinds of motion."""
    detections: Path | None = None
    """Folder of the session caliscope_4cam, for real detections."""
    smooth: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME[:HZ] ...", help=SMOOTH_HELP)] = ()
    curves: Annotated[tuple[str, ...], tyro.conf.arg(metavar="LABEL ...")] = ()
    """Labels of the runs that are also measured by kind of motion and in curves, which takes long; by default all."""
    quick: bool = False
    """A few clips and values, to see that everything works."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run_command(Command, run, arguments, prog="python -m experiments.anywhere", description=__doc__)


def run(command: Command) -> None:
    """Measure, print the tables and write the files.

    Raises:
      InputError: a run, the data or a file cannot be used.
    """
    sizes = QUICK if command.quick else FULL
    smoothings = choose_smoothings(command.smooth)
    runs = open_runs(command.runs)
    if unknown := set(command.curves) - set(runs):
        raise InputError(f"--curves names {min(unknown)!r}; the labels are {', '.join(runs)}")
    try:
        command.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{command.out} cannot be made ({error.strerror}); name another folder with --out") from error
    filmed = real.read(command.detections) if command.detections else []
    with working("reading the data"):
        description, clips, trained = read_clips(command, sizes)
    with working("the held-out people"):
        poses = {MEAN: mean_pose(see(trained)), FACING: facing_pose(trained)}
        tracks = see(clips)
        overall = measure_all(tracks, runs, poses, smoothings)
        first = {label: of[0] for label, of in runs.items()}
        shown = {label: first[label] for label in command.curves or runs}
    few = spread(clips, sizes.of_curve)
    with working("by kind"):
        groups = measure_groups(groups_of(command, clips, few, sizes), shown)
    curves: dict[str, dict[str, Any]] = {}
    for curve in CURVES:
        with working(f"by {curve.name}"):
            values = curve.values[sizes.values]
            curves[curve.name] = {"values": list(values), "runs": measure_curve(curve, values, few, shown)}
    with working("real detections"):
        views = measure_real(filmed, first, poses)

    title = f"{title_with_notice(description)}, {command.split or test_split(command.data)}"
    if command.quick:
        title += " (--quick: a few clips, not to be compared)"
    tables = [overall_table(title, overall, tracks), groups_table(groups, list(shown)), *real_tables(views)]
    for table in tables:
        show(Console(), table)
    figure = draw(curves, f"{title}: {len(few)} clips, one thing varied")
    numbers = {
        "title": title,
        "runs": {label: [str(opened.run) for opened in of] for label, of in runs.items()},
        "clips": len(clips),
        "overall": {
            label: {lens: [_as_dicts(scores) for scores in seeds] for lens, seeds in of.items()}
            for label, of in overall.items()
        },
        "groups": groups,
        "curves": curves,
        "real": views,
    }
    atomic_write_text(
        command.out / "anywhere.json", json.dumps(_without_nan(numbers), indent=1, allow_nan=False) + "\n"
    )
    atomic_write_text(command.out / "anywhere.md", "\n".join(map(markdown, tables)))
    atomic_write(command.out / "anywhere.png", lambda path: figure.savefig(path, dpi=120))
    print(f"Written: {command.out}/anywhere.md, .json and .png")


def test_split(data: str) -> str:
    """The subjects that are measured by default."""
    return SYNTHETIC_TEST if data == SYNTHETIC else TEST


def read_clips(command: Command, sizes: Sizes) -> tuple[Description, list[Clip], list[Clip]]:
    """The clips that are measured, and some of the training's, at most two of a subject.

    Raises:
      InputError: there is no such data set or split; or it has no other subjects, or other joints.
    """
    split = command.split or test_split(command.data)
    description, tracks = load(command.data, split)
    clips = spread(cut(tracks, description.skeleton), sizes.clips)
    held_out = {*split.split("+"), *(SYNTHETIC_VALIDATION if command.data == SYNTHETIC else VALIDATION).split("+")}
    others = [subject for subject in description.splits if subject not in held_out]
    if not others:
        raise InputError(f"{command.data} has no subjects but those held out; their mean pose is that of the training")
    chosen = np.linspace(0, len(others) - 1, min(sizes.trained, len(others))).round().astype(int)
    _, tracks = load(command.data, "+".join(others[index] for index in chosen))
    return description, clips, spread(cut(tracks, description.skeleton), 2)


def measure_all(
    tracks: Sequence[Track],
    runs: Mapping[str, Sequence[TrainedModel]],
    poses: Mapping[str, np.ndarray],
    smoothings: Sequence[Smoothing] = (),
) -> dict[str, dict[str, list[dict[str, Score]]]]:
    """The scores of constant poses and runs by label, then by "known" and "unknown" focal length: of each run.

    Those of smoothed runs are labelled "LABEL, savgol 3.6 Hz".
    """
    scores: dict[str, dict[str, list[dict[str, Score]]]] = {}
    for lens in ("known", "unknown"):
        known = lens == "known"
        for label, pose in poses.items():
            lifted = constant_poses(pose, tracks, lens_known=known)
            scores.setdefault(label, {})[lens] = [summarize(measure(lifted, tracks))]
        for label, of in runs.items():
            for run in of:
                lifted = lift_tracks(run, tracks, lens_known=known)
                rows = {label: lifted}
                rows |= {f"{label}, {by}": smooth_tracks(lifted, tracks, by) for by in smoothings}
                for name, predictions in rows.items():
                    scores.setdefault(name, {}).setdefault(lens, []).append(summarize(measure(predictions, tracks)))
    return scores


def groups_of(command: Command, clips: Sequence[Clip], few: Sequence[Clip], sizes: Sizes) -> list[weaknesses.Group]:
    """The groups of clips that are measured: by kind, if there are labels, and what is harder; a few clips of each."""
    groups = weaknesses.by_kind(clips, command.trials) if command.trials else []
    groups = [group._replace(clips=spread(group.clips, sizes.of_curve)) for group in groups]
    synthetic = [group._replace(clips=spread(group.clips, 2 * sizes.of_curve)) for group in weaknesses.synthetic()]
    return groups + synthetic + weaknesses.harder(few)


def measure_groups(groups: Sequence[weaknesses.Group], runs: Mapping[str, TrainedModel]) -> dict[str, dict[str, Any]]:
    """By the name of a group: how many clips, and the averages of the metrics of each run by its label."""
    measured = {}
    for group in groups:
        tracks = see(group.clips, group.condition)
        scores = {label: means(summarize(measure(lift_tracks(run, tracks), tracks))) for label, run in runs.items()}
        measured[group.name] = {"clips": len(tracks), "runs": scores}
    return measured


def measure_real(
    filmed: Sequence[real.Filmed], runs: Mapping[str, TrainedModel], poses: Mapping[str, np.ndarray]
) -> dict[str, dict[str, Any]]:
    """By label: P1 and P2 of each view, None where it cannot be lifted, and their mean; empty without views."""
    if not filmed:
        return {}
    errors = {label: real.measure_pose(filmed, pose) for label, pose in poses.items()}
    errors |= {label: real.measure_run(filmed, run, lens_known=False) for label, run in runs.items()}
    told = {label: real.measure_run(filmed, run, lens_known=True) for label, run in runs.items() if run.model.rays}
    return {
        label: {
            "mean": real.mean_of_views(of),
            "mean, lens known": real.mean_of_views(told[label]) if label in told else None,
            "views": of,
        }
        for label, of in errors.items()
    }


def _as_dicts(scores: Mapping[str, Score]) -> dict[str, dict[str, float]]:
    return {key: score._asdict() for key, score in scores.items()}


def _without_nan(value: Any) -> Any:
    """A JSON value with null for NaN."""
    if isinstance(value, Mapping):
        return {key: _without_nan(of) for key, of in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(of) for of in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


if __name__ == "__main__":
    main()
