"""How every command runs: parse the arguments, report bad input in one line, keep compiled programs on disk."""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from types import MappingProxyType
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
        if {"-h", "--help"} & {*arguments}:
            flow_help(settings)
        command = tyro.cli(settings, args=arguments, prog=prog, description=f"{description}\n\n{HELP}")
        from jaxpose.runtime.devices import keep_compiled

        keep_compiled()
        function(command)


def flow_help(settings: type, default: object = None) -> None:
    """Let tyro fill the lines of the help: it breaks them where the docstrings of the fields do.

    Args:
      settings: a dataclass. The docstrings of its fields, and of those of dataclasses among their defaults, become
        paragraphs in the fields' metadata, where tyro looks first.
      default: an instance, whose fields may be of other dataclasses than the defaults of `settings`.
    """
    import docstring_parser

    bases = (base for base in reversed(settings.__mro__) if dataclasses.is_dataclass(base))
    parameters = [parameter for base in bases for parameter in docstring_parser.parse_from_object(base).params]
    texts = {parameter.arg_name: parameter.description for parameter in parameters}
    for field in dataclasses.fields(settings):
        if text := texts.get(field.name):
            field.metadata = MappingProxyType({**field.metadata, "help": " ".join(text.split())})
        nested = getattr(default, field.name, field.default)
        if dataclasses.is_dataclass(nested) and not isinstance(nested, type):
            flow_help(type(nested), nested)
