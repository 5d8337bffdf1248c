"""Held-out people before drawn cameras: what is drawn, lifted, triangulated, averaged and written."""

import dataclasses
import importlib
import json

import jax
import numpy as np
import pytest
from helpers.samples import make_track

from jaxpose.cameras import camera_from_matrices, project, world_to_camera
from jaxpose.data.track import Description
from jaxpose.data.windows import pack
from jaxpose.models.configs import TemporalConfig
from jaxpose.runs import checkpoint
from jaxpose.runs.folder import write_settings
from jaxpose.runs.trained import open_run
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import BODY_22, COCO_17, H36M_17, HUMANEVA_15
from jaxpose.training import setup
from jaxpose.training.config import Config
from jaxpose.training.state import to_checkpoint

clips, views, lifting, scores, real, triangulation, weaknesses, tables, rows, command = (
    importlib.import_module(f"experiments.anywhere.{name}")
    for name in (
        "clips",
        "views",
        "lifting",
        "scores",
        "real",
        "triangulation",
        "weaknesses",
        "tables",
        "rows",
        "__main__",
    )
)

pytestmark = pytest.mark.usefixtures("compiled_soon")
STANDING = np.float32([
    (0, 0, 0.95), (-0.1, 0, 0.93), (-0.1, -0.02, 0.5), (-0.1, 0, 0.08), (0.1, 0, 0.93), (0.1, -0.02, 0.5),
    (0.1, 0, 0.08), (0, 0, 1.2), (0, 0, 1.42), (0, -0.02, 1.52), (0, -0.02, 1.72), (0.18, 0, 1.4), (0.25, 0, 1.12),
    (0.25, -0.1, 0.9), (-0.18, 0, 1.4), (-0.25, 0, 1.12), (-0.25, -0.1, 0.9), (0, -0.12, 1.58), (0.03, -0.1, 1.61),
    (-0.03, -0.1, 1.61), (0.07, 0, 1.6), (-0.07, 0, 1.6),
])  # fmt: skip
"""Someone who faces -y, joints of `BODY_22`, z up."""
CONFIG = Config(
    model=TemporalConfig(filter_widths=(3,), channels=8, aim=5),
    batch_size=8,
    augment=("camera", "confidence", "unseen"),
    frame_rates=(24.0, 60.0),
)


def centred(positions):
    return positions - positions[:, :1]


def clip(frames=60, subject="S7", action="trial 01", number=0, fps=50.0):
    """Someone who stands, sways, and walks sideways."""
    time = np.arange(frames)[:, None, None] / fps
    way = time * [0.4, 0, 0] + 0.03 * np.sin(2 * np.pi * time) * STANDING[None, :, ::-1]
    return clips.Clip(subject, action, number, fps, (STANDING + way).astype(np.float32))


