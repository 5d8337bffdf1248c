"""Filters that smooth motion in time, by name, with a cut-off frequency in Hz; poses of tracks smoothed one by one.

A cut-off in Hz means the same motion at any frame rate. At the cut-off, the two symmetric filters leave 1/√2 of a
sine's amplitude (-3 dB, half of its power). A cut-off of half the frame rate or more leaves a track as it is.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from jaxpose.data import one_euro
from jaxpose.data.track import Track, track_lengths
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.words import perhaps

_HALF_POWER = math.sqrt(0.5)
_ORDER = 4  # of the Butterworth filter, in each direction


def savitzky_golay(samples: np.ndarray, fps: float, cutoff: float) -> np.ndarray:
    """Smooth with a Savitzky-Golay filter: each frame becomes that of the parabola through the frames around it.

    The parabola of order 2 is the least-squares fit to a window of `savitzky_golay_window` frames (Savitzky and Golay
    1964). The first and last frames are those of the parabolas through the first and the last window.

    Args:
      samples: (T, ...).
      fps: their rate, per second.
      cutoff: Hz.

    Returns:
      (T, ...). What is not finite makes its neighbours so, within a window.

    Raises:
      ValueError: the frame rate or the cut-off is not above 0.
    """
    samples = one_euro.floating(samples)
    window = savitzky_golay_window(len(samples), fps, cutoff)
    if window <= 3:  # a parabola goes through three points
        return samples
    # Not SciPy's filter: `predict` uses this one, and importing `scipy.signal` takes as long as lifting 500 frames.
    exact, half = np.float64(samples), window // 2
    basis, _ = np.linalg.qr(np.vander(np.linspace(-1, 1, window), 3))
    fit = basis @ basis.T  # from the numbers of a window to those of its parabola
    first = np.tensordot(fit[:half], exact[:window], 1)
    middle = np.lib.stride_tricks.sliding_window_view(exact, window, axis=0) @ fit[half]
    last = np.tensordot(fit[half + 1 :], exact[-window:], 1)
    return np.concatenate([first, middle, last]).astype(samples.dtype)


def savitzky_golay_window(frames: int, fps: float, cutoff: float) -> int:
    """The length in frames, odd, of the window whose gain at a cut-off is nearest to 1/√2.

    The gain follows from the closed form of the filter's coefficients. (Schafer, "What Is a Savitzky-Golay Filter?",
    IEEE Signal Processing Magazine 2011, has an approximation for windows of more than 50 frames.)

    Args:
      frames: of the track; a shorter track has a shorter window, and is smoothed less.
      fps: frames per second.
      cutoff: Hz.

    Returns:
      At least 1; up to 3 frames, the filter changes nothing.

    Raises:
      ValueError: the frame rate or the cut-off is not above 0.
    """
    if one_euro.keeps_all(fps, cutoff) or frames < 3:
        return 1
    longest = min((frames - 1) // 2, math.ceil(fps / cutoff) + 2)  # half widths; the gain falls to 0 before the latter
    half, n = np.arange(1, longest + 1), np.arange(1, longest + 1)
    wave = np.cos(2 * np.pi * cutoff / fps * n)
    sums, squares = 1 + 2 * np.cumsum(wave), 2 * np.cumsum(n**2 * wave)  # over a window, of cos and n² cos
    gain = (3 * (3 * half**2 + 3 * half - 1) * sums - 15 * squares) / ((2 * half - 1) * (2 * half + 1) * (2 * half + 3))
    return 2 * int(half[np.argmin(np.abs(gain - _HALF_POWER))]) + 1


def butterworth(samples: np.ndarray, fps: float, cutoff: float) -> np.ndarray:
    """Smooth with a Butterworth filter of order 4 that runs forwards and then backwards, so that nothing lags.

    The cut-off is that of both passes together: each has a higher one, by the factor (√2 - 1)^(-1/8) = 1.117 (Robertson
    and Dowling 2003). A filter of 4 Hz is thus one of 4.47 Hz in programs that name the cut-off of a pass. Beyond the
    ends, the samples are continued by their odd reflection, for four periods of the cut-off; straight motion stays.

    Args:
      samples: (T, ...); of any length, one frame stays as it is.
      fps: their rate, per second.
      cutoff: Hz.

    Returns:
      (T, ...). Where a number is not finite, its coordinate is not in the whole track.

    Raises:
      ValueError: the frame rate or the cut-off is not above 0.
    """
    samples = one_euro.floating(samples)
    if one_euro.keeps_all(fps, cutoff) or not len(samples):
        return samples
    from scipy import signal  # here, as it is slow to import and most evaluations do not smooth

    # Filters are designed on the axis tan(π f / fps), on which a pass has the squared gain 1 / (1 + x^8).
    edge = math.tan(math.pi * cutoff / fps) / (math.sqrt(2) - 1) ** (1 / (2 * _ORDER))
    sections = signal.butter(_ORDER, 2 / math.pi * math.atan(edge), output="sos")
    # The line from the first sample to the last passes: without it, nothing starts up at the ends of the padding.
    exact, last = np.float64(samples), len(samples) - 1
    line = exact[0] + np.multiply.outer(np.arange(len(samples)) / max(last, 1), exact[last] - exact[0])
    pad = min(math.ceil(4 * fps / cutoff), 10 * len(samples))
    around = [(pad, pad)] + [(0, 0)] * (samples.ndim - 1)
    padded = np.pad(exact - line, around, mode="reflect", reflect_type="odd")
    smoothed = line + signal.sosfiltfilt(sections, padded, axis=0, padtype=None)[pad : pad + len(samples)]
    return smoothed.astype(samples.dtype)


class Smoother(NamedTuple):
    """A filter that has a name."""

    name: str
    smooth: Callable[[np.ndarray, float, float], np.ndarray]  # of (T, ..., 3) metres, frames per second, cut-off in Hz
    cutoff: float  # Hz, unless another is named
    causal: bool  # a frame depends on itself and those before
    help: str  # what it is, in a phrase


SMOOTHERS: dict[str, Smoother] = {
    smoother.name: smoother
    for smoother in (
        Smoother(
            "savgol",
            savitzky_golay,
            3.6,
            False,
            "Savitzky-Golay, least-squares parabolas; 3.6 Hz are 15 frames at 50 frames/s",
        ),
        Smoother(
            "butterworth",
            butterworth,
            4.0,
            False,
            "Butterworth of order 4 forwards and backwards, -3 dB at the cut-off",
        ),
        Smoother(
            "one-euro",
            one_euro.one_euro,
            one_euro.CUTOFF,
            True,
            f"One-Euro, causal, the cut-off of a joint at rest, {one_euro.BETA:g} Hz higher for each m/s of its speed",
        ),
    )
}
"""By name; a plugin adds its own."""


USUAL_SMOOTHING = "savgol"
"""What motion is smoothed with unless another is named: it has less error of position, velocity and acceleration."""


class Smoothing(NamedTuple):
    """A filter and its cut-off."""

    smoother: Smoother
    cutoff: float  # Hz

    def __str__(self) -> str:
        """Both in a few words, such as "savgol 3.6 Hz"."""
        return f"{self.smoother.name} {self.cutoff:g} Hz"


def choose_smoothing(text: str, option: str = "--smooth") -> Smoothing:
    """The filter that a text names, with its usual cut-off, or with one in Hz after a colon: "butterworth:6".

    Args:
      text: NAME or NAME:HZ.
      option: where it was given, for messages.

    Raises:
      InputError: there is no such filter, or the cut-off is not a number above 0.
    """
    name, colon, hertz = text.partition(":")
    if name not in SMOOTHERS:
        known = ", ".join(SMOOTHERS)
        raise InputError(f"{option} names {name!r:.50}; the filters are {known}{perhaps(name, SMOOTHERS)}")
    smoother = SMOOTHERS[name]
    if not colon:
        return Smoothing(smoother, smoother.cutoff)
    try:
        cutoff = float(hertz)
    except ValueError:
        cutoff = math.nan
    if not 0 < cutoff < math.inf:
        raise InputError(f"{option} {text:.50}: the cut-off is {hertz!r:.50}; it must be a number above 0, in Hz")
    return Smoothing(smoother, cutoff)


def choose_smoothings(texts: Sequence[str], option: str = "--smooth") -> tuple[Smoothing, ...]:
    """The filters that some texts name; raises `InputError` also for one with one cut-off that is named twice."""
    chosen = tuple(choose_smoothing(text, option) for text in texts)
    if len({str(smoothing) for smoothing in chosen}) < len(chosen):
        raise InputError(f"{option} names a filter with one cut-off twice; name each once")
    return chosen


def smooth_tracks(poses: np.ndarray, tracks: Sequence[Track], smoothing: Smoothing) -> np.ndarray:
    """Smooth the poses of tracks, each by itself and at its own frame rate.

    Args:
      poses: (F, J, 3) metres, the tracks end to end.
      tracks: say how long each is, and its frame rate.
      smoothing: the filter.

    Returns:
      (F, J, 3).
    """
    by_track = np.split(poses, np.cumsum(track_lengths(tracks))[:-1])
    pairs = zip(by_track, tracks, strict=True)
    return np.concatenate([smoothing.smoother.smooth(its, track.fps, smoothing.cutoff) for its, track in pairs])


def describe_smoothers() -> str:
    """How to name a filter, and all of them, for the help of `--smooth`."""
    known = "; ".join(f"{name}, {smoother.help} ({smoother.cutoff:g} Hz)" for name, smoother in SMOOTHERS.items())
    return f"A cut-off in Hz may follow the name, as in butterworth:6. Filters: {known}."
