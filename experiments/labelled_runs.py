"""Runs named on the command line of an experiment, each with the label of its row: LABEL=RUN."""

from collections.abc import Sequence

from jaxpose.runs.trained import TrainedModel, open_run
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.progress import working


def open_runs(named: Sequence[str]) -> dict[str, list[TrainedModel]]:
    """Open the runs LABEL=RUN by label; runs of one label are those of several seeds.

    Raises:
      InputError: none is named, one has no label or is named twice, or one cannot be opened.
    """
    if not named:
        raise InputError("no run is named; name at least one as LABEL=RUN")
    runs: dict[str, list[TrainedModel]] = {}
    for text in named:
        label, _, path = text.partition("=")
        if not (label and path):
            raise InputError(f"{text!r} is not LABEL=RUN; write, for example, baseline=runs/0 baseline=runs/1")
        if named.count(text) > 1:
            raise InputError(f"{text!r} is named twice; name it once")
        with working(f"opening {text}"):
            runs.setdefault(label, []).append(open_run(path))
    return runs
