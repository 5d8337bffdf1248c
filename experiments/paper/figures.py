"""Draw the figures of the paper from runs: training curves, and the errors of every action as bars.

    python -m experiments.paper.figures runs/baseline-1 runs/baseline-2048-1 runs/joint-aware-1 --out figures

Writes `curves` and, for each metric, a figure of its name, all as PNG and PDF. A run is called by the settings in which
it differs from the others. Runs on Human3.6M's test set have the paper's rows beside them, others say why not.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib
import tyro
from matplotlib.figure import Figure
from rich.console import Console

from experiments.paper import drawing
from jaxpose.data.track import SYNTHETIC_NOTICE, Description
from jaxpose.evaluation import paper_tables, results_file
from jaxpose.evaluation.protocol import VIDEOPOSE3D
from jaxpose.files.atomic import atomic_write
from jaxpose.files.guarded_read import read_json
from jaxpose.runs.folder import read_settings
from jaxpose.runs.log import read_log
from jaxpose.runtime.errors import InputError, cli_errors
from jaxpose.training.config import Config

METRICS = tuple(results_file.HEADINGS)
UNITS = {"mpjve": "mm/frame", "mpjae": "mm/frame²"}  # of the others, mm
AVERAGE = "average"
OF_CONSTRAINTS = ("ramp", "clips", "clip_frames")  # settings
PRINTED = {"Pavllo'19": "0.8", "Ours": "0.6"}
"""The paper's rows that are drawn, its baseline and its own, and their greys."""

Errors = Mapping[str, Mapping[str, float]]
"""By action, then `AVERAGE`, and by metric; mm, mm/frame or mm/frame², NaN where there is none."""


class Run(NamedTuple):
    """What is drawn of a run."""

    folder: Path
    config: Config
    description: Description
    log: Sequence[Mapping[str, float]]  # empty for weights that came from elsewhere
    errors: Errors
    frames: float  # that were scored
    fps: float


def read(folder: Path) -> Run:
    """A run that has been trained and evaluated.

    Raises:
      InputError: there is no run, it has no results yet, or one of its files is damaged.
    """
    config, description = read_settings(folder)
    path = folder / "results.json"
    try:
        found = read_json(path)
        rows = {**found["actions"], AVERAGE: found["average"]}
        errors = {action: {metric: _number(row[metric]) for metric in METRICS} for action, row in rows.items()}
        scored = _number(found["frames"]), _number(found["fps"])
    except FileNotFoundError:
        raise InputError(
            f"{folder} has no results yet: let it end (--resume), or run python -m jaxpose.evaluate {folder}"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} does not hold the results of a run ({error!r}); evaluate it again") from error
    if not found["actions"]:
        raise InputError(f"{path} holds no action; evaluate the run again")
    log = read_log(folder)
    if not all({"epoch", "loss"} <= record.keys() for record in log):
        raise InputError(f"{folder / 'metrics.jsonl'} has a line without epoch or loss; remove the line, or the file")
    return Run(folder, config, description, log, errors, *scored)


def _number(value: float | None) -> float:
    """A number of a JSON file; null stands for NaN."""
    return math.nan if value is None else float(value)


def check(runs: Sequence[Run]) -> None:
    """Raise `InputError` if the runs cannot be in one figure."""
    if not runs:
        raise InputError("there is nothing to draw; name the folder of one run or more")
    first, *others = runs
    for number, run in enumerate(others, start=1):
        if run.folder.resolve() in [other.folder.resolve() for other in runs[:number]]:
            raise InputError(f"{run.folder} is named twice")
        if run.description.synthetic != first.description.synthetic:
            raise InputError(f"one of {first.folder} and {run.folder} is of synthetic motion; draw them apart")
        if odd := sorted(run.errors.keys() ^ first.errors.keys()):
            raise InputError(
                f"{first.folder} and {run.folder} are of different actions ({', '.join(odd)}); draw them apart"
            )


def label(configs: Sequence[Config], names: Sequence[str]) -> tuple[list[str], str]:
    """What to call some runs: by no more settings than it takes to tell them apart, or else by name.

    Args:
      configs: their settings.
      names: their own.

    Returns:
      The labels, and a sentence on the settings that differ too; empty if none does.
    """
    fields = dict.fromkeys(("channels", "constraints", *(field.name for field in dataclasses.fields(Config))))
    columns = {field: _phrases(configs, field) for field in fields}
    columns = {field: phrases for field, phrases in columns.items() if len({*phrases} - {""}) > 1}
    chosen: list[str] = []
    keys: list[tuple[str, ...]] = [()] * len(configs)
    for field, phrases in columns.items():
        finer = [(*key, phrase) for key, phrase in zip(keys, phrases, strict=True)]
        if len(set(finer)) > len(set(keys)):
            chosen, keys = [*chosen, field], finer
    labels = []
    for key, name in zip(keys, names, strict=True):
        said = [phrase for phrase in key if phrase and not phrase.startswith("no ")] or [*filter(None, key)]
        labels.append(", ".join(said if said and keys.count(key) == 1 else [*said, name]))
    others = [" / ".join(columns[field]) for field in columns if field not in chosen]
    return labels, f"The runs also differ: {'; '.join(others)}." if others else ""


