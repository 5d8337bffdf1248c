"""Generate the built-in data: synthetic motion of seven people and fifteen actions, with noisy 2D keypoints.

A clip plays a script of postures (`scripts`) with random choices of order, tempo, amplitude, side, heading and place.
Joint angles move from posture to posture with minimum jerk (Flash & Hogan, J. Neuroscience, 1985); the gait cycle,
gestures and sway are added; forward kinematics gives the body. The lowest points of the body stand on z = 0 and do not
slide, so that the height of the body and its walking speed follow from the angles alone.

World space is metric with z up. The people are made of anthropometric tables and rules: numbers from these data say
nothing about real people, and every report of them says so (`track.SYNTHETIC_NOTICE`).
"""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.cameras import Camera, project, world_to_camera
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.data.synthetic import scripts
from jaxpose.data.synthetic.body import bone_offsets, ground_contact, pose_body
from jaxpose.data.synthetic.detector_noise import add_detector_noise
from jaxpose.data.track import Track
from jaxpose.kinematics import mirror
from jaxpose.numerics import safe_norm
from jaxpose.runtime.devices import cpu_compiler_options
from jaxpose.skeleton import H36M_17

ACTIONS: tuple[str, ...] = tuple(scripts.SCRIPTS)
"""The fifteen actions of Human3.6M."""

SUBJECTS: tuple[str, ...] = tuple(H36M_CAMERAS)
"""Seven synthetic people, each seen by the cameras of the Human3.6M subject of that name."""

CENTRE = (0.2, 0.5)
"""Where on the floor the Human3.6M cameras look, in metres."""

_REACH = 1.5  # metres around it in which every camera sees a whole person


class _Scripts(NamedTuple):
    """S scripts as arrays, each of at most P postures; or one script, without the first axis."""

    postures: np.ndarray  # (S, P, 2, D) degrees: angles and swing
    count: np.ndarray  # (S,) of postures
    ordered: np.ndarray  # (S,)
    move: np.ndarray  # (S,) seconds
    hold: np.ndarray  # (S,) seconds
    rhythm: np.ndarray  # (S,) per second


def _as_arrays(variants: Sequence[scripts.Script]) -> _Scripts:
    """Scripts as arrays, their postures padded to the longest."""
    count = np.asarray([len(script.postures) for script in variants])
    postures = np.zeros((len(variants), count.max(), 2, len(scripts.ANGLES)), np.float32)
    for index, script in enumerate(variants):
        postures[index, : count[index]] = [scripts.posture_angles(description) for description in script.postures]
    ordered = np.asarray([script.ordered for script in variants])
    times = np.asarray([(script.move, script.hold, script.rhythm) for script in variants], np.float32)
    return _Scripts(postures, count, ordered, *times.T)


_SCRIPTS = _as_arrays([script for variants in scripts.SCRIPTS.values() for script in variants])

_VARIANTS = np.asarray([len(variants) for variants in scripts.SCRIPTS.values()])

_FIRST_VARIANT = np.cumsum(_VARIANTS) - _VARIANTS

_GAIT, _GAIT_GAIN = scripts.gait_series(), scripts.gait_gain()

_WALKING = scripts.ANGLES.index("legs_gait")

_BY_POSTURE, _BY_CLIP, _SWAY = scripts.by_column(scripts.VARIATION, (0, 0, 0))

_LOWEST, _HIGHEST = scripts.by_column(scripts.HINGE_LIMITS, (-180, 180))

_TEMPO = (0.85, 1.2)  # seconds that the quickest and the slowest person take for one second of a script

_HOLD = (0.6, 1.4)  # shortest and longest hold, relative to the average


def motion(key: jax.Array, action: str, subject: str, *, frames: int, fps: float = 50.0) -> jax.Array:
    """Generate one clip of one person.

    Args:
      key: of all randomness; the same key gives the same choices for any action and subject.
      action: one of `ACTIONS`.
      subject: one of `SUBJECTS`.
      frames: T, static.
      fps: frames per second, static.

    Returns:
      (T, 17, 3) float32 positions in the world, metres, z up, floor at 0; joints as in `H36M_17`. All actions and
      subjects share one compiled program for each `frames` and `fps`.
    """
    play, perform = jax.random.split(key)  # two programs: XLA needs a fifth less memory to compile them than one
    return _perform(perform, _play(play, ACTIONS.index(action), frames, fps), bone_offsets(subject))


