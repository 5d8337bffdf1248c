"""What cameras and detectors make of clips: both are drawn by the name of the clip, the same ones for all runs.

They are those that the augmentations of the training draw (`jaxpose.data.augmentation`), at their default ranges,
whatever a run was trained with; a `Condition` changes one thing and leaves all other draws as they are.
"""

import functools
import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np

from experiments.anywhere.clips import SECONDS, Clip, clip_name
from jaxpose.cameras import Camera
from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.data.augmentation.transform import Transform
from jaxpose.data.resampling import resample
from jaxpose.data.track import Description, Track
from jaxpose.data.transforms import TRANSFORMS
from jaxpose.data.windows import Windows
from jaxpose.runtime.devices import cpu_compiler_options
from jaxpose.skeleton import BODY_22, COCO_17

FORM = Description("clips before drawn cameras", False, BODY_22, COCO_17, 3, ())
"""Joints and keypoints of what is drawn."""

DRAWN = ("camera", "offsets", "jitter", "outliers", "exchange", "confidence", "unseen")
"""The transforms, in their order."""

SEED = 19
WIDTH = 1000
"""Pixels of every image; nothing depends on it."""

FRAMES, AT_ONCE = 60 * SECONDS, 16
"""Frames of the window in which every clip is drawn, at up to 60 frames/s, and clips that are drawn at once: one shape,
so that a condition compiles no more than the transform that it changes."""

LEAST_SEEN, LONGEST_LEAVE = 4, 0.5
"""Keypoints of someone who is in the image, at least; and seconds out of it after which a track ends."""


class Condition(NamedTuple):
    """How clips are seen."""

    ranges: Augmentation = Augmentation()  # of cameras and detectors
    fps: float | None = None  # of the video; None for the recording's
    missing: float | None = None  # share of the keypoints that is hidden, instead of what `unseen` hides
    size: float = 1.0  # of the people, relative to those that were recorded


USUAL = Condition()


def see(clips: Sequence[Clip], condition: Condition = USUAL) -> list[Track]:
    """Draw a camera and a detector for each clip.

    A clip is one window of the transforms, in the middle of it, between repeated edge frames. Of people who leave the
    image, the longest stay in it is kept (`longest_stay`), as a tracker would have it.

    Args:
      clips: at least one; each of at most `FRAMES` frames.
      condition: how they are seen.

    Returns:
      A track for each clip: joints of `BODY_22` in camera space, and keypoints of `COCO_17` with confidences, 0 and
      in the middle of the image where they are not seen. Cameras have no distortion.
    """
    tracks = []
    for start in range(0, len(clips), AT_ONCE):
        tracks += _see_at_once(clips[start : start + AT_ONCE], condition)
    return tracks


