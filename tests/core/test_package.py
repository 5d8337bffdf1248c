"""What `import jaxpose` gives in a new Python: names, a version, modules on first use."""

import importlib.metadata
import inspect
import re
import subprocess
import sys

import pytest

import jaxpose
from jaxpose.export.motion import Keypoints, Motion
from jaxpose.visualization.film import ViewOptions
from jaxpose.visualization.view import Clip

PROGRAM = """
import sys, jaxpose
assert "jax" not in sys.modules, "importing the package alone imports JAX"
names = [name for name in dir(jaxpose) if not name.startswith("__")]
assert set(names) == {*jaxpose.MODULES, "lift"}, names
for name in jaxpose.MODULES:
    assert getattr(jaxpose, name).__doc__, name
print(jaxpose.__version__)
"""


def test_modules_are_there_after_importing_the_package():
    found = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() == importlib.metadata.version("jaxpose") == jaxpose.__version__


CORE = [
    value
    for name in jaxpose.MODULES
    for value in vars(getattr(jaxpose, name)).values()
    if inspect.isclass(value) and value.__module__ == f"jaxpose.{name}"
]


@pytest.mark.parametrize("record", [*CORE, Motion, Keypoints, Clip, ViewOptions])
def test_help_on_a_record_begins_with_what_its_fields_hold(record):
    """Below, `help` lists the methods of tuples, and fields as "Alias for field number 0"."""
    described = re.findall(r"^ {2}(\w+): \S", inspect.getdoc(record).partition("Attributes:\n")[2], re.MULTILINE)
    fields = getattr(record, "_fields", None) or tuple(record.__dataclass_fields__)
    assert tuple(name for name in described if name in fields) == fields
