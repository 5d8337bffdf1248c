"""Train a lifter: `python -m jaxpose.train [PRESET] [--SETTING VALUE …]`.

Without arguments it trains the preset `quick` on the built-in data. Settings of a preset can be overridden one by
one; `--resume RUN` goes on with a run from its last checkpoint.
"""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import jax
import tyro

from jaxpose.runs.folder import new_run, read_settings
from jaxpose.runs.job import train
from jaxpose.runtime.devices import join_cluster, keep_compiled
from jaxpose.runtime.errors import InputError, cli_errors
from jaxpose.training.config import PRESETS, Config


@dataclasses.dataclass(frozen=True)
class Command:
    """What the command line says."""

    config: tyro.conf.OmitArgPrefixes[Config]
    out: Path | None = None
    """Folder of the run; without it, a new one under runs/."""
    resume: Path | None = None
    """Go on with this run, with its own settings."""
    change: bool = False
    """Go on with the settings given beside --resume, where they differ from the run's."""
    debug_nans: bool = False
    """When a step is not finite, do its operations one by one and name the first that gives a NaN or infinity."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    with cli_errors():
        join_cluster()
        command, preset = parse(sys.argv[1:] if arguments is None else arguments)
        keep_compiled()
        if command.resume is not None:
            train(command.config, command.resume, resume=True, debug_nans=command.debug_nans)
        elif command.out is None and jax.process_count() > 1:
            raise InputError("several processes train one run; name its folder, which all of them see, with --out")
        else:
            train(command.config, command.out or new_run(preset), debug_nans=command.debug_nans)


def parse(arguments: Sequence[str]) -> tuple[Command, str]:
    """The command line as a `Command`, and the name of its preset. Beside `--resume` the run's settings are the preset.

    Raises:
      InputError: the preset is unknown, there is no run to resume, or its settings differ from those given.
    """
    named = bool(arguments) and not arguments[0].startswith("-")
    preset = arguments[0] if named else "quick"
    if preset not in PRESETS:
        raise InputError(f"there is no preset {preset!r}; choose one of {', '.join(PRESETS)}")

    def parsed(config: Config) -> Command:
        return tyro.cli(
            Command,
            default=Command(config),
            args=arguments[named:],
            prog=f"python -m jaxpose.train [{'|'.join(PRESETS)}]",
            description=f"Train a lifter. Below are the settings of preset {preset}; any of them can be overridden.",
        )

    command = parsed(PRESETS[preset])
    if command.resume is None:
        return command, preset
    if command.out is not None:
        raise InputError("--resume goes on in the run's own folder; leave --out away")
    of_run, _ = read_settings(command.resume)
    command = command if named else parsed(of_run)
    changes = [
        f"{field} is {getattr(of_run, field)!r} there, {getattr(command.config, field)!r} here"
        for field in dataclasses.asdict(of_run)
        if getattr(of_run, field) != getattr(command.config, field)
    ]
    if changes and not command.change:
        raise InputError(
            f"these settings differ from those of {command.resume}: {'; '.join(changes)}; leave them away to go on "
            "with the run's own, or add --change to go on with the new ones"
        )
    return command, preset


if __name__ == "__main__":
    main()
