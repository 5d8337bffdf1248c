"""Position error against motion error, for every method and every strength of smoothing.

    python -m experiments.frontier baseline=RUN,RUN joint-aware=RUN,RUN --out DIR
    python -m experiments.frontier baseline=RUN joint-aware=RUN --detector white 0.95 bursts --fps 25 50 100 --out DIR

The tracks of a split are lifted, and the predictions are scored as they are and through each filter at several
cut-offs. Means and sample standard deviations are over the runs of a label. Beside them stand a constant pose, which
predicts no motion at all, and the true poses behind a filter, which a lifter without errors would give.
"""

import dataclasses
import functools
import json
import math
import statistics
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import jax
import numpy as np
import tyro
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from rich.console import Console

from jaxpose.cameras import Camera, project
from jaxpose.data.augmentation.exchange import pairs_exchanged
from jaxpose.data.augmentation.outliers import start_rate
from jaxpose.data.augmentation.transform import joints_of_keypoints
from jaxpose.data.resampling import resample
from jaxpose.data.smoothing import SMOOTHERS, Smoothing, smooth_tracks
from jaxpose.data.synthetic.detector_noise import jitter_spread
from jaxpose.data.track import Description, Track, title_with_notice, track_name
from jaxpose.data.windows import pack
from jaxpose.evaluation.averages import score
from jaxpose.evaluation.metric_records import METRICS, choose_metrics, describe_units
from jaxpose.evaluation.protocol import VIDEOPOSE3D, describe_protocol
from jaxpose.files.atomic import atomic_write, atomic_write_text
from jaxpose.runs.trained import TrainedModel, check_fits, load_fitting, open_run
from jaxpose.runtime import tables
from jaxpose.runtime.command import run_command
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.progress import working
from jaxpose.skeleton import Skeleton
from jaxpose.visualization.comparison_figures import run_colours
from jaxpose.visualization.figures import fitting_title

Scores = Mapping[str, float]
"""The metrics of `KEYS` by key, in mm, mm/frame and mm/frame²."""

KEYS = ("mpjpe", "p_mpjpe", "mpjve", "mpjae")
HEADINGS = ("P1", "P2", "MPJVE", "MPJAE")

STYLES = {"savgol": "-", "butterworth": "--", "one-euro": ":"}
"""The filters, and the style of their lines."""

DOTTED = (0, (1, 4))
"""Style of the line of the constant pose."""

CONSTANT = "constant pose"
TRUE_CUTOFFS = (3.6, 6.0, 10.0)
"""Hz, of the Butterworth filter that smooths the true poses."""

USUAL_FPS = 50.0
"""Frames per second at which the correlation of a detector is given."""

LIMB_SHARE, LIMB_SECONDS, LIMB_PIXELS = 0.02, (0.1, 0.2, 0.4), 60.0
"""Bursts: share of the frames in which a limb is off, how long it is, and the standard deviation of by how much."""

EXCHANGE_SHARE, EXCHANGE_SECONDS = 0.02, (0.1, 0.3, 0.6)
"""Bursts: share of the frames in which left and right of the legs, or of the arms, are exchanged, and how long."""


class Detector(NamedTuple):
    """How keypoints are made of the true poses."""

    words: str  # in titles
    correlation: float = 0.0  # of the jitter of consecutive frames at `USUAL_FPS`
    bursts: bool = False  # of limbs that are far off, and of exchanged sides


PREPARED = "prepared"
DETECTORS: Mapping[str, Detector] = {
    "white": Detector("white noise"),
    "0.8": Detector("noise of correlation 0.8", 0.8),
    "0.95": Detector("noise of correlation 0.95", 0.95),
    "bursts": Detector("noise of correlation 0.8, limbs far off and sides exchanged for some frames", 0.8, True),
}
"""By name; `PREPARED` is none of them: the data's own keypoints."""


class Condition(NamedTuple):
    """How the tracks are seen."""

    detector: str  # `PREPARED`, or one of `DETECTORS`
    fps: float | None = None  # frames per second; None for those of the track


