"""What a run is made of: one frozen dataclass that checks itself, and the presets by name."""

import dataclasses
import math
from collections.abc import Mapping
from typing import get_args, get_type_hints

import typeguard

from jaxpose.losses import QUANTITIES
from jaxpose.models.ops import Precision
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import is_printable_line

_LONGEST = 2**20  # frames of a receptive field
_WIDEST = 2**16  # channels


@dataclasses.dataclass(frozen=True)
class Config:
    """Every setting of a training run; the defaults are the published baseline's.

    Raises `InputError` for a value that cannot be used.
    """

    data: str = "synthetic"
    """A prepared data set's folder, or `synthetic` for the built-in data."""
    train_split: str = "S1+S5+S6+S7+S8"
    """Subjects to train on, joined by +."""
    test_split: str = "S9+S11"
    """Subjects to evaluate on."""
    validation_split: str | None = None
    """Subjects by whose error the best checkpoint is chosen; none of the test split's tracks may be among theirs."""
    filter_widths: tuple[int, ...] = (3, 3, 3, 3, 3)
    """Odd filter width of each layer; the receptive field is their product."""
    channels: int = 1024
    """Width of the temporal stack."""
    dropout: float = 0.25
    """Share of activations dropped in training."""
    causal: bool = False
    """Predict from past frames only."""
    dense: bool = False
    """Wide filters in place of dilated ones (ablation)."""
    precision: Precision = "float32"
    """Of the matrix products; parameters, statistics and loss are always float32."""
    frames: int = 1
    """Consecutive frames of a window, K, that the position loss sees."""
    constraints: dict[str, float] = dataclasses.field(default_factory=dict, hash=False)
    """Weights of the constraint losses by name, such as `angle 1 velocity 1`; those left out are not used."""
    ramp: tuple[float, float] = (1.0, 2.0)
    """The epochs between which these weights grow from zero."""
    clips: int = 128
    """Windows of a step about which the constraints see consecutive frames."""
    clip_frames: int = 3
    """How many frames these are."""
    batch_size: int = 1024
    """Windows per step."""
    epochs: int = 80
    """Passes over the data, each mirrored too; the schedules are planned for this many."""
    steps: int | None = None
    """Stop after this many steps, for short runs; the schedules stay those of `epochs`."""
    learning_rate: float = 0.001
    """In the first epoch."""
    learning_rate_decay: float = 0.95
    """Factor after each epoch."""
    seed: int = 0
    """Of the weights, the order of samples and dropout."""
    log_every: int = 50
    """Steps per compiled call, and per line of the metrics log."""
    keep: int = 2
    """Checkpoints to keep: the last ones, and beside them the best if there is a validation split."""
    save_minutes: float = 10.0
    """A checkpoint is saved after every epoch, and within one whenever the last is this old."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""

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
        require(math.prod(widths) <= _LONGEST, "filter_widths", f"at most {_LONGEST} frames together")
        require(self.channels <= _WIDEST, "channels", f"at most {_WIDEST}")
        for field in ("channels", "frames", "batch_size", "clip_frames", "epochs", "log_every", "keep"):
            require(0 < getattr(self, field) < 2**31, field, "at least 1 and less than 2^31")
        require(0 <= self.dropout < 1, "dropout", "at least 0 and less than 1")
        require(self.steps is None or 0 < self.steps < 2**31, "steps", "at least 1 and less than 2^31")
        require(0 < self.learning_rate < float("inf"), "learning_rate", "above 0")
        require(0 < self.learning_rate_decay <= 1, "learning_rate_decay", "above 0 and at most 1")
        require(self.save_minutes > 0, "save_minutes", "above 0")
        require(0 <= self.seed < 2**32, "seed", "at least 0 and less than 2^32")
        require(set(self.constraints) <= set(QUANTITIES), "constraints", f"weights of {', '.join(QUANTITIES)}")
        require(all(0 <= w < float("inf") for w in self.constraints.values()), "constraints", "at least 0 each")
        needed = 1 + max((QUANTITIES[name].order for name in self.constraints), default=0)
        require(self.clip_frames >= needed, "clip_frames", f"at least {needed}, for differences in time")
        clips = not self.constraints or 0 < self.clips <= self.batch_size
        require(clips, "clips", f"at least 1 and at most --batch-size, {self.batch_size}")
        require(0 <= self.ramp[0] <= self.ramp[1] < float("inf"), "ramp", "two epochs, the first not after the second")


def _is_of(kind: object, value: object) -> bool:
    """Whether a value is of a type, with all that it holds; a whole number is a float, too."""
    try:
        typeguard.check_type(value, kind, collection_check_strategy=typeguard.CollectionCheckStrategy.ALL_ITEMS)
    except typeguard.TypeCheckError:
        return False
    return True


QUICK = Config(filter_widths=(3, 3, 3), channels=256, batch_size=512, epochs=8)

PRESETS: Mapping[str, Config] = {
    "quick": QUICK,
    "baseline": Config(),
    "baseline-2048": Config(channels=2048),
    "joint-aware": Config(channels=2048, epochs=85, constraints={"angle": 2.0, "velocity": 2.0}),
}
"""Settings by name. `baseline` is VideoPose3D's, `baseline-2048` the joint-aware paper's ablation; the weights of
`joint-aware` were chosen on training subjects (`experiments/joint_aware.md`)."""
