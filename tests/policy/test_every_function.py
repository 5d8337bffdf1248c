"""What every function of arrays does for inputs at the edge: NaN, infinity, no frames, one joint, half precision, huge.

`ROWS` has a row for every public function and Flax module of the core and of `models/`, and for those of other rooms
that take arrays of data. A new function of the core or of `models/` without a row fails the suite.

To add a function, add a line to `ROWS`:

- `"module.function": row()`. Arguments are made by name (`MAKERS`), so a function that names its arguments as others do
  needs nothing more; `row(arguments={"threshold": 0.1})` gives what is particular to it, a value or a function of
  the `Case`.
- What it does for each of `KINDS` is `EXPECTED`, or a word of the row that says otherwise: "finite", "nan" (what is not
  finite comes out as not finite), an exception, or a reason in words why the question does not arise.
- `use`: functions are compiled and differentiated; "jit" are those without a gradient, "" those that work on the host.

The functions of a module are compiled together, once for each shape of input.
"""

import ast
import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.networks import random_variables
from helpers.places import ROOT
from helpers.samples import make_track
from matplotlib.figure import Figure

import jaxpose
from jaxpose.cameras import Camera
from jaxpose.data import one_euro, windows
from jaxpose.data.augmentation.settings import Augmentation
from jaxpose.data.synthetic import body
from jaxpose.data.track import Description, Track
from jaxpose.export.motion import Motion
from jaxpose.models import temporal_streaming
from jaxpose.models.aimed import AimedLifter
from jaxpose.models.lifter import Prediction
from jaxpose.models.linear import LinearModel
from jaxpose.models.temporal import TemporalModel, receptive_plan
from jaxpose.runtime import devices
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import H36M_17, Skeleton

pytestmark = pytest.mark.usefixtures("compiled_soon", "memory_given_back_after_each")
PACKAGE = ROOT / "jaxpose"
POINT = Skeleton("point", ("root",), (-1,))


class Case(NamedTuple):
    """What a kind of input is made of."""

    frames: int = 4
    batch: int = 2
    skeleton: Skeleton = H36M_17
    dtype: Any = np.float32
    scale: float = 1.0
    spoil: float | None = None  # takes the place of one number of every array

    def array(self, *shape: int, seed: int = 0) -> np.ndarray:
        """Random numbers, of a metre or so; whole ones if that is the type."""
        values = self.scale * np.random.default_rng(seed).uniform(0.5, 2, shape) * (8 if self.dtype == np.int32 else 1)
        values = values.astype(np.int32 if self.dtype == np.int32 else self.dtype)
        if self.spoil is not None and values.size:
            values.flat[-1] = self.spoil
        return values

    def poses(self, seed: int = 0) -> np.ndarray:
        return self.array(self.frames, self.skeleton.num_joints, 3, seed=seed)

    def batches(self, seed: int = 0) -> np.ndarray:
        return self.array(self.batch, self.frames, self.skeleton.num_joints, 3, seed=seed)

    def unit(self, *shape: int, seed: int = 0) -> np.ndarray:
        """Unit quaternions where the case is of sound floats, else numbers."""
        values = self.array(*shape, 4, seed=seed)
        if self.spoil is None and self.dtype != np.int32:
            values = (values / np.linalg.norm(np.float64(values), axis=-1, keepdims=True)).astype(self.dtype)
        return values


KINDS: Mapping[str, Case] = {
    "sound": Case(),
    "nan": Case(spoil=np.nan),
    "inf": Case(spoil=np.inf),
    "no_frames": Case(frames=0),
    "one_frame": Case(frames=1),
    "short": Case(frames=2),  # shorter than a difference, or than a receptive field
    "one_joint": Case(skeleton=POINT),
    "no_batch": Case(batch=0),
    "float16": Case(dtype=np.float16),
    "int": Case(dtype=np.int32),
    "float64": Case(dtype=np.float64),
    "huge": Case(scale=1e12),
}
EXPECTED: Mapping[str, Any] = {kind: "nan" if kind in ("nan", "inf") else "finite" for kind in KINDS}