@pytest.fixture(scope="module")
def drawn():
    return views.see([clip(), clip(number=1, frames=90), clip(subject="S10")])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """An untrained network that aims, of COCO's keypoints."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    description = Description("sample motion", False, BODY_22, COCO_17, 3, ("S1", "S9"), fps=50.0)
    write_settings(folder, CONFIG, description)
    with checkpoint.open_checkpoints(folder) as checkpoints:
        state = setup.init(setup.build_recipe(CONFIG, description, 65), jax.random.key(3))
        checkpoint.save(checkpoints, 7, to_checkpoint(state))
    return folder


def test_recordings_are_cut_into_equal_clips_of_the_first_view():
    long = make_track(frames=1003)
    other_view = make_track(frames=1003, camera="54138969")
    tracks = [long, other_view, make_track(frames=30, action="Sitting")]
    cut = clips.cut(tracks, H36M_17)
    assert [(part.action, part.number, len(part.world)) for part in cut] == [
        ("Walking", 0, 335), ("Walking", 1, 334), ("Walking", 2, 334), ("Sitting", 0, 30),
    ]  # fmt: skip
    w, x, y, z = np.float64(long.orientation)
    matrix = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    expected = np.einsum("ij,tkj->tki", matrix, long.positions_3d) + long.translation
    world = np.concatenate([part.world for part in cut[:3]])
    np.testing.assert_allclose(world[:, :17], expected, atol=1e-4)
    assert world.shape[1] == BODY_22.num_joints  # with a face
    with pytest.raises(InputError, match="prepare the data with --keypoints coco_17"):
        clips.cut(tracks, HUMANEVA_15)


def test_clips_of_a_subject_are_chosen_evenly():
    many = [clip(number=n) for n in range(7)] + [clip(subject="S10")]
    assert [(part.subject, part.number) for part in clips.spread(many, 3)] == [
        ("S7", 0), ("S7", 3), ("S7", 6), ("S10", 0),
    ]  # fmt: skip


def test_what_is_drawn_depends_on_the_name_of_the_clip_alone(drawn):
    (alone,) = views.see([clip(subject="S10")])
    np.testing.assert_array_equal(alone.keypoints_2d, drawn[2].keypoints_2d)
    np.testing.assert_array_equal(alone.positions_3d, drawn[2].positions_3d)
    assert [len(track.keypoints_2d) for track in drawn] == [60, 90, 60]
    assert not np.allclose(drawn[0].orientation, drawn[2].orientation, atol=1e-2)


def test_poses_are_those_of_the_clip_before_the_camera(drawn):
    for track, of in zip(drawn, [clip(), clip(number=1, frames=90)], strict=False):
        np.testing.assert_allclose(clips.world_positions(track), of.world, atol=2e-4)


def test_without_a_detectors_errors_keypoints_are_projections():
    exact = dataclasses.replace(
        views.USUAL.ranges, offset=0.0, jitter=(0.0, 0.0), outliers=0.0, exchange=0.0, unseen=0.0
    )
    (track,) = views.see([clip()], views.Condition(exact))
    joints = [BODY_22.index(name) for name in COCO_17.joints]
    points = np.float64(track.positions_3d)[:, joints]
    focal, centre = np.float64(track.intrinsics[:2]), np.float64(track.intrinsics[2:4])
    pixels = points[..., :2] / points[..., 2:] * focal + centre
    np.testing.assert_allclose(track.keypoints_2d[..., :2], pixels, atol=0.05)
    assert (track.keypoints_2d[..., 2] > 0).all()


def test_conditions_change_what_they_name():
    (usual,) = views.see([clip()])
    (slow,) = views.see([clip()], views.Condition(fps=25.0))
    assert (slow.fps, len(slow.keypoints_2d)) == (25.0, 30)
    np.testing.assert_allclose(centred(clips.world_positions(slow)), centred(clip().world[::2]), atol=0.01)
    (small,) = views.see([clip()], views.Condition(size=0.6))
    lengths = [np.linalg.norm(track.positions_3d[:, 2] - track.positions_3d[:, 1], axis=-1) for track in (small, usual)]
    np.testing.assert_allclose(lengths[0], 0.6 * lengths[1], rtol=1e-3)


def test_the_longest_stay_in_the_image_is_kept():
    seen = np.zeros(30, bool)
    seen[[2, 3, 7, 8, 9, 15, 18, 21, 22, 28]] = True
    assert views.longest_stay(seen, 2) == slice(15, 23)
    assert views.longest_stay(seen, 3) == slice(2, 10)
    assert views.longest_stay(seen, 5) == slice(2, 29)
    assert views.longest_stay(seen[:1], 5) == slice(0, 1)


def test_more_is_hidden_of_the_same_keypoints():
    keypoints = np.ones((500, 17, 3), np.float32)
    hidden = [views.hide(keypoints, 50.0, share, seed=3)[..., 2] == 0 for share in (0, 0.3, 0.6)]
    assert not hidden[0].any()
    assert (hidden[2] >= hidden[1]).all()
    assert [part.mean() for part in hidden[1:]] == pytest.approx([0.3, 0.6], abs=0.1)
    assert (hidden[1][:50] == hidden[1][0]).all()  # a whole second


def test_a_run_that_knows_all_is_given_the_track_as_the_data_set_has_it(drawn, run):
    opened = open_run(run)
    expected = opened.lift(pack(drawn))[:, [BODY_22.index(joint) for joint in H36M_17.joints]]
    np.testing.assert_allclose(lifting.lift_tracks(opened, drawn), expected, atol=1e-5)
    assert not np.allclose(lifting.lift_tracks(opened, drawn, lens_known=False), expected, atol=1e-3)


def test_other_runs_are_given_filled_keypoints_and_their_own_rate(drawn, run):
    opened, track = open_run(run), drawn[0]
    changed = track.keypoints_2d.copy()
    changed[20:25, 5] = 0
    given = []
    plain = opened._replace(config=dataclasses.replace(CONFIG, augment=("camera",), frame_rates=None))
    spy = type("Spy", (), {"__getattr__": lambda _, name: getattr(plain, name)})()
    spy.lift = lambda packed: given.append(np.asarray(packed.keypoints)) or plain.lift(packed)
    poses = lifting.lift_tracks(spy, [track._replace(keypoints_2d=changed, fps=25.0)])
    assert len(poses) == len(changed)
    assert len(given[0]) == 2 * len(changed) - 1  # at the 50 frames/s of the run
    np.testing.assert_array_equal(given[0][..., 2], 1)
    start, end = given[0][38, 5, :2], given[0][52, 5, :2]
    assert np.linalg.norm(given[0][45, 5, :2] - (start + end) / 2) < 0.05  # not at the corner of the image


def test_a_crop_is_the_picture_of_a_camera_aimed_at_its_middle(drawn, run):
    opened, track = open_run(run), drawn[0]
    cropped, (side, _), turn = lifting.crop(opened, track.keypoints_2d, track, 800.0)
    np.testing.assert_allclose(np.ptp(cropped[..., :2], axis=0), np.ptp(track.keypoints_2d[..., :2], axis=0), atol=0.01)
    low, high = cropped[..., :2].min(axis=1), cropped[..., :2].max(axis=1)
    np.testing.assert_allclose(np.median((low + high) / 2, axis=0), side / 2, atol=0.1)
    corner = track.keypoints_2d[0, 0, :2] - cropped[0, 0, :2]
    ray = (corner + side / 2 - track.intrinsics[2:4]) / 800
    np.testing.assert_allclose(turn @ [0, 0, 1], [*ray, 1] / np.hypot(1, np.linalg.norm(ray)), atol=1e-5)


def test_constant_poses_look_where_the_camera_is_aimed(drawn):
    track = drawn[0]
    turn = lifting.aim(track)
    np.testing.assert_allclose(turn @ turn.transpose(0, 2, 1), np.broadcast_to(np.eye(3), turn.shape), atol=1e-5)
    weight = track.keypoints_2d[..., 2:]
    ray = ((track.keypoints_2d[..., :2] - track.intrinsics[2:4]) / track.intrinsics[0] * weight).sum(1) / weight.sum(1)
    np.testing.assert_allclose(turn[:, :2, 2] / turn[:, 2:, 2], ray, atol=1e-4)
    pose = lifting.mean_pose([track])
    poses = lifting.target_poses([track])
    np.testing.assert_allclose(pose, np.mean([t.T @ p.T for t, p in zip(turn, poses, strict=True)], 0).T, atol=1e-5)
    np.testing.assert_allclose(lifting.constant_poses(pose, [track])[7], pose @ turn[7].T, atol=1e-5)


def test_the_facing_pose_is_what_a_camera_in_front_sees():
    world = clip(frames=1).world
    camera = camera_from_matrices(
        np.diag([1000.0, 1000.0, 1.0]), np.float64([[1, 0, 0], [0, 0, -1], [0, 1, 0]]), np.float64([0, 1, 4])
    )  # at y = -4, it looks along +y at someone who looks along -y
    expected = centred(np.asarray(jax.jit(world_to_camera)(world, camera)))[0, :17]
    turn = np.float32([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, 1]])
    for pose in (world, world @ turn.T + [1, 2, 0]):
        facing = lifting.facing_pose([clip(frames=1)._replace(world=pose)])
        np.testing.assert_allclose(facing, expected, atol=1e-5)


def test_subjects_count_alike():
    tracks = [make_track(subject=name, action=action, frames=20) for name, action in
              (("S7", "trial 01"), ("S7", "trial 02"), ("S8", "trial 01"))]  # fmt: skip
    tracks = [track._replace(positions_3d=np.zeros((20, 22, 3), np.float32)) for track in tracks]
    tracks.insert(1, tracks[0]._replace(camera="second", positions_3d=np.zeros((20, 22, 3), np.float32)))
    off = np.repeat([0.010, 0.030, 0.060, 0.100], 20)  # metres; the first two are clips of one recording
    predictions = np.zeros((80, 17, 3), np.float32)
    predictions[..., 0] = off[:, None]
    score = scores.summarize(scores.measure(predictions, tracks))["mpjpe"]
    assert score.mean == pytest.approx(((20 + 60) / 2 + 100) / 2, rel=1e-5)
    assert (score.low, score.high) == pytest.approx((60, 80), rel=1e-5)  # S8 has one recording, which stays


LENS = np.float64([0.1, -0.05, 0.002, -0.003, 0.01])


def _view(angle, distance=3.0):
    """A camera round the origin that looks at it from a height of 1 m."""
    c, s = np.cos(angle), np.sin(angle)
    rotation = np.float64([[-s, c, 0], [0, 0, -1], [-c, -s, 0]])
    translation = np.float64([0, 1, distance])
    return triangulation.View(np.float64([[800, 0, 640], [0, 810, 360], [0, 0, 1]]), LENS, rotation, translation)


def _project(points, view):
    """Pixels in float64, by OpenCV's formula."""
    x, y, z = np.moveaxis(points @ view.rotation.T + view.translation, -1, 0)
    x, y = x / z, y / z
    k1, k2, p1, p2, k3 = view.distortion
    r = x * x + y * y
    gain = 1 + k1 * r + k2 * r**2 + k3 * r**3
    u = x * gain + 2 * p1 * x * y + p2 * (r + 2 * x * x)
    v = y * gain + p1 * (r + 2 * y * y) + 2 * p2 * x * y
    return np.stack([u, v], axis=-1) * np.diag(view.matrix)[:2] + view.matrix[:2, 2]


