"""What every test shares: the CPU, repeatable hypothesis examples, and float64 on request."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")  # before jax is imported; the suite never needs an accelerator

import jax
import pytest
from hypothesis import settings

settings.register_profile("jaxpose", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("jaxpose")


@pytest.fixture
def x64():
    """Run one test in float64, for comparisons with float64 oracles and finite differences."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A small prepared data set: subjects S1 and S9, two actions each."""
    from samples import DESCRIPTION, make_track

    from data_prep import contract

    folder = tmp_path_factory.mktemp("data") / "prepared"
    clips = (("Walking", 40), ("Sitting", 25))

    def tracks(subject):
        return [make_track(subject=subject, action=action, frames=n, seed=n) for action, n in clips]

    contract.write(folder, DESCRIPTION, tracks, text="made by the tests")
    return folder


@pytest.fixture
def refusal(capsys):
    """Run a command that must refuse: the one line that it prints before it exits with code 2."""

    def run(command, arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            command(arguments)
        assert stop.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    return run
