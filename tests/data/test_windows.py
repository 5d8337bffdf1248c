"""Windows by index against slices of padded tracks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.samples import make_track
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.cameras import Camera, normalize_screen, project, unproject
from jaxpose.data import windows
from jaxpose.runtime.devices import data_mesh, replicate
from jaxpose.runtime.errors import InputError

LENGTHS = (5, 1, 12, 3)
normalize = jax.jit(normalize_screen)


def tracks():
    return [make_track(frames=frames, seed=frames) for frames in LENGTHS]


def test_joined_frames_are_what_the_model_sees():
    some = [make_track(frames=4, width=640, height=480), make_track(frames=3, seed=1)]
    data = jax.device_get(windows.pack(some))
    assert data.keypoints.dtype == data.poses.dtype == np.float32
    first = some[0]
    expected = first.keypoints_2d / 640 * 2 - [1, 480 / 640]
    np.testing.assert_allclose(data.keypoints[:4], expected, atol=1e-6)
    np.testing.assert_allclose(data.poses[:4], first.positions_3d - first.positions_3d[:, :1], atol=1e-6)
    np.testing.assert_array_equal(data.track, [0, 0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(data.first, [0, 4])
    np.testing.assert_array_equal(data.last, [3, 6])


def test_joined_keypoints_are_screen_coordinates_and_keep_their_confidence():
    sizes = ((1000, 1002), (640, 480), (1, 3))
    some = [make_track(frames=5, seed=width, width=width, height=height) for width, height in sizes]
    sure = np.random.default_rng(0).uniform(size=(5, 17, 1)).astype(np.float32)
    some = [t._replace(keypoints_2d=np.concatenate([t.keypoints_2d, sure], axis=-1)) for t in some]
    expected = [normalize(t.keypoints_2d, t.width, t.height) for t in some]
    packed = windows.pack(some)
    np.testing.assert_allclose(packed.keypoints, np.concatenate(expected), rtol=1e-6, atol=2e-7)
    alone = windows.pack_keypoints([t.keypoints_2d for t in some], [(t.width, t.height) for t in some])
    assert alone.poses is alone.root is None
    for array, same in zip(alone[:1] + alone[2:5], packed[:1] + packed[2:5], strict=True):
        np.testing.assert_array_equal(array, same)


def test_root_and_camera_are_those_of_the_track():
    """The packed camera projects the joints to the packed keypoints, at their place: lens distortion and all."""
    sizes = ((1000, 1002), (640, 480), (1080, 1920))
    some = [make_track(frames=5, seed=width, width=width, height=height) for width, height in sizes]
    some[1] = some[1]._replace(orientation=some[1].orientation * np.float32(1.0005))  # digits lost in a file
    data = jax.device_get(windows.pack(some))
    positions = np.concatenate([track.positions_3d for track in some])
    np.testing.assert_array_equal(data.root, positions[:, 0])
    assert all(field.dtype == np.float32 and len(field) == 3 for field in data.camera)
    cameras = jax.tree.map(lambda field: field[data.track], data.camera)
    np.testing.assert_allclose(jax.jit(jax.vmap(project))(positions, cameras), data.keypoints, atol=2e-6)
    np.testing.assert_allclose(data.camera.height / data.camera.width, [1.002, 0.75, 1920 / 1080], rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(np.float64(data.camera.orientation), axis=-1), 1, atol=2e-7)
    np.testing.assert_array_equal(data.camera.translation, [track.translation for track in some])
    for camera, track in zip(data.camera.orientation, some, strict=True):
        np.testing.assert_allclose(camera, track.orientation, atol=1e-3)


def test_a_cpu_takes_joined_frames_without_a_copy(monkeypatch):
    """And nothing can write to the memory that it shares from then on."""
    arrays = []
    make = windows._empty_aligned
    monkeypatch.setattr(windows, "_empty_aligned", lambda *shape: arrays.append(make(*shape)) or arrays[-1])
    data = replicate(windows.pack(tracks()), data_mesh())
    for on_host, on_device in zip(arrays, (data.keypoints, data.poses, data.root), strict=True):
        assert on_device.unsafe_buffer_pointer() == on_host.ctypes.data
        assert not on_host.flags.writeable


def test_nothing_to_join_is_refused():
    with pytest.raises(InputError, match="the split holds no tracks"):
        windows.pack([])
    with pytest.raises(InputError, match="S1/Walking/55011271 has no frames"):
        windows.pack([make_track(frames=3), make_track(frames=0)])
    unposed = make_track(frames=3)._replace(positions_3d=np.zeros((0, 17, 3), np.float32))
    with pytest.raises(InputError, match="S1/Walking/55011271 has keypoints but no poses; choose a split of subjects"):
        windows.pack([make_track(frames=3), unposed])


@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=5), frames=st.integers(1, 12))
def test_windows_cover_every_frame_and_stay_inside(lengths, frames):
    starts = windows.window_starts(lengths, frames)
    covered = np.zeros(sum(lengths), int)
    for begin, length in zip(np.cumsum([0, *lengths[:-1]]), lengths, strict=True):
        own = starts[(starts >= begin) & (starts < begin + length)]
        assert len(own) == -(-length // frames)  # no more than needed
        for start in own:
            assert start + frames <= begin + length or start == begin
            covered[start : min(start + frames, begin + length)] += 1
    assert (covered > 0).all()


@pytest.mark.parametrize("context", [(0, 0), (4, 4), (8, 0)])
@pytest.mark.parametrize("frames", [1, 3, 6])
def test_windows_are_slices_of_edge_padded_tracks(frames, context):
    data = jax.device_get(windows.pack(tracks()))
    starts = windows.window_starts(LENGTHS, frames)
    gather = jax.jit(windows.gather_windows, static_argnums=(2, 3))
    gathered = jax.device_get(gather(data, starts, frames, context))
    before, after = context
    begins = np.cumsum([0, *LENGTHS[:-1]])
    for start, window, pose in zip(starts, gathered.keypoints, gathered.poses, strict=True):
        track = np.searchsorted(begins, start, side="right") - 1
        own = slice(begins[track], begins[track] + LENGTHS[track])
        padding = ((before, after + frames), (0, 0), (0, 0))
        padded = np.pad(data.keypoints[own], padding, mode="edge")
        local = start - begins[track]
        np.testing.assert_array_equal(window, padded[local : local + before + frames + after])
        padded = np.pad(data.poses[own], ((0, frames), (0, 0), (0, 0)), mode="edge")
        np.testing.assert_array_equal(pose, padded[local : local + frames])


@pytest.mark.parametrize(("frames", "context"), [(1, (4, 4)), (3, (0, 0)), (6, (8, 0))])
def test_windows_have_the_sample_root_camera_and_positions_of_their_track(frames, context):
    views = ("54138969", "55011271", "58860488", "60457274")
    some = [make_track(frames=n, seed=n, camera=view) for n, view in zip(LENGTHS, views, strict=True)]
    data = jax.device_get(windows.pack(some))
    starts = windows.window_starts(LENGTHS, frames)
    sample = np.arange(len(starts), dtype=np.int32)[::-1]

    @jax.jit
    def gather(data, starts, sample):
        return windows.gather_windows(data, starts, frames, context, sample=sample, mirrored=sample > 2)

    gathered = jax.device_get(gather(data, starts, sample))
    np.testing.assert_array_equal(gathered.sample, sample)
    np.testing.assert_array_equal(gathered.mirrored, sample > 2)
    begins = np.cumsum([0, *LENGTHS[:-1]])
    for row, start in enumerate(starts):
        number = np.searchsorted(begins, start, side="right") - 1
        track, local = some[number], start - begins[number]
        output = local + np.arange(frames)
        np.testing.assert_array_equal(gathered.visible[row], output < LENGTHS[number])
        last = LENGTHS[number] - 1
        np.testing.assert_array_equal(gathered.root[row], track.positions_3d[np.minimum(output, last), 0])
        inputs = np.clip(np.arange(local - context[0], local + frames + context[1]), 0, last)
        np.testing.assert_allclose(gathered.positions[row], track.positions_3d[inputs], atol=1e-6)
        for mine, its in zip(gathered.camera, data.camera, strict=True):
            np.testing.assert_array_equal(mine[row], its[number])


@pytest.mark.parametrize(("frames", "gap"), [(1, 3), (4, 1), (6, 2), (7, 3), (9, 8)])
def test_windows_are_cut_into_windows_of_single_frames(frames, gap):
    """They are those that are gathered at these frames, but beyond a track's end are not visible."""
    data, context = windows.pack(tracks()), (4, 2)
    starts = windows.window_starts(LENGTHS, frames)
    sample = np.arange(len(starts), dtype=np.int32)

    @jax.jit
    def both(data):
        whole = windows.gather_windows(data, starts, frames, context, sample=sample, mirrored=sample > 1)
        offsets = np.arange(0, frames, gap)
        last = data.last[data.track[starts]][:, None]
        at = jnp.minimum(starts[:, None] + offsets, last).reshape(-1)
        by_clip = {"sample": np.repeat(sample, len(offsets)), "mirrored": np.repeat(sample > 1, len(offsets))}
        single = windows.gather_windows(data, at, 1, context, **by_clip)
        inside = (starts[:, None] + offsets <= last).reshape(-1, 1)
        return windows.single_frames(whole, context, gap), single.replace(visible=inside)

    cut, expected = jax.device_get(both(data))
    inside = expected.visible[:, 0]
    np.testing.assert_array_equal(cut.visible, expected.visible)
    jax.tree.map(lambda mine, its: np.testing.assert_array_equal(mine[inside], its[inside]), cut, expected)
    assert cut.keypoints.shape[:2] == (len(starts) * len(range(0, frames, gap)), sum(context) + 1)


