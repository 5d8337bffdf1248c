"""Evaluate runs as the field does: accuracy, how sure it is, and how far the motion is from what a body can do.

    python -m jaxpose.evaluate RUN [RUN …] [--data DIR] [--split S9+S11] [--by subject camera joint] [--format md tex]

Tables are printed. With --format they are also written, into RUN/evaluation or --out. A single run that is evaluated on
its own test split by the default protocol also gets its results.json and results.md again. Several runs are compared
with the first, on the data and the split of the first.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from rich.console import Console

from jaxpose.data.track import Description, Track, title_with_notice, track_lengths, track_name
from jaxpose.data.windows import pack
from jaxpose.evaluation import report_tables, results_file
from jaxpose.evaluation.averages import summarize
from jaxpose.evaluation.compare import Evaluated
from jaxpose.evaluation.protocol import VIDEOPOSE3D, Protocol, choose, cut
from jaxpose.evaluation.report_tables import Part
from jaxpose.evaluation.track_errors import measure_tracks
from jaxpose.files.atomic import atomic_write, atomic_write_text
from jaxpose.runs import Which
from jaxpose.runs.trained import load_fitting, open_run
from jaxpose.runtime import tables
from jaxpose.runtime.devices import keep_compiled
from jaxpose.runtime.errors import InputError, cli_errors
from jaxpose.runtime.tables import Table

Format = Literal["md", "tex", "csv", "json"]


@dataclasses.dataclass(frozen=True)
class Command:
    """What the command line says."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of runs; all but the first are compared with the first."""
    data: str | None = None
    """Evaluate on this data set; without it, on the one that the (first) run was trained on."""
    split: str | None = None
    """Evaluate on these subjects; without it, on the run's test split."""
    by: tuple[Part, ...] = ("joint",)
    """Tables beside those of the actions."""
    format: tuple[Format, ...] = ()
    """Files to write: evaluation.md, evaluation.tex and evaluation.json with everything, and a CSV file per table."""
    out: Path | None = None
    """Folder for these files; without it, RUN/evaluation. Files of the same names are replaced."""
    save: Path | None = None
    """Write the predictions, by name of track, to this npz file."""
    checkpoint: Which = "last"
    """Of every run: the last, or the best on its validation split."""
    protocol: tyro.conf.OmitArgPrefixes[tyro.conf.FlagCreatePairsOff[Protocol]] = VIDEOPOSE3D


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    with cli_errors():
        command = tyro.cli(Command, args=arguments, prog="python -m jaxpose.evaluate", description=__doc__)
        keep_compiled()
        evaluate(command)


def evaluate(command: Command) -> None:
    """Measure the runs, print the tables, and write what is asked for.

    Raises:
      InputError: there is no such run or data, they do not fit each other, a file cannot be written, or the command
        contradicts itself.
    """
    refuse_contradictions(command)
    folder = command.out or command.runs[0] / "evaluation"
    names = [run.resolve().name for run in command.runs]
    if len(set(names)) < len(names):
        names = [str(run) for run in command.runs]
    if command.checkpoint == "best":
        names = [f"{called}, best checkpoint" for called in names]
    runs, where = [], None
    data, split = command.data, command.split
    for called, run in zip(names, command.runs, strict=True):
        lifter = open_run(run, command.checkpoint)
        data, split = data or lifter.config.data, split or lifter.config.test_split
        description, tracks, split = load_fitting(lifter, data, split)
        where = where or report_tables.setting(description, split, tracks, command.protocol)
        lifted, scored = cut(choose(tracks, command.protocol), command.protocol)
        frames = pack(lifted)
        predictions = lifter.lift(frames, mirrored=command.protocol.mirror)
        if command.save:
            save(command.save, predictions, lifted, description)
        skeleton, targets = description.skeleton, np.asarray(frames.poses)
        measures = measure_tracks(predictions, targets, scored, protocol=command.protocol, skeleton=skeleton)
        runs.append(Evaluated(called, lifter.config, measures))

    console, written = Console(markup=False), [command.save] if command.save else []
    found = report_tables.all_tables(runs, where, command.by)
    for table in tables.deduplicate_notes(found.values()):
        tables.show(console, table)
        console.print()
    if said := report_tables.notice(where):
        console.print(said, soft_wrap=True)
    if command.format:
        written += write(folder, command.format, found, report_tables.facts(runs, where), said)
    as_trained = command.data is None and command.split is None and command.checkpoint == "last"
    if len(runs) == 1 and as_trained and command.protocol == VIDEOPOSE3D:
        results_file.write(command.runs[0], summarize(runs[0].measures, VIDEOPOSE3D), description, split)
        written += [command.runs[0] / "results.json", command.runs[0] / "results.md"]
    for path in written:
        console.print(f"wrote {path}", soft_wrap=True, highlight=False)


