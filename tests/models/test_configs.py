"""Settings of networks: they check themselves, build their network, and go through a file; JAX is not needed."""

import dataclasses
import json
from typing import get_args

import jax
import pytest
from helpers.networks import WindowLinear

from jaxpose.models import configs, ops
from jaxpose.models.aimed import AimedLifter
from jaxpose.models.configs import MODELS, ModelConfig, TemporalConfig, model_from_dict
from jaxpose.models.temporal import TemporalModel
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17, HUMANEVA_15


def test_the_precisions_that_are_written_out_are_those_of_the_operations():
    assert get_args(configs.Precision) == get_args(ops.Precision)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"filter_widths": ()}, "--filter-widths is (); it must be odd numbers above zero"),
        ({"filter_widths": (3, 2)}, "--filter-widths is (3, 2); it must be odd numbers above zero"),
        ({"filter_widths": (-3,)}, "--filter-widths is (-3,)"),
        (
            {"filter_widths": (1025, 1025)},
            "--filter-widths is (1025, 1025); it must be at most 1048576 frames",
        ),
        ({"filter_widths": [3]}, "--filter-widths is [3]; it must be of type tuple[int, ...]"),
        ({"channels": 0}, "--channels is 0; it must be at least 1"),
        ({"channels": 2**17}, "--channels is 131072; it must be at most 65536"),
        ({"dropout": 1.0}, "--dropout is 1.0"),
        ({"dropout": float("nan")}, "--dropout is nan"),
        ({"aim": 4}, "--aim is 4; it must be 0 or an odd number of frames"),
        ({"aim": -3}, "--aim is -3; it must be 0 or an odd number of frames"),
        ({"causal": "yes"}, "--causal is 'yes'; it must be of type bool"),
        ({"precision": "float16"}, "--precision is 'float16'; it must be one of float32, tf32, bfloat16"),
    ],
)
def test_unusable_values_are_refused(setting, expected):
    with pytest.raises(InputError) as error:
        TemporalConfig(**setting)
    assert str(error.value).startswith(expected)


def test_the_settings_build_their_network():
    config = TemporalConfig(
        filter_widths=(3, 5), channels=16, dropout=0.1, causal=True, dense=True, precision="bfloat16"
    )
    network = TemporalModel(15, (3, 5), 16, 0.1, causal=True, dense=True, precision="bfloat16")
    assert config.build(HUMANEVA_15, COCO_17, 3) == network


@pytest.mark.parametrize(("causal", "margin"), [(False, (4, 3)), (True, (7, 0))])
def test_with_an_aim_the_network_is_within_one_that_aims(causal, margin):
    config = TemporalConfig(filter_widths=(3, 5), channels=16, causal=causal)
    aiming = dataclasses.replace(config, aim=7).build(HUMANEVA_15, COCO_17, 3)
    assert aiming == AimedLifter(config.build(HUMANEVA_15, COCO_17, 3), margin)


@pytest.mark.parametrize("kind", MODELS)
def test_every_kind_goes_through_a_file_and_builds_a_network(kind):
    config = MODELS[kind]()
    assert config.kind == kind
    content = json.loads(json.dumps(config.to_dict()))
    assert content["kind"] == kind
    again = model_from_dict(content)
    assert again == config
    assert hash(again) == hash(config)
    network = config.build(H36M_17, H36M_17, 2)
    assert hash(network) == hash(config.build(H36M_17, H36M_17, 2))
    frames = sum(network.context) + (network.frames or 2)
    shapes = jax.eval_shape(network.init, jax.random.key(0), jax.ShapeDtypeStruct((3, frames, 17, 2), "float32"))
    out = jax.eval_shape(network.apply, shapes, jax.ShapeDtypeStruct((3, frames, 17, 2), "float32"))
    assert out.poses.shape == (3, network.frames or 2, 17, 3)


def test_settings_of_all_networks_have_the_precision_alone():
    """Settings of one name may not mean two things: the command line and tables know them by name."""
    assert [field.name for field in dataclasses.fields(ModelConfig)] == ["precision"]
    with pytest.raises(NotImplementedError):
        ModelConfig().build(H36M_17, H36M_17, 2)


def test_a_network_of_one_s_own_is_read_by_its_kind(monkeypatch):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class MyConfig(ModelConfig):
        kind = "mine"

        taps: tuple[int, ...] = (1, 2)

        def build(self, skeleton, layout, channels):
            return WindowLinear(skeleton.num_joints)

    with pytest.raises(KeyError, match="mine"):
        model_from_dict({"kind": "mine"})
    monkeypatch.setitem(MODELS, "mine", MyConfig)
    content = {"kind": "mine", "precision": "tf32", "taps": [3]}
    assert model_from_dict(content) == MyConfig(precision="tf32", taps=(3,))
    assert content["taps"] == [3]
    assert model_from_dict(content).to_dict() == content | {"taps": (3,)}
    with pytest.raises(TypeError, match="heads"):
        model_from_dict({"kind": "mine", "heads": 3})
