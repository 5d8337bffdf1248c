"""Convert weights of the published VideoPose3D code (PyTorch) to a run, or a run to such weights.

    jaxpose convert pretrained_h36m_cpn.bin --out runs/pretrained
    jaxpose convert RUN --out weights.bin

The shapes of the weights tell the architecture, except whether the model is causal. Needs the extra `torch`.
"""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import tyro

from jaxpose.runtime.command import run_command
from jaxpose.runtime.errors import InputError


@dataclasses.dataclass(frozen=True)
class Command:
    """The arguments of `jaxpose convert`."""

    source: tyro.conf.Positional[Path]
    """A file of the published code to import, or the folder of a run to export."""
    out: Path
    """The folder of the run, or the file, to create."""
    causal: bool = False
    """Import: the model predicts from past frames only."""
    dense: bool | None = None
    """Import: wide filters in place of dilated ones; by default, as the filter widths suggest."""
    data: str = "synthetic"
    """Import: the prepared data set whose joints the weights are for; by default, joints of Human3.6M."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    run_command(Command, convert, arguments, prog="jaxpose convert", description=__doc__)


def convert(command: Command) -> None:
    """Import a file, or export a run, and print what was created.

    Raises:
      InputError: see `jaxpose.runs.weights`; or a run is given together with options of the import.
    """
    from jaxpose.runs import weights

    options = {"causal": command.causal, "dense": command.dense, "data": command.data}
    if not os.path.isdir(command.source):
        config = weights.import_run(command.source, command.out, **options)
        model = config.model
        widths, direction = ",".join(map(str, model.filter_widths)), "causal" if model.causal else "symmetric"
        filters = "dense" if model.dense else "dilated"
        print(f"Filter widths {widths}, {filters}, {direction}; {model.channels} channels.")
        print(f"The run is in {command.out}")
    elif options != {field.name: field.default for field in dataclasses.fields(Command) if field.name in options}:
        raise InputError(f"{command.source} is a run, whose architecture is known; remove all options but --out")
    else:
        weights.export_run(command.source, command.out)
        print(f"The weights are in {command.out}")


if __name__ == "__main__":
    main()
