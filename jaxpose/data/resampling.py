"""Change the frame rate of motion without aliasing."""

import math
from fractions import Fraction

import numpy as np

_REACH = 16  # samples of the lower rate on either side that one new sample is made from
_KAISER = 8.0  # shape of the window: 80 dB between kept and suppressed frequencies


def resample(samples: np.ndarray, source_fps: float, target_fps: float) -> np.ndarray:
    """Resample with a band-limited polyphase filter: frequencies that both rates can represent are kept.

    A sine below 0.8 times the Nyquist frequency of the lower rate is kept to 0.1 % of its amplitude; of one above 1.2
    times that, less than 0.1 % is left. Beyond the ends, the samples are continued by their odd reflection, which keeps
    constants, straight lines and slopes: a slow sine is right to 0.1 % up to its ends. (`scipy.signal.resample_poly`
    with its own padding, `padtype="line"`, is wrong by 1 % there, and its default filter by more inside.)

    Args:
      samples: (T, ...) floating point, T at least 1.
      source_fps: their rate.
      target_fps: the new rate; the ratio of the two is rounded to a fraction with a denominator of at most 10 000.

    Returns:
      (T', ...) of the same type, from the first sample to the end of the samples:
      T' = floor((T - 1) · target / source) + 1.
    """
    ratio = Fraction(target_fps / source_fps).limit_denominator(10_000)
    up, down = ratio.numerator, ratio.denominator
    if up == down:
        return samples
    from scipy import signal  # here, as it is slow to import and most tracks keep their rate

    longest = max(up, down)
    taps = signal.firwin(2 * _REACH * longest + 1, 1 / longest, window=("kaiser", _KAISER))
    for phase in range(up):  # each phase makes every up-th new sample; constants are kept if its taps sum to one
        taps[phase::up] /= up * taps[phase::up].sum()
    pad = down * math.ceil(_REACH * longest / up / down)  # a multiple of `down`, so that old and new samples coincide
    padded = np.pad(samples, [(pad, pad)] + [(0, 0)] * (samples.ndim - 1), mode="reflect", reflect_type="odd")
    first, count = pad * up // down, (len(samples) - 1) * up // down + 1
    resampled = signal.resample_poly(padded, up, down, window=taps)[first : first + count]
    return resampled.astype(samples.dtype, copy=False)
