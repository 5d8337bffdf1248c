"""Pack tracks end to end on the device, and gather windows of them by index."""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.cameras import Camera
from jaxpose.data.track import Track, track_name
from jaxpose.kinematics import root_relative
from jaxpose.runtime.errors import InputError


class PackedTracks(NamedTuple):
    """All frames of N tracks, end to end: F frames, a pytree of arrays."""

    keypoints: jax.Array  # (F, K, D) screen coordinates
    poses: jax.Array | None  # (F, J, 3) metres, root-relative; None if only keypoints are known
    track: jax.Array  # (F,) int32, the track of each frame
    first: jax.Array  # (N,) int32, the first frame of each track
    last: jax.Array  # (N,) int32, its last frame
    root: jax.Array | None = None  # (F, 3) metres, camera space: the path of joint 0; None if poses are not known
    camera: Camera | None = None  # of each track, fields (N, ...), in screen units (`screen_camera`); None if not known


class Windows(flax.struct.PyTreeNode):
    """One batch of B windows of K output frames; the input has a network's context before and after them.

    What is not known of the data is None. A compiled step computes only the fields that it uses.
    """

    keypoints: jax.Array  # (B, before + K + after, K_2d, D) screen coordinates
    poses: jax.Array | None  # (B, K, J, 3) metres, root-relative
    visible: jax.Array  # (B, K) bool: false beyond the end of a track, where its last frame is repeated
    sample: jax.Array  # (B,) int32, which window, for reports
    mirrored: jax.Array  # (B,) bool: the samples that are the mirror image, once `augmentation.mirror` made them so
    root: jax.Array | None  # (B, K, 3) metres, camera space
    positions: jax.Array | None  # (B, before + K + after, J, 3) metres, camera space: root and pose of all input frames
    camera: Camera | None  # of each window, fields (B, ...), in screen units


def pack(tracks: Sequence[Track]) -> PackedTracks:
    """Pack tracks as the model sees them: screen coordinates in, root-relative poses out.

    Args:
      tracks: at least one, each of at least one frame.

    Returns:
      The frames, on the default device.

    Raises:
      InputError: there are no tracks, or a track has no frames or no poses.
    """
    if not tracks:
        raise InputError("the split holds no tracks; choose another split")
    for track in tracks:
        if not len(track.keypoints_2d):
            raise InputError(f"{track_name(track)} has no frames; remove it from the data set")
        if not len(track.positions_3d):
            raise InputError(
                f"{track_name(track)} has keypoints but no poses; choose a split of subjects that have both"
            )
    packed = _on_screen([track.keypoints_2d for track in tracks], [(track.width, track.height) for track in tracks])
    poses = _empty_aligned(len(packed.keypoints), *tracks[0].positions_3d.shape[1:])
    root = _empty_aligned(len(packed.keypoints), 3)
    for track, first, last in zip(tracks, packed.first, packed.last, strict=True):
        poses[first : last + 1] = root_relative(track.positions_3d)
        root[first : last + 1] = track.positions_3d[:, 0]
    camera = jax.tree.map(lambda *fields: np.stack(fields), *map(screen_camera, tracks))
    return _on_device(packed._replace(poses=poses, root=root, camera=camera))


def screen_camera(track: Track) -> Camera:
    """A track's camera in screen units, so that `cameras.project` gives screen coordinates.

    Returns:
      The camera in NumPy float32; its width is 2, its height 2 · height / width. The orientation has length one, also
      where the file's has lost digits. Distortion has no unit and is the same.
    """
    width, height = 2.0, 2 * track.height / track.width
    lens, orientation = np.float64(track.intrinsics), np.float64(track.orientation)
    lens[:4] *= width / track.width
    lens[2:4] -= (width / 2, height / 2)  # x and y are 0 in the middle of the image
    unit = orientation / math.hypot(*orientation)
    return Camera(*map(np.float32, (unit, track.translation, lens, width, height)))


USUAL_FOCAL_LENGTH = 1.0
"""In sides of the image, the longer one: a field of view of 53°, as of a phone's camera that films."""


def pack_keypoints(
    keypoints: Sequence[np.ndarray],
    sizes: Sequence[tuple[float, float]],
    focal_lengths: Sequence[float | None] | None = None,
) -> PackedTracks:
    """Pack keypoints whose poses are not known, as the model sees them: in screen coordinates.

    Args:
      keypoints: of each track, (T, K, 2 or 3) pixels, and perhaps a confidence; at least one track of one frame.
      sizes: width and height of each track's images, pixels.
      focal_lengths: of each track's camera, pixels; None for `USUAL_FOCAL_LENGTH`.

    Returns:
      The frames, without poses, on the default device. Cameras look along the z axis of the world from its origin, at
      the middle of the image.
    """
    focal_lengths = [None] * len(sizes) if focal_lengths is None else focal_lengths
    width, height = np.transpose(np.asarray(sizes, np.float64))
    usual = USUAL_FOCAL_LENGTH * np.maximum(width, height)
    known = [usual if focal is None else focal for focal, usual in zip(focal_lengths, usual, strict=True)]
    lens = np.zeros((len(sizes), 9))
    lens[:, :2] = (2 / width * known)[:, None]
    orientation, translation = np.tile([1, 0, 0, 0], (len(sizes), 1)), np.zeros((len(sizes), 3))
    camera = Camera(orientation, translation, lens, np.full(len(sizes), 2), 2 * height / width)
    camera = jax.tree.map(np.float32, camera)
    return _on_device(_on_screen(keypoints, sizes)._replace(camera=camera))