def test_windows_without_poses_are_cut_too():
    data = windows.pack(tracks())._replace(poses=None, root=None, camera=None)
    whole = jax.jit(windows.gather_windows, static_argnums=(2, 3))(data, np.arange(2), 5, (1, 1))
    cut = windows.single_frames(whole, (1, 1), 4)
    assert cut.poses is cut.root is cut.positions is cut.camera is None
    np.testing.assert_array_equal(cut.keypoints[1::2], whole.keypoints[:, 4:])


def test_windows_of_keypoints_alone_have_no_poses():
    data = windows.pack_keypoints([track.keypoints_2d for track in tracks()], [(1000, 1000)] * len(LENGTHS))
    starts = windows.window_starts(LENGTHS, 3)
    gathered = jax.jit(windows.gather_windows, static_argnums=(2, 3))(data, starts, 3, (1, 1))
    assert gathered.poses is gathered.root is gathered.positions is None
    assert gathered.camera.intrinsics.shape == (len(starts), 9)
    assert gathered.keypoints.shape == (len(starts), 5, 17, 2)
    np.testing.assert_array_equal(gathered.sample, np.arange(len(starts)))
    assert not np.asarray(gathered.mirrored).any()


def test_keypoints_alone_have_cameras_of_the_focal_length_that_is_given_or_usual():
    """A pixel is unprojected to the same ray as from screen coordinates with the packed camera."""
    sizes, focal_lengths = [(1920, 1080), (720, 1280), (1000, 1000)], [None, None, 1500.0]
    pixels = [np.random.default_rng(0).uniform(0, 700, (4, 17, 2)).astype(np.float32)] * 3
    data = jax.device_get(windows.pack_keypoints(pixels, sizes, focal_lengths))
    rays = windows.to_rays(data.keypoints, data.camera.intrinsics[data.track])
    for track, ((width, height), focal) in enumerate(zip(sizes, (1920, 1280, 1500), strict=True)):
        expected = (pixels[0] - np.float32([width / 2, height / 2])) / focal
        np.testing.assert_allclose(rays[4 * track : 4 * track + 4], expected, atol=1e-6)
    assert {field.dtype for field in data.camera} == {np.dtype(np.float32)}
    np.testing.assert_allclose(data.camera.height / data.camera.width, [1080 / 1920, 1280 / 720, 1], rtol=1e-6)


