"""Draw the figures of the paper from runs: training curves, and the errors of every action as bars.

    python -m experiments.paper.figures runs/baseline-1 runs/baseline-2048-1 runs/joint-aware-1 --out figures

Writes `curves` and, for each metric, a figure of its name, all as PNG and PDF. A run is labelled by the settings in
which it differs from the others. The paper's rows stand beside runs on Human3.6M's test set; for other runs the figure
says why they do not.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import tyro
from rich.console import Console

from jaxpose.data.track import SYNTHETIC_NOTICE
from jaxpose.evaluation.paper_figures import FinishedRun, check_runs, paper_figures, why_runs_incomparable
from jaxpose.evaluation.results_file import read_results
from jaxpose.files.atomic import atomic_write
from jaxpose.runs.folder import read_settings
from jaxpose.runs.log import read_log
from jaxpose.runtime.errors import InputError, cli_errors


@dataclasses.dataclass(frozen=True)
class Command:
    """The arguments of the command."""

    runs: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Folders of the runs."""
    out: Path = Path("figures")
    """Folder of the figures; those of the same names are replaced."""


def read_run(folder: Path) -> FinishedRun:
    """Read a run that has been trained and evaluated.

    Raises:
      InputError: there is no run, it has no results yet, or one of its files is damaged.
    """
    config, description = read_settings(folder)
    return FinishedRun(folder, config, description, read_log(folder), read_results(folder))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    with cli_errors():
        command = tyro.cli(Command, args=arguments, prog="python -m experiments.paper.figures", description=__doc__)
        runs = [read_run(folder) for folder in command.runs]
        check_runs(runs)
        figures = dict(paper_figures(runs))
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
        elif reason := why_runs_incomparable(runs):
            console.print(f"Not comparable with the paper's rows: {reason}.", soft_wrap=True)
        console.print(f"{', '.join(figures)}: PNG and PDF in {command.out}", soft_wrap=True)


if __name__ == "__main__":
    main()
