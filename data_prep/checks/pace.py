"""Signs that motion is read at a higher frame rate than it was captured at, so that everything is too fast.

Two quantities are alike in people of all kinds, whatever they do: nothing falls faster than gravity makes it, and legs
swing as pendulums do. Both are measured on poses alone. A clip that was captured at 60 frames per second and is read as
120 falls four times as fast, and its feet swing twice as often.
"""

import numpy as np
from scipy import signal

from jaxpose.skeleton import Skeleton

_SEGMENTS = (  # from, to, mass as a share of the body's, distance of the centre of mass as a share of the length
    ("hip", "shoulder", 0.2173, 0.5138), ("hip", "knee", 0.1416, 0.4095), ("knee", "ankle", 0.0570, 0.5581),
    ("shoulder", "elbow", 0.0271, 0.5772), ("elbow", "wrist", 0.0223, 0.5987),
)  # fmt: skip
"""Of a side: half the trunk, thigh, shank with foot, upper arm, forearm with hand, the feet and hands at the ankles and
wrists. De Leva, Adjustments to Zatsiorsky-Seluyanov's segment inertia parameters, Journal of Biomechanics 29, 1996,
table 4, men."""

_HEAD_MASS = 0.0694

_FALL_S = 0.26
"""Length of the parabola that is fitted: shorter ones show noise, longer ones need high jumps."""

_WINDOW_S = 2.56
_BAND_HZ = (0.3, 10.0)
"""Above a clip's drift, below its noise."""

_MIN_FOOT_SPEED = 0.5
"""Root mean square, m/s; the frequency of feet that are slower is that of noise."""


def body_weights(skeleton: Skeleton) -> np.ndarray | None:
    """Weights (J,) of the joints, of sum one, whose mean is the centre of mass; None if limbs lack a joint."""
    weights = np.zeros(skeleton.num_joints)
    try:
        for side in ("left", "right"):
            for start, end, mass, share in _SEGMENTS:
                weights[skeleton.index(f"{side}_{start}")] += mass * (1 - share)
                weights[skeleton.index(f"{side}_{end}")] += mass * share
    except ValueError:
        return None
    if "head" in skeleton.joints:
        weights[skeleton.index("head")] += _HEAD_MASS
    return weights / weights.sum()


def fastest_fall(heights: np.ndarray, fps: float) -> tuple[float, int]:
    """The greatest downward acceleration of the body over a quarter of a second.

    Feet push a body up and not down, so that it is at most 9.81 m/s² while no hand pulls; in jumps and runs it is that.
    The acceleration is that of the parabola that fits best (Savitzky and Golay, 1964).

    Args:
      heights: (T,) metres, of the centre of mass above any level; NaN where unknown.
      fps: their frame rate.

    Returns:
      The acceleration in m/s², and the frame in the middle of it; 0 and 0 for motion that is too short.
    """
    length = max(2 * round(_FALL_S * fps / 2) + 1, 5)
    if len(heights) < length:
        return 0.0, 0
    times = (np.arange(length) - length // 2) / fps
    fit = 2 * np.linalg.pinv(times[:, None] ** [0, 1, 2])[2]
    falls = np.nan_to_num(-np.convolve(heights, fit[::-1], "valid"))
    return max(float(falls.max()), 0.0), int(falls.argmax()) + length // 2


def foot_frequency(ankles: np.ndarray, fps: float) -> float:
    """How often the feet speed up and slow down: the centre of the spectrum of their speeds.

    It is 1.0 to 1.6 Hz in walking, running and most else that people do, sprints and dances included.

    Args:
      ankles: (T, 2, 3) metres in the world.
      fps: their frame rate.

    Returns:
      Hertz; 0 if the feet hardly move, or the motion is shorter than a second.
    """
    speeds = fps * np.linalg.norm(np.diff(ankles, axis=0), axis=-1)
    if len(speeds) < fps or not np.sqrt(np.mean(speeds**2)) > _MIN_FOOT_SPEED:
        return 0.0
    window = min(round(_WINDOW_S * fps), len(speeds))
    frequencies, power = signal.welch(speeds, fps, nperseg=window, axis=0)
    inside = (frequencies > _BAND_HZ[0]) & (frequencies < _BAND_HZ[1])
    power = power.sum(axis=1)[inside]
    return float(power @ frequencies[inside] / power.sum()) if power.any() else 0.0