@pytest.mark.parametrize("channels", [2, 3])
def test_rays_are_the_directions_of_a_camera_without_distortion(channels):
    random = np.random.default_rng(0)
    keypoints = random.uniform(-1, 1, (5, 6, 17, channels)).astype(np.float32)
    lens = np.zeros((5, 9), np.float32)
    lens[:, :2], lens[:, 2:4] = random.uniform(1, 3, (5, 2)), random.uniform(-0.3, 0.3, (5, 2))

    @jax.jit
    def both(keypoints, lens):
        straight, origin = np.float32([1, 0, 0, 0]), np.zeros(3, np.float32)
        points = jax.vmap(lambda k, n: unproject(k[..., :2], jnp.ones(k.shape[:-1]), Camera(straight, origin, n, 2, 2)))
        return windows.to_rays(keypoints, lens[:, None]), points(keypoints, lens)

    rays, points = both(keypoints, lens)
    np.testing.assert_allclose(rays[..., :2], points[..., :2], atol=1e-6)
    np.testing.assert_array_equal(rays[..., 2:], keypoints[..., 2:])
    by_numpy = windows.to_rays(keypoints, lens[:, None])
    assert type(by_numpy) is np.ndarray
    assert by_numpy.dtype == np.float32
    np.testing.assert_allclose(by_numpy, rays, atol=1e-6)