def _phrases(configs: Sequence[Config], field: str) -> list[str]:
    """A setting of each run in words; empty where it has no effect."""
    values, name = [getattr(config, field) for config in configs], field.replace("_", " ")
    if field == "channels":
        return [f"{value} channels" for value in values]
    if field == "constraints":
        texts = [" ".join(f"{term} {weight:g}" for term, weight in sorted(value.items())) for value in values]
        several = len({text for text in texts if text}) > 1
        return [(f"constraints {text}" if several else name) if text else f"no {name}" for text in texts]
    if field == "filter_widths":
        return [f"filters {'-'.join(map(str, value))}" for value in values]
    if field in OF_CONSTRAINTS:
        return [f"{name} {value}" if config.constraints else "" for config, value in zip(configs, values, strict=True)]
    plain = {"True": name, "False": f"no {name}", "None": f"no {name}"}
    return [plain.get(str(value), f"{name} {value}") for value in values]


def incomparable(run: Run) -> str:
    """Why the paper's rows must not stand beside a run; empty if they may. Results are always of `PUBLISHED`."""
    actions = run.errors.keys() - {AVERAGE}
    there = paper_tables.Scored(run.config.test_split.split("+"), actions, run.frames, (run.fps,))
    return paper_tables.incomparable(run.description, there, VIDEOPOSE3D)


def printed(metric: str) -> tuple[dict[str, list[float]], list[str]]:
    """The paper's rows of a metric by name, fifteen actions and the average, and what is to be said of them."""
    number, rows, notes = paper_tables.BY_ACTION[metric], {}, []
    for row in paper_tables.load(number):
        name = row.method.replace(" ", "")  # Pavllo '19, in one table
        if name in PRINTED:
            rows[name] = [float(cell) for cell in row.cells.values()]
            if mark := paper_tables.mark(row):
                notes.append(f"{name} in the paper (mean {paper_tables.mean(row):.2f}): {paper_tables.MARKS[mark]}.")
            if note := paper_tables.NOTES.get((number, row.method)):
                notes.append(f"{name} in the paper: {note}.")
    return rows, [*notes, paper_tables.INPUT_NOTE]


def draw(runs: Sequence[Run]) -> Iterator[tuple[str, Figure]]:
    """Every figure with its name."""
    labels, differences = label([run.config for run in runs], [f"run {run.folder}" for run in runs])
    captions = dict.fromkeys(results_file.caption(run.description, run.config.test_split) for run in runs)
    title = " ".join([*captions, differences]).strip()
    if logs := {name: run.log for name, run in zip(labels, runs, strict=True) if run.log}:
        yield "curves", drawing.curves(logs, title=title)
    reason = next(filter(None, map(incomparable, runs)), "")
    groups = tuple(runs[0].errors)
    for metric in METRICS:
        rows, notes = ({}, [f"Not comparable with the paper's rows: {reason}."]) if reason else printed(metric)
        if rows:
            groups = (*paper_tables.ACTIONS, AVERAGE)
        shades = [PRINTED[name] for name in rows] + drawing.colours(len(runs))
        rows = {f"{name}, as the paper prints it": row for name, row in rows.items()}
        rows |= {name: [run.errors[group][metric] for group in groups] for name, run in zip(labels, runs, strict=True)}
        measure = f"{results_file.HEADINGS[metric]}, {UNITS.get(metric, 'mm')}"
        yield (
            metric,
            drawing.bars(
                rows, groups, measure, digits=1 + (metric in UNITS), shades=shades, title=title, note=" ".join(notes)
            ),
        )


@dataclasses.dataclass(frozen=True)
class Command:
    """What the command line says."""

    runs: tyro.conf.Positional[tuple[Path, ...]] = ()
    """The folders of the runs."""
    out: Path = Path("figures")
    """Folder of the figures; those of the same names are replaced."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    with cli_errors():
        command = tyro.cli(Command, args=arguments, prog="python -m experiments.paper.figures", description=__doc__)
        runs = [read(folder) for folder in command.runs]
        check(runs)
        figures = dict(draw(runs))
        try:
            command.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{command.out} cannot be made ({error.strerror}); choose another --out") from error
        with matplotlib.rc_context({"pdf.fonttype": 42}):  # TrueType, which publishers ask for
            for name, figure in figures.items():
                for kind in ("png", "pdf"):
                    atomic_write(command.out / f"{name}.{kind}", figure.savefig)
        console = Console()
        if runs[0].description.synthetic:
            console.print(SYNTHETIC_NOTICE, style="bold yellow")
        elif reason := next(filter(None, map(incomparable, runs)), ""):
            console.print(f"Not comparable with the paper's rows: {reason}.", soft_wrap=True)
        console.print(f"{', '.join(figures)}: PNG and PDF in {command.out}", soft_wrap=True)


if __name__ == "__main__":
    main()