class Row(NamedTuple):
    """The scores of the runs of a label behind one filter, or without any."""

    label: str
    smoothing: Smoothing | None
    runs: list[Scores]  # of each run


class Measured(NamedTuple):
    """What was measured in one condition."""

    condition: Condition
    title: str
    references: dict[str, Scores]  # by name: the constant pose, and the true poses smoothed
    rows: list[Row]  # label by label, the plain one first


@dataclasses.dataclass(frozen=True)
class Command:
    """Options of the experiment."""

    runs: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="LABEL=RUN[,RUN...] ...")]
    """Methods: each a label and its runs, or lifter files, such as those of several seeds."""
    out: Path
    """Folder of frontier.json with all numbers, and of frontier.png."""
    data: str | None = None
    """Data set to lift; by default, that of the first run."""
    split: str | None = None
    """Subjects of it; by default, the first run's test split."""
    detector: tuple[Literal["prepared", "white", "0.8", "0.95", "bursts"], ...] = (PREPARED,)
    """What makes the keypoints. "prepared": the data's own. The others project the true poses and add noise of 3 to 8
    pixels by kind of joint: white, or with this correlation of consecutive frames at 50 frames/s; "bursts" is 0.8 and
    has limbs far off, and left and right of arms or legs exchanged, for some frames."""
    fps: tuple[float, ...] = ()
    """Frame rates to which the true poses are resampled before they are projected; by default, that of the track.
    Networks see the frames as they are. Prepared keypoints keep their rate."""
    cutoffs: tuple[float, ...] = (1.5, 2.0, 2.5, 3.0, 3.6, 4.5, 6.0, 8.0)
    """Hz, of savgol and butterworth."""
    one_euro_cutoffs: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0)
    """Hz, of one-euro, for a joint at rest."""
    seed: int = 0
    """Of the noise."""

    def __post_init__(self) -> None:
        """Raise `InputError` for arguments that cannot be used."""
        for name in ("detector", "cutoffs", "one_euro_cutoffs"):
            if not getattr(self, name):
                raise InputError(f"--{name.replace('_', '-')} is empty; name at least one")
        for name in ("fps", "cutoffs", "one_euro_cutoffs"):
            if not all(0 < value < math.inf for value in getattr(self, name)):
                raise InputError(f"--{name.replace('_', '-')} must be numbers above 0")
        if self.fps and set(self.detector) == {PREPARED}:
            raise InputError("--fps changes the rate of projected keypoints; name a --detector that makes some")
        if self.seed < 0:
            raise InputError(f"--seed is {self.seed}; it must be at least 0")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run_command(Command, run, arguments, prog="python -m experiments.frontier", description=__doc__)


def run(command: Command) -> None:
    """Measure, print the tables and write the files.

    Raises:
      InputError: a run or the data cannot be used, or they do not fit each other; or the folder cannot be made.
    """
    runs = open_runs(command.runs)
    try:
        command.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{command.out} cannot be made ({error.strerror}); name another folder with --out") from error
    first = next(iter(runs.values()))[0]
    with working("reading the data"):
        description, tracks, split = load_fitting(first, command.data, command.split)
    for lifter in (lifter for of in runs.values() for lifter in of):
        check_fits(lifter, description, command.data or first.config.data)
    smoothings = [Smoothing(SMOOTHERS[name], hertz) for name in STYLES for hertz in cutoffs_of(name, command)]
    measured = []
    for condition in conditions_of(command):
        seen = see(tracks, description, condition, command.seed)
        measured.append(measure(condition, seen, runs, smoothings))

    data = f"{title_with_notice(description)}, {split}"
    console = Console()
    for shown in tables.deduplicate_notes(table(of, data) for of in measured):
        tables.show(console, shown)
    figure = draw(measured, list(runs), f"{data}: each point is a method behind a filter of one cut-off")
    numbers = {
        "data": data,
        "seed": command.seed,
        "runs": {label: [str(lifter.run) for lifter in of] for label, of in runs.items()},
        "conditions": list(map(as_json, measured)),
    }
    atomic_write_text(command.out / "frontier.json", json.dumps(numbers, indent=1) + "\n")
    atomic_write(command.out / "frontier.png", lambda path: figure.savefig(path, dpi=110))
    console.print(f"wrote {command.out}/frontier.json and frontier.png", soft_wrap=True, highlight=False)


