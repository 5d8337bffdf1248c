"""What a result was made with: versions of jaxpose and of the packages that compute, and the commit of the checkout."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path

PACKAGES = ("jaxpose", "jax", "jaxlib", "flax", "optax", "numpy", "orbax-checkpoint")

ROOT = Path(__file__).parents[2]
"""The checkout, or the folder where packages are installed."""


def versions() -> dict[str, str | None]:
    """Versions by package, of Python, and the `commit` of a checkout; None for what is not known."""
    return {package: _version(package) for package in PACKAGES} | {
        "python": platform.python_version(),
        "commit": commit(ROOT),
    }


def commit(root: Path) -> str | None:
    """The commit of a git checkout, with "-dirty" if files differ from it; None if the folder is not the top of one."""
    if not (root / ".git").exists():  # else git would look for a repository above, which is not ours
        return None
    describe = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(describe, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):  # there is no git, or the folder belongs to someone else
        return None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
