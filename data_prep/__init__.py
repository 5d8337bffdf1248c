"""Write prepared data sets, the data contract, from published archives."""

import ast
import pkgutil
from pathlib import Path


def commands() -> dict[str, str]:
    """The commands, which are the files of this folder, by name: `jaxpose prepare NAME` is `python -m data_prep.NAME`.

    Returns:
      For each what it prepares: the first sentence of its docstring, read without importing it.
    """
    names = [module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg]
    return {name: _first_sentence(Path(__file__).with_name(f"{name}.py")) for name in names}


def _first_sentence(module: Path) -> str:
    docstring = ast.get_docstring(ast.parse(module.read_text("utf-8"))) or ""
    return docstring.partition("\n")[0].removeprefix("Prepare ").removesuffix(".")