CAMERA = Camera(
    np.float32([1, 0, 0, 0]), np.float32([0, 0, 0]), np.float32([1000, 1000, 500, 500, 0.1, 0, 0, 0, 0]), 9, 8
)
SCREEN_CAMERA = CAMERA._replace(intrinsics=np.float32([2, 2, 0, 0, 0.1, 0, 0, 0, 0]), width=2, height=2)
MAKERS: Mapping[str, Callable[[Case], Any]] = {
    **dict.fromkeys(("predictions", "positions", "points", "pose", "poses"), lambda c: c.poses()),
    "targets": lambda c: c.poses(seed=1),
    "target": lambda c: c.poses(seed=1),
    "skeleton": lambda c: c.skeleton,
    "layout": lambda c: c.skeleton,
    "camera": lambda c: CAMERA,
    **dict.fromkeys(("x", "u", "v", "rotation_vector", "root"), lambda c: c.array(c.frames, 3)),
    "q": lambda c: c.unit(c.frames),
    "p": lambda c: c.unit(c.frames, seed=1),
    "numerator": lambda c: c.array(c.frames),
    "denominator": lambda c: c.array(c.frames, seed=1),
    "rotations": lambda c: c.unit(c.frames, c.skeleton.num_joints),
    "offsets": lambda c: c.array(c.skeleton.num_joints, 3),
    "pixels": lambda c: c.array(c.frames, 2),
    "screen": lambda c: c.array(c.frames, 2),
    "depth": lambda c: c.array(c.frames, seed=1),
    "keypoints": lambda c: c.array(c.frames, c.skeleton.num_joints, 2),
    "width": lambda c: 1000,
    "height": lambda c: 900,
    "order": lambda c: 1,
    "name": lambda c: "angle",
    "weights": lambda c: {"distance": 1.0, "velocity": 1.0, "acceleration": 1.0},
    "visible": lambda c: np.ones((c.frames, c.skeleton.num_joints), bool),
    "key": lambda c: jax.random.key(0),
    "title": lambda c: "title",
    "fps": lambda c: 50.0,
}


class Row(NamedTuple):
    """How to call a function, and what is not as `EXPECTED`."""

    arguments: Mapping[str, Any] = {}
    use: str = "grad"
    expected: Mapping[str, Any] = {}


def row(use="grad", arguments=(), **expected) -> Row:
    return Row(dict(arguments), use, expected)


def frames_of(case: Case) -> windows.PackedTracks:
    """Two tracks of the case, joined by hand."""
    n = 2 * case.frames
    first = np.int32([0, case.frames])
    keypoints = case.array(n, case.skeleton.num_joints, 2)
    poses = case.array(n, case.skeleton.num_joints, 3)
    track = np.repeat(np.int32([0, 1]), case.frames)
    last = first + case.frames - 1
    return windows.PackedTracks(keypoints, poses, track, first, last, case.array(n, 3), cameras(2))


def cameras(count: int) -> Camera:
    return jax.tree.map(lambda field: np.broadcast_to(np.float32(field), (count, *np.shape(field))), SCREEN_CAMERA)


def windows_of(case: Case) -> windows.Windows:
    """A batch of windows, far from their cameras: the poses, moved."""
    poses, rows = case.batches(), np.arange(case.batch)
    return windows.Windows(
        keypoints=case.array(case.batch, case.frames, case.skeleton.num_joints, 2),
        poses=poses,
        visible=np.ones((case.batch, case.frames), bool),
        sample=np.int32(rows),
        mirrored=rows % 2 == 0,
        root=case.array(case.batch, case.frames, 3),
        positions=poses + np.asarray([0, 0, 9], poses.dtype),
        camera=cameras(case.batch),
    )


def prediction_of(case: Case) -> Prediction:
    """Predicted poses, in deviations of half a metre; the root has none."""
    unit = np.full((case.skeleton.num_joints, 3), 0.5, np.float32)
    unit[0] = 0
    return Prediction(case.batches(), unit=unit)


def model_of(case: Case) -> TemporalModel:
    return TemporalModel(case.skeleton.num_joints, (3,), 4, causal=True)


def data_mesh(_: Case) -> jax.sharding.Mesh:
    return devices.data_mesh()


def linear_model_of(case: Case) -> LinearModel:
    return LinearModel(case.skeleton.num_joints, 4, root="predicted")


def variables_of(case: Case) -> Any:
    return random_variables(model_of(case), joints=case.skeleton.num_joints)


SEEN_BY_CAMERA = {"keypoints": lambda c: c.array(c.batch, c.frames, c.skeleton.num_joints, 2)}
TOO_SHORT = dict.fromkeys(("no_frames", "one_frame", "short"), ValueError)
BATCHES = {"predictions": lambda c: c.batches(), "targets": lambda c: c.batches(seed=1), "visible": True}
NO_BATCH = "has no batch"
TRACK = {"no_batch": NO_BATCH}
FINITE = {"nan": "finite", "inf": "finite"}  # NaN is left out, or does not reach the result
WINDOW = {"data": frames_of, "starts": lambda c: np.int32([0, c.frames]), "frames": lambda c: max(c.frames, 1)}
AS_CONTRIBUTIONS = dict.fromkeys(
    ("no_frames", "one_frame", "short", "float16", "int", "no_batch"), "as contributions, whose parts they are"
)
TRACKS = {"tracks": lambda c: [track_of(c, "Walking"), track_of(c, "Sitting")]}
FLAT = {"predictions": lambda c: np.concatenate([c.poses()] * 2), "targets": lambda c: np.concatenate([c.poses(1)] * 2)}
LENGTHS = {"lengths": lambda c: c.array(len(c.skeleton.bones))}
MOTION = {"motion": lambda c: Motion("walk", c.poses(), c.skeleton, 50.0)}
PIXELS = {"values": lambda c: c.array(c.frames, c.skeleton.num_joints, 2)}
SEEN = {"seen": lambda c: np.arange(c.frames * c.skeleton.num_joints).reshape(c.frames, c.skeleton.num_joints) % 3 > 0}[
    "seen"
]
POOLED = {
    "values": lambda c: c.array(c.frames),
    "weights": lambda c: np.ones(c.frames),
    "groups": lambda c: np.zeros(c.frames, int),
}
SUMMED = {
    "compute": lambda c: lambda x: {"sum": x},
    "arrays": lambda c: [c.poses()],
    "lengths": lambda c: np.asarray([c.frames]),
    "orders": lambda c: {},
}
REFUSED = dict.fromkeys(("nan", "inf"), "motion that is not finite is refused before")