def test_points_are_what_the_cameras_that_agree_see():
    cameras = [_view(angle) for angle in (0.0, 1.0, 2.2, 4.0)]
    points = np.random.default_rng(0).normal(size=(5, 6, 3)) * 0.3 + [0, 0, 1]
    pixels = np.stack([_project(points, view) for view in cameras])
    other = camera_from_matrices(
        cameras[1].matrix, cameras[1].rotation, cameras[1].translation, distortion=LENS
    )  # another implementation of the lens
    by_package = jax.jit(lambda points: project(world_to_camera(points, other), other))(np.float32(points))
    np.testing.assert_allclose(pixels[1], by_package, atol=0.05)
    np.testing.assert_allclose(triangulation.triangulate(pixels, cameras), points, atol=1e-6)
    pixels[2, 0, 0] += 200  # one camera is wrong
    pixels[0, 1, 1] = np.nan
    pixels[:3, 2, 2] = np.nan  # one camera is not enough
    pixels[1:, 3, 3] = np.nan
    found = triangulation.triangulate(pixels, cameras)
    np.testing.assert_allclose(found[0], points[0], atol=1e-6)
    np.testing.assert_allclose(found[1], points[1], atol=1e-6)
    assert np.isnan(found[2, 2]).all()
    assert np.isnan(found[3, 3]).all()
    assert np.isfinite(found[2, :2]).all()


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_turned_image_is_that_of_a_turned_camera(quarters):
    points = np.float64([[0.3, -0.2, 3.0], [-0.5, 0.4, 2.0]])
    pixels = points[:, :2] / points[:, 2:] * 700 + [640, 360]
    turned, (width, height), turn = real.turn_upright(pixels, (1280, 720), quarters)
    new = points @ turn.T
    np.testing.assert_allclose(new[:, :2] / new[:, 2:] * 700 + [width / 2, height / 2], turned)
    assert np.linalg.det(turn) == pytest.approx(1)
    if quarters == 1:  # clockwise: what was at the left is at the top
        assert turned[np.argmin(pixels[:, 0]), 1] == turned[:, 1].min()


