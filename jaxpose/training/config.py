"""The settings of a training run: one frozen dataclass that validates itself, and presets by name."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.models.configs import LinearConfig, ModelConfig, TemporalConfig, model_from_dict
from jaxpose.runtime.settings import check_types, require
from jaxpose.skeleton import is_printable_line


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
    """Subjects whose error chooses the best checkpoint. None of their recordings may be in the test split."""
    allow_overlap: bool = False
    """Train even if recordings of the test or validation split are trained on. Every table of errors says so."""
    model: ModelConfig = dataclasses.field(default_factory=TemporalConfig)
    """The network and its settings."""
    frames: int = 1
    """Consecutive output frames of each training window, for the position loss."""
    loss: str = "mpjpe"
    """Loss of the position: mpjpe, mse, or z_mse (squared errors in the standard deviations of the training poses, for
    networks that predict in these). A plugin adds others."""
    constraints: dict[str, float] = dataclasses.field(default_factory=dict)
    """Constraint terms to add to the loss, each with its weight, for example `angle 1 velocity 1`. The terms are angle,
    distance, symmetry, range_of_motion, velocity, acceleration, angular_acceleration, consistency, ratio and pose. A
    plugin adds others."""
    ramp: tuple[float, float] = (1.0, 2.0)
    """Epochs between which the weights of the constraints grow from zero to their values."""
    clips: int = 56
    """Windows of each batch that the constraints act on; each is read again with its neighbouring frames. These frames
    are what constraints cost: three for each of 56 clips, beside 1024 windows, a sixth of a step."""
    clip_frames: int = 3
    """Frames of each window that the constraints act on."""
    clip_gap: int = 1
    """Frames from one of these to the next, 1 for consecutive ones. With more, a velocity is the movement during that
    time, of which noise is a smaller part, and the network predicts these frames alone."""
    objectives: tuple[str, ...] = ()
    """Further terms of the loss, by the names that a plugin gives them."""
    augment: tuple[str, ...] = ("mirror",)
    """Changes made to each batch, in this order: mirror (an epoch shows every window twice, once as its mirror image),
    yaw (the camera moves round the person by a random angle), body (other sizes and lengths of bones), camera (a random
    camera; keypoints are exact), and what a 2D detector does: offsets, jitter, outliers, exchange (of left and right),
    confidence, unseen; and lens (the focal length is not known). A plugin adds others."""
    augmentation: Augmentation = dataclasses.field(default_factory=Augmentation)
    """The ranges from which augmentations draw."""
    frame_rates: tuple[float, float] | None = None
    """Frames per second, least and most: each window is shown at a frame rate drawn between them. None for that of the
    data."""
    batch_size: int = 1024
    """Windows per step."""
    epochs: int = 80
    """Passes over the data. The schedules of the learning rate and of the network end with the last one."""
    steps: int | None = None
    """Stop after this many steps, for a short run. The schedules stay those of `--epochs`."""
    optimizer: str = "amsgrad"
    """Optimiser: amsgrad (as PyTorch computes it) or adam. A plugin adds others."""
    learning_rate: float = 0.001
    """Learning rate at the start."""
    learning_rate_decay: float = 0.95
    """Factor of the learning rate after each epoch."""
    schedule: str = "staircase"
    """Schedule of the learning rate: staircase (the decay after each epoch at once), exponential (the same decay, a
    little after each step), cosine (to zero at the last epoch, without the decay) or constant. A plugin adds others."""
    init: str | None = None
    """Folder of a run to begin with the weights of, those of its last checkpoint, for fine-tuning; or a lifter file, or
    `weights` for the one that comes with jaxpose. What does not fit is named, and begins anew, as do the optimiser and
    the schedules."""
    seed: int = 0
    """Seed of the weights, the order of samples, and dropout."""
    log_every: int = 50
    """Steps per line of the metrics log. The end of an epoch ends a line too."""
    keep: int = 2
    """Latest checkpoints to keep. The best one is kept as well if there is a validation split."""
    save_minutes: float = 10.0
    """Save a checkpoint within an epoch when the last one is this many minutes old. Each epoch ends with one."""

    def __post_init__(self) -> None:
        """Raise `InputError` for a value that cannot be used. Names are looked up where the recipe is built."""
        check_types(self)
        for field in ("data", "train_split", "test_split", "validation_split", "init"):
            if getattr(self, field) is not None:
                one_line = is_printable_line(getattr(self, field))
                require(self, one_line, field, "one line of text, of at most 500 characters")
        for field in ("frames", "batch_size", "clip_frames", "clip_gap", "epochs", "log_every", "keep"):
            require(self, 0 < getattr(self, field) < 2**31, field, "at least 1 and less than 2^31")
        require(self, self.steps is None or 0 < self.steps < 2**31, "steps", "at least 1 and less than 2^31")
        require(self, 0 < self.learning_rate < float("inf"), "learning_rate", "above 0")
        require(self, 0 < self.learning_rate_decay <= 1, "learning_rate_decay", "above 0 and at most 1")
        require(self, self.save_minutes > 0, "save_minutes", "above 0")
        require(self, 0 <= self.seed < 2**32, "seed", "at least 0 and less than 2^32")
        finite = all(0 <= weight < float("inf") for weight in self.constraints.values())
        require(self, finite, "constraints", "at least 0 each")
        clips = not self.constraints or 0 < self.clips <= self.batch_size
        require(self, clips, "clips", f"at least 1 and at most --batch-size, {self.batch_size}")
        in_order = 0 <= self.ramp[0] <= self.ramp[1] < float("inf")
        require(self, in_order, "ramp", "two epochs, the first not after the second")
        require(self, len({*self.augment}) == len(self.augment), "augment", "names that differ")
        rates = self.frame_rates
        in_order = rates is None or 0 < rates[0] <= rates[1] <= 1000
        require(self, in_order, "frame_rates", "two rates above 0 and at most 1000, the first not above the second")

    def __hash__(self) -> int:
        """Hash all settings; Python hashes no dict, which `constraints` is."""
        values = (getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "constraints")
        return hash((*values, *sorted(self.constraints.items())))


def loss_in_metres(config: Config) -> bool:
    """True if the training loss is a length, so that it can be shown in millimetres beside errors."""
    return config.loss == "mpjpe"


def to_dict(config: Config) -> dict[str, Any]:
    """The settings as a JSON object, those of the network under `model`."""
    return dataclasses.asdict(config) | {"model": config.model.to_dict()}


def from_dict(content: Mapping[str, Any]) -> Config:
    """Read settings from the JSON object that `to_dict` makes; those of older runs too.

    Raises:
      InputError: a value cannot be used.
      KeyError: the network is of an unknown kind.
      TypeError: a setting is unknown, or there is no network.
    """
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}
    if "model" not in settings and "filter_widths" in settings:  # written before there were several networks
        names = [field.name for field in dataclasses.fields(TemporalConfig) if field.name in settings]
        settings["model"] = {"kind": "temporal"} | {name: settings.pop(name) for name in names}
    if "augmentation" in settings:
        ranges = {name: tuple(x) if isinstance(x, list) else x for name, x in settings["augmentation"].items()}
        settings["augmentation"] = Augmentation(**ranges)
    return Config(**settings | {"model": model_from_dict(settings.get("model"))})


def flat_settings(config: Config) -> dict[str, Any]:
    """All settings by name, those of the augmentations and the network among them; the network's name is `model`."""
    settings = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    ranges = dataclasses.asdict(settings.pop("augmentation"))
    return settings | ranges | {"model": config.model.kind} | dataclasses.asdict(config.model)


