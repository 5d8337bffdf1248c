"""What is restored is what was saved; what is damaged is named and passed over; what does not fit is refused."""

import functools
import logging
import os
import shutil
import sys
from types import SimpleNamespace

import chex
import jax
import numpy as np
import pytest
from helpers.samples import DESCRIPTION

from jaxpose.models.configs import TemporalConfig
from jaxpose.runs import checkpoint, checksums
from jaxpose.runtime.errors import InputError
from jaxpose.training import setup
from jaxpose.training.config import Config
from jaxpose.training.state import to_checkpoint

pytestmark = pytest.mark.usefixtures("compiled_soon")


@functools.cache
def recipe_of(constrained=False, **settings):
    constraints = {"constraints": {"velocity": 1.0}, "clips": 4} if constrained else {}
    model = TemporalConfig(**{"filter_widths": (3,), "channels": 8} | settings)
    return setup.build_recipe(Config(model=model, batch_size=4, **constraints), DESCRIPTION, 10)


def state_of(seed=0, **settings):
    return to_checkpoint(setup.init(recipe_of(**settings), jax.random.key(seed)))


def variables(state):
    return {name: state[name] for name in ("params", "batch_stats")}


def write(run, states, **options):
    with checkpoint.open_checkpoints(run, **options) as checkpoints:
        for step, (state, *error) in states.items():
            checkpoint.save(checkpoints, step, state, *error)


def test_round_trip_into_a_differently_seeded_state(tmp_path):
    state = state_of(seed=1)
    write(tmp_path, {3: [state]})
    restored = checkpoint.load(tmp_path, state_of(seed=2))
    chex.assert_trees_all_equal(restored, state)
    assert jax.random.key_data(restored["key"]).tolist() == jax.random.key_data(state["key"]).tolist()


def test_some_fields_alone_are_restored_to_the_host(tmp_path):
    state = state_of()
    write(tmp_path, {3: [state]})
    shapes = jax.eval_shape(lambda: variables(state))
    loaded = checkpoint.load(tmp_path, shapes)
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(loaded))
    chex.assert_trees_all_equal(loaded, variables(state))


def test_what_is_saved_survives_the_donation_of_the_state(tmp_path):
    state, expected = state_of(), state_of()
    overwrite = jax.jit(lambda arrays: jax.tree.map(lambda array: array + 1, arrays), donate_argnums=0)
    with checkpoint.open_checkpoints(tmp_path) as checkpoints:
        checkpoint.save(checkpoints, 0, state)
        jax.block_until_ready(overwrite(state | {"key": None}))
    chex.assert_trees_all_equal(checkpoint.load(tmp_path, expected), expected)


def test_the_latest_are_kept_and_a_step_is_saved_once(tmp_path):
    state = state_of()
    with checkpoint.open_checkpoints(tmp_path) as checkpoints:
        for step in (1, 2, 3, 3):
            checkpoint.save(checkpoints, step, state)
    assert checkpoint.steps(tmp_path) == [2, 3]
    write(tmp_path, {}, after=2)
    assert checkpoint.steps(tmp_path) == [2]


def test_the_best_is_kept_beside_the_last(tmp_path):
    states = {step: state_of(seed=step) for step in range(1, 7)}
    errors = {1: 0.3, 2: 0.1, 3: 0.2, 5: 0.4}  # 4 and 6 lie within an epoch
    write(tmp_path, {step: [state, errors.get(step)] for step, state in states.items()})
    assert checkpoint.steps(tmp_path) == [2, 5, 6]
    for which, step in (("best", 2), ("last", 6)):
        chex.assert_trees_all_equal(checkpoint.load(tmp_path, states[1], which), states[step])
    with checkpoint.open_checkpoints(tmp_path) as checkpoints:  # the error of a step may come later
        checkpoint.save(checkpoints, 6, states[6], 0.05)
    chex.assert_trees_all_equal(checkpoint.load(tmp_path, states[1], "best"), states[6])


def test_without_a_validation_split_there_is_no_best(tmp_path):
    state = state_of()
    write(tmp_path, {1: [state]})
    with pytest.raises(InputError, match="has no best checkpoint; train with --validation-split, or use the"):
        checkpoint.load(tmp_path, state, "best")


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [flip, cut, lambda path: path.unlink()], ids=["flipped", "cut", "missing"])
def test_every_damaged_file_is_named_and_the_checkpoint_before_is_used(tmp_path, damage, capsys):
    whole, good, bad = tmp_path / "whole", state_of(seed=1), state_of(seed=2)
    write(whole, {1: [good, 0.1], 2: [bad, 0.2]})
    run = tmp_path / "run"
    for number, file in enumerate(sorted(path for path in (whole / "checkpoints" / "2").rglob("*") if path.is_file())):
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(whole, run)
        path = run / file.relative_to(whole)
        damage(path)
        loaded = checkpoint.load(run, jax.eval_shape(lambda: variables(bad)))
        error = capsys.readouterr().err
        if path.parent == run / "checkpoints" / "2" and not error:  # a note about it; all that was saved is there
            chex.assert_trees_all_equal(loaded, variables(bad))
            write(run, {3: [good]})
            continue
        assert error.startswith(f"warning: {path} is "), number
        assert error.endswith("; going back to an earlier checkpoint\n")
        chex.assert_trees_all_equal(loaded, variables(good))


def test_if_all_are_damaged_nothing_is_loaded(tmp_path, capsys):
    state = state_of()
    write(tmp_path, {1: [state], 2: [state]})
    for step in (1, 2):
        flip(tmp_path / "checkpoints" / str(step) / "default" / "_METADATA")
    with pytest.raises(InputError, match=r"checkpoints/1/default/_METADATA is damaged .* has no other checkpoint"):
        checkpoint.load(tmp_path, state)
    assert "checkpoints/2/default/_METADATA is damaged" in capsys.readouterr().err


