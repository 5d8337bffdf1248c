"""Every public function of the package, and what it does for inputs at the edge.

`ROWS` has a row for every `def` at the top of a module, and every Flax module, whose name does not begin with `_`: a
new one without a row fails the suite, and so does a row whose function is gone.

To add a function, add a line to `ROWS`:

- `"module.function": Row()` if it takes arrays. Arguments are made by name (`MAKERS`), so a function that calls its
  arguments as the others do needs nothing more; `Row(arguments={"threshold": 0.1})` gives what is particular to it,
  a value or a function of the `Case`.
- What it does for each of `KINDS` is `EXPECTED`, or a word of the row that says otherwise: "finite", "nan" (what is not
  finite comes out as not finite), an exception, or a reason in words why the question does not arise.
- `use`: functions are compiled and differentiated; "jit" are those without a gradient, "" those that work on the host.
- `"module.function": "why"` if it takes no arrays of data: settings, files, text, records.

All rows run.
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
from matplotlib.figure import Figure
from samples import make_track

from jaxpose import dataset, devices, rig
from jaxpose.cameras import Camera
from jaxpose.errors import InputError
from jaxpose.models import streaming
from jaxpose.models.temporal import TemporalModel, plan
from jaxpose.motion import Motion
from jaxpose.skeleton import H36M_17, Skeleton

pytestmark = pytest.mark.usefixtures("compiled_soon")
PACKAGE = Path(__file__).parent.parent / "jaxpose"
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


def frames_of(case: Case) -> dataset.Frames:
    """Two tracks of the case, joined by hand."""
    n = 2 * case.frames
    first = np.int32([0, case.frames])
    keypoints = case.array(n, case.skeleton.num_joints, 2)
    poses = case.array(n, case.skeleton.num_joints, 3)
    return dataset.Frames(keypoints, poses, np.repeat(np.int32([0, 1]), case.frames), first, first + case.frames - 1)


def model_of(case: Case) -> TemporalModel:
    return TemporalModel(case.skeleton.num_joints, (3,), 4, causal=True)


def data_mesh(_: Case) -> jax.sharding.Mesh:
    return devices.data_mesh()


def variables_of(case: Case) -> Any:
    window = np.zeros((1, 3, case.skeleton.num_joints, 2), np.float32)
    return model_of(case).init(jax.random.key(0), window)


BATCHES = {"predictions": lambda c: c.batches(), "targets": lambda c: c.batches(seed=1), "visible": True}
NO_BATCH = "has no batch"
TRACK = {"no_batch": NO_BATCH}
FINITE = {"nan": "finite", "inf": "finite"}  # NaN is left out, or does not reach the result
WINDOW = {"data": frames_of, "starts": lambda c: np.int32([0, c.frames]), "frames": lambda c: max(c.frames, 1)}
AS_CONTRIBUTIONS = dict.fromkeys(
    ("no_frames", "one_frame", "short", "float16", "int", "no_batch"), "as contributions, whose parts they are"
)
TRACKS = {"tracks": lambda c: [track_of(c, "Walking"), track_of(c, "Sitting")]}
COMMAND = "a command, or a part of one: its arrays are those of the functions below it"
FILES = "reads or writes files: tests/test_hostile_files.py"
TEXT = "makes text"
STATIC = "takes settings and gives what is static"
SHARDING = "moves arrays between devices, whatever they hold"
FLAT = {"predictions": lambda c: np.concatenate([c.poses()] * 2), "targets": lambda c: np.concatenate([c.poses(1)] * 2)}
LENGTHS = {"lengths": lambda c: c.array(len(c.skeleton.bones))}
MOTION = {"motion": lambda c: Motion("walk", c.poses(), c.skeleton, 50.0)}
SEEN = {"seen": lambda c: np.arange(c.frames * c.skeleton.num_joints).reshape(c.frames, c.skeleton.num_joints) % 3 > 0}[
    "seen"
]
POOLED = {
    "values": lambda c: c.array(c.frames),
    "weights": lambda c: np.ones(c.frames),
    "place": lambda c: np.zeros(c.frames, int),
}
SUMMED = {
    "compute": lambda c: lambda x: {"sum": x},
    "arrays": lambda c: [c.poses()],
    "lengths": lambda c: np.asarray([c.frames]),
    "orders": lambda c: {},
}
REFUSED = dict.fromkeys(("nan", "inf"), "motion that is not finite is refused before")
WRITTEN = "writes motion: tests/test_exports.py has what is not finite, empty or badly named refused"
KEYPOINTS = "reads what a detector wrote: tests/test_formats.py and those of each format have it damaged"
LIFTED = "reads a run: tests/test_lifting.py has the edges"
MEASURED = "takes what measures.measure gives"
CLIP = "cuts a clip, which is made of a track"
DRAWN = "draws what plots.draw_pose draws: the tests of its module"
STATE = "moves the state of a training, whose arrays are the program's own"


def track_of(case: Case, action: str) -> dataset.Track:
    return make_track(frames=4, action=action)._replace(positions_3d=case.poses(), keypoints_2d=case.poses()[..., :2])


def rooted(function: Callable[..., Any]) -> Callable[[Case], Any]:
    return lambda c: function(np.float32(c.poses()), np.float32(c.poses(seed=1)), c.skeleton)


def gradients_of(case: Case) -> dict[str, np.ndarray]:
    return {"angle": case.poses(), "distance": case.poses(seed=1)}


ROWS: dict[str, Row | str] = {
    **{
        f"numerics.{name}": row(**TRACK)
        for name in ("floating", "safe_norm", "safe_divide", "safe_normalize", "safe_angle")
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
    **{f"kinematics.{name}": row(**TRACK) for name in ("root_relative", "mirror", "finite_difference")},
    **{
        f"kinematics.{name}": row(**TRACK)
        for name in ("bone_vectors", "bone_lengths", "side_differences", "joint_angles", "range_excess")
    },
    "kinematics.forward_kinematics": row(**TRACK),
    **{
        f"cameras.{name}": row(**TRACK)
        for name in (
            "world_to_camera",
            "camera_to_world",
            "normalize_screen",
            "denormalize_screen",
        )
    },
    "cameras.project": row(inf="finite", **TRACK),
    "cameras.unproject": row(huge="nan", **TRACK),
    **{f"metrics.{name}": row(arguments=BATCHES) for name in ("mpjpe", "n_mpjpe", "time_derivative_error")},
    "metrics.p_mpjpe": row(arguments=BATCHES),
    "metrics.align": row(arguments=BATCHES),
    "metrics.pck": row(arguments=BATCHES),
    "metrics.auc": row(arguments=BATCHES),
    "metrics.best_rotation": row(arguments={"correlation": lambda c: c.array(c.frames, 3, 3)}, **TRACK),
    "losses.term": row(**TRACK),
    "losses.bounded": row(arguments={"squares": lambda c: c.array(c.frames)}, **TRACK),
    "losses.defined": row("jit", **TRACK, **FINITE),
    "losses.constraints": row(arguments=BATCHES),
    "losses.joint_aware": row(arguments=BATCHES),
    "losses.reprojection": row(**TRACK),
    "losses.speed_limit": row(**TRACK),
    "losses.fit_limits": row(
        use="", nan=ValueError, inf=ValueError, no_frames=ValueError, one_frame=ValueError, **TRACK
    ),
    "inspection.contributions": row(use="jit", **TRACK),
    **{f"inspection.{name}": row(use="jit", **AS_CONTRIBUTIONS) for name in ("values", "gradients")},
    "inspection.conflicts": row(
        use="jit", arguments={"gradients": gradients_of, "names": ("angle", "distance")}, **TRACK
    ),
    "inspection.parameter_norms": row(
        use="jit",
        arguments={
            "predict": lambda c: lambda x: x + 0.0,
            "params": lambda c: np.float32(c.poses()),
            "gradients": gradients_of,
        },
        **TRACK,
    ),
    "inspection.shares": row(
        use="jit",
        arguments={
            "norms": lambda c: {"angle": c.array(1), "distance": c.array(1, seed=1)},
            "weights": {"angle": 1.0, "distance": 2.0},
        },
        **TRACK,
    ),
    "inspection.descend": row(use="jit", arguments={"steps": 2, "weights": {"position": 1.0}}, **TRACK),
    "dataset.describe": FILES,
    "dataset.join": row(use="", arguments=TRACKS, no_frames=InputError, **TRACK),
    "dataset.name": TEXT,
    "dataset.find_track": TEXT,
    "dataset.track_lengths": row(use="", arguments=TRACKS, **TRACK, **FINITE),
    "dataset.window_starts": STATIC,
    "dataset.take_windows": row(
        use="jit", arguments=WINDOW | {"context": (1, 1)}, no_frames="join refuses it", **TRACK
    ),
    "dataset.surround": row(
        use="jit", arguments=WINDOW | {"longer": 3}, no_frames="join refuses it", **TRACK, **FINITE
    ),
    "dataset.mirror_some": row(
        arguments={
            "mirrored": lambda c: np.arange(c.batch) % 2 == 0,
            "keypoints": lambda c: c.array(c.batch, c.frames, c.skeleton.num_joints, 2),
            "poses": lambda c: c.batches(),
        },
        use="jit",
    ),
    "dataset.epoch_order": STATIC,
    "scoring.lift_tracks": row(
        use="",
        arguments={
            "model": model_of,
            "variables": variables_of,
            "data": frames_of,
            "description": lambda c: dataset.Description("cases", False, c.skeleton, c.skeleton, 2, ("S1",)),
            "mesh": data_mesh,
        },
        no_frames="join refuses it",
        **TRACK,
    ),
    "scoring.score": row(
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
    **{f"optimizer.{name}": STATIC for name in ("learning_rate_schedule", "momentum_schedule")},
    "optimizer.scale_by_amsgrad": "makes functions: as optimizer.amsgrad",
    "optimizer.amsgrad": "makes functions; tests/test_optimizer.py compares what they do",
    "layers.read": row(
        arguments={
            "x": lambda c: c.array(c.batch, 5, 3),
            "reading": plan((3,), 3, causal=False, dense=False)[0],
            "tap": 2,
        },
        nan="the tap does not reach it",
        inf="the tap does not reach it",
    ),
    "layers.product": row(arguments={"kernel": lambda c: c.array(3, 2), "precision": "float32"}, **TRACK),
    "layers.drop": row(
        arguments={"x": lambda c: c.array(c.frames, 3), "rate": 0.25},
        nan="NaN may be dropped",
        inf="infinity may be dropped",
        **TRACK,
    ),
    "layers.Convolution": "as temporal.TemporalModel, whose layer it is",
    "layers.Pointwise": "as temporal.TemporalModel, whose layer it is",
    "layers.BatchNorm": "as temporal.TemporalModel, whose layer it is",
    "temporal.plan": STATIC,
    "temporal.multiply_adds": STATIC,
    "temporal.TemporalModel": row(
        arguments={"model": model_of, "keypoints": lambda c: c.array(c.batch, c.frames, c.skeleton.num_joints, 2)},
        no_frames=ValueError,
        one_frame=ValueError,
        short=ValueError,
    ),
    "streaming.init": row(
        use="jit",
        arguments={
            "model": model_of,
            "variables": variables_of,
            "keypoints": lambda c: c.array(c.batch, c.skeleton.num_joints, 2),
        },
        no_frames="is of one frame",
    ),
    "streaming.step": row(
        use="jit",
        arguments={
            "model": model_of,
            "variables": variables_of,
            "keypoints": lambda c: c.array(c.batch, c.skeleton.num_joints, 2),
            "state": lambda c: streaming.init(
                model_of(c), variables_of(c), np.zeros((c.batch, c.skeleton.num_joints, 2), np.float32)
            ),
        },
        no_frames="is of one frame",
    ),
    "streaming.multiply_adds": STATIC,
    "rig.body": STATIC,
    "rig.figure": row(
        use="jit",
        arguments={"angles": lambda c: c.array(c.frames, len(rig.ANGLES)), "offsets": rig.body("S1")},
        **TRACK,
    ),
    "rig.carry": row(
        arguments={
            "points": lambda c: c.array(c.frames, 21, 3),
            "walking": lambda c: np.zeros(c.frames, np.float32),
            "path": lambda c: lambda distance: distance,
        },
        no_frames="a clip has frames",
        huge="nan",
        **TRACK,
    ),
    **{f"actions.{name}": STATIC for name in ("by_column", "gait_series", "gait_gain", "posture")},
    "synthetic.motion": "takes a key and names: tests/test_synthetic.py",
    "synthetic.tracks": "takes a seed and names: tests/test_synthetic.py",
    "synthetic.detect": row(use="jit", arguments={"skeleton": lambda c: c.skeleton}, **TRACK),
    **{f"skeleton.{name}": STATIC for name in ("plain", "layout", "conversion")},
    **{f"published.{name}": FILES for name in ("read_weights", "write_weights")},
    **{
        f"published.{name}": "weights, checked by name, shape, type and finiteness: tests/test_published.py"
        for name in ("params_from_torch", "torch_from_params")
    },
    "published.filter_widths": STATIC,
    "plots.draw_pose": row(
        use="",
        arguments={
            "axes": lambda c: Figure().add_subplot(projection="3d"),
            "pose": lambda c: c.array(c.skeleton.num_joints, 3),
        },
        nan="draws nothing there",
        inf="draws nothing there",
        **TRACK,
    ),
    "plots.project_view": row(use="", arguments={"azimuth": 10.0, "elevation": 20.0}, **TRACK),
    **{
        f"plots.{name}": "draws what plots.draw_pose draws, and numbers that NaN leaves blank: tests/test_plots.py"
        for name in ("contact_sheet", "training_curves", "pulls", "descents", "joint_terms", "conflict_matrix")
    },
    **{
        f"loop.{name}": STATIC
        for name in ("build_model", "build_recipe", "build_constraints", "initial_variables", "variable_shapes")
    },
    "loop.position_loss": row(arguments=BATCHES, no_batch="a batch has windows", no_frames="a batch has windows"),
    **{
        f"loop.{name}": STATE
        for name in ("init", "no_sums", "train_steps", "next_samples", "take_batch", "order_of_epoch", "record", "run")
    },
    "loop.record_ends": STATIC,
    **{f"step.{name}": STATE for name in ("loss_of", "train_step")},
    **{f"diagnosis.{name}": STATE for name in ("batch_of", "explain", "operation", "arrays")},
    **{f"prepared.{name}": FILES for name in ("describe", "read", "read_unchecked", "fault")},
    "prepared.first_not_finite": row(use="", arguments={"frames": lambda c: c.poses()}, **TRACK, **FINITE),
    **{
        f"devices.{name}": SHARDING
        for name in ("join_cluster", "keep_compiled", "data_mesh", "replicate", "local", "agreed", "divide", "gather")
    },
    **{f"checkpoint.{name}": FILES for name in ("open_checkpoints", "save", "check", "steps", "load")},
    **{
        f"files.{name}": FILES
        for name in ("write_whole", "write_text", "read_bytes", "read_text", "read_json", "parse_json")
    },
    **{
        f"runs.{name}": FILES
        for name in (
            "new_run",
            "refuse_occupied",
            "make_folder",
            "write_settings",
            "read_settings",
            "append_log",
            "read_log",
            "cut_log",
        )
    },
    **{f"lifter.{name}": FILES for name in ("open_run", "load_fitting")},
    "records.check_declared": FILES,
    "sources.load": FILES,
    **dict.fromkeys(("lock.locked", "signals.noted"), "acts on the process and its folder: tests/test_durability.py"),
    **{f"errors.{name}": TEXT for name in ("reported", "one_line", "warn")},
    **{f"results.{name}": TEXT for name in ("caption", "source", "per_second", "show", "markdown", "write")},
    **{f"inspection_page.{name}": TEXT for name in ("page", "write_folder")},
    **{f"inspect.{name}": COMMAND for name in ("main", "inspect", "choose_window", "look", "tabulate", "draw")},
    **{f"convert.{name}": COMMAND for name in ("main", "import_run", "export_run")},
    **{f"evaluate.{name}": COMMAND for name in ("main", "evaluate")},
    **{f"train.{name}": COMMAND for name in ("main", "parse", "train", "device")},
    # Rotations and skeletons of motion that is written for other programs.
    "rotations.quaternion_from_matrix": row(arguments={"matrix": lambda c: c.array(c.frames, 3, 3)}, **TRACK),
    "rotations.swing": row(
        arguments={"source": lambda c: c.array(c.frames, 3), "target": lambda c: c.array(c.frames, 3, seed=1)}, **TRACK
    ),
    "inverse_kinematics.inverse_kinematics": row("jit", **TRACK, nan="finite"),
    "inverse_kinematics.mean_lengths": row("jit", **TRACK, **FINITE, no_frames="no median without a frame"),
    "inverse_kinematics.symmetric_lengths": row(arguments=LENGTHS, **TRACK),
    "inverse_kinematics.rest_offsets": row(
        arguments={"directions": lambda c: c.array(len(c.skeleton.bones), 3), **LENGTHS}, **TRACK
    ),
    "inverse_kinematics.split_branches": STATIC,
    **{f"motion.{name}": row("", MOTION, **TRACK) for name in ("upright", "y_up", "z_up")},
    "motion.filled": row("", MOTION, **TRACK, **FINITE),
    "export_bvh.euler_zxy": row("", {"matrices": lambda c: c.array(c.frames, 3, 3)}, **TRACK, **REFUSED),
    "export_bvh.mean_skeleton": row("", **TRACK, **REFUSED, no_frames="motion without frames is refused"),
    **dict.fromkeys(("export_bvh.bvh", "export_c3d.c3d", "export_trc.trc"), WRITTEN),
    **{f"exports.{name}": WRITTEN for name in ("check_path", "csv_text", "json_text", "npz", "write")},
    **dict.fromkeys(("export_c3d.require_package", "motion.plain"), TEXT),
    # Keypoints on their way into a lifter.
    "gaps.fill": row("", {"values": lambda c: c.poses(), "seen": SEEN}, **TRACK),
    "gaps.longest": row("", {"seen": SEEN}, **TRACK, **FINITE),
    "resampling.resample": row(
        "",
        {"samples": lambda c: c.poses(), "source_fps": 30.0, "target_fps": 50.0},
        **TRACK,
        no_frames="takes one frame at least",
    ),
    "dataset.extent": row("", **TRACK, inf="finite", no_frames="no median without a frame"),
    "tracking.associate": row(
        "",
        {"frames": lambda c: np.arange(c.frames), "keypoints": lambda c: c.poses()},
        **TRACK,
        **FINITE,
        no_frames="a file without detections is refused",
    ),
    "lifting.cropped": row("", {"share": 0.3}, **TRACK, no_frames="no median without a frame"),
    **{f"lifting.{name}": LIFTED for name in ("lift", "lift_person", "prepare", "named_layout", "training_fps")},
    "layouts.find_layout": STATIC,
    **{
        f"{family}.read": KEYPOINTS
        for family in ("arrays", "formats", "mediapipe", "mmpose", "openpose", "spreadsheet")
    },
    **{f"coco.{name}": KEYPOINTS for name in ("body", "frame_number", "read_annotations", "read_results")},
    **{
        f"detections.{name}": KEYPOINTS
        for name in ("by_track", "field", "numbers", "parse_json", "person_id", "read_text", "triples")
    },
    "spreadsheet.holds_table": KEYPOINTS,
    **dict.fromkeys(("unpickle.load_npz", "files.write_all"), FILES),
    # Evaluation.
    "measures.measure": row("", {**FLAT, **TRACKS}, **TRACK, one_frame="nan", short="nan"),
    "measures.mean_of_known": row("", {"values": lambda c: c.poses(), "axis": 0}, **TRACK, **FINITE, no_frames="nan"),
    "measures.pool": row("", POOLED, **TRACK, **FINITE, no_frames="there is a track at least"),
    "measures.sum_by_track": row("", SUMMED, **TRACK),
    **{f"measures.{name}": MEASURED for name in ("action_of", "average", "group_of")},
    "bootstrap.interval": row("", {"values": lambda c: c.array(c.frames)}, **TRACK, **FINITE, no_frames="nan"),
    "bootstrap.draws": row("", {"actions": lambda c: np.asarray(["a", "b"] * c.frames)}, **TRACK, **FINITE),
    **dict.fromkeys(("bootstrap.distribution", "scoring.summarize"), MEASURED),
    **{f"comparison.{name}": TEXT for name in ("comparison", "differences", "in_range", "intervals", "seeds")},
    **{f"evaluation.{name}": TEXT for name in ("actions", "all_tables", "angles", "constraints", "facts", "groups_of")},
    **{f"evaluation.{name}": TEXT for name in ("joints", "likelihoods", "notice", "setting")},
    **{f"evaluate.{name}": COMMAND for name in ("refuse_contradictions", "save", "write")},
    **{f"paper.{name}": TEXT for name in ("beside", "footnotes", "incomparable", "load", "mark", "mean", "scored")},
    "paper.table": TEXT,
    **{f"protocol.{name}": STATIC for name in ("choose", "counts", "cut", "in_words")},
    **{f"results.{name}": TEXT for name in ("about", "cells", "number", "plain_json", "table")},
    **{f"tables.{name}": TEXT for name in ("comma_separated", "latex", "latex_text", "markdown", "markdown_text")},
    **{f"tables.{name}": TEXT for name in ("page_part", "say_once", "show")},
    # What people look at.
    "clips.joint_errors": row("", FLAT, **TRACK),
    "clips.typical_pose": row("", **TRACK, **FINITE, no_frames="a clip has a frame at least"),
    **{f"clips.{name}": CLIP for name in ("around", "crop", "cut", "make_clip")},
    "viewer.pack": row("", {"values": lambda c: c.poses()}, **TRACK, **FINITE),
    **dict.fromkeys(("viewer.player", "page.page", "page.picture"), TEXT),
    **{f"film.{name}": DRAWN for name in ("describe", "film", "film_size", "strip")},
    **{f"plots.{name}": DRAWN for name in ("joint_errors", "side_colour")},
    **{f"video.{name}": FILES for name in ("pictures", "write_gif", "write_mp4")},
    **{f"tensorboard.{name}": FILES for name in ("add_image", "open_events")},
    **{f"predict.{name}": COMMAND for name in ("camera_looking_down", "main", "predict")},
    **{f"render.{name}": COMMAND for name in ("check_suffix", "choose_frames", "main", "render", "write_film")},
    **{f"report.{name}": COMMAND for name in ("body", "choose", "curves", "joint_figure", "main", "report")},
    **{f"report.{name}": COMMAND for name in ("score_tables", "settings", "track_table")},
}


@functools.cache
def public_functions() -> dict[str, str]:
    """The module of every public function and Flax module, by their names in `ROWS`."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for node in ast.parse(path.read_text("utf-8")).body:
            flax_module = isinstance(node, ast.ClassDef) and "nn.Module" in map(ast.unparse, node.bases)
            if (flax_module or isinstance(node, ast.FunctionDef)) and not node.name.startswith("_"):
                found[f"{path.stem}.{node.name}"] = module
    return found


