"""The common parts of the commands that prepare data: their options, checks of these, and the report at the end."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import tyro

from jaxpose.runtime.command import run_command
from jaxpose.runtime.errors import InputError

if TYPE_CHECKING:  # `--help` answers without TFDS
    from data_prep.writer.builder import Source
    from data_prep.writer.data_set import SplitSize

Settings = TypeVar("Settings")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Output:
    """Options of every command that writes a data set."""

    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder to write the prepared data set to; it must be empty, or not exist."""
    jobs: int = os.cpu_count() or 1
    """Subjects to prepare at a time."""


def run(
    settings: type[Settings],
    function: Callable[[Settings], None],
    arguments: Sequence[str] | None,
    *,
    name: str,
    description: str | None,
) -> None:
    """Run `jaxpose prepare NAME` on the CPU; the arguments are those of `run_command`."""

    def on_cpu(command: Settings) -> None:
        import jax

        jax.config.update("jax_platforms", "cpu")  # leaves the GPU to a training
        function(command)

    run_command(settings, on_cpu, arguments, prog=f"jaxpose prepare {name}", description=description)


def check_options(*, fps: float = 50.0, seed: int | None = None) -> None:
    """Check the options --fps and --seed.

    Raises:
      InputError: one of them is out of its range.
    """
    if not 1 <= fps <= 1000:
        raise InputError(f"--fps is {fps}; it must be from 1 to 1000")
    if seed is not None and not 0 <= seed < 2**32:
        raise InputError(f"--seed is {seed}; it must be None, or from 0 to {2**32 - 1}")


def write(output: Output, source: "Source", **options: Any) -> dict[str, "SplitSize"]:
    """Write a source to the folder of a command; returns and raises as `data_set.write`, whose options it takes."""
    from data_prep.writer import data_set

    description, tracks, text, citation, inputs = source
    return data_set.write(
        output.out, description, tracks, text=text, citation=citation, inputs=inputs, jobs=output.jobs, **options
    )


def report(out: Path, sizes: Mapping[str, "SplitSize"], remarks: Sequence[str] = ()) -> None:
    """Print remarks on what was left out, the size of every split, and the folder that was written."""
    import rich

    from data_prep.writer import data_set

    for remark in remarks:
        print(remark)
    rich.print(data_set.size_table(sizes))
    print(f"wrote {out}")