def track_of(case: Case, action: str) -> Track:
    return make_track(frames=4, action=action)._replace(positions_3d=case.poses(), keypoints_2d=case.poses()[..., :2])


NORMALISED = {name: lambda c: c.array(3) for name in ("mean", "inverse_deviation", "scale", "bias")}
CONVOLUTION = {
    "x": lambda c: c.array(c.batch, 5, 3),
    "kernel": lambda c: c.array(3, 3, 2),
    "reading": receptive_plan((3,), 3, causal=False, dense=False)[0],
    "precision": "float32",
}


def streaming_state_of(case: Case) -> Any:
    still = np.zeros((case.batch, case.skeleton.num_joints, 2), np.float32)
    return jax.jit(temporal_streaming.init, static_argnums=0)(model_of(case), variables_of(case), still)


def rooted(function: Callable[..., Any]) -> Callable[[Case], Any]:
    return lambda c: function(np.float32(c.poses()), np.float32(c.poses(seed=1)), c.skeleton)


def gradients_of(case: Case) -> dict[str, np.ndarray]:
    return {"angle": case.poses(), "distance": case.poses(seed=1)}


ROWS: dict[str, Row] = {
    **{
        f"numerics.{name}": row(**TRACK)
        for name in ("as_floating", "safe_norm", "safe_divide", "safe_normalize", "safe_angle")
    },
    **{
        f"rotations.{name}": row(**TRACK)
        for name in (
            "quaternion_multiply",
            "quaternion_inverse",
            "rotate",
            "quaternion_from_axis_angle",
            "axis_angle_from_quaternion",
            "quaternion_to_matrix",
        )
    },
    "rotations.quaternion_from_matrix": row(arguments={"matrix": lambda c: c.array(c.frames, 3, 3)}, **TRACK),
    "rotations.rotation_between": row(
        arguments={"source": lambda c: c.array(c.frames, 3), "target": lambda c: c.array(c.frames, 3, seed=1)}, **TRACK
    ),
    **{
        f"kinematics.{name}": row(**TRACK)
        for name in (
            "root_relative",
            "mirror",
            "bone_vectors",
            "bone_lengths",
            "symmetry_differences",
            "joint_angles",
            "range_of_motion_violation",
            "forward_kinematics",
        )
    },
    "kinematics.finite_difference": row(arguments={"x": lambda c: c.batches()}),
    "inverse_kinematics.inverse_kinematics": row("jit", **TRACK, nan="finite"),
    "inverse_kinematics.mean_lengths": row("jit", **TRACK, **FINITE, no_frames="no median without a frame"),
    "inverse_kinematics.symmetric_lengths": row(arguments=LENGTHS, **TRACK),
    "inverse_kinematics.rest_offsets": row(
        arguments={"directions": lambda c: c.array(len(c.skeleton.bones), 3), **LENGTHS}, **TRACK
    ),
    **{
        f"cameras.{name}": row(**TRACK)
        for name in ("world_to_camera", "camera_to_world", "normalize_screen", "denormalize_screen")
    },
    "cameras.camera_from_matrices": row(
        arguments={
            "intrinsic_matrix": lambda c: c.array(3, 3),
            "rotation": lambda c: c.array(3, 3, seed=1),
            "translation": lambda c: c.array(3),
            "distortion": lambda c: c.array(5),
        },
        **TRACK,
        no_frames="has no frames",
        one_frame="has no frames",
        short="has no frames",
        one_joint="has no joints",
    ),
    "cameras.project": row(inf="finite", **TRACK),
    "cameras.unproject": row(huge="nan", **TRACK),
    "alignment.align": row(arguments=BATCHES),
    "alignment.best_rotation": row(arguments={"correlation": lambda c: c.array(c.frames, 3, 3)}, **TRACK),
    **{
        f"metrics.{name}": row(arguments=BATCHES)
        for name in ("mpjpe", "p_mpjpe", "n_mpjpe", "time_derivative_error", "pck", "auc")
    },
    "masks.joint_mask": row("jit", **TRACK, **FINITE),
    "masks.where_visible": row(arguments={"mask": MAKERS["visible"]}, **TRACK),
    "masks.mask_of_differences": row("jit", {"mask": MAKERS["visible"]}, **TRACK, **FINITE),
    "masks.masked_mean": row(
        arguments={"values": lambda c: c.array(c.frames, 4), "mask": lambda c: c.array(c.frames, 4, seed=1)}, **TRACK
    ),
    "losses.term": row(**TRACK),
    "losses.pseudo_huber": row(arguments={"squares": lambda c: c.array(c.frames)}, **TRACK),
    "losses.validity_mask": row("jit", **TRACK, **FINITE),
    "losses.constraints": row(arguments=BATCHES),
    "losses.joint_aware": row(arguments=BATCHES),
    "losses.reprojection": row(**TRACK),
    "losses.speed_limit": row(**TRACK),
    "losses.fit_limits": row(
        use="", nan=ValueError, inf=ValueError, no_frames=ValueError, one_frame=ValueError, **TRACK
    ),
    "models.convolution.read_tap": row(
        arguments={
            "x": lambda c: c.array(c.batch, 5, 3),
            "reading": receptive_plan((3,), 3, causal=False, dense=False)[0],
            "tap": 2,
        },
        nan="the tap does not reach it",
        inf="the tap does not reach it",
    ),
    "models.convolution.with_residual": row(
        arguments={
            "x": lambda c: c.array(c.batch, 5, 3),
            "reading": receptive_plan((3,), 3, causal=False, dense=False)[0],
        },
    ),
    "models.ops.normalised_relu": row(arguments=NORMALISED, **TRACK),
    "models.ops.batch_normalised_relu": row(
        arguments=NORMALISED, huge="the inverse deviation of huge numbers is small", **TRACK
    ),
    "models.memory.after": row(arguments={"event": lambda c: c.array(c.frames, 2)}, **TRACK),
    "models.ops.matmul": row(arguments={"kernel": lambda c: c.array(3, 2), "precision": "float32"}, **TRACK),
    **{f"models.convolution.{name}": row(arguments=CONVOLUTION) for name in ("convolve", "sum_of_taps")},
    "models.convolution.convolve_run_on_cpu": row(
        arguments={
            "x": lambda c: c.array(c.batch, 5, 3),
            "kernel": lambda c: c.array(3, 3, 2),
            "dilation": 1,
            "precision": "float32",
        },
    ),
    "models.winograd.convolve_in_fours": row(
        arguments={
            "x": lambda c: c.array(c.batch, 6, 3),
            "kernel": lambda c: c.array(3, 3, 2),
            "dilation": 1,
            "precision": "float32",
        },
    ),
    "models.ops.dropout": row(
        arguments={"x": lambda c: c.array(c.frames, 3), "rate": 0.25},
        nan="NaN may be dropped",
        inf="infinity may be dropped",
        **TRACK,
    ),
    "models.linear.limit_norm": row(arguments={"kernel": lambda c: c.array(c.frames, 3), "largest": 1.0}, **TRACK),
    "models.linear.mean_and_deviation": row(
        use="jit", arguments={"values": lambda c: c.poses()}, no_frames="pack refuses it", **TRACK
    ),
    "models.linear.LinearModel": row(
        arguments={
            "model": linear_model_of,
            "keypoints": lambda c: c.array(c.batch, c.frames, c.skeleton.num_joints, 2),
        },
    ),
    "models.temporal.TemporalModel": row(
        arguments={"model": model_of, "keypoints": lambda c: c.array(c.batch, c.frames, c.skeleton.num_joints, 2)},
        no_frames=ValueError,
        one_frame=ValueError,
        short=ValueError,
    ),
    "models.aimed.box_margin": row("", {"frames": 5, "causal": False}, **TRACK, **FINITE),
    "models.aimed.aim": row(arguments={**SEEN_BY_CAMERA, "margin": (2, 1)}, **TOO_SHORT),
    "models.aimed.AimedLifter": row(
        arguments={"model": lambda c: AimedLifter(model_of(c), (1, 0)), **SEEN_BY_CAMERA}, **TOO_SHORT
    ),
    "models.temporal_streaming.init": row(
        use="jit",
        arguments={
            "model": model_of,
            "variables": variables_of,
            "keypoints": lambda c: c.array(c.batch, c.skeleton.num_joints, 2),
        },
        no_frames="is of one frame",
    ),
    "models.temporal_streaming.step": row(
        use="jit",
        arguments={
            "model": model_of,
            "variables": variables_of,
            "keypoints": lambda c: c.array(c.batch, c.skeleton.num_joints, 2),
            "state": streaming_state_of,
        },
        no_frames="is of one frame",
    ),
    "data.windows.pack": row(use="", arguments=TRACKS, no_frames=InputError, **TRACK),
    "data.windows.gather_windows": row(
        use="jit", arguments=WINDOW | {"context": (1, 1)}, no_frames="pack refuses it", **TRACK
    ),
    "data.windows.to_rays": row(arguments={"intrinsics": SCREEN_CAMERA.intrinsics}, **TRACK),
    "data.windows.screen_camera": row("", {"track": lambda c: track_of(c, "Walking")}, **TRACK, **FINITE),
    "data.windows.recentre": row(
        use="jit", arguments=WINDOW | {"longer": 3}, no_frames="pack refuses it", **TRACK, **FINITE
    ),
    "data.augmentation.mirror.mirror_marked": row(use="jit", arguments={"windows": windows_of}),
    "data.augmentation.yaw.turn_cameras": row(
        arguments={
            "windows": windows_of,
            "angle": lambda c: c.array(c.batch),
            "joints": lambda c: range(c.skeleton.num_joints),
        },
        use="jit",
        no_frames="pack refuses it",
    ),
    "data.augmentation.cameras.draw_cameras": row(
        arguments={"windows": windows_of, "ranges": Augmentation()}, use="jit", no_frames="pack refuses it"
    ),
    "data.augmentation.cameras.seen_by": row(
        arguments={
            "windows": windows_of,
            "new": lambda c: windows_of(c).camera,
            "joints": lambda c: range(c.skeleton.num_joints),
        },
        use="jit",
        no_frames="pack refuses it",
    ),
    "data.augmentation.bodies.draw_stretches": row(
        arguments={"count": lambda c: c.batch, "ranges": Augmentation()}, use="jit", **FINITE
    ),
    "data.augmentation.bodies.stretch_bodies": row(
        arguments={
            "windows": windows_of,
            "factors": lambda c: c.array(c.batch, c.skeleton.num_joints),
            "joints": lambda c: range(c.skeleton.num_joints),
        },
        use="jit",
        no_frames="pack refuses it",
    ),
    "data.track.track_lengths": row(use="", arguments=TRACKS, **TRACK, **FINITE),
    "data.track.person_extent": row("", **TRACK, inf="finite", no_frames="no median without a frame"),
    "data.track.first_not_finite": row(use="", arguments={"frames": lambda c: c.poses()}, **TRACK, **FINITE),
    "data.faces.add_face": row(one_joint=ValueError, **TRACK),
    "data.resampling.resample": row(
        "",
        {"samples": lambda c: c.poses(), "source_fps": 30.0, "target_fps": 50.0},
        **TRACK,
        no_frames="takes one frame at least",
    ),
    **{
        f"data.smoothing.{name}": row("", {"samples": lambda c: c.poses(), "fps": 50.0, "cutoff": 3.0}, **TRACK)
        for name in ("savitzky_golay", "butterworth")
    },
    "data.one_euro.one_euro": row("", {"samples": lambda c: c.poses()}, **TRACK),
    "data.one_euro.init": row("", **TRACK),
    "data.one_euro.step": row(
        "", {"state": lambda c: one_euro.init(c.poses()), "poses": lambda c: c.poses(seed=1)}, **TRACK
    ),
    "data.synthetic.body.pose_body": row(
        use="jit",
        arguments={"angles": lambda c: c.array(c.frames, len(body.ANGLES)), "offsets": body.bone_offsets("S1")},
        **TRACK,
    ),
    "data.synthetic.body.ground_contact": row(
        arguments={
            "points": lambda c: c.array(c.frames, 21, 3),
            "walking": lambda c: np.zeros(c.frames, np.float32),
            "path": lambda c: lambda distance: distance,
        },
        no_frames="a clip has frames",
        huge="nan",
        **TRACK,
    ),
    "data.synthetic.detector_noise.add_detector_noise": row(
        use="jit", arguments={"skeleton": lambda c: c.skeleton}, **TRACK
    ),
    "keypoints.gaps.interpolate_missing": row("", {"values": lambda c: c.poses(), "seen": SEEN}, **TRACK),
    "keypoints.gaps.fill_gaps": row("", {**PIXELS, "seen": SEEN}, **TRACK),
    "keypoints.gaps.longest_gap": row("", {"seen": SEEN}, **TRACK, **FINITE),
    "keypoints.gaps.person_size": row("", {**PIXELS, "seen": SEEN}, **TRACK, inf="finite"),
    "keypoints.proportions.can_be_estimated": row("", **TRACK, **FINITE),
    "keypoints.proportions.estimation_weights": row(
        "", {"seen": lambda c: np.arange(c.skeleton.num_joints) > 0}, **TRACK, **FINITE
    ),
    "keypoints.sides.find_exchanges": row("", {"keypoints": lambda c: c.poses(), "seen": SEEN}, **TRACK, **FINITE),
    "keypoints.sides.exchange_back": row("", {"keypoints": lambda c: c.poses(), "exchanged": SEEN}, **TRACK),
    "keypoints.units.seen_keypoints": row("", {"keypoints": lambda c: c.poses()}, **TRACK, **FINITE),
    "keypoints.units.are_divided_by_size": row(
        "", {"path": Path("k.json"), "keypoints": lambda c: np.abs(c.poses())}, **TRACK, **FINITE
    ),
    "keypoints.units.in_pixels": row(
        "", {"path": Path("k.json"), "keypoints": lambda c: np.abs(c.poses()), "shares": True, "size": (9, 8)}, **TRACK
    ),
    "keypoints.body_check.body_faults": row("", {"keypoints": lambda c: c.poses()}, **TRACK, **FINITE),
    "keypoints.body_check.fitting_layouts": row("", {"keypoints": lambda c: c.poses()}, **TRACK, **FINITE),
    "keypoints.tracking.associate": row(
        "",
        {"frames": lambda c: np.arange(c.frames), "keypoints": lambda c: c.poses()},
        **TRACK,
        **FINITE,
        no_frames="a file without detections is refused",
    ),
    "keypoints.tracking.pose_distance": row(
        "", {"first": lambda c: c.poses(), "second": lambda c: c.poses(seed=1)}, **TRACK, **FINITE
    ),
    "keypoints.duplicates.person_scores": row("", {"keypoints": lambda c: c.poses()}, **TRACK, **FINITE),
    "keypoints.duplicates.without_duplicates": row(
        "",
        {
            "frames": lambda c: np.arange(c.frames) // 2,
            "keypoints": lambda c: c.poses(),
            "scores": lambda c: np.ones(c.frames),
            "ids": lambda c: [None] * c.frames,
            "by_score": True,
        },
        **TRACK,
        **FINITE,
        no_frames="a file without detections is refused",
    ),
    **{f"export.motion.{name}": row("", MOTION, **TRACK) for name in ("upright", "y_up", "z_up")},
    **{
        f"export.constant_bones.{name}": row("", MOTION, **TRACK, no_frames="no median without a frame")
        for name in ("constant_bones", "distances_from_constant_bones")
    },
    "export.constant_bones.constant_lengths": row("", **TRACK, **REFUSED, no_frames="motion without frames is refused"),
    "export.motion.filled_mask": row("", MOTION, **TRACK, **FINITE),
    "export.bvh.continuous_euler_zxy": row("", {"quaternions": lambda c: c.array(c.frames, 4)}, **TRACK, **REFUSED),
    "export.bvh.mean_skeleton": row("", **TRACK, **REFUSED, no_frames="motion without frames is refused"),
    "lifting.preprocess.crop_to_person": row("", {"share": 0.3}, **TRACK, no_frames="no median without a frame"),
    "lifting.in_time.resample_keypoints": row(
        "",
        {"keypoints": lambda c: c.poses(), "source_fps": 30.0, "target_fps": 50.0},
        **TRACK,
        no_frames="takes one frame at least",
    ),
    "lifting.in_time.bridge_gaps": row("", {"seen": lambda c: np.arange(c.frames) % 3 == 0}, **TRACK),
    "lifting.in_time.seen_stretches": row("", {"seen": lambda c: np.arange(c.frames) % 3 == 0}, **TRACK, **FINITE),
    "training.attribution.term_losses": row(use="jit", **TRACK),
    **{
        f"training.attribution.{name}": row(use="jit", **AS_CONTRIBUTIONS)
        for name in ("joint_losses", "term_gradients")
    },
    "training.attribution.gradient_cosines": row(
        use="jit", arguments={"gradients": gradients_of, "names": ("angle", "distance")}, **TRACK
    ),
    "training.attribution.parameter_norms": row(
        use="jit",
        arguments={
            "predict": lambda c: lambda x: x + 0.0,
            "params": lambda c: np.float32(c.poses()),
            "gradients": gradients_of,
        },
        **TRACK,
    ),
    "training.attribution.gradient_shares": row(
        use="jit",
        arguments={
            "norms": lambda c: {"angle": c.array(1), "distance": c.array(1, seed=1)},
            "weights": {"angle": 1.0, "distance": 2.0},
        },
        **TRACK,
    ),
    "training.attribution.descend": row(use="jit", arguments={"steps": 2, "weights": {"position": 1.0}}, **TRACK),
    **{
        f"training.objectives.{name}": row(
            arguments={"prediction": prediction_of, "targets": BATCHES["targets"]},
            no_batch="a batch has windows",
            no_frames="a batch has windows",
        )
        for name in ("mpjpe_loss", "mse_loss", "z_mse_loss")
    },
    "evaluation.predict_tracks.predict_tracks": row(
        use="",
        arguments={
            "model": model_of,
            "variables": variables_of,
            "data": frames_of,
            "description": lambda c: Description("cases", False, c.skeleton, c.skeleton, 2, ("S1",)),
            "mesh": data_mesh,
        },
        no_frames="pack refuses it",
        **TRACK,
    ),
    "evaluation.averages.score": row(
        use="",
        arguments={
            "predictions": lambda c: c.array(8, 17, 3),
            "targets": lambda c: c.array(8, 17, 3, seed=1),
            "tracks": [make_track(frames=4), make_track(frames=4)],
        },
        nan="a track without a metric has NaN and does not count",
        inf="as NaN",
        **TRACK,
    ),
    "evaluation.averages.mean_of_finite": row(
        "", {"values": lambda c: c.poses(), "axis": 0}, **TRACK, **FINITE, no_frames="nan"
    ),
    "evaluation.averages.average_by_group": row("", POOLED, **TRACK, **FINITE, no_frames="there is a track at least"),
    "evaluation.track_errors.measure_tracks": row("", {**FLAT, **TRACKS}, **TRACK, one_frame="nan", short="nan"),
    "evaluation.track_sums.sum_by_track": row("", SUMMED, **TRACK),
    "evaluation.bootstrap.interval": row(
        "", {"values": lambda c: c.array(c.frames)}, **TRACK, **FINITE, no_frames="nan"
    ),
    "evaluation.bootstrap.resample_weights": row(
        "",
        {name: lambda c: np.asarray(["a", "b"] * c.frames) for name in ("actions", "recordings")},
        **TRACK,
        **FINITE,
    ),
    "evaluation.significance.holm": row("", {"p_values": lambda c: abs(c.array(c.frames))}, **TRACK),
    "visualization.figures.draw_pose": row(
        use="",
        arguments={
            "axes": lambda c: Figure().add_subplot(projection="3d"),
            "pose": lambda c: c.array(c.skeleton.num_joints, 3),
        },
        nan="draws nothing there",
        inf="draws nothing there",
        **TRACK,
    ),
    "visualization.figures.project_view": row(use="", arguments={"azimuth": 10.0, "elevation": 20.0}, **TRACK),
    "visualization.view.joint_errors": row("", FLAT, **TRACK),
    "visualization.view.typical_pose": row("", **TRACK, **FINITE, no_frames="a clip has a frame at least"),
    "visualization.motions_page.bone_length_deviation": row("", **TRACK, no_frames="a motion has frames"),
    "visualization.player.pack": row("", {"values": lambda c: c.poses()}, **TRACK, **FINITE),
}

