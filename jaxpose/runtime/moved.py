"""Old import paths that keep working: `import jaxpose.synthetic` gives `jaxpose.data.synthetic.generate`."""

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType

MOVED: Mapping[str, str] = {
    "jaxpose.synthetic": "jaxpose.data.synthetic.generate",
    "jaxpose.inspect": "jaxpose.explain",  # a file `inspect.py` would hide Python's own
    "jaxpose.inspection": "jaxpose.training.attribution",
    "jaxpose.clips": "jaxpose.visualization.view",
    "jaxpose.film": "jaxpose.visualization.film",
    "jaxpose.viewer": "jaxpose.visualization.player",
    "jaxpose.protocol": "jaxpose.evaluation.protocol",
    "jaxpose.models.streaming": "jaxpose.models.temporal_streaming",
}
"""New path by old path. `python -m` accepts the old paths of commands, too."""


class MovedModules(MetaPathFinder):
    """Import a moved module under its old path; both paths give the same module object."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module that has moved, or None."""
        return importlib.util.spec_from_loader(fullname, _Alias(MOVED[fullname])) if fullname in MOVED else None


class _Alias(Loader):
    """Load the module of another path."""

    def __init__(self, path: str) -> None:
        self.path = path

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.path)
        self.spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # the import has just replaced it; nothing is run again

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the code of a command, for `python -m`."""
        return importlib.util.find_spec(self.path).loader.get_code(self.path)
