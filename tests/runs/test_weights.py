"""A file of the published code becomes a run that training can continue."""

from pathlib import Path
from types import SimpleNamespace

import jax
import pytest
from helpers.samples import DESCRIPTION, published_weights

from jaxpose.runs import checkpoint, weights
from jaxpose.runs.folder import read_settings
from jaxpose.runtime.errors import InputError
from jaxpose.training import setup
from jaxpose.training.config import Config
from jaxpose.training.state import from_checkpoint, to_checkpoint

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture
def file(monkeypatch):
    """A file that seems to hold published weights: no PyTorch is needed to read it."""
    monkeypatch.setattr(weights, "read_state_dict", lambda file: published_weights())
    return "pretrained.bin"


def test_the_schedules_go_on_where_they_stopped(file, tmp_path):
    weights.import_run(Path(file), tmp_path / "run")
    fresh = setup.init(setup.build_recipe(*read_settings(tmp_path / "run"), 1), jax.random.key(0))
    state = from_checkpoint(checkpoint.load(tmp_path / "run", to_checkpoint(fresh), optional=("sums",)))
    assert int(state.step) == 7
    moments, schedule = state.opt_state
    assert (int(moments.count), int(schedule.count)) == (0, 7)


def test_any_number_of_devices_imports(file, tmp_path, monkeypatch):
    """Nothing is trained: that 7 devices could not share a batch of 1024 does not matter."""
    monkeypatch.setattr(setup, "data_mesh", lambda: SimpleNamespace(size=7))
    with pytest.raises(InputError, match="--batch-size is 1024; it must be a multiple of the 7 devices"):
        setup.build_recipe(Config(), DESCRIPTION, 1)
    config = weights.import_run(Path(file), tmp_path / "run")
    assert config.batch_size == 1024
