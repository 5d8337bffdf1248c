"""How every command runs: parse the arguments, report bad input in one line, keep compiled programs on disk."""

import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import tyro

from jaxpose.runtime.errors import cli_errors
from jaxpose.runtime.plugins import HELP, import_plugins

Settings = TypeVar("Settings")


def run_command(
    settings: type[Settings],
    function: Callable[[Settings], None],
    arguments: Sequence[str] | None,
    *,
    prog: str,
    description: str | None,
) -> None:
    """Parse the arguments into a dataclass and call the function with it; on bad input, one line and exit code 2.

    Args:
      settings: a dataclass; its fields become options, the strings below them the help.
      function: what the command does. It imports JAX and the rest itself, so that `--help` answers at once.
      arguments: without the program's name; None for those of this process.
      prog: the command as a user types it, for the help.
      description: the help's first lines.
    """
    with cli_errors():
        arguments = import_plugins(sys.argv[1:] if arguments is None else arguments)
        command = tyro.cli(settings, args=arguments, prog=prog, description=f"{description}\n\n{HELP}")
        from jaxpose.runtime.devices import keep_compiled

        keep_compiled()
        function(command)