@pytest.fixture
def session(tmp_path):
    """A session of caliscope of someone who stands before three cameras, the second of them lying on its side."""
    landmarks = real.MEDIAPIPE_33
    rows, text = ["sync_index,port,frame_index,frame_time,point_id,img_loc_x,img_loc_y"], []
    for port, angle in enumerate((0.2, 1.2, 4.4)):
        view = _view(angle)
        text.append(
            f"[cam_{port}]\nsize = [1280, 720]\nrotation_count = {-(port == 1)}\nmatrix = {view.matrix.tolist()}\n"
            f"distortions = {LENS.tolist()}\nrotation = {view.rotation.tolist()}\n"
            f"translation = {view.translation.tolist()}\n"
        )
        for frame in range(12):
            for index, name in enumerate(landmarks.joints):
                if name in BODY_22.joints:
                    x, y = _project(np.float64(STANDING[BODY_22.index(name)]), view)
                    rows.append(f"{frame},{port},{frame},0,{index},{x},{y}")
    (tmp_path / "config.toml").write_text("\n".join(text))
    (tmp_path / "xy_HOLISTIC.csv").write_text("\n".join(rows))
    return tmp_path


def test_the_truth_of_a_view_is_what_the_others_see(session):
    filmed = real.read(session)
    joints = np.float64(STANDING[[BODY_22.index(name) for name in real.JOINTS]])
    assert [(view.width, view.height) for view in filmed] == [(1280, 720), (720, 1280), (1280, 720)]
    for index, view in enumerate(filmed):
        truth = real.true_poses(filmed, index)
        hips = [real.JOINTS.index("left_hip"), real.JOINTS.index("right_hip")]
        expected = (joints - joints[hips].mean(0)) @ (view.turn @ view.view.rotation).T
        np.testing.assert_allclose(truth[3] - truth[3, hips].mean(0), expected, atol=1e-3)


