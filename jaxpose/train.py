"""Train a lifter: `jaxpose train [PRESET] [--SETTING VALUE …]`, or resume a run: `jaxpose train --resume RUN`."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import tyro

from jaxpose.runtime.command import flow_help
from jaxpose.runtime.errors import InputError, cli_errors
from jaxpose.runtime.plugins import HELP, import_plugins
from jaxpose.training.config import PRESET_TEXTS, PRESETS, Config, flat_settings


@dataclasses.dataclass(frozen=True)
class Command:
    """The arguments of `jaxpose train`."""

    config: tyro.conf.OmitArgPrefixes[Config]
    out: Path | None = None
    """Folder of the run. By default a new folder in runs/."""
    resume: Path | None = None
    """Folder of a run to continue from its last checkpoint, with the run's own settings."""
    change: bool = False
    """Continue with the settings given beside --resume, where they differ from the run's."""
    dry_run: bool = False
    """Print the data, shapes, steps and memory of the run, and write nothing."""
    profile: int = 0
    """Steps to trace, soon after the first one; the trace is written to the folder `profile` of the run."""
    debug_nans: bool = False
    """When a step is not finite, run its operations one by one and name the first that returns a NaN or infinity."""

    def __post_init__(self) -> None:
        """Raise `InputError` for a number of steps that cannot be traced."""
        if self.profile < 0:
            raise InputError(f"--profile is {self.profile}; it must be a number of steps, or 0 for no trace")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    with cli_errors():
        command, preset = parse(import_plugins(sys.argv[1:] if arguments is None else arguments))
        train(command, preset)


def parse(arguments: Sequence[str]) -> tuple[Command, str]:
    """Parse the command line; returns the command and the name of its preset.

    The preset is the first word, `quick` without one; beside `--resume` the run's settings take its place. tyro's
    subcommands cannot do this: with one left out, they accept no option of the default.

    Raises:
      InputError: the preset is unknown, there is no run to resume, or its settings differ from those given.
    """
    named = bool(arguments) and not arguments[0].startswith("-")
    preset, options = (arguments[0], arguments[1:]) if named else ("quick", arguments)
    if preset not in PRESETS:
        raise InputError(
            f"there is no preset {preset!r}; choose one of {', '.join(PRESETS)}; --plugin FILE adds those of a file"
        )
    command = _parse_options(options, PRESETS[preset], preset)
    if command.resume is None:
        return command, preset
    if command.out is not None:
        raise InputError("--resume continues in the run's own folder; remove --out")
    from jaxpose.runs.folder import absolute_data, read_settings

    saved, _ = read_settings(command.resume)
    command = command if named else _parse_options(options, saved, preset)
    if absolute_data(command.config.data) == absolute_data(saved.data):  # relative to here, or to another folder
        command = dataclasses.replace(command, config=dataclasses.replace(command.config, data=saved.data))
    given = flat_settings(command.config)
    changes = [
        f"{field} is {value!r} in the run, {given.get(field)!r} on the command line"
        for field, value in flat_settings(saved).items()
        if value != given.get(field)
    ]
    if changes and not command.change:
        raise InputError(
            f"these settings differ from those of {command.resume}: {'; '.join(changes)}; remove them to keep the "
            "run's settings, or add --change to continue with the new ones"
        )
    return command, preset


def _parse_options(options: Sequence[str], config: Config, preset: str) -> Command:
    if {"-h", "--help"} & {*options}:
        flow_help(Command, Command(config))
    presets = "\n".join(f"  {name}: {text}." for name, text in PRESET_TEXTS.items())
    return tyro.cli(
        Command,
        default=Command(config),
        args=options,
        prog=f"jaxpose train [{'|'.join(PRESETS)}]",
        description=f"Train a lifter.\n\nPresets:\n{presets}\n\nThe defaults below are those of {preset}.\n\n{HELP}",
        config=(tyro.conf.FlagCreatePairsOff,),
    )


def train(command: Command, preset: str) -> None:
    """Train, resume, or describe the run without training.

    Raises:
      InputError: the data, the folder or the settings cannot be used, or a step is not finite.
      StopError: a signal came; the last step is saved.
    """
    import jax

    from jaxpose.runs import dry_run, job
    from jaxpose.runs.folder import new_run
    from jaxpose.runtime.devices import join_cluster, keep_compiled

    join_cluster()
    keep_compiled()
    options = {"debug_nans": command.debug_nans, "profile": command.profile}
    if command.dry_run:
        dry_run.print_plan(command.config)
    elif command.resume is not None:
        job.train(command.config, command.resume, resume=True, **options)
    elif command.out is None and jax.process_count() > 1:
        raise InputError("several processes train one run; name its folder, which all of them see, with --out")
    else:
        job.train(command.config, command.out or new_run(preset), **options)


if __name__ == "__main__":
    main()
