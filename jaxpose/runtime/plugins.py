"""Plugins: Python files of a user's own, which add networks, losses, augmentations and the like by name.

A file is imported before the command runs, and adds to the tables that hold what can be named: for example
`jaxpose.losses.QUANTITIES["foot_height"] = Quantity(…)`. It is code, and runs: only files named on the command line are
imported, never one that a run names.
"""

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from jaxpose.runtime.errors import InputError

OPTION = "--plugin"
HELP = f"{OPTION} FILE, also several times, imports a Python file first, which adds its own names."
"""A line for the help of commands."""


def import_plugins(arguments: Sequence[str]) -> list[str]:
    """Import the files that `--plugin FILE` or `--plugin=FILE` names, and return the other arguments.

    Raises:
      InputError: no file is named, there is no such file, or it raises an error.
    """
    rest, words = [], iter(arguments)
    for word in words:
        option, equals, value = word.partition("=")
        if option != OPTION:
            rest.append(word)
        else:
            file = value if equals else next(words, "")
            if not file:
                raise InputError(f"{OPTION} names no file; name a Python file")
            import_plugin(Path(file))
    return rest


def import_plugin(file: Path) -> None:
    """Import a Python file under the name `jaxpose_plugin_` and its own.

    Raises:
      InputError: there is no such file, or it raises an error.
    """
    if not file.is_file():
        raise InputError(f"{OPTION} {file} is not a file; name a Python file")
    name = f"jaxpose_plugin_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise InputError(f"{OPTION} {file} is not a Python file; its name must end with .py")
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise InputError(f"{OPTION} {file} cannot be imported: {type(error).__name__}: {error}") from error
