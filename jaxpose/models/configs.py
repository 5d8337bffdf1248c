"""Settings of every network, a frozen dataclass each, and how they build it; `MODELS` has them by name.

The networks themselves are imported when they are built: JAX takes seconds, and `jaxpose train --help` answers at once.
"""

import dataclasses
import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from jaxpose.runtime.settings import check_types, require
from jaxpose.skeleton import Skeleton

if TYPE_CHECKING:
    from jaxpose.models.lifter import Lifter

Precision = Literal["float32", "tf32", "bfloat16"]  # a test compares it with `models.ops.Precision`

_MOST_FRAMES = 2**20  # of a receptive field
_MOST_CHANNELS = 2**16
_MOST_BLOCKS = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Settings that every network has; the class of a network adds its own, with a check in `__post_init__`."""

    kind: ClassVar[str] = ""
    """The network's name in `MODELS` and in `config.json`."""

    precision: Precision = "float32"
    """Precision of matrix products. Parameters, statistics and the loss are always float32."""

    def __post_init__(self) -> None:
        """Raise `InputError` for a value that cannot be used."""
        require(self, self.precision in get_args(Precision), "precision", f"one of {', '.join(get_args(Precision))}")
        check_types(self)

    def build(self, skeleton: Skeleton, layout: Skeleton, channels: int) -> "Lifter":
        """Build the network.

        Args:
          skeleton: of the poses that it predicts.
          layout: of the keypoints that it is given.
          channels: numbers per keypoint, 2, or 3 with a confidence.
        """
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The settings as a JSON object, with the network's `kind`."""
        return {"kind": self.kind} | dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TemporalConfig(ModelConfig):
    """The dilated temporal stack of VideoPose3D."""

    kind: ClassVar[str] = "temporal"

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
    aim: int = 0
    """Aim the camera at the person, with a mean over this many frames, an odd number, so that distance, focal length
    and shape of the image do not matter. 0 to lift the image as it is."""

    def __post_init__(self) -> None:
        """Raise `InputError` for a value that cannot be used."""
        super().__post_init__()
        widths = self.filter_widths
        odd = len(widths) > 0 and all(width > 0 and width % 2 for width in widths)
        require(self, odd, "filter_widths", "odd numbers above zero")
        require(self, math.prod(widths) <= _MOST_FRAMES, "filter_widths", f"at most {_MOST_FRAMES} frames together")
        require(
            self, self.aim == 0 or (0 < self.aim < _MOST_FRAMES and self.aim % 2), "aim", "0 or an odd number of frames"
        )
        _require_channels(self)

    def build(self, skeleton: Skeleton, layout: Skeleton, channels: int) -> "Lifter":
        """Build the network; see `ModelConfig.build`."""
        from jaxpose.models.aimed import AimedLifter, box_margin
        from jaxpose.models.temporal import TemporalModel

        settings = dataclasses.asdict(self)
        box = settings.pop("aim")
        model = TemporalModel(num_joints=skeleton.num_joints, **settings)
        return AimedLifter(model, box_margin(box, causal=self.causal)) if box else model


@dataclasses.dataclass(frozen=True, kw_only=True)
class LinearConfig(ModelConfig):
    """The single-frame network of Martinez et al.; the defaults are theirs."""

    kind: ClassVar[str] = "linear"

    channels: int = 1024
    """Channels of the linear layers."""
    blocks: int = 2
    """Residual blocks, each of two linear layers."""
    dropout: float = 0.5
    """Share of activations that dropout zeroes in training."""
    max_norm: float | None = 1.0
    """Largest Frobenius norm of each weight matrix, which is scaled down to it. None for no limit."""
    root: Literal["zero", "predicted"] = "zero"
    """The root joint of the predicted poses: at zero, or with outputs of its own, as in SemGCN's version."""
    epsilon: float = 1e-3
    """BatchNorm's epsilon, added to variances. 1e-5 in PyTorch."""
    momentum: float = 0.01
    """Weight of a new batch in BatchNorm's running statistics. 0.1 in PyTorch."""

    def __post_init__(self) -> None:
        """Raise `InputError` for a value that cannot be used."""
        super().__post_init__()
        _require_channels(self)
        require(self, 0 < self.blocks <= _MOST_BLOCKS, "blocks", f"at least 1 and at most {_MOST_BLOCKS}")
        limit = self.max_norm is None or 0 < self.max_norm < math.inf
        require(self, limit, "max_norm", "above 0, or None")
        require(self, 0 < self.epsilon < math.inf, "epsilon", "above 0")
        require(self, 0 < self.momentum <= 1, "momentum", "above 0 and at most 1")

    def build(self, skeleton: Skeleton, layout: Skeleton, channels: int) -> "Lifter":
        """Build the network; see `ModelConfig.build`."""
        from jaxpose.models.linear import LinearModel

        return LinearModel(num_joints=skeleton.num_joints, **dataclasses.asdict(self))


def _require_channels(settings: Any) -> None:
    """Raise `InputError` for a number of channels or a dropout rate that cannot be used."""
    require(settings, 0 < settings.channels < 2**31, "channels", "at least 1 and less than 2^31")
    require(settings, settings.channels <= _MOST_CHANNELS, "channels", f"at most {_MOST_CHANNELS}")
    require(settings, 0 <= settings.dropout < 1, "dropout", "at least 0 and less than 1")


MODELS: dict[str, type[ModelConfig]] = {config.kind: config for config in (TemporalConfig, LinearConfig)}
"""Settings of networks by kind; a plugin adds its own."""


def model_from_dict(content: Any) -> ModelConfig:
    """Read the settings of a network from the JSON object that `ModelConfig.to_dict` makes.

    Raises:
      InputError: a value cannot be used.
      KeyError: there is no network of this kind.
      TypeError: a setting is unknown, or the network's kind is missing.
    """
    if not isinstance(content, dict) or not isinstance(content.get("kind"), str):
        raise TypeError("it does not say of what kind the network is")
    content = {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}
    return MODELS[content.pop("kind")](**content)