def curve(values, place):
    """The Catmull-Rom spline of values (T, ...) at a place, held at its ends, in float64."""
    last, whole = len(values) - 1, int(np.floor(place))
    p0, p1, p2, p3 = (np.float64(values[min(max(whole + i, 0), last)]) for i in (-1, 0, 1, 2))
    t = place - whole
    slope1, slope2 = (p2 - p0) / 2, (p3 - p1) / 2
    return (
        (1 + 2 * t) * (1 - t) ** 2 * p1
        + t * (1 - t) ** 2 * slope1
        + t * t * (3 - 2 * t) * p2
        + t * t * (t - 1) * slope2
    )


gather_spaced = jax.jit(lambda data, starts, spacing: windows.gather_windows(data, starts, 3, (4, 2), spacing=spacing))


@pytest.mark.parametrize("spacing", [1.0, 2.0])
def test_windows_of_a_whole_spacing_are_every_so_manyth_frame_exactly(spacing):
    data = jax.device_get(windows.pack(tracks()))
    starts = windows.window_starts(LENGTHS, 3)
    found = jax.device_get(gather_spaced(data, starts, np.full(len(starts), spacing, np.float32)))
    first, last = (field[data.track[starts]][:, None] for field in (data.first, data.last))
    inputs = np.clip(starts[:, None] + int(spacing) * np.arange(-4, 5), first, last)
    outputs = starts[:, None] + int(spacing) * np.arange(3)
    np.testing.assert_array_equal(found.keypoints, data.keypoints[inputs])
    np.testing.assert_array_equal(found.poses, data.poses[np.minimum(outputs, last)])
    np.testing.assert_array_equal(found.root, data.root[np.minimum(outputs, last)])
    np.testing.assert_array_equal(found.visible, outputs <= last)
    np.testing.assert_allclose(found.positions, data.root[inputs][..., None, :] + data.poses[inputs], atol=1e-6)
    if spacing == 1:
        plain = jax.device_get(jax.jit(lambda d, s: windows.gather_windows(d, s, 3, (4, 2)))(data, starts))
        jax.tree.map(np.testing.assert_array_equal, found, plain)


def test_windows_between_frames_are_on_the_cubic_curve():
    """Each window with a spacing of its own; beyond a track's ends its edge frame."""
    data = jax.device_get(windows.pack(tracks()))
    starts = windows.window_starts(LENGTHS, 3)
    spacing = np.random.default_rng(0).uniform(0.3, 2.7, len(starts)).astype(np.float32)
    found = jax.device_get(gather_spaced(data, starts, spacing))
    for row, (start, space) in enumerate(zip(starts, np.float64(spacing), strict=True)):
        first, last = data.first[data.track[start]], data.last[data.track[start]]
        own = slice(first, last + 1)
        inputs = np.clip(start - first + space * np.arange(-4, 5), 0, last - first)
        outputs = np.minimum(start - first + space * np.arange(3), last - first)
        expected = [curve(data.keypoints[own], place) for place in inputs]
        np.testing.assert_allclose(found.keypoints[row], expected, atol=1e-5)
        np.testing.assert_allclose(found.poses[row], [curve(data.poses[own], place) for place in outputs], atol=1e-5)
        np.testing.assert_allclose(found.root[row], [curve(data.root[own], place) for place in outputs], atol=1e-5)


def quadratic(frames=40, channels=2):
    """One track whose keypoints are quadratic functions of time, and their coefficients."""
    coefficients = np.random.default_rng(0).normal(size=(3, 17, channels)) * np.array([1, 0.1, 0.005])[:, None, None]
    time = np.arange(frames)[:, None, None]
    values = np.float32(sum(c * time**power for power, c in enumerate(coefficients)))
    return windows.pack_keypoints([values], [(2, 2)])._replace(keypoints=values), coefficients