def test_errors_of_a_view_are_about_the_hips_and_of_known_joints():
    random = np.random.default_rng(1)
    truth, predictions = random.normal(size=(2, 9, 12, 3))
    truth[:, real.JOINTS.index("left_ankle")] = np.nan
    truth[4, real.JOINTS.index("left_hip")] = np.nan  # this frame does not count
    first, second = real.view_errors(predictions, truth)
    known = [joint != "left_ankle" for joint in real.JOINTS]
    hips = [real.JOINTS.index("left_hip"), real.JOINTS.index("right_hip")]
    errors, aligned = [], []
    for frame in {*range(9)} - {4}:
        p, t = ((poses[frame] - poses[frame, hips].mean(0))[known] for poses in (predictions, truth))
        errors.append(np.linalg.norm(p - t, axis=-1).mean())
        p, t = p - p.mean(0), t - t.mean(0)
        u, s, vt = np.linalg.svd(p.T @ t)
        sign = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
        scale = (s * np.diag(sign)).sum() / (p * p).sum()
        aligned.append(np.linalg.norm(scale * p @ u @ sign @ vt - t, axis=-1).mean())
    assert (first, second) == pytest.approx((1000 * np.mean(errors), 1000 * np.mean(aligned)), rel=1e-4)
    with pytest.raises(InputError, match="no frame"):
        real.view_errors(predictions, np.full_like(truth, np.nan))


def test_recordings_are_grouped_by_their_labels(tmp_path):
    table = tmp_path / "trials.csv"
    table.write_text('trial,label\n07_01,slow walk\n49_08,cartwheels\n131_05,"Start Duck Underneath, Stop"\n10_01,?\n')
    names = (("S7", "01"), ("S49", "08"), ("S131", "05"), ("S10", "01"), ("S10", "02"))
    parts = [clip(subject=subject, action=f"trial {trial}") for subject, trial in names]
    groups = {group.name: [part.subject for part in group.clips] for group in weaknesses.by_kind(parts, table)}
    assert groups == {"cartwheels": ["S49"], "ducking": ["S131"], "walking, running": ["S7"]}
    table.write_text("trial\n07_01\n")
    with pytest.raises(InputError, match=r"trials\.csv is not a table with the columns trial and label"):
        weaknesses.by_kind(parts, table)


def test_bad_input_is_named(run, tmp_path, refusal):
    for arguments, fault in (
        ([], "no run is named; name at least one as LABEL=RUN"),
        ([str(run)], "is not LABEL=RUN; write, for example, baseline=runs/0"),
        ([f"a={run}", f"a={run}"], "is named twice; name it once"),
        ([f"a={tmp_path / 'none'}"], "none is not a run"),
        ([f"a={run}", "--curves", "b"], "--curves names 'b'; the labels are a"),
        ([f"a={run}", "--detections", str(tmp_path)], "config.toml is not part of a session of caliscope"),
    ):
        assert fault in refusal(command.main, [*arguments, "--out", str(tmp_path / "out")])


def test_runs_of_one_label_are_a_row_of_means(drawn, run):
    keys = [metric.key for metric in scores.PUBLISHED]

    def seed(error):
        return dict.fromkeys(keys, scores.Score(error, error - 3, error + 3))

    overall = {"all": {lens: [seed(60), seed(70)] for lens in ("known", "unknown")}}
    overall["one"] = {lens: [seed(80)] for lens in ("known", "unknown")}
    table = tables.overall_table("title", overall, drawn)
    assert table.rows[0][1] == f"65.0 ± {np.std([60, 70], ddof=1):.1f}"
    assert table.rows[0][-1] == table.rows[0][1]
    assert table.rows[1][1] == "80.0 (77-83)"
    assert table.rows[1][-1] == "80.0"
    assert "± is the standard deviation over the seeds" in " ".join(table.notes)
    del overall["all"]
    assert "±" not in " ".join(tables.overall_table("title", overall, drawn).notes)
    assert [len(of) for of in command.open_runs([f"a={run}", f"a={run}/", f"b={run}"]).values()] == [2, 1]