def to_rays(keypoints: jax.Array, intrinsics: jax.Array) -> jax.Array:
    """Turn screen coordinates into rays: (x, y) / z of the directions in which a camera sees keypoints.

    Args:
      keypoints: (..., K, 2 or 3) screen coordinates, and perhaps a confidence, which is kept.
      intrinsics: (..., 9) of the cameras, in screen units. The distortion of a lens is left in the rays: in images of
        Human3.6M it is below 3 % of the distance from the middle.

    Returns:
      (..., K, 2 or 3); NumPy arrays give a NumPy array.
    """
    focal, centre = intrinsics[..., None, :2], intrinsics[..., None, 2:4]
    concatenate = np.concatenate if isinstance(keypoints, np.ndarray) else jnp.concatenate
    return concatenate([(keypoints[..., :2] - centre) / focal, keypoints[..., 2:]], axis=-1)


def _on_screen(keypoints: Sequence[np.ndarray], sizes: Sequence[tuple[float, float]]) -> PackedTracks:
    """Keypoints end to end as NumPy arrays, in screen coordinates; without poses."""
    lengths = np.asarray([len(frames) for frames in keypoints])
    ends = np.cumsum(lengths, dtype=np.int32)
    firsts = ends - lengths.astype(np.int32)
    packed = _empty_aligned(int(ends[-1]), *keypoints[0].shape[1:])
    for frames, (width, height), first, end in zip(keypoints, sizes, firsts, ends, strict=True):
        # As `cameras.normalize_screen`, but in NumPy: JAX would compile a program for every length of track.
        aspect = np.asarray([1, height / width], np.float32)
        packed[first:end] = frames
        packed[first:end, :, :2] = frames[..., :2] / np.float32(width) * 2 - aspect
    track = np.repeat(np.arange(len(keypoints), dtype=np.int32), lengths)
    return PackedTracks(packed, None, track, firsts, ends - 1)


def _on_device(packed: PackedTracks) -> PackedTracks:
    """Put packed NumPy arrays on the default device.

    A CPU takes aligned arrays without a copy, and so shares their memory: nothing may write to it from now on.
    """
    for array in jax.tree.leaves(packed):
        array.setflags(write=False)
    return jax.device_put(packed)


def window_starts(lengths: Sequence[int], frames: int) -> np.ndarray:
    """First frames of windows that cover every frame of every track.

    The windows of a track follow each other; the last one is moved back to end with the track, and so overlaps the
    one before. A track shorter than a window has one window, which starts with the track.

    Args:
      lengths: (N,) frames of each track.
      frames: output frames of a window, K.

    Returns:
      (W,) int32 indices into the packed frames.
    """
    starts, begin = [], 0
    for length in lengths:
        starts.append(begin + np.minimum(np.arange(0, length, frames), max(length - frames, 0)))
        begin += length
    return np.concatenate(starts).astype(np.int32)


