"""Runs are labelled by as few settings as tell them apart."""

import dataclasses
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.evaluation.run_labels import label_runs, name_files, name_runs
from jaxpose.models.configs import ModelConfig, TemporalConfig
from jaxpose.training.config import PRESETS, Config

SMALL = TemporalConfig(channels=64)


def config_of(**settings):
    """A config of flat settings, those of the network among them."""
    of_model = {name: settings.pop(name) for name in ("channels", "causal", "filter_widths") if name in settings}
    return Config(model=TemporalConfig(**of_model), **settings)


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
    configs = [config_of(**change) for change in changes]
    labels, differences = label_runs(configs, "abc"[: len(changes)])
    assert labels == expected
    assert not differences


@given(
    st.lists(
        st.builds(
            config_of,
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixerConfig(ModelConfig):
    """Settings of another kind of network."""

    kind: ClassVar[str] = "mixer"
    channels: int = 64
    blocks: int = 2


@pytest.mark.parametrize(
    ("models", "expected", "differences"),
    [
        ([SMALL, MixerConfig()], ["temporal network", "mixer network"], ""),
        (
            [Config().model, MixerConfig()],
            ["temporal network", "mixer network"],
            "The runs also differ: 1024 channels / 64 channels.",
        ),
        (
            [SMALL, MixerConfig(), MixerConfig(blocks=3)],
            ["temporal network", "mixer network, blocks 2", "mixer network, blocks 3"],
            "",
        ),
        (
            [MixerConfig(), SMALL, dataclasses.replace(SMALL, causal=True)],
            ["mixer network", "temporal network", "temporal network, causal"],
            "",
        ),
        (
            [MixerConfig(), SMALL, dataclasses.replace(SMALL, channels=8, filter_widths=(3,))],
            ["mixer network, 64 channels", "temporal network, 64 channels", "temporal network, 8 channels"],
            "The runs also differ: – / filters 3-3-3-3-3 / filters 3.",
        ),
        ([MixerConfig(), MixerConfig(), SMALL], ["mixer network, a", "mixer network, b", "temporal network"], ""),
    ],
)
def test_networks_of_two_kinds(models, expected, differences):
    configs = [Config(model=model) for model in models]
    assert label_runs(configs, "abc"[: len(models)]) == (expected, differences)


def test_runs_are_named_by_their_folders_unless_two_share_a_name():
    assert name_runs([Path("a/one"), Path("b/two")], "last") == ["one", "two"]
    assert name_runs([Path("a/one"), Path("b/one")], "best") == ["a/one, best checkpoint", "b/one, best checkpoint"]


def test_files_are_named_by_path_where_names_are_equal():
    assert name_files([Path("a/x.npz"), Path("b/y.npz")]) == ["x.npz", "y.npz"]
    assert name_files([Path("a/x.npz"), Path("b/x.npz")]) == ["a/x.npz", "b/x.npz"]