def open_runs(named: Sequence[str]) -> dict[str, list[TrainedModel]]:
    """Open the runs LABEL=RUN[,RUN…], by label.

    Raises:
      InputError: none is named, one has no label, a label or a run is named twice, or a run cannot be opened.
    """
    if not named:
        raise InputError("no run is named; name at least one as LABEL=RUN")
    runs: dict[str, list[TrainedModel]] = {}
    for text in named:
        label, _, paths = text.partition("=")
        folders = paths.split(",")
        if not (label and all(folders)):
            raise InputError(f"{text!r} is not LABEL=RUN[,RUN…]; write, for example, baseline=runs/0,runs/1")
        if label in runs or len(set(folders)) < len(folders):
            raise InputError(f"{text!r} names a label or a run twice; write each label once, with all of its runs")
        with working(f"opening {label}"):
            runs[label] = [open_run(folder) for folder in folders]
    return runs


def conditions_of(command: Command) -> list[Condition]:
    """All detectors at all frame rates; the prepared keypoints once, at their own."""
    return [
        Condition(detector, fps)
        for detector in dict.fromkeys(command.detector)
        for fps in ((None,) if detector == PREPARED else dict.fromkeys(command.fps or (None,)))
    ]


def cutoffs_of(name: str, command: Command) -> list[float]:
    """The cut-offs of a filter in Hz, each once, from the strongest smoothing to the weakest."""
    return sorted({*(command.one_euro_cutoffs if name == "one-euro" else command.cutoffs)})


def filters_for(lifters: Sequence[TrainedModel], smoothings: Sequence[Smoothing]) -> list[Smoothing]:
    """The filters that count for the runs of a label: causal ones alone if one of the runs is causal."""
    causal = any(getattr(lifter.config.model, "causal", False) for lifter in lifters)
    return [smoothing for smoothing in smoothings if smoothing.smoother.causal or not causal]


def see(tracks: Sequence[Track], description: Description, condition: Condition, seed: int) -> list[Track]:
    """The tracks as a condition has them.

    Args:
      tracks: with true positions.
      description: of the tracks; those with a confidence get confidences of 1.
      condition: how they are seen.
      seed: of the noise, which depends on it, on the name of the track and on its frame rate alone.

    Returns:
      Tracks with other positions, keypoints and frame rates, or as they are.

    Raises:
      InputError: a keypoint is not a joint, so that it cannot be projected.
    """
    if condition.detector == PREPARED:
        return list(tracks)
    try:
        joints = list(joints_of_keypoints(description.skeleton, description.layout))
    except InputError as error:
        raise InputError(f"--detector {condition.detector} projects joints to keypoints: {error}") from error
    return [see_track(track, description, joints, condition, seed) for track in tracks]


def see_track(track: Track, description: Description, joints: list[int], condition: Condition, seed: int) -> Track:
    """One track as a detector sees it, see `see`; `joints` are those of the keypoints."""
    detector, fps = DETECTORS[condition.detector], condition.fps or track.fps
    positions = resample(track.positions_3d, track.fps, fps)
    random = np.random.default_rng([seed, zlib.crc32(track_name(track).encode())])
    noise = correlated_noise(random, len(positions), description.layout, detector.correlation ** (USUAL_FPS / fps))
    keypoints = projected(positions[:, joints], track) + noise
    if detector.bursts:
        keypoints = with_bursts(random, keypoints, description.layout, fps)
    certain = np.ones((*keypoints.shape[:2], description.channels - 2))
    keypoints = np.concatenate([keypoints, certain], axis=-1).astype(np.float32)
    return track._replace(positions_3d=positions, keypoints_2d=keypoints, fps=fps)


