"""A training starts from another run's weights: what fits is taken, what does not is named, nothing is taken twice."""

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.places import ROOT
from helpers.samples import DESCRIPTION, make_track

from jaxpose import train
from jaxpose.data.windows import pack
from jaxpose.models import configs
from jaxpose.models.configs import ModelConfig, TemporalConfig
from jaxpose.models.lifter import Lifter, Prediction
from jaxpose.runs import checkpoint, job, warm_start
from jaxpose.runs.folder import read_settings, write_settings
from jaxpose.runtime.errors import InputError, StopError
from jaxpose.skeleton import COCO_17
from jaxpose.training import setup
from jaxpose.training.config import Config
from jaxpose.training.state import to_checkpoint

pytestmark = pytest.mark.usefixtures("compiled_soon")

CONFIG = Config(model=TemporalConfig(filter_widths=(3, 3), channels=8), batch_size=16, epochs=2, log_every=2)


def begin(config, description=DESCRIPTION, seed=0):
    """A recipe, and its state before the first step."""
    recipe = setup.build_recipe(config, description, 65)
    return recipe, setup.init(recipe, jax.random.key(seed))


def save_run(run, config=CONFIG, description=DESCRIPTION, steps=(7,)):
    """A run with a checkpoint of random weights; those of step n are of seed n."""
    write_settings(run, config, description)
    with checkpoint.open_checkpoints(run) as checkpoints:
        for step in steps:
            _, state = begin(config, description, seed=step)
            checkpoint.save(checkpoints, step, to_checkpoint(state.replace(step=jnp.int32(step))))
    return run


def with_model(**changes):
    return dataclasses.replace(CONFIG, model=dataclasses.replace(CONFIG.model, **changes))


def start(run, config=CONFIG, description=DESCRIPTION):
    """State before and after the start from a run, and the notes as one text."""
    recipe, before = begin(config, description)
    after, notes = warm_start.start_from(dataclasses.replace(config, init=str(run)), before, recipe)
    return before, after, "\n".join(notes)


