"""Runs are labelled by as few settings as tell them apart."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.evaluation.run_labels import label_runs, name_runs
from jaxpose.training.config import PRESETS, Config


def test_the_presets_are_labelled_by_what_differs():
    configs = [PRESETS[name] for name in ("baseline", "baseline-2048", "joint-aware")]
    labels, differences = label_runs(configs, ["a", "b", "c"])
    assert labels == ["1024 channels", "2048 channels", "2048 channels, constraints"]
    assert differences == "The runs also differ: epochs 80 / epochs 80 / epochs 85."


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([{}], ["a"]),
        ([{}, {}], ["a", "b"]),
        ([{"seed": 0}, {"seed": 1}], ["seed 0", "seed 1"]),
        ([{}, {"constraints": {"angle": 1.0}}], ["no constraints", "constraints"]),
        ([{}, {"constraints": {"angle": 1.0}, "clips": 4}], ["no constraints", "constraints"]),
        (
            [{}, {"constraints": {"velocity": 1.0, "angle": 0.5}}, {"constraints": {"angle": 1.0}}],
            ["no constraints", "constraints angle 0.5 velocity 1", "constraints angle 1"],
        ),
        (
            [{"causal": True}, {"causal": True, "channels": 8}, {}],
            ["1024 channels, causal", "8 channels, causal", "1024 channels"],
        ),
        ([{"channels": 8}, {"channels": 8}, {}], ["8 channels, a", "8 channels, b", "1024 channels"]),
        ([{}, {"filter_widths": (3, 3)}], ["filters 3-3-3-3-3", "filters 3-3"]),
        ([{}, {"steps": 500}], ["no steps", "steps 500"]),
    ],
)
def test_labels(changes, expected):
    configs = [dataclasses.replace(Config(), **change) for change in changes]
    labels, differences = label_runs(configs, "abc"[: len(changes)])
    assert labels == expected
    assert not differences


@given(
    st.lists(
        st.builds(
            Config,
            channels=st.sampled_from([8, 16]),
            causal=st.booleans(),
            seed=st.integers(0, 2),
            constraints=st.dictionaries(st.sampled_from(["angle", "ratio"]), st.sampled_from([0.5, 1.0])),
            clips=st.sampled_from([4, 8]),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_no_two_runs_have_one_label(configs):
    labels, _ = label_runs(configs, [f"run-{number}" for number in range(len(configs))])
    assert len(set(labels)) == len(configs)
    assert all(labels)


def test_runs_are_named_by_their_folders_unless_two_share_a_name():
    assert name_runs([Path("a/one"), Path("b/two")], "last") == ["one", "two"]
    assert name_runs([Path("a/one"), Path("b/one")], "best") == ["a/one, best checkpoint", "b/one, best checkpoint"]