def projected(positions: np.ndarray, track: Track) -> np.ndarray:
    """Pixels (T, K, 2) of positions (T, K, 3) in metres before the camera of a track, its distortion included."""
    camera = Camera(track.orientation, track.translation, track.intrinsics, track.width, track.height)
    return np.asarray(_jitted_project()(positions, camera))


@functools.cache
def _jitted_project() -> Any:
    return jax.jit(project)


def correlated_noise(random: np.random.Generator, frames: int, layout: Skeleton, correlation: float) -> np.ndarray:
    """Noise of a detector, stationary and autoregressive: x' = c x + sqrt(1 - c²) noise.

    Args:
      random: where it is drawn from; as many numbers for every correlation.
      frames: T.
      layout: the names of the K keypoints decide their standard deviation (`detector_noise.jitter_spread`).
      correlation: c, of consecutive frames, from 0 to below 1.

    Returns:
      (T, K, 2) pixels.
    """
    from scipy import signal  # here, as it is slow to import

    innovations = random.standard_normal((frames, layout.num_joints, 2))
    innovations[1:] *= math.sqrt(1 - correlation**2)
    return jitter_spread(layout)[:, None] * signal.lfilter([1], [1, -correlation], innovations, axis=0)


def with_bursts(random: np.random.Generator, keypoints: np.ndarray, layout: Skeleton, fps: float) -> np.ndarray:
    """Displace limbs, and exchange left and right of the legs or of the arms, for runs of frames.

    All keypoints of a limb (hip, knee and ankle; elbow and wrist) are displaced alike, constantly within a run.

    Args:
      random: where the runs are drawn from.
      keypoints: (T, K, 2) pixels.
      layout: of the keypoints.
      fps: frames per second.

    Returns:
      (T, K, 2).
    """
    frames, pairs = len(keypoints), pairs_exchanged(layout)[0][1:3]  # legs and arms of both sides, (2, K)
    for pair in pairs:
        for side in (layout.left, layout.right):
            limb = pair & np.isin(np.arange(layout.num_joints), side)
            run = drawn_runs(random, frames, LIMB_SHARE, LIMB_SECONDS, fps)
            off = LIMB_PIXELS * random.standard_normal((run.max(initial=0) + 1, 1, 2))
            keypoints = keypoints + np.where((run >= 0)[:, None, None], off[run], 0) * limb[:, None]
    for pair in pairs:
        run = drawn_runs(random, frames, EXCHANGE_SHARE, EXCHANGE_SECONDS, fps)
        exchanged = ((run >= 0)[:, None] & pair)[..., None]
        keypoints = np.where(exchanged, keypoints[:, list(layout.mirrored)], keypoints)
    return keypoints


def drawn_runs(
    random: np.random.Generator, frames: int, share: float, seconds: Sequence[float], fps: float
) -> np.ndarray:
    """Runs of frames that hold a share of all frames on average.

    Args:
      random: where they are drawn from.
      frames: T.
      share: from 0 to below 1.
      seconds: lengths of the runs, each as likely; a run ends early where another begins.
      fps: frames per second.

    Returns:
      (T,) the number of the run in which a frame lies, from 0; -1 for none.
    """
    lengths = np.asarray([max(1, round(length * fps)) for length in seconds])
    before = lengths.max() - 1  # a run may have begun before the first frame
    time = np.arange(before + frames)
    starts = random.random(len(time)) < start_rate(share, lengths)
    last = np.maximum.accumulate(np.where(starts, time, -1))
    within = (last >= 0) & (time - last < random.choice(lengths, len(time))[last])
    return np.where(within, np.cumsum(starts) - 1, -1)[before:]


