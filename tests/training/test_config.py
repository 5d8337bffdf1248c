"""Settings validate themselves, can be compared and hashed, are read from files, and imported without JAX."""

import dataclasses
import json
import subprocess
import sys

import pytest

from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.models.configs import TemporalConfig
from jaxpose.runtime.errors import InputError
from jaxpose.training.config import PRESET_TEXTS, PRESETS, Config, flat_settings, from_dict, to_dict


def test_presets_are_the_published_ones():
    temporal = {name: c for name, c in PRESETS.items() if c.model.kind == "temporal"}
    assert {name: (c.model.channels, c.model.filter_widths, c.epochs) for name, c in temporal.items()} == {
        "quick": (256, (3, 3, 3), PRESETS["quick"].epochs),
        "baseline": (1024, (3, 3, 3, 3, 3), 80),
        "baseline-2048": (2048, (3, 3, 3, 3, 3), 80),
        "joint-aware": (2048, (3, 3, 3, 3, 3), 85),
        "joint-aware-smoothed": (1024, (3, 3, 3, 3, 3), 80),
        "anywhere": (512, (3, 3, 3), 60),
    }
    for name in ("baseline", "baseline-2048", "joint-aware"):
        c = PRESETS[name]
        assert (c.batch_size, c.model.dropout, c.learning_rate, c.learning_rate_decay) == (1024, 0.25, 0.001, 0.95)
        assert (c.optimizer, c.schedule, c.loss, c.augment) == ("amsgrad", "staircase", "mpjpe", ("mirror",))
        assert (c.objectives, c.init) == ((), None)
        assert bool(c.constraints) == (name == "joint-aware")
        assert (c.train_split, c.test_split) == ("S1+S5+S6+S7+S8", "S9+S11")
    assert PRESET_TEXTS.keys() == PRESETS.keys()


@pytest.mark.parametrize("name", ["joint-aware", "joint-aware-smoothed"])
def test_clips_of_presets_have_a_fifth_of_the_batch_s_frames_at_most_and_divide_among_eight_devices(name):
    c = PRESETS[name]
    assert c.clips * c.clip_frames <= 0.2 * c.batch_size * c.frames
    assert c.clips % 8 == 0


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"frames": 0}, "--frames is 0"),
        ({"constraints": {"angle": -1.0}}, "--constraints is {'angle': -1.0}; it must be at least 0 each"),
        ({"constraints": {"angle": float("nan")}}, "--constraints is {'angle': nan}; it must be at least 0 each"),
        ({"constraints": {"angle": 1.0}, "clips": 2000}, "--clips is 2000; it must be at least 1 and at most --batch"),
        ({"constraints": {"angle": 1.0}, "clips": 0}, "--clips is 0; it must be"),
        ({"clip_frames": 0}, "--clip-frames is 0"),
        ({"clip_gap": 0}, "--clip-gap is 0; it must be at least 1"),
        ({"ramp": (2.0, 1.0)}, "--ramp is (2.0, 1.0); it must be two epochs"),
        ({"frame_rates": (0.0, 50.0)}, "--frame-rates is (0.0, 50.0); it must be two rates above 0"),
        ({"frame_rates": (50.0, 20.0)}, "--frame-rates is (50.0, 20.0); it must be two rates above 0"),
        ({"frame_rates": (20.0, float("nan"))}, "--frame-rates is (20.0, nan); it must be two rates above 0"),
        ({"augmentation": {"unseen": 0.5}}, "--augmentation is {'unseen': 0.5}; it must be of type Augmentation"),
        ({"augment": ("mirror", "mirror")}, "--augment is ('mirror', 'mirror'); it must be names that differ"),
        ({"batch_size": -1}, "--batch-size is -1"),
        ({"epochs": 0}, "--epochs is 0"),
        ({"log_every": 0}, "--log-every is 0"),
        ({"keep": 0}, "--keep is 0"),
        ({"steps": 0}, "--steps is 0"),
        ({"learning_rate": 0.0}, "--learning-rate is 0.0"),
        ({"learning_rate": float("inf")}, "--learning-rate is inf"),
        ({"learning_rate_decay": 1.5}, "--learning-rate-decay is 1.5"),
        ({"save_minutes": 0.0}, "--save-minutes is 0.0"),
        ({"seed": -1}, "--seed is -1"),
        ({"data": "two\nlines"}, "--data is 'two\\nlines'; it must be one line of text"),
        ({"init": "two\nlines"}, "--init is 'two\\nlines'; it must be one line of text"),
        ({"loss": 3}, "--loss is 3; it must be of type str"),
        ({"augment": ["mirror"]}, "--augment is ['mirror']; it must be of type tuple[str, ...]"),
        ({"model": {"kind": "temporal"}}, "--model is {'kind': 'temporal'}; it must be of type ModelConfig"),
    ],
)
def test_unusable_values_are_refused(setting, expected):
    with pytest.raises(InputError) as error:
        Config(**setting)
    assert str(error.value).startswith(expected)