def assert_same(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return save_run(tmp_path_factory.mktemp("runs") / "other")


def test_weights_are_taken_and_all_else_starts_anew(run):
    before, after, notes = start(run)
    _, other = begin(CONFIG, seed=7)
    assert_same(after.variables, other.variables)
    assert_same(after.opt_state, before.opt_state)
    assert int(after.step) == 0
    assert jax.random.key_data(after.key).tolist() == jax.random.key_data(before.key).tolist()
    count = len(jax.tree.leaves(before.variables))
    assert notes == (
        f"Starting from {run}, step 7, trained on sample motion: {count} of {count} arrays fit, 100% of the parameters."
    )


def test_arrays_of_another_size_begin_anew_in_one_line(run):
    confident = DESCRIPTION._replace(channels=3)
    before, after, notes = start(run, description=confident)
    first, *rest = notes.splitlines()
    assert rest == [
        "  Of another size, begin anew: expand (params/expand/kernel is (3, 34, 8) there, (3, 51, 8) here)."
    ]
    _, other = begin(CONFIG, seed=7)
    assert_same(after.params["expand"], before.params["expand"])
    for name in before.params.keys() - {"expand"}:
        assert_same(after.params[name], other.params[name])
    parameters = jax.tree.leaves(before.params)
    share = 1 - 3 * 51 * 8 / sum(leaf.size for leaf in parameters)
    assert f"only {share:.0%} of the parameters" in first


def test_more_and_fewer_layers(run, tmp_path):
    shallow = with_model(filter_widths=(3,))
    small = save_run(tmp_path / "shallow", shallow)
    layers = "dilated_1, dilated_norm_1, pointwise_1, pointwise_norm_1"
    differ = "Settings of the network that differ: filter_widths {} there, {} here."
    _, _, notes = start(small)
    assert notes.splitlines()[1:] == [f"  Not there, begin anew: {layers}.", f"  {differ.format('3', '3 3')}"]
    _, after, notes = start(run, shallow)
    assert notes.splitlines()[1:] == [f"  Not used: {layers}.", f"  {differ.format('3 3', '3')}"]
    assert_same(after.params["shrink"], begin(CONFIG, seed=7)[1].params["shrink"])


def test_a_network_of_which_only_biases_fit_is_refused(run):
    config = dataclasses.replace(with_model(channels=16, dropout=0.5), init=str(run))
    recipe, state = begin(config)
    with pytest.raises(InputError, match="has no weights that fit") as refused:
        warm_start.start_from(config, state, recipe)
    assert "channels 8 there, 16 here, dropout 0.25 there, 0.5 here; choose those of" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_other_meanings_of_equal_sizes_are_said(run):
    """Sizes do not show that joints, keypoints, direction of time or frame rate are others."""
    swapped = dataclasses.replace(DESCRIPTION.skeleton, name="mine", joints=("root", *DESCRIPTION.skeleton.joints[1:]))
    other = DESCRIPTION._replace(skeleton=swapped, layout=COCO_17, fps=25.0)
    recipe, state = begin(with_model(causal=True), other)
    weights = warm_start.load_weights(dataclasses.replace(CONFIG, init=str(run)))
    weights = weights._replace(description=weights.description._replace(fps=50.0))
    notes = warm_start.describe(weights, state.variables, with_model(causal=True), recipe)
    assert notes[1:] == [
        "  Settings of the network that differ: causal False there, True here.",
        "  Weights are taken by number, but names differ: joint 0 is pelvis there, root here.",
        "  Weights are taken by number, but names differ: keypoint 0 is pelvis there, nose here, keypoint 1 is "
        "right_hip there, left_eye here, keypoint 2 is right_knee there, right_eye here, keypoint 3 is right_ankle "
        "there, left_ear here and 13 more.",
        "  Frames per second differ: 50 there, 25 here.",
    ]


class Centred(Lifter):
    """A network that subtracts the mean of the training keypoints."""

    joints: int

    def fit(self, collections, keypoints, poses):
        return {"mean": {"keypoints": jnp.mean(keypoints, axis=0)}}

    @nn.compact
    def __call__(self, keypoints, *, train=False, progress=None):
        mean = self.variable("mean", "keypoints", jnp.zeros, keypoints.shape[2:])
        x = (keypoints - mean.value).reshape(*keypoints.shape[:2], -1)
        x = nn.Dense(8, name="first")(x)
        return Prediction(nn.Dense(3 * self.joints, name="last")(x).reshape(*x.shape[:2], self.joints, 3))


@dataclasses.dataclass(frozen=True, kw_only=True)
class CentredConfig(ModelConfig):
    kind = "centred"

    def build(self, skeleton, layout, channels):
        return Centred(skeleton.num_joints)


def test_statistics_of_the_data_stay_with_the_weights_that_were_trained_on_them(tmp_path, monkeypatch):
    monkeypatch.setitem(configs.MODELS, "centred", CentredConfig)
    config = dataclasses.replace(CONFIG, model=CentredConfig())
    data = pack([make_track(seed=1)])
    other = tmp_path / "other"
    write_settings(other, config, DESCRIPTION)
    recipe, state = begin(config, seed=7)
    trained = setup.fit_collections(state, recipe, data)
    with checkpoint.open_checkpoints(other) as checkpoints:
        checkpoint.save(checkpoints, 7, to_checkpoint(trained))
    note = "What the network computes from training data is that of the other run, as its weights expect."

    here = setup.fit_collections(begin(config)[1], recipe, pack([make_track(seed=2)]))
    after, notes = warm_start.start_from(dataclasses.replace(config, init=str(other)), here, recipe)
    np.testing.assert_allclose(after.collections["mean"]["keypoints"], np.mean(data.keypoints, axis=0), atol=1e-6)
    assert notes[1:] == [f"  {note}"]

    confident = DESCRIPTION._replace(
        channels=3
    )  # the statistics of other keypoints do not fit: those of this data stay
    recipe, here = begin(config, confident)
    here = here.replace(collections={"mean": {"keypoints": jnp.ones((17, 3))}})
    after, notes = warm_start.start_from(dataclasses.replace(config, init=str(other)), here, recipe)
    np.testing.assert_array_equal(after.collections["mean"]["keypoints"], 1)
    assert notes[1].startswith("  Of another size, begin anew: first, mean/keypoints (")
    assert f"  {note}" not in notes


def test_a_run_that_cannot_be_read_is_refused(tmp_path):
    def load(run):
        return warm_start.load_weights(dataclasses.replace(CONFIG, init=str(run)))

    with pytest.raises(InputError, match=r"--init: .*nowhere is not a run: it has no config.json"):
        load(tmp_path / "nowhere")
    write_settings(tmp_path / "new", CONFIG, DESCRIPTION)
    with pytest.raises(InputError, match=r"--init: .*new has no checkpoint; train first"):
        load(tmp_path / "new")
    damaged = save_run(tmp_path / "damaged")
    for file in (damaged / "checkpoints" / "7").rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    with pytest.raises(InputError, match=r"--init: .*copy the run again, or train again"):
        load(damaged)


def test_the_step_is_that_of_the_checkpoint_that_was_read(tmp_path, capsys):
    twice = save_run(tmp_path / "twice", steps=(5, 9))
    for file in (twice / "checkpoints" / "9" / "default").rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    _, after, notes = start(twice)
    assert "going back to an earlier checkpoint" in capsys.readouterr().err
    assert ", step 5, " in notes
    assert_same(after.variables, begin(CONFIG, seed=5)[1].variables)


@pytest.fixture
def config(prepared, run):
    return dataclasses.replace(CONFIG, data=str(prepared), train_split="S1", test_split="S9", init=str(run))


def test_a_resumed_run_does_not_start_from_the_other_again(config, run, tmp_path, capsys, monkeypatch):
    whole, stopped, source = tmp_path / "whole", tmp_path / "stopped", tmp_path / "source"
    shutil.copytree(run, source)
    monkeypatch.chdir(tmp_path)
    config, calls = dataclasses.replace(config, init="source"), []  # a path as it was typed

    @contextlib.contextmanager
    def deferred_signals(note):
        """SIGTERM comes in the third call of a step."""
        yield lambda: calls.append(1) or 15 * (len(calls) >= 3)

    job.train(config, whole)
    assert capsys.readouterr().out.count("Starting from source, step 7") == 1
    assert json.loads((whole / "config.json").read_text())["init"] == "source"
    assert read_settings(whole)[0] == config

    with monkeypatch.context() as signals:
        signals.setattr(job, "SECONDS", 1e-9)  # a step a call
        signals.setattr(job.signals, "deferred_signals", deferred_signals)
        with pytest.raises(StopError):
            job.train(config, stopped)
    shutil.rmtree(source)
    capsys.readouterr()
    job.train(config, stopped, resume=True)
    assert "Starting from" not in capsys.readouterr().out
    for file in ("metrics.jsonl", "results.json"):
        assert (stopped / file).read_bytes() == (whole / file).read_bytes()


def test_a_refusal_leaves_no_folder(config, tmp_path):
    with pytest.raises(InputError, match=r"--init: .*nowhere is not a run"):
        job.train(dataclasses.replace(config, init=str(tmp_path / "nowhere")), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def arguments(config, *more):
    """The command line of a configuration of this module."""
    data = ["--data", config.data, "--train-split", "S1", "--test-split", "S9", "--init", config.init]
    return ["--filter-widths", "3", "3", "--channels", "8", "--batch-size", "16", *data, *more]


def test_a_dry_run_says_what_fits(config, tmp_path, monkeypatch, capsys, refusal):
    monkeypatch.chdir(tmp_path)
    train.main(arguments(config, "--dry-run"))
    assert f"Starting from {config.init}, step 7" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
    assert "has no weights that fit" in refusal(train.main, arguments(config, "--channels", "16", "--dry-run"))


@pytest.mark.system
def test_several_devices_start_from_the_same_weights(config, run, tmp_path):
    """A step so small that it moves nothing: the checkpoint of two devices holds the weights of the other run."""
    more = ["--steps", "1", "--learning-rate", "1e-30", "--out", str(tmp_path / "run")]
    environment = os.environ | {"JAX_NUM_CPU_DEVICES": "2", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "jaxpose.train", *arguments(config, *more)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Training on 2 × CPU" in done.stdout
    shapes = setup.variable_shapes(setup.build_model(CONFIG, DESCRIPTION), DESCRIPTION)
    params = (
        checkpoint.load(Path(folder), {"params": shapes["params"]})["params"] for folder in (run, tmp_path / "run")
    )
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=0, atol=1e-20), *params)
