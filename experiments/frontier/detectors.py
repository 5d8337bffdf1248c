"""Keypoints as detectors with noise of several kinds make them of true poses, at any frame rate."""

import functools
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxpose.cameras import Camera, project
from jaxpose.data.augmentation.exchange import pairs_exchanged
from jaxpose.data.augmentation.outliers import start_rate
from jaxpose.data.augmentation.transform import joints_of_keypoints
from jaxpose.data.resampling import resample
from jaxpose.data.synthetic.detector_noise import jitter_spread
from jaxpose.data.track import Description, Track, track_name
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import Skeleton

USUAL_FPS = 50.0
"""Frames per second at which the correlation of a detector is given."""

LIMB_SHARE, LIMB_SECONDS, LIMB_PIXELS = 0.02, (0.1, 0.2, 0.4), 60.0
"""Bursts: share of the frames in which a limb is off, how long it is, and the standard deviation of by how much."""

EXCHANGE_SHARE, EXCHANGE_SECONDS = 0.02, (0.1, 0.3, 0.6)
"""Bursts: share of the frames in which left and right of the legs, or of the arms, are exchanged, and how long."""


class Detector(NamedTuple):
    """How keypoints are made of the true poses."""

    words: str  # in titles
    correlation: float = 0.0  # of the jitter of consecutive frames at `USUAL_FPS`
    bursts: bool = False  # of limbs that are far off, and of exchanged sides


PREPARED = "prepared"

DETECTORS: Mapping[str, Detector] = {
    "white": Detector("white noise"),
    "0.8": Detector("noise of correlation 0.8", 0.8),
    "0.95": Detector("noise of correlation 0.95", 0.95),
    "bursts": Detector("noise of correlation 0.8, limbs far off and sides exchanged for some frames", 0.8, True),
}
"""By name; `PREPARED` is none of them: the data's own keypoints."""


class Condition(NamedTuple):
    """How the tracks are seen."""

    detector: str  # `PREPARED`, or one of `DETECTORS`
    fps: float | None = None  # frames per second; None for those of the track


def see(tracks: Sequence[Track], description: Description, condition: Condition, seed: int) -> list[Track]:
    """The tracks as a condition has them.

    Args:
      tracks: with true positions.
      description: of the tracks; those with a confidence get confidences of 1.
      condition: how they are seen.
      seed: of the noise, which depends on it, on the name of the track and on its frame rate alone.

    Returns:
      Tracks with other positions, keypoints and frame rates, or as they are.

    Raises:
      InputError: a keypoint is not a joint, so that it cannot be projected.
    """
    if condition.detector == PREPARED:
        return list(tracks)
    try:
        joints = list(joints_of_keypoints(description.skeleton, description.layout))
    except InputError as error:
        raise InputError(f"--detector {condition.detector} projects joints to keypoints: {error}") from error
    return [see_track(track, description, joints, condition, seed) for track in tracks]


def see_track(track: Track, description: Description, joints: list[int], condition: Condition, seed: int) -> Track:
    """One track as a detector sees it, see `see`; `joints` are those of the keypoints."""
    detector, fps = DETECTORS[condition.detector], condition.fps or track.fps
    positions = resample(track.positions_3d, track.fps, fps)
    random = np.random.default_rng([seed, zlib.crc32(track_name(track).encode())])
    noise = correlated_noise(random, len(positions), description.layout, detector.correlation ** (USUAL_FPS / fps))
    keypoints = projected(positions[:, joints], track) + noise
    if detector.bursts:
        keypoints = with_bursts(random, keypoints, description.layout, fps)
    certain = np.ones((*keypoints.shape[:2], description.channels - 2))
    keypoints = np.concatenate([keypoints, certain], axis=-1).astype(np.float32)
    return track._replace(positions_3d=positions, keypoints_2d=keypoints, fps=fps)


def projected(positions: np.ndarray, track: Track) -> np.ndarray:
    """Pixels (T, K, 2) of positions (T, K, 3) in metres before the camera of a track, its distortion included."""
    camera = Camera(track.orientation, track.translation, track.intrinsics, track.width, track.height)
    return np.asarray(_jitted_project()(positions, camera))


@functools.cache
def _jitted_project() -> Any:
    return jax.jit(project)


def correlated_noise(random: np.random.Generator, frames: int, layout: Skeleton, correlation: float) -> np.ndarray:
    """Noise of a detector, stationary and autoregressive: x' = c x + sqrt(1 - c²) noise.

    Args:
      random: where it is drawn from; as many numbers for every correlation.
      frames: T.
      layout: the names of the K keypoints decide their standard deviation (`detector_noise.jitter_spread`).
      correlation: c, of consecutive frames, from 0 to below 1.

    Returns:
      (T, K, 2) pixels.
    """
    from scipy import signal  # here, as it is slow to import

    innovations = random.standard_normal((frames, layout.num_joints, 2))
    innovations[1:] *= math.sqrt(1 - correlation**2)
    return jitter_spread(layout)[:, None] * signal.lfilter([1], [1, -correlation], innovations, axis=0)


def with_bursts(random: np.random.Generator, keypoints: np.ndarray, layout: Skeleton, fps: float) -> np.ndarray:
    """Displace limbs, and exchange left and right of the legs or of the arms, for runs of frames.

    All keypoints of a limb (hip, knee and ankle; elbow and wrist) are displaced alike, constantly within a run.

    Args:
      random: where the runs are drawn from.
      keypoints: (T, K, 2) pixels.
      layout: of the keypoints.
      fps: frames per second.

    Returns:
      (T, K, 2).
    """
    frames, pairs = len(keypoints), pairs_exchanged(layout)[0][1:3]  # legs and arms of both sides, (2, K)
    for pair in pairs:
        for side in (layout.left, layout.right):
            limb = pair & np.isin(np.arange(layout.num_joints), side)
            run = drawn_runs(random, frames, LIMB_SHARE, LIMB_SECONDS, fps)
            off = LIMB_PIXELS * random.standard_normal((run.max(initial=0) + 1, 1, 2))
            keypoints = keypoints + np.where((run >= 0)[:, None, None], off[run], 0) * limb[:, None]
    for pair in pairs:
        run = drawn_runs(random, frames, EXCHANGE_SHARE, EXCHANGE_SECONDS, fps)
        exchanged = ((run >= 0)[:, None] & pair)[..., None]
        keypoints = np.where(exchanged, keypoints[:, list(layout.mirrored)], keypoints)
    return keypoints


def drawn_runs(
    random: np.random.Generator, frames: int, share: float, seconds: Sequence[float], fps: float
) -> np.ndarray:
    """Runs of frames that hold a share of all frames on average.

    Args:
      random: where they are drawn from.
      frames: T.
      share: from 0 to below 1.
      seconds: lengths of the runs, each as likely; a run ends early where another begins.
      fps: frames per second.

    Returns:
      (T,) the number of the run in which a frame lies, from 0; -1 for none.
    """
    lengths = np.asarray([max(1, round(length * fps)) for length in seconds])
    before = lengths.max() - 1  # a run may have begun before the first frame
    time = np.arange(before + frames)
    starts = random.random(len(time)) < start_rate(share, lengths)
    last = np.maximum.accumulate(np.where(starts, time, -1))
    within = (last >= 0) & (time - last < random.choice(lengths, len(time))[last])
    return np.where(within, np.cumsum(starts) - 1, -1)[before:]
