"""The tables of an evaluation on the terminal and in Markdown and LaTeX; all its numbers as JSON and CSV."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from jaxpose.evaluation import Format
from jaxpose.evaluation.compare import EvaluatedRun, EvaluationSetting
from jaxpose.evaluation.evaluation_csv import evaluation_csv
from jaxpose.evaluation.evaluation_json import evaluation_as_dict
from jaxpose.evaluation.report_tables import published_rows_note
from jaxpose.evaluation.results_file import json_text
from jaxpose.files.atomic import atomic_write_text
from jaxpose.runtime import tables
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.tables import Table


def print_tables(console: Console, by_name: Mapping[str, Table], setting: EvaluationSetting) -> None:
    """Print the tables, and why there are no published rows if there are none."""
    for table in tables.deduplicate_notes(by_name.values()):
        tables.show(console, table)
        console.print()
    if note := published_rows_note(setting):
        console.print(note, soft_wrap=True)


def write_tables(
    folder: Path,
    formats: Sequence[Format],
    by_name: Mapping[str, Table],
    runs: Sequence[EvaluatedRun],
    setting: EvaluationSetting,
) -> list[Path]:
    """Write the tables as Markdown and LaTeX, and all numbers as JSON and CSV, into a folder.

    Args:
      folder: made if it does not exist; files of the same names are replaced.
      formats: which files to write.
      by_name: the tables.
      runs: that were evaluated.
      setting: of the evaluation.

    Returns:
      The files.

    Raises:
      InputError: the folder cannot be made, or a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made ({error.strerror}); choose another folder with --out") from error
    note, once = published_rows_note(setting), tables.deduplicate_notes(by_name.values())
    files = {}
    for form in dict.fromkeys(formats):
        if form == "md":
            parts = ["# Evaluation\n", *map(tables.markdown, once), tables.escape_markdown(note)]
            files["evaluation.md"] = "\n".join(parts).rstrip() + "\n"
        elif form == "tex":
            parts = [*map(tables.latex, by_name.values()), tables.escape_latex(note)]
            files["evaluation.tex"] = "\n".join(parts).rstrip() + "\n"
        elif form == "json":
            files["evaluation.json"] = json_text(evaluation_as_dict(runs, setting))
        else:
            files["evaluation.csv"] = evaluation_csv(evaluation_as_dict(runs, setting), runs[0].errors.metrics)
    for file, text in files.items():
        atomic_write_text(folder / file, text)
    return [folder / file for file in files]
