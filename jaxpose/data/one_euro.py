"""The One-Euro filter: smooth poses frame by frame, from the past alone, as for a live video.

A first-order low-pass filter whose cut-off rises with the speed of each joint: still joints do not jitter, fast ones
lag little (Casiez, Roussel, Vogel: "1€ Filter", CHI 2012, algorithm 1). Frames of a stream go through `step`, with the
state that it gave for the frame before; `one_euro` is the same for a whole track.

    state = one_euro.init(first)
    for poses in frames:  # (..., J, 3) each, the first one included
        state, smoothed = one_euro.step(state, poses, fps)
"""

import math
from typing import NamedTuple

import numpy as np

CUTOFF = 1.0
"""Hz, cut-off of a joint at rest: lower values remove more jitter, and lag more as a movement begins."""
BETA = 10.0
"""Hz by which the cut-off rises for each m/s of the speed of a joint: higher values lag less."""
SPEED_CUTOFF = 1.0
"""Hz, cut-off of the filter of the velocities from which the speed is taken; that of the paper."""


class OneEuroState(NamedTuple):
    """What the filter keeps of a stream: the smoothed poses of its latest frame, and their velocities."""

    poses: np.ndarray  # (..., 3) metres
    velocities: np.ndarray  # (..., 3) metres per second


def init(poses: np.ndarray) -> OneEuroState:
    """The state before the first frame of a stream.

    Args:
      poses: (..., 3) metres, of the first frame; pass it to `step` as well, which gives it back unchanged.
    """
    poses = floating(poses)
    return OneEuroState(poses, np.zeros_like(poses))


def step(
    state: OneEuroState,
    poses: np.ndarray,
    fps: float,
    cutoff: float = CUTOFF,
    *,
    beta: float = BETA,
    speed_cutoff: float = SPEED_CUTOFF,
) -> tuple[OneEuroState, np.ndarray]:
    """Smooth one more frame of a stream.

    The three coordinates of a joint have one cut-off, `cutoff + beta · speed`, so that smoothing does not depend on the
    axes. (The paper has one for every number.)

    Args:
      state: that of the frame before, or `init`'s.
      poses: (..., 3) metres.
      fps: frames per second; may change from frame to frame.
      cutoff: Hz, of a joint at rest; from half the frame rate on, nothing is smoothed.
      beta: Hz per m/s; 0 for a cut-off that does not depend on the speed.
      speed_cutoff: Hz, of the velocities.

    Returns:
      The new state, and the smoothed poses (..., 3).

    Raises:
      ValueError: the poses have another shape than the state, or the frame rate or the cut-off is not above 0.
    """
    poses, unchanged = floating(poses), keeps_all(fps, cutoff)
    if poses.shape != state.poses.shape:
        raise ValueError(f"the state is of poses {state.poses.shape}, these are {poses.shape}; init makes a state")
    if unchanged:
        return init(poses), poses
    velocities = state.velocities + _share(speed_cutoff, fps) * ((poses - state.poses) * fps - state.velocities)
    speed = np.sqrt(np.sum(velocities**2, axis=-1, keepdims=True))
    smoothed = state.poses + _share(cutoff + beta * speed, fps) * (poses - state.poses)
    return OneEuroState(smoothed, velocities), smoothed


def one_euro(
    samples: np.ndarray,
    fps: float,
    cutoff: float = CUTOFF,
    *,
    beta: float = BETA,
    speed_cutoff: float = SPEED_CUTOFF,
) -> np.ndarray:
    """Smooth a whole track with the One-Euro filter, from its first frame to its last; see `step`.

    Args:
      samples: (T, ..., 3) metres.
      fps: frames per second.
      cutoff: Hz, of a joint at rest.
      beta: Hz per m/s.
      speed_cutoff: Hz, of the velocities.

    Returns:
      (T, ..., 3); a frame depends on itself and those before. Where a number is not finite, its joint is not from
      there on.

    Raises:
      ValueError: the frame rate or the cut-off is not above 0.
    """
    samples = floating(samples)
    if not len(samples):
        return samples
    frames, smoothed = np.float64(samples), np.empty_like(samples)
    state = init(frames[0])
    for frame, poses in enumerate(frames):
        state, smoothed[frame] = step(state, poses, fps, cutoff, beta=beta, speed_cutoff=speed_cutoff)
    return smoothed


def _share(cutoff: np.ndarray | float, fps: float) -> np.ndarray | float:
    """How much of a new value a first-order low-pass filter takes, between 0 and 1."""
    turned = 2 * math.pi / fps * cutoff
    return turned / (turned + 1)


def keeps_all(fps: float, cutoff: float) -> bool:
    """True if a cut-off is at or above half the frame rate; raises `ValueError` if one of them is not above 0."""
    if not (fps > 0 and cutoff > 0):
        raise ValueError(f"frame rate and cut-off must be above 0; they are {fps:g} and {cutoff:g}")
    return cutoff >= fps / 2


def floating(samples: np.ndarray) -> np.ndarray:
    """Float32 or float64 as they are, other numbers as float32."""
    samples = np.asarray(samples)
    return samples if samples.dtype in (np.float32, np.float64) else samples.astype(np.float32)
