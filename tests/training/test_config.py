"""Settings validate themselves, can be compared and hashed, and are imported without JAX."""

import dataclasses
import subprocess
import sys
from typing import get_args

import pytest

from jaxpose.losses import QUANTITIES
from jaxpose.models import ops
from jaxpose.runtime.errors import InputError
from jaxpose.training.config import PRESET_TEXTS, PRESETS, TERM_ORDERS, Config, Precision


def test_presets_are_the_published_ones():
    assert {name: (c.channels, c.filter_widths, c.epochs) for name, c in PRESETS.items()} == {
        "quick": (256, (3, 3, 3), PRESETS["quick"].epochs),
        "baseline": (1024, (3, 3, 3, 3, 3), 80),
        "baseline-2048": (2048, (3, 3, 3, 3, 3), 80),
        "joint-aware": (2048, (3, 3, 3, 3, 3), 85),
    }
    for name in ("baseline", "baseline-2048", "joint-aware"):
        c = PRESETS[name]
        assert (c.batch_size, c.dropout, c.learning_rate, c.learning_rate_decay) == (1024, 0.25, 0.001, 0.95)
        assert bool(c.constraints) == (name == "joint-aware")
        assert (c.train_split, c.test_split) == ("S1+S5+S6+S7+S8", "S9+S11")


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"filter_widths": ()}, "--filter-widths is (); it must be odd numbers above zero"),
        ({"filter_widths": (3, 2)}, "--filter-widths is (3, 2); it must be odd numbers above zero"),
        ({"filter_widths": (-3,)}, "--filter-widths is (-3,)"),
        ({"channels": 0}, "--channels is 0; it must be at least 1"),
        ({"frames": 0}, "--frames is 0"),
        ({"constraints": {"angel": 1.0}}, "--constraints is {'angel': 1.0}; it must be weights of angle, distance,"),
        ({"constraints": {"angle": -1.0}}, "--constraints is {'angle': -1.0}; it must be at least 0 each"),
        ({"constraints": {"angle": float("nan")}}, "--constraints is {'angle': nan}; it must be at least 0 each"),
        ({"constraints": {"velocity": 1.0}, "clip_frames": 1}, "--clip-frames is 1; it must be at least 2, for"),
        ({"constraints": {"acceleration": 1.0}, "clip_frames": 2}, "--clip-frames is 2; it must be at least 3, for"),
        ({"constraints": {"angle": 1.0}, "clips": 2000}, "--clips is 2000; it must be at least 1 and at most --batch"),
        ({"constraints": {"angle": 1.0}, "clips": 0}, "--clips is 0; it must be"),
        ({"ramp": (2.0, 1.0)}, "--ramp is (2.0, 1.0); it must be two epochs"),
        ({"batch_size": -1}, "--batch-size is -1"),
        ({"epochs": 0}, "--epochs is 0"),
        ({"log_every": 0}, "--log-every is 0"),
        ({"steps": 0}, "--steps is 0"),
        ({"dropout": 1.0}, "--dropout is 1.0"),
        ({"dropout": float("nan")}, "--dropout is nan"),
        ({"learning_rate": 0.0}, "--learning-rate is 0.0"),
        ({"learning_rate": float("inf")}, "--learning-rate is inf"),
        ({"learning_rate_decay": 1.5}, "--learning-rate-decay is 1.5"),
        ({"seed": -1}, "--seed is -1"),
        ({"precision": "float16"}, "--precision is 'float16'; it must be one of float32, tf32, bfloat16"),
    ],
)
def test_unusable_values_are_refused(setting, expected):
    with pytest.raises(InputError) as error:
        Config(**setting)
    assert str(error.value).startswith(expected)


def test_names_that_are_written_out_are_those_of_the_modules_that_import_jax():
    assert {name: quantity.order for name, quantity in QUANTITIES.items()} == TERM_ORDERS
    assert get_args(Precision) == get_args(ops.Precision)
    assert PRESET_TEXTS.keys() == PRESETS.keys()


def test_equal_settings_are_equal_and_hash_alike():
    one, two = (Config(constraints=weights) for weights in ({"angle": 1, "ratio": 2.0}, {"ratio": 2.0, "angle": 1.0}))
    assert one == two
    assert hash(one) == hash(two)
    others = [dataclasses.replace(one, constraints={"angle": 1.0}), dataclasses.replace(one, seed=1)]
    assert len({one, two, *others}) == 3


def test_settings_are_imported_without_jax():
    code = "import sys, jaxpose.training.config; sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