def gather_windows(
    data: PackedTracks,
    starts: jax.Array,
    frames: int,
    context: tuple[int, int],
    *,
    sample: jax.Array | None = None,
    mirrored: jax.Array | None = None,
    spacing: jax.Array | None = None,
) -> Windows:
    """Gather windows, their context and their cameras; a track's edge frames are repeated beyond its ends.

    Args:
      data: the packed frames.
      starts: (B,) first output frame of each window.
      frames: output frames of a window, K; those beyond the end of a track repeat its last frame.
      context: input frames before and after the output frames.
      sample: (B,) int32, which window each is; by default its place in the batch.
      mirrored: (B,) bool, which windows `augmentation.mirror` is to reflect; none by default.
      spacing: (B,) frames of the data from one frame of a window to the next, a fraction: keypoints, roots and poses
        between frames are interpolated by the cubic curve through the four nearest, and a keypoint that is not seen in
        one of these (confidence 0) is not seen. None for 1.

    Returns:
      The windows, not mirrored yet.
    """
    before, after = context
    track = data.track[starts]
    first, last = data.first[track][:, None], data.last[track][:, None]
    step = 1 if spacing is None else spacing[:, None]
    # Counted from the start: float32 has no fractions of large numbers.
    inputs = jnp.clip(step * jnp.arange(-before, frames + after), first - starts[:, None], last - starts[:, None])
    wanted = step * jnp.arange(frames)
    outputs = jnp.minimum(wanted, last - starts[:, None])

    def at(values: jax.Array | None, offset: jax.Array) -> jax.Array | None:
        if values is None:
            return None
        if spacing is None:
            return values[starts[:, None] + offset]
        return sum(weight * value for weight, value in _neighbours(values, starts[:, None], offset, first, last))

    root, poses, keypoints = at(data.root, inputs), at(data.poses, inputs), at(data.keypoints, inputs)
    if spacing is not None and keypoints.shape[-1] == 3:
        # The curve would give a confidence, or take one away, beside a frame in which a keypoint is not seen.
        near = _neighbours(data.keypoints, starts[:, None], inputs, first, last)
        unseen = functools.reduce(jnp.logical_or, [(weight != 0) & (value[..., 2:] <= 0) for weight, value in near])
        confidence = jnp.where(unseen, 0, jnp.maximum(keypoints[..., 2:], 0))
        keypoints = jnp.concatenate([keypoints[..., :2], confidence], axis=-1)
    return Windows(
        keypoints=keypoints,
        poses=at(data.poses, outputs),
        visible=wanted <= last - starts[:, None],
        sample=jnp.arange(starts.shape[0], dtype=jnp.int32) if sample is None else sample,
        mirrored=jnp.zeros(starts.shape, bool) if mirrored is None else mirrored,
        root=at(data.root, outputs),
        positions=None if root is None else root[..., None, :] + poses,
        camera=jax.tree.map(lambda values: values[track], data.camera),
    )


def single_frames(windows: Windows, context: tuple[int, int], gap: int) -> Windows:
    """Cut each window into windows of one output frame: its first one, and every gap-th from there.

    Args:
      windows: B of K output frames.
      context: input frames before and after the output frames.
      gap: frames from one to the next, at least 1.

    Returns:
      B · F windows of one output frame, F = 1 + (K - 1) // gap; those of a window follow each other.
    """
    starts = range(0, windows.visible.shape[1], gap)

    def inputs(values: jax.Array) -> jax.Array:
        of_each = [values[:, start : start + sum(context) + 1] for start in starts]
        return jnp.stack(of_each, axis=1).reshape(-1, *of_each[0].shape[1:])

    def outputs(values: jax.Array) -> jax.Array:
        return values[:, ::gap].reshape(-1, 1, *values.shape[2:])

    def repeated(values: jax.Array) -> jax.Array:
        return jnp.repeat(values, len(starts), axis=0)

    return windows.replace(
        **{name: jax.tree.map(inputs, getattr(windows, name)) for name in ("keypoints", "positions")},
        **{name: jax.tree.map(outputs, getattr(windows, name)) for name in ("poses", "visible", "root")},
        **{name: jax.tree.map(repeated, getattr(windows, name)) for name in ("sample", "mirrored", "camera")},
    )


def _neighbours(
    values: jax.Array, starts: jax.Array, offset: jax.Array, first: jax.Array, last: jax.Array
) -> list[tuple[jax.Array, jax.Array]]:
    """Weights and values (F, ...) of the four frames about fractions of frames after starts, within first to last."""
    whole = jnp.floor(offset)
    frame = starts + whole.astype(jnp.int32)
    weights = _cubic_weights(offset - whole)
    weights = weights.reshape(*weights.shape, *[1] * (values.ndim - 1))
    return [(weights[i], values[jnp.clip(frame + i - 1, first, last)]) for i in range(4)]


def _cubic_weights(fraction: jax.Array) -> jax.Array:
    """Weights (4, ...) of the values at -1, 0, 1 and 2 for the one at a fraction: the Catmull-Rom spline."""
    t = fraction
    return 0.5 * jnp.stack([t * (t * (2 - t) - 1), t * t * (3 * t - 5) + 2, t * (t * (4 - 3 * t) + 1), t * t * (t - 1)])


def recentre(data: PackedTracks, starts: jax.Array, frames: int, longer: int) -> jax.Array:
    """Windows of another length with the same centres, moved so that they lie within their tracks.

    Args:
      data: the packed frames.
      starts: (B,) first output frame of each window.
      frames: output frames of the given windows.
      longer: output frames of the new windows, L.

    Returns:
      (B,) the starts of the new windows. A track may be shorter than L: `Windows.visible` says which frames are in it.
    """
    track = data.track[starts]
    first, last = data.first[track], data.last[track]
    return jnp.maximum(jnp.minimum(starts + (frames - longer) // 2, last - longer + 1), first)


def _empty_aligned(*shape: int) -> np.ndarray:
    """An uninitialised float32 array that begins at a multiple of 64 bytes: JAX on a CPU uses it without a copy."""
    size = math.prod(shape) * 4
    memory = np.empty(size + 64, np.uint8)
    begin = -memory.ctypes.data % 64
    return memory[begin : begin + size].view(np.float32).reshape(shape)
