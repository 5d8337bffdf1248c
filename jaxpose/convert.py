"""Convert weights of published PyTorch code to a run, or a run to such weights or to a lifter file.

    jaxpose convert pretrained_h36m_cpn.bin --out runs/pretrained
    jaxpose convert RUN --out weights.bin
    jaxpose convert RUN --out lifter.npz --lifter float16

A lifter file is all that predicting needs: commands and `jaxpose.lift` take it in place of a run. Nothing in it can be
run.

Weights of VideoPose3D and of SemGCN's version of the network of Martinez et al. are known, and are recognised by their
names. Their shapes tell the architecture, except whether a model of VideoPose3D is causal. Files of PyTorch require
PyTorch (pip install torch); a .npz archive of the arrays of a state_dict does not.
"""

import dataclasses
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import tyro

from jaxpose.runs import FloatType, Which
from jaxpose.runtime.command import run_command
from jaxpose.runtime.errors import InputError


@dataclasses.dataclass(frozen=True)
class Command:
    """The arguments of `jaxpose convert`."""

    source: tyro.conf.Positional[Path]
    """A file of published code, or an archive .npz of the arrays of a state_dict, to import; or a run or a lifter file
    to export."""
    out: Path
    """The folder of the run, or the file, to create. A file whose name ends with .npz has arrays, without PyTorch."""
    causal: bool = False
    """Import of VideoPose3D: the model predicts from past frames only."""
    dense: bool | None = None
    """Import of VideoPose3D: wide filters in place of dilated ones; by default, as the filter widths suggest."""
    data: str = "synthetic"
    """Import: the prepared data set whose joints the weights are for; by default, joints of Human3.6M."""
    lifter: FloatType | None = None
    """Export to a lifter file, .npz, with the matrices of the network in this type. float16 has half the size; poses
    then differ by hundredths of a millimetre."""
    card: Path | None = None
    """Text file to put into the lifter file: what the weights were trained and tested on, licences, limits."""
    checkpoint: Which = "last"
    """Export: checkpoint of the run, the last or the best on its validation split."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    run_command(Command, convert, arguments, prog="jaxpose convert", description=__doc__)


_IMPORT, _EXPORT = ("causal", "dense", "data"), ("lifter", "card", "checkpoint")


def convert(command: Command) -> None:
    """Import a file, or export a run, and print what was created.

    Raises:
      InputError: see `jaxpose.runs.weights` and `jaxpose.runs.lifter_file`; or an option is of the other direction.
    """
    from jaxpose.runs import weights
    from jaxpose.runs.lifter_file import is_lifter_file

    defaults = {field.name: field.default for field in dataclasses.fields(Command)}
    given = {name: getattr(command, name) for name in (*_IMPORT, *_EXPORT) if getattr(command, name) != defaults[name]}
    export = os.path.isdir(command.source) or is_lifter_file(command.source)
    for name in given.keys() & {*(_IMPORT if export else _EXPORT)}:
        if export:
            raise InputError(f"{command.source} is a run, whose architecture is known; remove --{name}")
        raise InputError(f"{command.source} is not a run, and --{name} is for exporting one; remove it")
    if not export:
        model = weights.import_run(command.source, command.out, **given).model
        settings = ", ".join(f"{name} {value}" for name, value in dataclasses.asdict(model).items())
        print(f"A network {model.kind!r}: {settings}.")
        print(f"The run is in {command.out}")
    elif command.lifter:
        _write_lifter_file(command)
    elif command.card:
        raise InputError("--card is put into a lifter file; add --lifter float16 or --lifter float32")
    else:
        weights.export_run(command.source, command.out, command.checkpoint)
        print(f"The weights are in {command.out}")


def _write_lifter_file(command: Command) -> None:
    """Write a lifter file, and print its size and checksum."""
    from jaxpose.files.guarded_read import read_text
    from jaxpose.runs.lifter_file import write_lifter_file
    from jaxpose.runs.saved import load_saved

    lifter = load_saved(command.source, command.checkpoint)
    card = lifter.card
    if command.card:
        try:
            card = read_text(command.card, most=2**20)
        except (FileNotFoundError, ValueError) as error:
            raise InputError(f"--card {command.card} cannot be read: {error}; name a text file in UTF-8") from error
    write_lifter_file(command.out, lifter, command.lifter, card=card)
    content = command.out.read_bytes()
    print(f"The lifter is in {command.out}: {len(content) / 1e6:.1f} MB, step {lifter.step:,}")
    print(f"SHA-256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
