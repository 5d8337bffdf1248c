"""The compared architectures, one small track, and the types of the results.

Training is compared in float64 first. In float32 the two sides round differently. Where rounding decides a ReLU, or a
gradient consists of rounding only (the bias of a channel that is active in every sample: the next norm cancels it),
Adam takes a full step in its direction, after which a weight can differ by a thousandth.
"""

from typing import NamedTuple

import numpy as np

from jaxpose.models.configs import TemporalConfig
from jaxpose.training.config import Config

STEPS = 50
"""Training steps."""
STEPS_PER_EPOCH = 8
"""Few, so that learning rate and BatchNorm momentum take seven values within the steps."""
WINDOWS = (1, 4)
"""Lengths K of the windows; for one frame the baseline has its own, strided network."""

_BATCH, _KEYPOINTS, _JOINTS = 16, 4, 4
_FRAMES = _BATCH * STEPS_PER_EPOCH // 2  # an epoch of the recipe visits every frame twice


class Sample(NamedTuple):
    """A track at unit scale, and the frames of each training step."""

    keypoints: np.ndarray  # (F, K_2d, 2) float32
    poses: np.ndarray  # (F, J, 3) float32
    batches: np.ndarray  # (STEPS, B) int32


class Predicted(NamedTuple):
    """Predictions of one implementation."""

    whole: np.ndarray  # (F, J, 3), for the whole track
    windows: dict[int, np.ndarray]  # by K, (F, K, J, 3): the window that starts at each frame


class Trained(NamedTuple):
    """Result of the training steps of one implementation."""

    losses: np.ndarray  # (STEPS,) MPJPE of each step
    weights: dict[str, np.ndarray]  # parameters and statistics after them, by the names of the published files


def cases(channels: int = 8) -> dict[str, Config]:
    """Compared settings by name: the published recipe without dropout, on small batches."""

    def case(*filter_widths: int, causal: bool = False, dense: bool = False) -> Config:
        return Config(
            model=TemporalConfig(
                filter_widths=filter_widths, causal=causal, dense=dense, channels=channels, dropout=0.0
            ),
            batch_size=_BATCH,
            epochs=-(-STEPS // STEPS_PER_EPOCH),
        )

    return {
        "3,3,3": case(3, 3, 3),
        "3,3,3 causal": case(3, 3, 3, causal=True),
        "3,3,3 dense": case(3, 3, 3, dense=True),
        "3,3,7": case(3, 3, 7),
        "1,3,5": case(1, 3, 5),
        "3,3,3,3,3": case(3, 3, 3, 3, 3),
    }


def make_sample(seed: int = 0) -> Sample:
    """Normally distributed keypoints and poses; the comparison does not need a body."""
    random = np.random.default_rng(seed)
    return Sample(
        random.normal(size=(_FRAMES, _KEYPOINTS, 2)).astype(np.float32),
        random.normal(size=(_FRAMES, _JOINTS, 3)).astype(np.float32),
        random.integers(_FRAMES, size=(STEPS, _BATCH), dtype=np.int32),
    )


def windows(keypoints: np.ndarray, starts: np.ndarray, frames: int, context: tuple[int, int]) -> np.ndarray:
    """Cut windows with their context from a track, with edge frames repeated beyond its ends.

    Args:
      keypoints: (F, K_2d, D), the track.
      starts: (B,) first output frame of each window.
      frames: output frames of a window, K.
      context: input frames before and after the output frames.

    Returns:
      (B, before + K + after, K_2d, D).
    """
    before, after = context
    padded = np.pad(keypoints, ((before, after + frames - 1), (0, 0), (0, 0)), mode="edge")
    return np.stack([padded[start : start + before + frames + after] for start in starts])