def _see_at_once(clips: Sequence[Clip], condition: Condition) -> list[Track]:
    """As `see`, for at most `AT_ONCE` clips."""
    rates = [condition.fps or clip.fps for clip in clips]
    worlds = [
        condition.size * resample(clip.world, clip.fps, fps)[:FRAMES] for clip, fps in zip(clips, rates, strict=True)
    ]
    before = [(FRAMES - len(world)) // 2 for world in worlds]
    padded = [
        np.pad(world, [(first, FRAMES - len(world) - first), (0, 0), (0, 0)], mode="edge")
        for first, world in zip(before, worlds, strict=True)
    ]
    names = [zlib.crc32(clip_name(clip).encode()) for clip in clips]
    more = AT_ONCE - len(clips)  # the last clip is repeated
    keys = _keys(np.asarray(names + names[-1:] * more, np.uint32))
    windows = _windows(np.float32(padded + padded[-1:] * more))
    for index, name in enumerate(DRAWN):
        if name == "unseen" and condition.missing is not None:
            continue
        windows = _each(TRANSFORMS[name](FORM, condition.ranges))(keys, index, windows)
    windows = jax.device_get(windows)
    tracks = []
    for row, (clip, world, first) in enumerate(zip(clips, worlds, before, strict=True)):
        inside = slice(first, first + len(world))
        camera = jax.tree.map(lambda values, row=row: values[row, 0], windows.camera)
        keypoints = windows.keypoints[row, 0, inside]
        stay = longest_stay((keypoints[..., 2] > 0).sum(axis=1) >= LEAST_SEEN, round(LONGEST_LEAVE * rates[row]))
        keypoints, positions = keypoints[stay], windows.positions[row, 0, inside][stay]
        if condition.missing is not None:
            keypoints = hide(keypoints, rates[row], condition.missing, names[row])
        tracks.append(_track(clip, rates[row], positions, keypoints, camera))
    return tracks


@jax.jit
def _keys(names: jax.Array) -> jax.Array:
    """A random key for each name, a number."""
    return jax.vmap(lambda name: jax.random.fold_in(jax.random.key(SEED), name))(names)


def longest_stay(seen: np.ndarray, most: int) -> slice:
    """The longest stretch of frames that begins and ends with someone seen (T,), and lacks them for `most` at a time.

    All frames if nobody is ever seen.
    """
    frames = np.flatnonzero(seen)
    if not len(frames):
        return slice(0, len(seen))
    stays = np.split(frames, np.flatnonzero(np.diff(frames) > most + 1) + 1)
    longest = max(stays, key=lambda stay: stay[-1] - stay[0])
    return slice(int(longest[0]), int(longest[-1]) + 1)


def hide(keypoints: np.ndarray, fps: float, share: float, seed: int) -> np.ndarray:
    """Hide each keypoint (T, K, 3) for whole seconds, with a probability: place and confidence become 0.

    What is hidden with a lower probability, by the same seed, is hidden with a higher one, too.
    """
    blocks = (np.arange(len(keypoints)) / fps).astype(int)
    drawn = np.random.default_rng([SEED, seed]).random((blocks[-1] + 1, keypoints.shape[1]))
    return np.where((drawn < share)[blocks][..., None], 0, keypoints)


def _windows(world: np.ndarray) -> Windows:
    """Motion (C, N, J, 3) as C batches of one window, before a camera whose space is the world."""
    count, frames = world.shape[:2]
    root = world[:, :, :1]
    lens = np.tile(np.float32([2, 2, *[0] * 7]), (count, 1, 1))
    two = np.full((count, 1), 2, np.float32)
    camera = Camera(
        np.tile(np.float32([1, 0, 0, 0]), (count, 1, 1)), np.zeros((count, 1, 3), np.float32), lens, two, two
    )
    return Windows(
        keypoints=np.ones((count, 1, frames, COCO_17.num_joints, 3), np.float32),
        poses=(world - root)[:, None],
        visible=np.ones((count, 1, frames), bool),
        sample=np.zeros((count, 1), np.int32),
        mirrored=np.zeros((count, 1), bool),
        root=root[:, None, :, 0],
        positions=world[:, None],
        camera=camera,
    )


@functools.cache
def _each(transform: Transform) -> Callable[[jax.Array, int, Windows], Windows]:
    """A transform of C batches of one window, each by its own key and the transform's number."""

    def apply(keys: jax.Array, number: jax.Array, windows: Windows) -> Windows:
        return jax.vmap(lambda key, window: transform(jax.random.fold_in(key, number), window))(keys, windows)

    return jax.jit(apply, compiler_options=cpu_compiler_options(1))


def _track(clip: Clip, fps: float, positions: np.ndarray, keypoints: np.ndarray, camera: Camera) -> Track:
    """A clip as a camera in screen units saw it, in pixels."""
    height = round(WIDTH * float(camera.height) / 2)
    lens = np.float32([*camera.intrinsics[:2] * (WIDTH / 2), WIDTH / 2, height / 2, *[0] * 5])
    places = keypoints[..., :2] * np.float32(WIDTH / 2) + np.float32([WIDTH / 2, height / 2])
    pixels = np.concatenate([places, keypoints[..., 2:]], axis=-1)
    view = f"clip {clip.number}"
    return Track(
        clip.subject,
        clip.action,
        view,
        fps,
        positions,
        pixels,
        lens,
        camera.orientation,
        camera.translation,
        WIDTH,
        height,
    )
