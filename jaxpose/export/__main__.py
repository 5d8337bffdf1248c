"""Write a trained network to a file for other programs, which need no jaxpose to run it.

    jaxpose export --out lifter.onnx                      # the lifter that comes with jaxpose
    jaxpose export RUN --out lifter.stablehlo             # a run of your own, or a lifter file

The network takes keypoints (people, frames, K, 2 or 3) and gives poses (people, frames, J, 3) in metres. The suffix of
--out names the format:
- .stablehlo: for jax.export.deserialize, on a CPU or an NVIDIA GPU; FILE.stablehlo.json says what the numbers are;
- .onnx: the temporal network, for ONNX Runtime and others (package onnx); its metadata say what the numbers are.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from jaxpose.runs import Which
from jaxpose.runtime.command import run_command


@dataclasses.dataclass(frozen=True)
class Command:
    """Options of `jaxpose export`."""

    run: Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="[RUN]", help_behavior_hint="")] = None
    """The folder of a run, or a lifter file; by default, the lifter that comes with jaxpose."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE")] = dataclasses.field(kw_only=True)
    """The file to create: .stablehlo or .onnx."""
    checkpoint: Which = "last"
    """Checkpoint of the run: the last, or the best on its validation split."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `jaxpose export`."""
    run_command(Command, export, arguments, prog="jaxpose export", description=__doc__)


def export(command: Command) -> None:
    """Write the file, and print its size.

    Raises:
      InputError: see `jaxpose.runs.network_file`; or there is no such run.
    """
    from jaxpose.runs.network_file import check_network_file, write_network
    from jaxpose.runs.saved import load_saved
    from jaxpose.weights import find_weights

    check_network_file(command.out)
    network, *others = write_network(command.out, load_saved(command.run or find_weights(), command.checkpoint))
    print(f"Written: {network}, {network.stat().st_size / 1e6:.1f} MB")
    for file in others:
        print(f"Written: {file}, which says what goes in and comes out")


if __name__ == "__main__":
    main()