def test_every_public_function_has_a_row():
    functions = public_functions().keys()
    assert not functions - ROWS.keys(), "add rows; the head of this file says how"
    assert not ROWS.keys() - functions, "rows of functions that are gone"


def bound(name: str, given: Mapping[str, Any], case: Case) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The function of a row, and its arguments for a case."""
    function = getattr(importlib.import_module(public_functions()[name]), name.partition(".")[2])
    if inspect.isclass(function):
        model, variables = model_of(case), variables_of(case)
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


RUN = {name: entry for name, entry in ROWS.items() if isinstance(entry, Row)}


@pytest.mark.parametrize("name", RUN)
def test_what_it_does(name):
    """Each kind of input has the outcome that the row says."""
    given, use, expected = RUN[name]
    wrong, programs = {}, {}
    for kind, case in KINDS.items():
        wanted = expected.get(kind, EXPECTED[kind])
        if isinstance(wanted, str) and wanted not in ("finite", "nan"):
            continue
        function, arguments = bound(name, given, case)
        arrays = {key: value for key, value in arguments.items() if is_of_arrays(value)} if use else {}
        rest = {key: value for key, value in arguments.items() if key not in arrays}
        # One program for all kinds of one shape; the values that it holds as constants are the same for these.
        shape = case._replace(scale=1, spoil=None, dtype=jax.dtypes.canonicalize_dtype(case.dtype))
        differentiated = use == "grad" and shape == SOUND
        if not use:
            programs.clear()  # which holds its arguments
        call = programs.setdefault(shape, program(function, rest, use if use != "grad" or differentiated else "jit"))
        try:
            with np.errstate(all="ignore"):
                result, gradient = nothing(call, arrays) if use and empty(case) else call(arrays)
        except Exception as error:
            if not (inspect.isclass(wanted) and isinstance(error, wanted)):
                wrong[kind] = f"raises {type(error).__name__} {error}"[:150]
            continue
        if inspect.isclass(wanted) or all_finite(result) != (wanted == "finite"):
            wrong[kind] = f"{wanted} is wanted, {[leaf.ravel()[:4] for leaf in floats(result)]} found"[:150]
        elif wanted == "finite" and not all_finite(gradient):
            wrong[kind] = "the gradient is not finite"
    assert not wrong, wrong


SOUND = KINDS["sound"]._replace(dtype=np.dtype(np.float32))


def empty(case: Case) -> bool:
    return 0 in (case.frames, case.batch)


def nothing(call: Callable[..., Any], arrays: Any) -> Any:
    """The result for empty arrays, which is computed only if it is not empty itself."""
    shapes = jax.eval_shape(call, arrays)
    return shapes if all(0 in leaf.shape for leaf in jax.tree.leaves(shapes)) else call(arrays)


def is_of_arrays(value: Any) -> bool:
    leaves = jax.tree.leaves(value)
    return bool(leaves) and all(isinstance(leaf, np.ndarray | jax.Array | np.generic) for leaf in leaves)


def program(function: Callable[..., Any], rest: Mapping[str, Any], use: str) -> Callable[[Any], tuple[Any, Any]]:
    """What gives the result of a function and the gradient of its sum with respect to all floats among its arrays."""
    if use != "grad":
        return (jax.jit if use else lambda f: f)(lambda arrays: (function(**arrays, **rest), ()))

    def total(inexact: Any, others: Any) -> tuple[jax.Array, Any]:
        result = function(**inexact, **others, **rest)
        leaves = jax.tree.leaves(result)
        return sum((jnp.sum(leaf.astype(jnp.float32)) for leaf in leaves), start=jnp.zeros(())), result

    @jax.jit
    def both(arrays: Any) -> tuple[Any, Any]:
        kinds = {key: all(jnp.issubdtype(jnp.result_type(x), jnp.inexact) for x in jax.tree.leaves(value))
                 for key, value in arrays.items()}  # fmt: skip
        inexact = {key: arrays[key] for key in arrays if kinds[key]}
        others = {key: arrays[key] for key in arrays if not kinds[key]}
        gradients, result = jax.grad(total, has_aux=True)(inexact, others)
        return result, gradients

    return both