def test_equal_settings_are_equal_and_hash_alike():
    one, two = (Config(constraints=weights) for weights in ({"angle": 1, "ratio": 2.0}, {"ratio": 2.0, "angle": 1.0}))
    assert one == two
    assert hash(one) == hash(two)
    others = [
        dataclasses.replace(one, **change)
        for change in ({"constraints": {"angle": 1.0}}, {"seed": 1}, {"model": TemporalConfig(channels=8)})
    ]
    assert len({one, two, *others}) == 4


CHANGED = Config(
    data="somewhere",
    model=TemporalConfig(filter_widths=(3, 5), channels=16, causal=True, precision="tf32", aim=9),
    constraints={"velocity": 2.0, "angle": 1.0},
    ramp=(0.5, 1.0),
    augment=("yaw", "mirror"),
    augmentation=Augmentation(camera_pitch=(-5.0, 30.0), body_size=0.0),
    frame_rates=(20.0, 60.0),
    objectives=("mine",),
    optimizer="adam",
    schedule="cosine",
    validation_split="S8",
    init="runs/other",
)


@pytest.mark.parametrize("config", [*PRESETS.values(), CHANGED])
def test_settings_go_through_a_file(config):
    content = json.loads(json.dumps(to_dict(config)))
    assert content["model"]["kind"] == config.model.kind
    assert from_dict(content) == config
    assert hash(from_dict(content)) == hash(config)
    assert list(content) == [field.name for field in dataclasses.fields(Config)]


def test_flat_settings_of_older_runs_are_read():
    """As a run wrote them before networks had settings of their own."""
    old = {
        "data": "synthetic", "train_split": "S1", "test_split": "S9", "validation_split": None,
        "filter_widths": [3, 3], "channels": 64, "dropout": 0.1, "causal": True, "dense": False,
        "precision": "bfloat16", "frames": 1, "constraints": {"angle": 2.0}, "ramp": [1.0, 2.0], "clips": 8,
        "clip_frames": 3, "batch_size": 32, "epochs": 3, "steps": None, "learning_rate": 0.002,
        "learning_rate_decay": 0.9, "seed": 5, "log_every": 10, "keep": 2, "save_minutes": 10.0,
    }  # fmt: skip
    network = TemporalConfig(filter_widths=(3, 3), channels=64, dropout=0.1, causal=True, precision="bfloat16")
    assert from_dict(old) == Config(
        train_split="S1", test_split="S9", model=network, constraints={"angle": 2.0}, clips=8, batch_size=32,
        epochs=3, learning_rate=0.002, learning_rate_decay=0.9, seed=5, log_every=10,
    )  # fmt: skip
    assert from_dict({"filter_widths": [3, 3, 3, 3, 3]}) == Config()
    assert old["filter_widths"] == [3, 3]  # what was read is left as it was


def test_settings_of_runs_before_there_were_frame_rates_ranges_and_aims_are_read():
    content = to_dict(dataclasses.replace(CHANGED, augmentation=Augmentation(), frame_rates=None))
    del content["augmentation"], content["frame_rates"], content["model"]["aim"]
    read = from_dict(json.loads(json.dumps(content)))
    assert (read.augmentation, read.frame_rates, read.model.aim) == (Augmentation(), None, 0)


def test_a_file_with_unknown_settings_is_refused():
    with pytest.raises(TypeError, match="filter_width"):
        from_dict({"filter_widths": [3], "filter_width": 3})
    with pytest.raises(TypeError, match="it does not say of what kind the network is"):
        from_dict({})
    with pytest.raises(TypeError, match="heads"):
        from_dict({"model": {"kind": "temporal", "heads": 3}})
    with pytest.raises(KeyError, match="transformer"):
        from_dict({"model": {"kind": "transformer"}})
    with pytest.raises(InputError, match="--epochs is 0"):
        from_dict({"filter_widths": [3], "epochs": 0})
    with pytest.raises(TypeError, match="camera_yaw"):
        from_dict({"filter_widths": [3], "augmentation": {"camera_yaw": [0, 1]}})
    with pytest.raises(InputError, match="--camera-roll is 200"):
        from_dict({"filter_widths": [3], "augmentation": {"camera_roll": 200.0}})


def test_flat_settings_have_those_of_the_network_and_its_kind():
    flat = flat_settings(CHANGED)
    assert flat["model"] == "temporal"
    assert flat["filter_widths"] == (3, 5)
    assert flat["constraints"] == {"velocity": 2.0, "angle": 1.0}
    kinds = (TemporalConfig, Augmentation, Config)
    own, ranges, fields = ({field.name for field in dataclasses.fields(kind)} for kind in kinds)
    assert flat.keys() == own | ranges | fields - {"augmentation"}
    assert len(flat) == len(own) + len(ranges) + len(fields) - 1  # a name stands for one setting
    assert flat["camera_pitch"] == (-5.0, 30.0)
    assert flat["frame_rates"] == (20.0, 60.0)


@pytest.mark.parametrize("module", ["jaxpose.training.config", "jaxpose.models.configs"])
def test_settings_are_imported_without_jax(module):
    code = f"import sys, {module}; sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