def test_every_row_differs_from_the_first_by_what_its_label_says():
    fixed, every = rows.ROWS["fixed cameras"], rows.ROWS["all"]
    alone = [name for name in every.augment if name != "mirror"]
    assert [*rows.ROWS] == ["fixed cameras", "aim", *alone, "frame rates", "aim, camera", "all"]
    for name in alone:
        assert rows.ROWS[name].augment == ("mirror", name)
        assert dataclasses.replace(rows.ROWS[name], augment=fixed.augment, model=fixed.model) == fixed
    assert {name for name, row in rows.ROWS.items() if row.model.aim} == {"aim", "lens", "aim, camera", "all"}
    assert dataclasses.replace(rows.ROWS["frame rates"], frame_rates=None) == fixed
    changed = dataclasses.replace(every, model=fixed.model, augment=fixed.augment, frame_rates=None)
    assert changed == fixed


def test_rows_are_trained_or_resumed_and_measured_together(monkeypatch, tmp_path, refusal):
    description = Description("sample motion", False, BODY_22, COCO_17, 3, ("S1", "S2", "S6", "S7", "X1", "X11"))
    calls = []
    monkeypatch.setattr(rows, "read_description", lambda folder: description)
    monkeypatch.setattr(rows, "keep_compiled", lambda: None)
    monkeypatch.setattr(rows.anywhere, "run", lambda command: calls.append(command))

    def train(config, folder, *, resume):
        calls.append((config.seed, folder.name, resume))
        assert config.train_split == "S1+S2+X1"
        if not resume:
            write_settings(folder, config, description)

    monkeypatch.setattr(rows.job, "train", train)
    words = [
        "--data",
        str(tmp_path / "any"),
        "--out",
        str(tmp_path),
        "--rows",
        "all",
        "aim, camera",
        "--seeds",
        "0",
        "1",
    ]
    for resumed in (False, True):
        calls.clear()
        rows.main(words)
        assert calls[:-1] == [(s, f"{name}-{s}", resumed) for s in (0, 1) for name in ("all", "aim-camera")]
        assert calls[-1].curves == ("all",)
        assert calls[-1].runs[:2] == (f"all={tmp_path / 'all-0'}", f"aim, camera={tmp_path / 'aim-camera-0'}")
    assert "is a run of other settings" in refusal(rows.main, [*words, "--steps", "7"])
    assert "there is no row 'none'" in refusal(rows.main, [*words[:4], "--rows", "none"])


@pytest.mark.system
@pytest.mark.compilations(400)
def test_one_command_measures_and_writes(run, session, tmp_path, capsys):
    out = tmp_path / "out"
    runs = [f"all={run}", f"other={run}", "--curves", "all"]
    command.main([*runs, "--out", str(out), "--quick", "--detections", str(session), "--smooth", "savgol"])
    shown = capsys.readouterr().out
    assert "SYNTHETIC motion" in shown
    numbers = json.loads((out / "anywhere.json").read_text())
    smoothed = "all, savgol 3.6 Hz"
    rows = {"mean pose", "mean pose facing the camera", "all", smoothed, "other", "other, savgol 3.6 Hz"}
    assert set(numbers["overall"]) == rows
    plain, filtered = (numbers["overall"][label]["unknown"][0]["mpjae"]["mean"] for label in ("all", smoothed))
    assert filtered < 0.8 * plain
    assert set(numbers["curves"]) == {"noise", "missing", "pitch", "distance", "frame rate"}
    for curve in numbers["curves"].values():
        assert len(curve["runs"]["all"]) == len(curve["values"]) == 2
        assert all(np.isfinite(list(of.values())).all() for of in curve["runs"]["all"])
    score = numbers["overall"]["all"]["known"][0]["mpjpe"]["mean"]
    rows = [line for line in (out / "anywhere.md").read_text().splitlines() if line.startswith("| all |")]
    assert f"{score:.1f}" in rows[0].split("|")[2]
    assert "children, 0.6 of the size" in numbers["groups"]
    assert set(numbers["real"]["all"]["views"]) == {"view 0", "view 1", "view 2"}
    assert f"{numbers['real']['all']['mean'][0]:.0f} / " in rows[-1]
    assert (out / "anywhere.png").stat().st_size > 10_000
