"""Convert weights of published PyTorch code to a run, or a run to such weights.

    jaxpose convert pretrained_h36m_cpn.bin --out runs/pretrained
    jaxpose convert RUN --out weights.bin

Weights of VideoPose3D and of SemGCN's version of the network of Martinez et al. are known, and are recognised by their
names. Their shapes tell the architecture, except whether a model of VideoPose3D is causal. Files of PyTorch require
PyTorch (pip install torch); a .npz archive of the arrays of a state_dict does not.
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
    """A file of published code, or an archive .npz of the arrays of a state_dict, to import; or a run to export."""
    out: Path
    """The folder of the run, or the file, to create. A file whose name ends with .npz has arrays, without PyTorch."""
    causal: bool = False
    """Import of VideoPose3D: the model predicts from past frames only."""
    dense: bool | None = None
    """Import of VideoPose3D: wide filters in place of dilated ones; by default, as the filter widths suggest."""
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

    defaults = {field.name: field.default for field in dataclasses.fields(Command)}
    given = {name: getattr(command, name) for name in ("causal", "dense", "data")}
    given = {name: value for name, value in given.items() if value != defaults[name]}
    if not os.path.isdir(command.source):
        model = weights.import_run(command.source, command.out, **given).model
        settings = ", ".join(f"{name} {value}" for name, value in dataclasses.asdict(model).items())
        print(f"A network {model.kind!r}: {settings}.")
        print(f"The run is in {command.out}")
    elif given:
        raise InputError(f"{command.source} is a run, whose architecture is known; remove all options but --out")
    else:
        weights.export_run(command.source, command.out)
        print(f"The weights are in {command.out}")


if __name__ == "__main__":
    main()
