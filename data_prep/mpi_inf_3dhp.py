"""Prepare MPI-INF-3DHP as its scripts download it.

jaxpose prepare mpi_inf_3dhp mpi_inf_3dhp mpi_inf_3dhp_test_set --out 3dhp
jaxpose train --data 3dhp --train-split S1+S2+S3+S4+S5+S6+S7+S8 --test-split TS1+TS2+TS3+TS4+TS5+TS6
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from data_prep.writer.command import Output, report, run, write


@dataclasses.dataclass(frozen=True, kw_only=True)
class Command(Output):
    """The arguments of `jaxpose prepare mpi_inf_3dhp`."""

    folders: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="DIR")]
    """Folders that have S1/Seq1/annot.mat in them, or TS1/annot_data.mat."""
    universal: tyro.conf.FlagCreatePairsOff[bool] = False
    """Take univ_annot3, the poses scaled to one skeleton, which do not project to the keypoints."""
    cameras: tuple[int, ...] = (0, 1, 2, 4, 5, 6, 7, 8)
    """Cameras to keep, of 0 to 13. The default is the set "vnect": at chest height (0, 2, 4, 7, 8), at knee height, and
    two that look down."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    run(Command, prepare, arguments, name="mpi_inf_3dhp", description=__doc__)


def prepare(command: Command) -> None:
    """Write the data set, and print its size.

    Raises:
      InputError: there are no annotations, a file is damaged, or the folder cannot be written.
    """
    from data_prep.sources import mpi_inf_3dhp
    from data_prep.writer.data_set import check_output_folder

    check_output_folder(command.out)
    files = mpi_inf_3dhp.find_annotations(command.folders)
    report(command.out, write(command, mpi_inf_3dhp.make_source(files, command.universal, command.cameras)))


if __name__ == "__main__":
    main()
