"""Write prepared data sets, the data contract, from published archives."""

import pkgutil
from pathlib import Path

import jaxpose.runtime  # noqa: F401 - first, for Ctrl-C during the other imports of a command


def commands() -> dict[str, str]:
    """The commands, which are the files of this folder, by name: `jaxpose prepare NAME` is `python -m data_prep.NAME`.

    Returns:
      For each what it prepares: the first line of its docstring, read without importing it.
    """
    files = [Path(found.path) / f"{name}.py" for found, name, is_room in pkgutil.iter_modules(__path__) if not is_room]
    return {file.stem: _title(file) for file in files}


def _title(module: Path) -> str:
    with module.open(encoding="utf-8") as file:
        return file.readline().strip().strip('"').removeprefix("Prepare ").removesuffix(".")
