"""A file of the published code becomes a run that training can continue."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import jax
import pytest
from helpers.samples import DESCRIPTION, published_linear_weights, published_weights

from jaxpose.models import configs
from jaxpose.runs import checkpoint, weights
from jaxpose.runs.folder import read_settings, write_settings
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


def test_a_run_of_another_network_is_not_exported(tmp_path, monkeypatch):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class MixerConfig(configs.ModelConfig):
        kind: ClassVar[str] = "mixer"

    monkeypatch.setitem(configs.MODELS, "mixer", MixerConfig)
    write_settings(tmp_path / "run", Config(model=MixerConfig()), DESCRIPTION)
    with pytest.raises(InputError, match="run is of a mixer network, and published code is known of the networks temp"):
        weights.export_run(tmp_path / "run", tmp_path / "out.bin")


def test_any_number_of_devices_imports(file, tmp_path, monkeypatch):
    """Nothing is trained: that 7 devices could not share a batch of 1024 does not matter."""
    monkeypatch.setattr(setup, "data_mesh", lambda: SimpleNamespace(size=7))
    with pytest.raises(InputError, match="--batch-size is 1024; it must be a multiple of the 7 devices"):
        setup.build_recipe(Config(), DESCRIPTION, 1)
    config = weights.import_run(Path(file), tmp_path / "run")
    assert config.batch_size == 1024


def test_the_linear_network_goes_on_with_its_own_recipe(tmp_path, monkeypatch):
    """Adam, its schedule, and z-scores that are the numbers themselves."""
    monkeypatch.setattr(weights, "read_state_dict", lambda file: published_linear_weights())
    config = weights.import_run(Path("published.npz"), tmp_path / "run")
    assert (config.optimizer, config.schedule, config.batch_size) == ("adam", "exponential", 64)
    fresh = setup.init(setup.build_recipe(*read_settings(tmp_path / "run"), 1), jax.random.key(0))
    state = from_checkpoint(checkpoint.load(tmp_path / "run", to_checkpoint(fresh), optional=("sums",)))
    moments, schedule = state.opt_state
    assert (int(state.step), int(moments.count), int(schedule.count)) == (7, 0, 7)
    normalization = state.collections["normalization"]
    assert all(not normalization[f"{name}_mean"].any() for name in ("keypoints", "poses"))
    assert all((normalization[f"{name}_deviation"] == 1).all() for name in ("keypoints", "poses"))