STATIC = {  # they take settings, shapes and names, and give what is static; a test of their own has them
    "skeleton.is_printable_line",
    "skeleton.layout",
    *(
        f"shapes.require_{what}"
        for what in ("axis", "known", "matrix", "poses", "rank", "same_shape", "skeleton", "tracks")
    ),
    "inverse_kinematics.split_branches",
    "models.temporal.receptive_plan",
    "models.temporal.multiply_adds",
    "models.temporal.live_activations",
    "models.temporal_streaming.multiply_adds",
    "models.temporal.batch_norm_momentum",
    # Settings, and the base class of networks:
    "models.configs.model_from_dict",
    "models.lifter.Lifter",
    # Layers of temporal.TemporalModel:
    "models.layers.Convolution",
    "models.layers.Pointwise",
    "models.layers.BatchNormReLU",
    "models.memory.recomputed",  # of functions: tests/models/test_memory.py
    "models.ops.dropout_mask",  # of shapes, for `dropout`
    "models.ops.lax_precision",  # of a name
    "models.linear.LimitedLinear",  # of linear.LinearModel
    *(f"data.one_euro.{name}" for name in ("keeps_all", "floating")),  # tests/data/test_smoothing.py, test_one_euro.py
    # A graph in another format: tests/models/test_temporal_onnx.py
    *(f"models.temporal_onnx.{name}" for name in ("lifter_graph", "require_package")),
    # Weights, checked by name, shape, type and finiteness: tests/models/test_published.py and test_NAME_weights.py
    *(f"models.published.{name}" for name in ("batch_norm_places", "batch_counts", "check_names", "check_arrays")),
    "models.published.require",
    *(f"models.linear_weights.{name}" for name in ("read", "write")),
    *(
        f"models.videopose3d_weights.{name}"
        for name in ("read", "write", "params_from_torch", "torch_from_params", "filter_widths")
    ),
}


