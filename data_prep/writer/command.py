"""Run the commands that prepare data: `prepare` is the whole command of a data set, `run` and `write` its parts."""

import dataclasses
import importlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tyro

from data_prep.writer.source import Source
from jaxpose.runtime.command import run_command
from jaxpose.runtime.errors import InputError

Settings = TypeVar("Settings")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Output:
    """Options of every command that writes a data set."""

    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder to write the prepared data set to; it must be empty, or not exist."""
    jobs: int = os.cpu_count() or 1
    """Subjects to prepare at a time."""
    beam: str | None = None
    """Options of an Apache Beam pipeline that prepares the subjects, such as 'runner=DirectRunner' (pip install
    apache-beam)."""


def prepare(name: str, arguments: Sequence[str] | None = None) -> None:
    """Run `jaxpose prepare NAME`: write the data set of the module `data_prep.NAME`, and print its size.

    The module has three things: a docstring, which is the help; `Options`, a dataclass that extends `Output`; and
    `make_source(options)`, which returns the `Source`.

    Args:
      name: of the module.
      arguments: as of `run_command`.
    """
    # By its name, also when Python runs it as `__main__`: the name of `tracks` is part of what an interrupted command
    # is recognised by.
    data_set = importlib.import_module(f"data_prep.{name}")

    def prepare_on_cpu(options: Any) -> None:
        from data_prep.writer.data_set import check_output_folder
        from jaxpose.runtime.progress import working

        check_output_folder(options.out)
        with working("reading the files"):
            source = data_set.make_source(options)
        write(options, source)

    run(data_set.Options, prepare_on_cpu, arguments, name=name, description=data_set.__doc__)


def run(
    settings: type[Settings],
    function: Callable[[Settings], None],
    arguments: Sequence[str] | None,
    *,
    name: str,
    description: str | None,
) -> None:
    """Run `jaxpose prepare NAME` on the CPU; the arguments are those of `run_command`."""

    def on_cpu(options: Settings) -> None:
        import jax

        jax.config.update("jax_platforms", "cpu")  # leaves the GPU to a training
        function(options)

    run_command(settings, on_cpu, arguments, prog=f"jaxpose prepare {name}", description=description)


def check_options(*, fps: float = 50.0, seed: int | None = None, capture_fps: float | None = None) -> None:
    """Check the options --fps, --seed and --capture-fps.

    Raises:
      InputError: one of them is out of its range.
    """
    if not 1 <= fps <= 1000:
        raise InputError(f"--fps is {fps}; it must be from 1 to 1000")
    if seed is not None and not 0 <= seed < 2**32:
        raise InputError(f"--seed is {seed}; it must be None, or from 0 to {2**32 - 1}")
    if capture_fps is not None and not 1 <= capture_fps <= 1000:
        raise InputError(f"--capture-fps is {capture_fps}; it must be from 1 to 1000")


def write(output: Output, source: Source, **options: Any) -> None:
    """Write a source to the folder of a command, and print its remarks, doubts, and the size of every split.

    Args:
      output: where and how.
      source: what to write.
      **options: further ones of `data_set.write`, which says what it raises.
    """
    import rich

    from data_prep.checks.doubts import find_doubts
    from data_prep.writer import data_set
    from jaxpose.runtime.progress import working

    description, tracks, text, citation, inputs, remarks = source
    sizes = data_set.write(
        output.out, description, tracks,
        text=text, citation=citation, inputs=inputs, jobs=output.jobs, beam=output.beam, **options,
    )  # fmt: skip
    with working("checking the data"):
        notes = [*remarks(sizes), *find_doubts(output.out)]
    for remark in notes:
        print(remark)
    rich.print(data_set.size_table(sizes))
    print(f"wrote {output.out}")
