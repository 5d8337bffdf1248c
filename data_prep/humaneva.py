"""Prepare HumanEva-I from the MAT-files to which VideoPose3D converts it, with 15 joints.

jaxpose prepare humaneva converted_15j --out humaneva
jaxpose train --data humaneva --train-split Train_S1+Train_S2+Train_S3 --test-split Validate_S1
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from data_prep.writer.command import Output, report, run, write


@dataclasses.dataclass(frozen=True, kw_only=True)
class Command(Output):
    """The arguments of `jaxpose prepare humaneva`."""

    source: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SOURCE")]
    """Folder or archive with the converted files: Train/S1/Walking_1.mat, Validate/S1/Walking_1.mat, …"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    run(Command, prepare, arguments, name="humaneva", description=__doc__)


def prepare(command: Command) -> None:
    """Write the data set, and print its size.

    Raises:
      InputError: a file is damaged or not a converted one, or the folder cannot be written.
    """
    from data_prep.sources import humaneva
    from data_prep.writer.data_set import check_output_folder

    check_output_folder(command.out)
    report(command.out, write(command, humaneva.make_source(command.source)))


if __name__ == "__main__":
    main()
