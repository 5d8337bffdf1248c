"""A network of one's own, its settings, and a preset: two convolutions over time.

jaxpose train convolutions --plugin experiments/plugins/my_network.py --data DIR
jaxpose evaluate RUN --plugin experiments/plugins/my_network.py
"""

import dataclasses
from typing import ClassVar

import flax.linen as nn
import jax

from jaxpose.models.configs import MODELS, ModelConfig
from jaxpose.models.lifter import Lifter, Prediction, Progress
from jaxpose.skeleton import Skeleton
from jaxpose.training.config import PRESET_TEXTS, PRESETS, Config


class Convolutions(Lifter):
    """Two convolutions over five frames each, with LayerNorm and GELU, and a linear layer to the joints."""

    num_joints: int
    channels: int

    @property
    def context(self) -> tuple[int, int]:
        """Each convolution needs two frames before and two after."""
        return 4, 4

    @nn.compact
    def __call__(self, keypoints: jax.Array, *, train: bool = False, progress: Progress | None = None) -> Prediction:
        """Predict poses (B, N - 8, J, 3) from keypoints (B, N, K, D); in training and evaluation alike."""
        x = keypoints.reshape(*keypoints.shape[:2], -1)
        for _ in range(2):
            x = nn.gelu(nn.LayerNorm()(nn.Conv(self.channels, (5,), padding="VALID")(x)))
        x = nn.Dense(3 * self.num_joints)(x)
        return Prediction(x.reshape(*x.shape[:2], self.num_joints, 3))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConvolutionsConfig(ModelConfig):
    """Two convolutions over time."""

    kind: ClassVar[str] = "convolutions"

    channels: int = 256
    """Channels of the convolutions."""

    def build(self, skeleton: Skeleton, layout: Skeleton, channels: int) -> Lifter:
        """Build the network."""
        return Convolutions(skeleton.num_joints, self.channels)


MODELS[ConvolutionsConfig.kind] = ConvolutionsConfig
PRESETS["convolutions"] = Config(model=ConvolutionsConfig(), batch_size=512, epochs=8)
PRESET_TEXTS["convolutions"] = "two convolutions over time: 9 frames, 256 channels, 8 epochs"