def refuse_contradictions(command: Command) -> None:
    """Before anything is computed.

    Raises:
      InputError: the command contradicts itself.
    """
    if not command.runs:
        raise InputError("no run is named; give the folder of at least one")
    if len({run.resolve() for run in command.runs}) < len(command.runs):
        raise InputError("a run is named twice; name each once")
    if command.out and not command.format:
        raise InputError("--out names a folder, but nothing is written there; say what with --format md tex csv json")
    if command.format and len(command.runs) > 1 and not command.out:
        raise InputError("several runs are compared; name the folder for the files with --out")
    if command.save and (len(command.runs) > 1 or command.protocol.chunk is not None):
        raise InputError("--save writes whole tracks of one run; name one run, and leave out --chunk")
    if command.save and command.save.suffix != ".npz":
        raise InputError(f"--save is {command.save}; it must end with .npz")


def write(
    folder: Path, formats: Sequence[Format], found: dict[str, Table], facts: dict[str, Any], said: str
) -> list[Path]:
    """Write the tables into a folder.

    Args:
      folder: made if it is not there.
      formats: which files.
      found: the tables by name.
      facts: for JSON.
      said: what must stand beside the tables.

    Returns:
      The files.

    Raises:
      InputError: the folder cannot be made, or a file cannot be written.
    """
    once = tables.deduplicate_notes(found.values())
    whole = {
        "md": lambda: ["# Evaluation\n", *map(tables.markdown, once), tables.markdown_text(said)],
        "tex": lambda: [*map(tables.latex, found.values()), tables.latex_text(said)],
        "json": lambda: [results_file.plain_json(facts)],
    }
    texts = {}
    for form in dict.fromkeys(formats):
        if form == "csv":
            texts |= {f"{stem}.csv": tables.comma_separated(table) for stem, table in found.items()}
        else:
            texts[f"evaluation.{form}"] = "\n".join(whole[form]()).rstrip() + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made ({error.strerror}); choose another folder with --out") from error
    for file, text in texts.items():
        atomic_write_text(folder / file, text)
    return [folder / file for file in texts]


def save(path: Path, predictions: np.ndarray, tracks: Sequence[Track], description: Description) -> None:
    """Write predictions as an npz file that NumPy opens without unpickling.

    It holds an array (T, J, 3) by name of track, as in "S9/Walking/55011271"; `tracks`, their names in order; `fps` of
    each; `joints`, the names of the J joints; and `units`, `space` and `data` in words.

    Raises:
      InputError: the file cannot be written.
    """
    ends = np.cumsum(track_lengths(tracks))
    by_name = dict(zip(map(track_name, tracks), np.split(predictions, ends[:-1]), strict=True))
    about = {
        "tracks": np.asarray([*by_name]),
        "fps": np.asarray([track.fps for track in tracks]),
        "joints": np.asarray(description.skeleton.joints),
        "units": np.asarray("metres"),
        "space": np.asarray("camera: x right, y down, z forward; relative to the root, whose own prediction is kept"),
        "data": np.asarray(title_with_notice(description)),
    }
    atomic_write(path, lambda temporary: np.savez(temporary, **about, **by_name))


if __name__ == "__main__":
    main()
