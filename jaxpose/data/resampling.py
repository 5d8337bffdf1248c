"""Change the frame rate of motion without aliasing."""

import math
from fractions import Fraction

import numpy as np
from scipy import signal

_REACH = 16  # samples of the lower rate on either side that one new sample is made from
_KAISER = 8.0  # shape of the window: 80 dB between what is kept and what is suppressed


def resample(samples: np.ndarray, source_fps: float, target_fps: float) -> np.ndarray:
    """Band-limited resampling: a polyphase filter that keeps what both rates can hold.

    A sine below 0.8 times the Nyquist frequency of the lower rate is kept to 0.1 % of its amplitude; of one above 1.2
    times that, less than 0.1 % is left. At the ends the samples are continued by their odd reflection, which keeps
    constants and straight lines.

    Args:
      samples: (T, ...) floating point, T at least 1.
      source_fps: their rate.
      target_fps: the rate wanted; the ratio of the two is taken as a fraction with a denominator of at most
        10 000.

    Returns:
      (T', ...) of the same type, from the first sample on for as long as there are samples:
      T' = floor((T - 1) · target / source) + 1.
    """
    ratio = Fraction(target_fps / source_fps).limit_denominator(10_000)
    up, down = ratio.numerator, ratio.denominator
    if up == down:
        return samples
    wider = max(up, down)
    taps = signal.firwin(2 * _REACH * wider + 1, 1 / wider, window=("kaiser", _KAISER))
    for phase in range(up):  # each makes every up-th new sample; constants are kept if its sum is one
        taps[phase::up] /= up * taps[phase::up].sum()
    pad = down * math.ceil(_REACH * wider / up / down)  # a multiple of `down`, so that old and new samples coincide
    padded = np.pad(samples, [(pad, pad)] + [(0, 0)] * (samples.ndim - 1), mode="reflect", reflect_type="odd")
    first, count = pad * up // down, (len(samples) - 1) * up // down + 1
    resampled = signal.resample_poly(padded, up, down, window=taps)[first : first + count]
    return resampled.astype(samples.dtype, copy=False)