def test_accelerated_motion_is_interpolated_exactly():
    data, coefficients = quadratic()
    found = gather_spaced(data, np.int32([12]), np.float32([1.37])).keypoints
    time = (12 + 1.37 * np.arange(-4, 5))[:, None, None]
    np.testing.assert_allclose(found[0], sum(c * time**p for p, c in enumerate(coefficients)), rtol=1e-5, atol=1e-5)


def test_a_place_far_into_the_data_is_as_exact_as_one_at_its_start():
    """Float32 has no fractions of 2^25: the weights and frames of windows there are those of windows at the start."""
    rows = jax.jit(lambda starts: [
        (weight, place)
        for weight, place in windows._neighbours(
            _Places(), starts[:, None], np.float32([[0.0, 1.3, 2.6]]), starts[:, None], starts[:, None] + 10
        )
    ])(np.int32([0, 2**25 + 1]))  # fmt: skip
    for weights, frames in rows:
        np.testing.assert_array_equal(weights[0], weights[1])
        np.testing.assert_array_equal(frames[1] - frames[0], 2**25 + 1)


class _Places:
    """An array too large to have: its values are its indices."""

    ndim = 1

    def __getitem__(self, index):
        return index


def test_a_keypoint_beside_one_that_is_not_seen_is_not_seen():
    """A confidence is neither made nor lost by the curve: between others it stays at least 0."""
    data, _ = quadratic(channels=3)
    confidence = np.ones((40, 17), np.float32)
    confidence[14, 3] = confidence[:, 5] = 0
    confidence[10:20:2, 7] = 0.01
    values = np.concatenate([np.asarray(data.keypoints)[..., :2], confidence[..., None]], axis=-1)
    data = data._replace(keypoints=values)
    found = np.asarray(gather_spaced(data, np.int32([12]), np.float32([0.5])).keypoints[0, ..., 2])  # 10, 10.5 .. 14
    np.testing.assert_array_equal(found[:, 3] == 0, [False] * 5 + [True, False, True, True])
    assert not found[:, 5].any()
    assert (found[:, 7] >= 0).all()
    np.testing.assert_allclose(found[:, 0], 1, atol=1e-6)


def test_a_step_pays_for_the_fields_that_it_uses():
    """A step of keypoints and poses neither reads roots and cameras nor computes positions."""
    data, starts = windows.pack(tracks()), windows.window_starts(LENGTHS, 3)

    def taken(data, starts):
        poses = data._replace(root=None, camera=None)
        both = windows.gather_windows(poses, starts, 3, (40, 40))
        return both.keypoints, both.poses

    def gathered(data, starts):
        all_fields = windows.gather_windows(data, starts, 3, (40, 40))
        return all_fields.keypoints, all_fields.poses

    def placed(data, starts):
        return windows.gather_windows(data, starts, 3, (40, 40)).positions

    programs = [jax.jit(function).lower(data, starts).compile() for function in (taken, gathered, placed)]
    memory = [program.memory_analysis() for program in programs]
    before, now, with_roots = [
        (use.argument_size_in_bytes, use.temp_size_in_bytes, program.cost_analysis()["bytes accessed"])
        for use, program in zip(memory, programs, strict=True)
    ]
    assert before == now
    assert with_roots[0] - before[0] == data.root.nbytes - data.keypoints.nbytes


@pytest.mark.parametrize(("frames", "longer"), [(1, 4), (3, 6), (6, 3)])
def test_recentred_windows_keep_their_centre_and_their_track(frames, longer):
    data = windows.pack(tracks())
    starts = windows.window_starts(LENGTHS, frames)

    @jax.jit
    def recentred(data, starts):
        moved = windows.recentre(data, starts, frames, longer)
        return moved, windows.gather_windows(data, moved, longer, (0, 0)).visible

    moved, inside = jax.device_get(recentred(data, starts))
    track, first, last = (np.asarray(array) for array in (data.track[starts], data.first, data.last))
    np.testing.assert_array_equal(data.track[moved], track)
    room = last[track] - first[track] + 1
    np.testing.assert_array_equal(inside.sum(axis=1), np.minimum(room, longer))  # a track may be shorter
    wanted = starts + (frames - longer) // 2
    free = (wanted >= first[track]) & (wanted + longer - 1 <= last[track])
    np.testing.assert_array_equal(moved[free], wanted[free])
    assert (moved[~free & (wanted < first[track])] == first[track][~free & (wanted < first[track])]).all()
