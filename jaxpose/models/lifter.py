"""The contract of a network: what it is called with, what it returns, and what it says about itself."""

from typing import NamedTuple

import chex
import flax.linen as nn
import flax.struct
import jax

Collections = dict[str, chex.ArrayTree]
"""Variables of a network beside its parameters, by name: BatchNorm's statistics are `batch_stats`."""


class Prediction(flax.struct.PyTreeNode):
    """What a network returns for B windows of K output frames; fields that a network does not predict are None."""

    poses: jax.Array  # (B, K, J, 3) metres, root-relative: the estimate that metrics read
    root: jax.Array | None = None  # (B, K, 3) metres in camera space, the path of the root joint
    hypotheses: jax.Array | None = None  # (B, H, K, J, 3) metres, other poses that are possible
    log_weights: jax.Array | None = None  # (B, H), of the hypotheses
    spread: jax.Array | None = None  # (B, K, J) metres, standard deviation of each joint
    unit: jax.Array | None = None  # (J, 3) metres, the deviation of each coordinate that the loss "z_mse" counts as 1


class Progress(NamedTuple):
    """How far a training is: what schedules are functions of."""

    step: chex.Numeric  # () int32, steps taken
    steps_per_epoch: int
    epochs: int  # planned

    @property
    def epoch(self) -> chex.Numeric:
        """Epochs done, a fraction."""
        return self.step / self.steps_per_epoch

    @property
    def whole_epochs(self) -> chex.Numeric:
        """Epochs done, rounded down: constant within an epoch."""
        return self.step // self.steps_per_epoch


class Lifter(nn.Module):
    """Base class of networks from keypoints to poses.

    A subclass is a Flax module with fields that can be hashed, and defines

        def __call__(self, keypoints, *, train=False, progress=None) -> Prediction

    where `keypoints` are (B, before + K + after, K_2d, D) screen coordinates of consecutive frames. With `train=True`
    it may update its collections (all are mutable), draw from the random stream "dropout", and follow `progress`, a
    `Progress` or None outside a training.
    """

    @property
    def context(self) -> tuple[int, int]:
        """Input frames that are needed before and after each output frame."""
        return 0, 0

    @property
    def rays(self) -> bool:
        """True if the keypoints must be rays, (pixel - centre) / focal length, and not screen coordinates."""
        return False

    @property
    def frames(self) -> int | None:
        """Output frames K of every call; None if any number will do."""
        return None

    def schedules(self, progress: Progress) -> dict[str, chex.Numeric]:
        """Values of the network's own schedules by name, for the log; constant within an epoch."""
        del progress
        return {}

    @property
    def fits_data(self) -> bool:
        """True if the network has a `fit` of its own."""
        return type(self).fit is not Lifter.fit

    def fit(self, collections: Collections, keypoints: jax.Array, poses: jax.Array) -> Collections:
        """Compute collections that depend on the training data, such as means to subtract, before the first step.

        Args:
          collections: as initialised.
          keypoints: (F, K_2d, D) screen coordinates of all training frames.
          poses: (F, J, 3) metres, root-relative.
        """
        del keypoints, poses
        return collections