@functools.partial(jax.jit, static_argnames=("frames", "fps"))
def _play(key: jax.Array, action: jax.Array, frames: int, fps: float) -> jax.Array:
    """Angles (T, D) in degrees while one of the action's scripts is played."""
    variant, order, tempo, vary, swing, sway, gait = jax.random.split(key, 7)
    first, count = jnp.asarray(_FIRST_VARIANT)[action], jnp.asarray(_VARIANTS)[action]
    chosen = first + _pick(jax.random.uniform(variant), count)
    script = jax.tree.map(lambda table: jnp.asarray(table)[chosen], _SCRIPTS)
    time = jnp.arange(frames, dtype=jnp.float32) / fps
    fewest_seconds = _TEMPO[0] * np.min(_SCRIPTS.move + _HOLD[0] * _SCRIPTS.hold)
    progress = _progress(tempo, script, time, moves=math.ceil(frames / fps / fewest_seconds) + 1)
    poses, swings = jnp.unstack(_sequence(order, script, progress.shape[1] + 1), axis=1)
    column = poses.shape[1:]
    variation = jax.random.normal(vary, (1 + len(poses), *column), jnp.float32)
    poses += _BY_CLIP * variation[0] + _BY_POSTURE * variation[1:]
    angles = _blend(progress, poses)
    phase = jax.random.uniform(swing, column, jnp.float32)
    angles += _blend(progress, swings) * jnp.sin(2 * jnp.pi * (script.rhythm * time[:, None] + phase))
    angles += _SWAY * _smooth_noise(sway, time, column[0])
    angles += _walk(gait, angles, time)
    return jnp.clip(angles, _LOWEST, _HIGHEST)


@jax.jit
def _perform(key: jax.Array, angles: jax.Array, offsets: jax.Array) -> jax.Array:
    """Positions (T, 17, 3) in the world of a body that moves by these angles (T, D)."""
    draws = jax.random.uniform(key, (7,), jnp.float32)
    positions = ground_contact(pose_body(angles, offsets), angles[:, _WALKING], _oval(draws[:4]))
    left_handed = draws[4] < 0.5
    return _place(draws[5:], jnp.where(left_handed, mirror(positions, H36M_17), positions))


def _pick(draw: jax.Array, count: jax.Array) -> jax.Array:
    """One of `count` by a number in [0, 1). `jax.random.randint` takes three times as long to compile."""
    return jnp.floor(draw * count).astype(jnp.int32)


def _sequence(key: jax.Array, script: _Scripts, length: int) -> jax.Array:
    """Postures (length, 2, D) in the order they are played, never the same twice in a row."""
    draws = jax.random.uniform(key, (1 + length,), jnp.float32)
    jumps = 1 + _pick(draws[1:], script.count - 1)
    visits = _pick(draws[0], script.count) + jnp.cumsum(jnp.where(script.ordered, 1, jumps))
    return script.postures[visits % script.count]


def _progress(key: jax.Array, script: _Scripts, time: jax.Array, moves: int) -> jax.Array:
    """Progress of each move at each time, (T, moves) from 0 to 1 along minimum-jerk curves."""
    draws = jax.random.uniform(key, (2 + moves,), jnp.float32)
    tempo, phase, hold = _between(_TEMPO, draws[0]), draws[1], _between(_HOLD, draws[2:])
    move = tempo * script.move
    period = move + tempo * script.hold * hold
    start = jnp.cumsum(period) - period[0] * (1 + phase)
    done = jnp.clip((time[:, None] - start) / move, 0, 1)
    return done**3 * (10 - 15 * done + 6 * done**2)


def _between(limits: tuple[float, float], draws: jax.Array) -> jax.Array:
    return limits[0] + (limits[1] - limits[0]) * draws


def _blend(progress: jax.Array, poses: jax.Array) -> jax.Array:
    """Interpolate poses (N + 1, D) to (T, D) by the progress (T, N) of the moves between them."""
    return poses[0] + jnp.matmul(progress, jnp.diff(poses, axis=0), precision="highest")


def _smooth_noise(key: jax.Array, time: jax.Array, columns: int) -> jax.Array:
    """Independent noise (T, columns) of standard deviation 1 between 0.1 and 0.8 Hz, where people sway and breathe."""
    waves = 5
    pitch, phase = jax.random.uniform(key, (2, waves, columns), jnp.float32)
    turns = (0.1 + 0.7 * pitch) * time[:, None, None] + phase
    return jnp.sum(jnp.sin(2 * jnp.pi * turns), axis=1) * math.sqrt(2 / waves)


def _walk(key: jax.Array, angles: jax.Array, time: jax.Array) -> jax.Array:
    """Angles (T, D) of the gait cycle, multiplied by the gains in the angles (T, D)."""
    phase, cadence, vigour = jax.random.uniform(key, (3,), jnp.float32)
    strides = phase + (0.8 + 0.15 * cadence) * time
    turns = 2 * jnp.pi * strides[:, None] * np.arange(1, scripts.HARMONICS + 1, dtype=np.float32)
    waves = jnp.concatenate([jnp.ones_like(turns[:, :1]), jnp.cos(turns), jnp.sin(turns)], axis=1)
    gain = jnp.matmul(angles, _GAIT_GAIN, precision="highest") * (0.85 + 0.2 * vigour)
    return gain * jnp.matmul(waves, _GAIT, precision="highest")


