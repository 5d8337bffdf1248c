"""Runs whose files a stranger could have made: an answer or one `InputError`; nothing in them is run or believed.

The damage is `corpus`'s.
"""

import json
import shutil

import jax
import numpy as np
import pytest
from helpers import corpus
from helpers.corpus import assert_refuses
from helpers.samples import DESCRIPTION
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.models.configs import TemporalConfig
from jaxpose.runs import checkpoint, folder, trained
from jaxpose.runs.log import append_log, cut_log, read_log
from jaxpose.runtime.errors import InputError
from jaxpose.training import setup
from jaxpose.training.config import Config
from jaxpose.visualization import figures

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture(scope="module")
def run(untrained, tmp_path_factory):
    """A run to damage, with a log."""
    run = shutil.copytree(untrained, tmp_path_factory.mktemp("hostile") / "run")
    for step in (50, 100, 150):
        append_log(run, {"step": step, "epoch": step / 100, "loss": 0.5, "learning_rate": 1e-3})
    return run


@pytest.mark.parametrize("name", ["config.json", "data.json"])
def test_damaged_settings(run, name):
    assert assert_refuses(lambda: folder.read_settings(run), run / name, named=str(run), most=200)["refused"] > 50


@pytest.mark.parametrize("read", [read_log, lambda run: cut_log(run, 10**9)])
def test_a_damaged_log(run, read):
    content = (run / "metrics.jsonl").read_text()
    assert_refuses(lambda: read(run), run / "metrics.jsonl", most=120)
    assert (run / "metrics.jsonl").read_text() == content


@given(st.data())
def test_an_edited_run(run, draw):
    file = run / draw.draw(st.sampled_from(["config.json", "data.json", "metrics.jsonl"]))
    content = file.read_bytes()
    try:
        file.write_bytes(draw.draw(corpus.edits(content)))
        config, description = folder.read_settings(run)
        jax.eval_shape(lambda: setup.variable_shapes(setup.build_model(config, description), description))
        figures.training_curves(read_log(run), title=description.title)
    except InputError:
        pass
    finally:
        file.write_bytes(content)


def test_every_setting_of_another_kind_is_refused(run, tmp_path):
    """Whatever the field: what remains is a `Config` that can be used."""
    settings = json.loads((run / "config.json").read_text())
    for field in settings:
        for value in (*corpus.WRONG, {"angle": "1"}, [3, "3"], [[3]]):
            (run / "config.json").write_text(json.dumps(settings | {field: value}))
            try:
                config, _ = folder.read_settings(run)
            except InputError:
                continue
            if field not in (folder.DATA_FROM_RUN, folder.VERSIONS):  # of these, any value is accepted
                may_be_none = ("steps", "validation_split", "init", "frame_rates")
                assert type(getattr(config, field)) is not type(None) or field in may_be_none
            hash(config)
    (run / "config.json").write_text(json.dumps(settings))


@pytest.mark.parametrize("name", ["_METADATA", "_sharding", "_CHECKPOINT_METADATA", "manifest.ocdbt", "d/*"])
def test_a_damaged_checkpoint(run, tmp_path, name):
    copy = shutil.copytree(run, tmp_path / "run")
    largest = max((copy / "checkpoints").rglob(name), key=lambda file: file.stat().st_size)
    corpus_of = {file: file.read_bytes() for file in (copy / "checkpoints").rglob("*") if file.is_file()}
    for damage in corpus.spoilt(largest, most=6):
        try:
            opened = trained.open_run(copy)
        except InputError as error:
            assert str(copy) in str(error), damage  # noqa: PT017
        else:
            assert jax.tree.all(jax.tree.map(lambda leaf: leaf.dtype == np.float32, opened.variables)), damage
    assert all(file.read_bytes() == content for file, content in corpus_of.items())


def test_weights_that_are_declared_and_not_there_are_not_made(tmp_path):
    """A file of a few bytes can declare any shape: what is not stored, TensorStore fills in."""
    config = Config(model=TemporalConfig(filter_widths=(3,), channels=4000))
    model = setup.build_model(config, DESCRIPTION)
    with checkpoint.open_checkpoints(tmp_path) as checkpoints:
        zeros = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), setup.variable_shapes(model, DESCRIPTION))
        checkpoint.save(checkpoints, 1, zeros)
    checkpoint._FLOOR, floor = 2**20, checkpoint._FLOOR
    try:
        with pytest.raises(InputError, match=r"declares .* bytes and holds"):
            checkpoint.load(tmp_path, zeros)
    finally:
        checkpoint._FLOOR = floor