def public_functions(path: Path) -> set[str]:
    """The names in `ROWS` of a module's public functions and Flax modules."""
    module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        flax_module = isinstance(node, ast.ClassDef) and {"nn.Module", "Lifter"} & {*map(ast.unparse, node.bases)}
        if (flax_module or isinstance(node, ast.FunctionDef)) and not node.name.startswith("_"):
            found.add(f"{module}.{node.name}")
    return found


def test_every_function_of_the_core_and_the_models_has_a_row():
    core = [path for path in PACKAGE.glob("*.py") if path.stem in jaxpose.MODULES]
    functions = set().union(*map(public_functions, [*core, *PACKAGE.glob("models/*.py")]))
    assert not functions - ROWS.keys() - STATIC, "add rows; the head of this file says how"


def bound(name: str, given: Mapping[str, Any], case: Case) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The function of a row, and its arguments for a case."""
    module, _, attribute = name.rpartition(".")
    function = getattr(importlib.import_module(f"jaxpose.{module}"), attribute)
    if inspect.isclass(function):
        model = given["model"](case)
        variables = random_variables(model, joints=case.skeleton.num_joints)
        return lambda keypoints: model.apply(variables, keypoints), {"keypoints": given["keypoints"](case)}
    arguments = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in given:
            made = given[parameter.name]
            arguments[parameter.name] = made(case) if inspect.isfunction(made) else made
        elif parameter.name in MAKERS and parameter.default is parameter.empty:
            arguments[parameter.name] = MAKERS[parameter.name](case)
        else:
            assert parameter.default is not parameter.empty, f"{name}: nothing makes {parameter.name!r}"
    return function, arguments


def floats(tree: Any) -> list[np.ndarray]:
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree) if isinstance(leaf, np.ndarray | jax.Array | float)]
    return [leaf for leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.inexact)]


def all_finite(tree: Any) -> bool:
    return all(np.isfinite(leaf.astype(np.float64)).all() for leaf in floats(tree))


Call = tuple[Callable[[Any], tuple[Any, Any]], Any]  # a function of arrays to result and gradient, and the arrays


class Calls(NamedTuple):
    """The functions of one module for one kind of input."""

    compiled: dict[str, Call]  # together, in one program
    alone: dict[str, Call]  # on the host, or because an exception is expected


def calls_of(module: str, kind: str) -> Calls:
    """The calls of every row of a module for which the question of this kind of input arises."""
    case, calls = KINDS[kind], Calls({}, {})
    for name in [name for name in ROWS if name.rpartition(".")[0] == module]:
        given, use, expected = ROWS[name]
        wanted = expected.get(kind, EXPECTED[kind])
        if isinstance(wanted, str) and wanted not in ("finite", "nan"):
            continue
        function, arguments = bound(name, given, case)
        arrays = {key: value for key, value in arguments.items() if is_of_arrays(value)} if use else {}
        rest = {key: value for key, value in arguments.items() if key not in arrays}
        call = program(function, rest, "grad" if use == "grad" and shape_of(case) == SOUND else "")
        (calls.compiled if use and not inspect.isclass(wanted) else calls.alone)[name] = (call, arrays)
    return calls


def shape_of(case: Case) -> Case:
    """What a program depends on: cases of one shape share it, and the constants that it holds."""
    return case._replace(scale=1, spoil=None, dtype=jax.dtypes.canonicalize_dtype(case.dtype))


SOUND = KINDS["sound"]._replace(dtype=np.dtype(np.float32))
MODULES = sorted({name.rpartition(".")[0] for name in ROWS})


@pytest.mark.compilations(100)  # twelve kinds of input, of six shapes
@pytest.mark.parametrize("module", MODULES)
def test_what_it_does(module):
    """Every function has for each kind of input the outcome that its row says."""
    wrong, programs = {}, {}
    for kind, case in KINDS.items():
        calls, outcomes = calls_of(module, kind), {}
        if calls.compiled:
            functions = {name: call for name, (call, _) in calls.compiled.items()}
            together = programs.setdefault(shape_of(case), jax.jit(functools.partial(each, functions)))
            outcomes = results(together, {name: arrays for name, (_, arrays) in calls.compiled.items()}, case)
        for name, (call, arrays) in calls.alone.items():
            try:
                with np.errstate(all="ignore"):
                    outcomes[name] = call(arrays)
            except Exception as error:
                outcomes[name] = error
        for name, outcome in outcomes.items():
            if fault := fault_of(outcome, ROWS[name].expected.get(kind, EXPECTED[kind])):
                wrong[name, kind] = fault
    assert not wrong, wrong


def each(functions: Mapping[str, Callable[[Any], Any]], arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {name: functions[name](arrays[name]) for name in arrays}


def results(together: Callable[[Any], dict[str, Any]], arrays: dict[str, Any], case: Case) -> dict[str, Any]:
    """What each function gives; of empty arrays it is computed only where the result is not empty itself."""
    if 0 not in (case.frames, case.batch):
        return together(arrays)
    shapes = jax.eval_shape(together, arrays)
    full = {name for name, of in shapes.items() if any(0 not in leaf.shape for leaf in jax.tree.leaves(of))}
    return shapes | (together({name: arrays[name] for name in full}) if full else {})


def fault_of(outcome: Any, wanted: Any) -> str:
    """What is not as the row says; empty if it is."""
    if isinstance(outcome, Exception):
        expected = inspect.isclass(wanted) and isinstance(outcome, wanted)
        return "" if expected else f"raises {type(outcome).__name__} {outcome}"[:150]
    result, gradient = outcome
    if inspect.isclass(wanted) or all_finite(result) != (wanted == "finite"):
        return f"{wanted} is wanted, {[leaf.ravel()[:4] for leaf in floats(result)]} found"[:150]
    return "the gradient is not finite" if wanted == "finite" and not all_finite(gradient) else ""


def is_of_arrays(value: Any) -> bool:
    leaves = jax.tree.leaves(value)
    return bool(leaves) and all(isinstance(leaf, np.ndarray | jax.Array | np.generic) for leaf in leaves)


def program(function: Callable[..., Any], rest: Mapping[str, Any], use: str) -> Callable[[Any], tuple[Any, Any]]:
    """What gives the result of a function and the gradient of its sum with respect to all floats among its arrays."""
    if use != "grad":
        return lambda arrays: (function(**arrays, **rest), ())

    def total(inexact: Any, others: Any) -> tuple[jax.Array, Any]:
        result = function(**inexact, **others, **rest)
        leaves = jax.tree.leaves(result)
        return sum((jnp.sum(leaf.astype(jnp.float32)) for leaf in leaves), start=jnp.zeros(())), result

    def both(arrays: Any) -> tuple[Any, Any]:
        kinds = {key: all(jnp.issubdtype(jnp.result_type(x), jnp.inexact) for x in jax.tree.leaves(value))
                 for key, value in arrays.items()}  # fmt: skip
        inexact = {key: arrays[key] for key in arrays if kinds[key]}
        others = {key: arrays[key] for key in arrays if not kinds[key]}
        gradients, result = jax.grad(total, has_aux=True)(inexact, others)
        return result, gradients

    return both