def _oval(draws: jax.Array) -> Callable[[jax.Array], jax.Array]:
    """A closed path from 4 numbers in [0, 1): heading in radians as a function of the distance walked in metres."""
    heading, phase, side, radius = draws
    radius = 0.7 + 0.2 * radius

    def path(distance: jax.Array) -> jax.Array:
        turn = distance / radius * jnp.where(side < 0.5, -1, 1)
        return 2 * jnp.pi * heading + turn + 0.3 * (jnp.sin(2 * (turn + jnp.pi * phase)) - jnp.sin(2 * jnp.pi * phase))

    return path


def _place(draws: jax.Array, positions: jax.Array) -> jax.Array:
    """Shift positions (T, J, 3) along the floor into the view of all cameras, by 2 numbers in [0, 1)."""
    floor = positions[..., :2]
    middle = (jnp.min(floor, axis=(0, 1)) + jnp.max(floor, axis=(0, 1))) / 2
    room = jnp.maximum(_REACH - jnp.max(safe_norm(floor - middle)), 0)
    distance, direction = draws
    direction *= 2 * jnp.pi
    shift = room * jnp.sqrt(distance) * jnp.stack([jnp.cos(direction), jnp.sin(direction)])
    return positions + jnp.pad(np.asarray(CENTRE, np.float32) + shift - middle, (0, 1))


def tracks(seed: int, subjects: Sequence[str] = SUBJECTS, *, frames: int = 200, fps: float = 50.0) -> list[Track]:
    """Generate every action of the subjects, seen by their four cameras, with noisy keypoints.

    Args:
      seed: of all randomness; a clip depends on the seed, its subject and its action, not on the other arguments.
      subjects: some of `SUBJECTS`.
      frames: of each clip.
      fps: frames per second.

    Returns:
      15 actions × 4 cameras for each subject, in that order.
    """
    return [track for subject in subjects for track in _subject_tracks(seed, subject, frames, fps)]


def _subject_tracks(seed: int, subject: str, frames: int, fps: float) -> Iterator[Track]:
    """The tracks of one subject, in the order of `tracks`."""
    play_each, perform_each, film = _compiled()
    cameras = H36M_CAMERAS[subject]
    stacked = Camera(*(np.stack(values) for values in zip(*cameras.values(), strict=True)))
    angles, perform_keys, view_key = play_each(jax.random.key(seed), SUBJECTS.index(subject), frames, fps)
    world = perform_each(perform_keys, angles, bone_offsets(subject))
    positions, keypoints = jax.device_get(film(view_key, world, stacked))
    for action, action_name in enumerate(ACTIONS):
        for view, (camera_name, camera) in enumerate(cameras.items()):
            yield Track(
                subject, action_name, camera_name, fps, positions[action, view], keypoints[action, view],
                camera.intrinsics, camera.orientation, camera.translation, camera.width, camera.height,
            )  # fmt: skip


@functools.cache
def _compiled() -> tuple[Callable, Callable, Callable]:
    """`_play_each`, `_perform` for each action, and `_film`, jitted when first needed: the options ask for the backend.

    They run once for each subject: LLVM's last optimisations would take longer than they save.
    """
    jit = functools.partial(jax.jit, compiler_options=cpu_compiler_options(1))
    perform_each = jax.vmap(_perform, in_axes=(0, 0, None))
    return jit(_play_each, static_argnames=("frames", "fps")), jit(perform_each), jit(_film)


def _play_each(key: jax.Array, subject: jax.Array, frames: int, fps: float) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Angles (A, T, D) of each action in degrees, a key (A,) for `_perform` of each action, and a key for `_film`."""
    move, see = jax.random.split(jax.random.fold_in(key, subject))
    play, perform = jax.vmap(jax.random.split, out_axes=1)(jax.random.split(move, len(ACTIONS)))
    angles = jax.vmap(lambda key, action: _play(key, action, frames, fps))(play, jnp.arange(len(ACTIONS)))
    return angles, perform, see


def _film(key: jax.Array, world: jax.Array, cameras: Camera) -> tuple[jax.Array, jax.Array]:
    """Positions (A, C, T, 17, 3) in camera space and noisy keypoints (A, C, T, 17, 2) of clips (A, T, 17, 3)."""

    def view(key: jax.Array, world: jax.Array, camera: Camera) -> tuple[jax.Array, jax.Array]:
        positions = world_to_camera(world, camera)
        return positions, add_detector_noise(key, project(positions, camera))

    keys = jax.random.split(key, (len(world), len(cameras.width)))
    return jax.vmap(jax.vmap(view, in_axes=(0, None, 0)), in_axes=(0, 0, None))(keys, world, cameras)
