"""Prepare the CMU Graphics Lab Motion Capture Database, which is free to download (allasfamc.zip, mocap.cs.cmu.edu).

    jaxpose prepare cmu allasfamc.zip --out DIR
    jaxpose train --data DIR --train-split S1+S2 --test-split S3

The database has no video: subjects are seen by the cameras of Human3.6M, and keypoints are projections with the noise
of a 2D detector.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from data_prep.writer.command import Output, check_options, report, run, write


@dataclasses.dataclass(frozen=True, kw_only=True)
class Command(Output):
    """The arguments of `jaxpose prepare cmu`."""

    source: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SOURCE")]
    """allasfamc.zip, or a folder or another archive with files NN.asf and NN_MM.amc anywhere in it."""
    subjects: tuple[int, ...] = ()
    """Numbers of the subjects to prepare; all by default."""
    skip: Annotated[tuple[str, ...], tyro.conf.arg(metavar="[NN_MM …]")] = ()
    """Trials to leave out."""
    fps: float = 50.0
    """Frames per second to write; the files have 120."""
    seed: int | None = 0
    """Seed of the noise on the keypoints; None for exact projections."""
    beam: str | None = None
    """Options of an Apache Beam pipeline that prepares the subjects, such as 'runner=DirectRunner' (extra: beam)."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    run(Command, prepare, arguments, name="cmu", description=__doc__)


def prepare(command: Command) -> None:
    """Write the data set, and print its size.

    Raises:
      InputError: an option is out of its range, a file violates its format, or the folder cannot be written.
    """
    check_options(fps=command.fps, seed=command.seed)

    from data_prep.sources import cmu
    from data_prep.writer.data_set import check_output_folder

    check_output_folder(command.out)
    subjects, remarks = cmu.find_subjects(command.source)
    subjects = cmu.select_subjects(subjects, command.subjects, command.skip)
    source = cmu.make_source(command.source, subjects, command.fps, command.seed, remarks)
    sizes = write(command, source, beam=command.beam)
    report(command.out, sizes, [*remarks, *cmu.lost_views(subjects, sizes)])


if __name__ == "__main__":
    main()