def test_without_checksums_what_cannot_be_read_is_named_too(tmp_path, capsys):
    """As older versions wrote them."""
    states = [state_of(seed=seed) for seed in (1, 2)]
    write(tmp_path, {step: [state] for step, state in enumerate(states)})
    for step in (0, 1):
        (tmp_path / "checkpoints" / str(step) / checksums.CHECKSUMS).unlink()
    chex.assert_trees_all_equal(checkpoint.load(tmp_path, states[0]), states[1])
    cut(tmp_path / "checkpoints" / "1" / "default" / "_METADATA")
    chex.assert_trees_all_equal(checkpoint.load(tmp_path, states[1]), states[0])
    assert "checkpoints/1 cannot be read (" in capsys.readouterr().err


@pytest.mark.parametrize("spoil", ["pipe", "size"])
def test_a_checkpoint_on_which_orbax_would_hang_is_passed_over(tmp_path, spoil, capsys):
    """A pipe is waited for, and a description of any size is read whole: neither may end what an older one can give."""
    states = {step: [state_of(seed=step), 0.1 * step] for step in (1, 2, 3)}
    write(tmp_path, states, keep=3)
    for step in (1, 3):
        path = tmp_path / "checkpoints" / str(step) / "metrics" / "metrics"
        if spoil == "pipe":
            path.unlink()
            os.mkfifo(path)
        else:
            os.truncate(path, 2**26 + 1)
    chex.assert_trees_all_equal(checkpoint.load(tmp_path, states[1][0]), states[2][0])
    fault = "is not a regular file" if spoil == "pipe" else "is larger than 67108864 bytes"
    folder = tmp_path / "checkpoints"
    assert (
        capsys.readouterr().err == f"warning: {folder}/3/metrics/metrics {fault}; going back to an earlier checkpoint\n"
    )
    write(tmp_path, {4: states[3]}, keep=3, after=2)  # as a run that goes on; Orbax reads the metrics of all there are
    assert capsys.readouterr().err.count(f"{fault}; this checkpoint is removed") == 2
    assert checkpoint.steps(tmp_path) == [2, 4]


def test_nothing_of_the_process_is_changed_for_good(tmp_path):
    def settings():
        return sys.unraisablehook, [list(logging.getLogger(name).filters) for name in ("absl", "asyncio")]

    before = settings()
    with checkpoint.open_checkpoints(tmp_path) as checkpoints:
        assert settings() != before
        checkpoint.save(checkpoints, 1, state_of())
    checkpoint.load(tmp_path, state_of())
    assert settings() == before


def test_orbax_is_silent_and_others_are_heard(monkeypatch, caplog):
    heard = []
    monkeypatch.setattr(sys, "unraisablehook", heard.append)
    with checkpoint._quiet_orbax():
        for message in ("a message of orbax", "another message"):
            logging.getLogger("absl").warning(message)
        for error in (RuntimeError("Event loop is closed"), RuntimeError("another")):
            sys.unraisablehook(SimpleNamespace(exc_value=error))
        for file, message in (("orbax/path.py", "a task"), ("other.py", "another task")):
            try:
                exec(compile("raise OSError(27)", file, "exec"))
            except OSError:
                logging.getLogger("asyncio").exception(message)
    assert caplog.messages == ["another message", "another task"]
    assert [str(unraisable.exc_value) for unraisable in heard] == ["another"]


def test_what_a_killed_process_left_is_removed(tmp_path):
    state = state_of()
    write(tmp_path, {1: [state]})
    half = tmp_path / "checkpoints" / "2.orbax-checkpoint-tmp"
    half.mkdir()
    assert checkpoint.steps(tmp_path) == [1]
    write(tmp_path, {2: [state]})
    assert not half.exists()


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "checkpoints").touch()
    with pytest.raises(InputError, match=r"no checkpoint can be written in .*checkpoints \(.+\); the checkpoints"):
        write(tmp_path, {1: [state_of()]})


def test_nothing_to_load_is_said(tmp_path):
    with pytest.raises(InputError, match="has no checkpoint; train first"):
        checkpoint.load(tmp_path, state_of())


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"channels": 16}, r"params/shrink/kernel is \(8, 51\) in the checkpoint, \(16, 51\) in the model"),
        ({"filter_widths": (5,)}, r"params/expand/kernel is \(3, 34, 8\) in the checkpoint, \(5, 34, 8\) in the model"),
        ({"filter_widths": (3, 3)}, r"params/pointwise_norm_1/scale is absent in the checkpoint"),
    ],
)
def test_another_architecture_is_refused(tmp_path, settings, named):
    write(tmp_path, {1: [state_of()]})
    other = state_of(**settings)
    for like in (other, variables(other)):
        with pytest.raises(InputError, match=f"is of another architecture than config.json describes: {named}"):
            checkpoint.load(tmp_path, like, optional=("sums",) if like is other else ())


@pytest.mark.parametrize("saved", [{}, {"sums": {}}], ids=["other terms", "none"])
def test_sums_of_other_terms_stay_as_they_are(tmp_path, saved):
    write(tmp_path, {1: [state_of() | saved]})
    state = state_of(seed=1, constrained=True)
    loaded = checkpoint.load(tmp_path, state, optional=("sums",))
    chex.assert_trees_all_equal(loaded["sums"], state["sums"])
    chex.assert_trees_all_equal(loaded["params"], state_of()["params"])


def test_a_state_is_not_made_of_weights_alone(tmp_path):
    state = state_of()
    write(tmp_path, {1: [variables(state)]})
    with pytest.raises(InputError, match="sums/update_norm is absent in the checkpoint"):
        checkpoint.load(tmp_path, state)