PRESETS: dict[str, Config] = {
    "quick": Config(model=TemporalConfig(filter_widths=(3, 3, 3), channels=256), batch_size=512, epochs=8),
    "baseline": Config(),
    "baseline-2048": Config(model=TemporalConfig(channels=2048)),
    "joint-aware": Config(model=TemporalConfig(channels=2048), epochs=85, constraints={"angle": 2.0, "velocity": 2.0}),
    "joint-aware-smoothed": Config(
        model=TemporalConfig(dropout=0.1),
        constraints={"angle": 2.0, "velocity": 8.0, "pose": 25.0},
        clips=64,
        clip_gap=8,
    ),
    "linear": Config(
        model=LinearConfig(),
        loss="z_mse",
        augment=(),
        batch_size=64,
        epochs=200,
        optimizer="adam",
        learning_rate_decay=0.9901,  # 0.96 every 100,000 steps, with the 24,372 steps of Human3.6M an epoch
        schedule="exponential",
    ),
    "anywhere": Config(
        model=TemporalConfig(filter_widths=(3, 3, 3), channels=512, dropout=0.0, aim=31),
        augment=(
            "mirror",
            "body",
            "camera",
            "offsets",
            "jitter",
            "outliers",
            "exchange",
            "confidence",
            "unseen",
            "lens",
        ),
        frame_rates=(24.0, 60.0),
        batch_size=256,
        epochs=60,
        optimizer="adam",
        schedule="cosine",
    ),
}
"""Settings by name; a plugin adds its own, with a line in `PRESET_TEXTS`."""

PRESET_TEXTS: dict[str, str] = {
    "quick": "a small network for a first look: 27 frames, 256 channels, 8 epochs",
    "baseline": "VideoPose3D as published: 243 frames, 1024 channels, 80 epochs",
    "baseline-2048": "VideoPose3D with 2048 channels, the baseline of the joint-aware paper's ablation",
    "joint-aware": "the joint-aware paper's size and length (2048 channels, 85 epochs) with angle and velocity terms, "
    "whose weights were chosen on training subjects",
    "joint-aware-smoothed": "baseline with the best terms found for motion that is smoothed afterwards: velocities "
    "over 8 frames, angles and positions of clips, dropout 0.1; chosen on validation subjects",
    "linear": "the single-frame network of Martinez et al. as published: 1024 channels, 200 epochs, no mirroring",
    "anywhere": "a lifter of any video: 58 frames, 512 channels, trained with cameras, bodies and detectors drawn at "
    "random, for data of jaxpose prepare anywhere",
}
"""A line about each preset, for `--help`."""
