"""The settings of a training run: one frozen dataclass that validates itself, and presets by name."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Literal, get_args, get_type_hints

import typeguard

from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import is_printable_line

# Written out here, and compared by a test with `models.ops.Precision` and `losses.QUANTITIES`: those modules import
# JAX, which takes seconds, and `jaxpose train --help` should answer at once.
Precision = Literal["float32", "tf32", "bfloat16"]
TERM_ORDERS: Mapping[str, int] = {
    "angle": 0, "distance": 0, "symmetry": 0, "range_of_motion": 0, "velocity": 1, "acceleration": 2,
    "angular_acceleration": 2, "consistency": 1, "ratio": 0,
}  # fmt: skip
"""The constraint terms, with the order of their difference in time."""

_MOST_FRAMES = 2**20  # of a receptive field
_MOST_CHANNELS = 2**16


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of a training run."""

    data: str = "synthetic"
    """Folder of a prepared data set, or `synthetic` for the built-in data."""
    train_split: str = "S1+S5+S6+S7+S8"
    """Subjects to train on, joined by +."""
    test_split: str = "S9+S11"
    """Subjects to evaluate on, joined by +."""
    validation_split: str | None = None
    """Subjects whose error chooses the best checkpoint. None of their tracks may be in the test split."""
    filter_widths: tuple[int, ...] = (3, 3, 3, 3, 3)
    """Filter width of each layer, odd. Their product is the receptive field in frames."""
    channels: int = 1024
    """Channels of the temporal convolutions."""
    dropout: float = 0.25
    """Share of activations that dropout zeroes in training."""
    causal: bool = False
    """Predict a frame from past frames only."""
    dense: bool = False
    """Use wide filters instead of dilated ones (an ablation)."""
    precision: Precision = "float32"
    """Precision of matrix products. Parameters, statistics and the loss are always float32."""
    frames: int = 1
    """Consecutive output frames of each training window, for the position loss."""
    constraints: dict[str, float] = dataclasses.field(default_factory=dict)
    """Constraint terms to add to the loss, each with its weight, for example `angle 1 velocity 1`. The terms are angle,
    distance, symmetry, range_of_motion, velocity, acceleration, angular_acceleration, consistency and ratio."""
    ramp: tuple[float, float] = (1.0, 2.0)
    """Epochs between which the weights of the constraints grow from zero to their values."""
    clips: int = 128
    """Windows of each batch that the constraints act on; each is read again with its neighbouring frames."""
    clip_frames: int = 3
    """Consecutive frames of each window that the constraints act on."""
    batch_size: int = 1024
    """Windows per step."""
    epochs: int = 80
    """Passes over the data, each also mirrored. The schedules of learning rate and BatchNorm end with the last one."""
    steps: int | None = None
    """Stop after this many steps, for a short run. The schedules stay those of `--epochs`."""
    learning_rate: float = 0.001
    """Learning rate in the first epoch."""
    learning_rate_decay: float = 0.95
    """Factor of the learning rate after each epoch."""
    seed: int = 0
    """Seed of the weights, the order of samples, and dropout."""
    log_every: int = 50
    """Steps per line of the metrics log. The end of an epoch ends a line too."""
    keep: int = 2
    """Latest checkpoints to keep. The best one is kept as well if there is a validation split."""
    save_minutes: float = 10.0
    """Save a checkpoint within an epoch when the last one is this many minutes old. Each epoch ends with one."""

    def __post_init__(self) -> None:
        """Raise `InputError` for a value that cannot be used."""

        def require(truth: bool, field: str, expected: str) -> None:
            if not truth:
                raise InputError(f"--{field.replace('_', '-')} is {getattr(self, field)!r}; it must be {expected}")

        require(self.precision in get_args(Precision), "precision", f"one of {', '.join(get_args(Precision))}")
        for field, kind in get_type_hints(Config).items():
            name = kind.__name__ if isinstance(kind, type) else kind
            require(_is_of(kind, getattr(self, field)), field, f"of type {name}")
        for field in ("data", "train_split", "test_split", "validation_split"):
            if getattr(self, field) is None:
                continue
            require(is_printable_line(getattr(self, field)), field, "one line of text, of at most 500 characters")
        widths = self.filter_widths
        require(len(widths) > 0 and all(w > 0 and w % 2 for w in widths), "filter_widths", "odd numbers above zero")
        require(math.prod(widths) <= _MOST_FRAMES, "filter_widths", f"at most {_MOST_FRAMES} frames together")
        require(self.channels <= _MOST_CHANNELS, "channels", f"at most {_MOST_CHANNELS}")
        for field in ("channels", "frames", "batch_size", "clip_frames", "epochs", "log_every", "keep"):
            require(0 < getattr(self, field) < 2**31, field, "at least 1 and less than 2^31")
        require(0 <= self.dropout < 1, "dropout", "at least 0 and less than 1")
        require(self.steps is None or 0 < self.steps < 2**31, "steps", "at least 1 and less than 2^31")
        require(0 < self.learning_rate < float("inf"), "learning_rate", "above 0")
        require(0 < self.learning_rate_decay <= 1, "learning_rate_decay", "above 0 and at most 1")
        require(self.save_minutes > 0, "save_minutes", "above 0")
        require(0 <= self.seed < 2**32, "seed", "at least 0 and less than 2^32")
        require(set(self.constraints) <= set(TERM_ORDERS), "constraints", f"weights of {', '.join(TERM_ORDERS)}")
        require(all(0 <= w < float("inf") for w in self.constraints.values()), "constraints", "at least 0 each")
        needed = 1 + max((TERM_ORDERS[name] for name in self.constraints), default=0)
        require(self.clip_frames >= needed, "clip_frames", f"at least {needed}, for differences in time")
        clips = not self.constraints or 0 < self.clips <= self.batch_size
        require(clips, "clips", f"at least 1 and at most --batch-size, {self.batch_size}")
        require(0 <= self.ramp[0] <= self.ramp[1] < float("inf"), "ramp", "two epochs, the first not after the second")

    def __hash__(self) -> int:
        """Hash all settings; Python hashes no dict, which `constraints` is."""
        values = (getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "constraints")
        return hash((*values, *sorted(self.constraints.items())))


def _is_of(kind: object, value: object) -> bool:
    """True if a value and all that it holds is of a type; an int counts as a float."""
    try:
        typeguard.check_type(value, kind, collection_check_strategy=typeguard.CollectionCheckStrategy.ALL_ITEMS)
    except typeguard.TypeCheckError:
        return False
    return True


PRESETS: Mapping[str, Config] = {
    "quick": Config(filter_widths=(3, 3, 3), channels=256, batch_size=512, epochs=8),
    "baseline": Config(),
    "baseline-2048": Config(channels=2048),
    "joint-aware": Config(channels=2048, epochs=85, constraints={"angle": 2.0, "velocity": 2.0}),
}
"""Settings by name."""

PRESET_TEXTS: Mapping[str, str] = {
    "quick": "a small network for a first look: 27 frames, 256 channels, 8 epochs",
    "baseline": "VideoPose3D as published: 243 frames, 1024 channels, 80 epochs",
    "baseline-2048": "VideoPose3D with 2048 channels, the baseline of the joint-aware paper's ablation",
    "joint-aware": "the joint-aware paper's size and length (2048 channels, 85 epochs) with angle and velocity terms, "
    "whose weights were chosen on training subjects",
}
"""A line about each preset, for `--help`."""
