"""What `import jaxpose` gives in a new Python: names, a version, modules on first use."""

import importlib.metadata
import subprocess
import sys

import jaxpose

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
