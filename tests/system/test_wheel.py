"""The wheel, installed alone: every file is in it, it trains, and its core needs five packages."""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest
from helpers.places import ROOT

pytestmark = pytest.mark.system

NOT_NEEDED = (
    "orbax", "tensorflow_datasets", "array_record", "tyro", "typeguard", "rich", "matplotlib", "plotly",
    "imageio_ffmpeg", "PIL", "cdflib", "h5py", "filelock",
)  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy: setuptools would also pack what an earlier build has left in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for package in ("jaxpose", "data_prep"):
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(folder), str(source)], check=True)
    (file,) = folder.glob("jaxpose-*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A function that runs Python on the installed wheel, in an empty folder."""
    site, empty = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("empty")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True)

    def run(*arguments):
        environment = {**os.environ, "PYTHONPATH": str(site)}
        return subprocess.run(
            [sys.executable, *arguments], cwd=empty, env=environment, capture_output=True, text=True, check=False
        )

    run.site, run.folder = site, empty
    return run


def test_every_file_of_the_packages_is_in_the_wheel(wheel):
    sources = {
        str(path.relative_to(ROOT))
        for package in ("jaxpose", "data_prep")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix in (".py", ".js", ".csv", ".typed", ".npz")
    }
    sources.add("jaxpose/weights/README.md")  # the card of the weights goes with them
    assert sources - set(zipfile.ZipFile(wheel).namelist()) == set()


def test_it_trains_two_steps_in_an_empty_folder(installed):
    small = ["--filter-widths", "3", "--channels", "8", "--batch-size", "64", "--steps", "2"]
    run = installed("-m", "jaxpose", "train", *small, "--train-split", "S1", "--test-split", "S9", "--out", "run")
    assert run.returncode == 0, run.stderr
    assert (installed.folder / "run" / "results.json").exists()
    where = installed("-c", "import jaxpose; print(jaxpose.__file__)").stdout
    assert where.startswith(str(installed.site))


def test_a_file_of_the_package_runs_as_a_script(installed):
    """No module of ours hides one of Python's, whose folder Python puts first."""
    run = installed(str(installed.site / "jaxpose" / "train.py"), "--help")
    assert run.returncode == 0, run.stderr
    assert "usage" in run.stdout


def test_the_core_imports_without_the_trainer_s_packages(installed):
    program = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {NOT_NEEDED}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import jax.numpy as jnp
import jaxpose
for name in jaxpose.MODULES:
    getattr(jaxpose, name)
walk = jaxpose.synthetic.motion(__import__("jax").random.key(0), "Walking", "S9", frames=3)
print(float(jaxpose.metrics.mpjpe(walk, walk + 0.3 / 3**0.5).mean()).__round__(3))
"""
    run = installed("-c", program)
    assert run.stdout == "0.3\n", run.stderr