def measure(
    condition: Condition,
    tracks: Sequence[Track],
    runs: Mapping[str, Sequence[TrainedModel]],
    smoothings: Sequence[Smoothing],
) -> Measured:
    """Score every run, plain and behind every filter, and what they are compared with.

    Args:
      condition: for the title.
      tracks: as the condition has them, at least one.
      runs: by label.
      smoothings: the filters with their cut-offs.
    """
    frames = pack(tracks)
    targets, rates = np.asarray(frames.poses), {track.fps for track in tracks}

    def scored(poses: np.ndarray) -> Scores:
        return score(poses, targets, tracks, metrics=choose_metrics(KEYS))["average"]

    rows = []
    for label, lifters in runs.items():
        with working(f"{condition.detector} keypoints, {label}"):
            lifted = [lifter.lift(frames) for lifter in lifters]
            rows.append(Row(label, None, list(map(scored, lifted))))
            for smoothing in filters_for(lifters, smoothings):
                smooth = (smooth_tracks(poses, tracks, smoothing) for poses in lifted)
                rows.append(Row(label, smoothing, list(map(scored, smooth))))
    prepared = condition.detector == PREPARED
    keypoints = "keypoints as prepared" if prepared else f"true keypoints with {DETECTORS[condition.detector].words}"
    rate = f"{rates.pop():g} frames/s" if len(rates) == 1 else "frame rates differ"
    references = {name: scored(poses) for name, poses in reference_poses(targets, tracks).items()}
    return Measured(condition, f"{keypoints}, {rate}", references, rows)


def reference_poses(targets: np.ndarray, tracks: Sequence[Track]) -> dict[str, np.ndarray]:
    """Poses that take no lifter, by name: the mean of all true poses in every frame, and the true poses smoothed.

    Args:
      targets: (F, J, 3) metres, the tracks end to end.
      tracks: say how long each is.

    Returns:
      (F, J, 3) each.
    """
    smoothings = [Smoothing(SMOOTHERS["butterworth"], hertz) for hertz in TRUE_CUTOFFS]
    mean = targets.mean(axis=0, dtype=np.float64).astype(targets.dtype)
    return {
        CONSTANT: np.broadcast_to(mean, targets.shape),
        **{f"true poses, {smoothing}": smooth_tracks(targets, tracks, smoothing) for smoothing in smoothings},
    }


def mean_and_spread(runs: Sequence[Scores], key: str) -> tuple[float, float]:
    """Mean and sample standard deviation of a metric over runs; the deviation of a single run is NaN."""
    values = [scores[key] for scores in runs]
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else math.nan


def best_rows(rows: Sequence[Row]) -> list[Row]:
    """Of each label, the plain row, and for each filter that with the least MPJVE, in the order of the rows."""
    best: dict[tuple[str, str | None], Row] = {}
    for row in rows:
        key = (row.label, row.smoothing and row.smoothing.smoother.name)
        if key not in best or mean_and_spread(row.runs, "mpjve")[0] < mean_and_spread(best[key].runs, "mpjve")[0]:
            best[key] = row
    return list(best.values())


def table(measured: Measured, data: str) -> tables.Table:
    """The table of one condition; `data` names the data in its title."""
    lines, rules, labels = [], [], []
    for row in best_rows(measured.rows):
        if row.label not in labels:
            rules.append(len(lines))
            labels.append(row.label)
        lines.append([f"{row.label}, {row.smoothing}" if row.smoothing else row.label, *map(cell(row.runs), KEYS)])
    rules.append(len(lines))
    lines += [[name, *map(cell([scores]), KEYS)] for name, scores in measured.references.items()]
    notes = (
        f"{describe_units(choose_metrics(KEYS))}. Each filter at the cut-off, of those tried, with the least MPJVE. "
        "± is the sample standard deviation over runs.",
        describe_protocol(VIDEOPOSE3D),
    )
    return tables.Table(f"{data}; {measured.title}", ("", *HEADINGS), lines, notes, rules)


def cell(runs: Sequence[Scores]) -> Any:
    """The function from the key of a metric to the text of its mean over runs, and spread if there are several."""

    def text(key: str) -> str:
        mean, spread = (METRICS[key].format(value) for value in mean_and_spread(runs, key))
        return f"{mean} ± {spread}" if len(runs) > 1 else mean

    return text


