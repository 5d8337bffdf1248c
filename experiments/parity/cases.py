"""What is compared: the architectures, one small track, and what each implementation makes of them.

Training is compared in float64 before anything else. In float32 the two sides round differently, and wherever that
decides a ReLU, or a gradient is nothing but rounding (the bias of a channel that no sample switches off: the next norm
cancels it), Adam makes a whole step of it. What is left of such a step can be a thousandth of a weight.
"""

from typing import NamedTuple

import numpy as np

from jaxpose.training.config import Config

STEPS = 50
"""Training steps."""
STEPS_PER_EPOCH = 8
"""Few, so that the schedules of learning rate and BatchNorm momentum take seven values within the steps."""
WINDOWS = (1, 4)
"""Lengths K of the windows; for one frame the baseline has its own, strided network."""

_BATCH, _KEYPOINTS, _JOINTS = 16, 4, 4
_FRAMES = _BATCH * STEPS_PER_EPOCH // 2  # an epoch of the recipe visits every frame twice


class Sample(NamedTuple):
    """A track at unit scale, and which of its frames each training step sees."""

    keypoints: np.ndarray  # (F, K_2d, 2) float32
    poses: np.ndarray  # (F, J, 3) float32
    batches: np.ndarray  # (STEPS, B) int32


class Predicted(NamedTuple):
    """What one implementation predicts."""

    whole: np.ndarray  # (F, J, 3), for the whole track
    windows: dict[int, np.ndarray]  # by K, (F, K, J, 3): for the window that begins at each frame


class Trained(NamedTuple):
    """What the training steps of one implementation leave."""

    losses: np.ndarray  # (STEPS,) MPJPE of each step
    weights: dict[str, np.ndarray]  # parameters and statistics after them, by the names of the published files


def cases(channels: int = 8) -> dict[str, Config]:
    """The settings that are compared, by name: the published recipe without dropout, on small batches."""

    def case(*filter_widths: int, causal: bool = False, dense: bool = False) -> Config:
        return Config(
            filter_widths=filter_widths,
            causal=causal,
            dense=dense,
            channels=channels,
            dropout=0.0,
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
    """Normally distributed keypoints and poses: nothing in the comparison asks for a body."""
    random = np.random.default_rng(seed)
    return Sample(
        random.normal(size=(_FRAMES, _KEYPOINTS, 2)).astype(np.float32),
        random.normal(size=(_FRAMES, _JOINTS, 3)).astype(np.float32),
        random.integers(_FRAMES, size=(STEPS, _BATCH), dtype=np.int32),
    )


def windows(keypoints: np.ndarray, starts: np.ndarray, frames: int, context: tuple[int, int]) -> np.ndarray:
    """Keypoints of windows with their context: beyond its ends, the track's edge frames are repeated.

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