def as_json(measured: Measured) -> dict[str, Any]:
    """All numbers of a condition; a filter and a cut-off of None are no smoothing."""
    rows = [
        {
            "label": row.label,
            "filter": row.smoothing and row.smoothing.smoother.name,
            "cutoff": row.smoothing and row.smoothing.cutoff,
            "runs": row.runs,
        }
        for row in measured.rows
    ]
    return {
        **measured.condition._asdict(),
        "title": measured.title,
        "references": measured.references,
        "rows": rows,
    }


def draw(measured: Sequence[Measured], labels: Sequence[str], title: str) -> Figure:
    """Draw MPJAE and MPJVE over P1: a row of two panels for each condition, a curve for each label and filter.

    Args:
      measured: the conditions, at least one.
      labels: of the runs, each with a colour.
      title: names the data.

    Returns:
      The figure.
    """
    colours = dict(zip(labels, run_colours(len(labels)), strict=True))
    figure = Figure(figsize=(11, 4.4 * len(measured) + 1), layout="constrained")
    figure.suptitle(fitting_title(title, figure), fontsize="small", parse_math=False)
    panels = figure.subplots(len(measured), 2, squeeze=False)
    for (left, right), of in zip(panels, measured, strict=True):
        for axes, key, unit in ((left, "mpjae", "mm/frame²"), (right, "mpjve", "mm/frame")):
            draw_panel(axes, of, key, colours)
            axes.set(xlabel="P1, mm", ylabel=f"{key.upper()}, {unit}")
        left.set_title(of.title, fontsize="small", loc="left", parse_math=False)
    used = {row.smoothing.smoother.name for of in measured for row in of.rows if row.smoothing}
    styles = {name: style for name, style in STYLES.items() if name in used}
    by_label = [Line2D([], [], color=colour, label=label.replace("$", r"\$")) for label, colour in colours.items()]
    by_style = [
        Line2D([], [], color="0.3", marker="*", markersize=11, linestyle="", label="not smoothed"),
        *(Line2D([], [], color="0.3", linestyle=style, marker=".", label=name) for name, style in styles.items()),
        Line2D([], [], color="0.5", linestyle=DOTTED, label=CONSTANT),
    ]
    for handles, side in ((by_label, "left"), (by_style, "right")):
        columns = min(len(handles), 4 if side == "left" else len(by_style))
        figure.legend(handles=handles, loc=f"outside lower {side}", ncols=columns, fontsize="small")
    return figure


def draw_panel(axes: Axes, measured: Measured, key: str, colours: Mapping[str, Any]) -> None:
    """Draw one metric over P1, the means over runs; the cut-offs in Hz stand at the ends of the curves."""
    curves: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for row in measured.rows:
        x, y = (mean_and_spread(row.runs, metric)[0] for metric in ("mpjpe", key))
        if row.smoothing is None:
            axes.plot(x, y, "*", color=colours[row.label], markersize=13, zorder=3)
        else:
            name = row.smoothing.smoother.name
            curves.setdefault((row.label, name), []).append((x, y, row.smoothing.cutoff))
    for (label, name), points in curves.items():
        x, y, hertz = np.transpose(points)
        axes.plot(x, y, STYLES[name], color=colours[label], marker=".", linewidth=1.3)
        below = name == "butterworth"  # whose curve is nearly that of savgol
        for end in {0, len(points) - 1}:
            axes.annotate(
                f"{hertz[end]:g} Hz",
                (x[end], y[end]),
                xytext=(4, -10 if below else 4),
                textcoords="offset points",
                fontsize=7,
                color=colours[label],
            )
    axes.axhline(measured.references[CONSTANT][key], color="0.5", linestyle=DOTTED, zorder=0)
    axes.margins(0.1)
    axes.grid(alpha=0.3)


if __name__ == "__main__":
    main()
