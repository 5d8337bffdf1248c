"""Windows by index against slices of padded tracks."""

import jax
import numpy as np
import pytest
from helpers.samples import make_track
from hypothesis import given
from hypothesis import strategies as st

from jaxpose.cameras import normalize_screen, project
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
    assert alone.poses is alone.root is alone.camera is None
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


def test_windows_of_keypoints_alone_have_no_poses():
    data = windows.pack_keypoints([track.keypoints_2d for track in tracks()], [(1000, 1000)] * len(LENGTHS))
    starts = windows.window_starts(LENGTHS, 3)
    gathered = jax.jit(windows.gather_windows, static_argnums=(2, 3))(data, starts, 3, (1, 1))
    assert gathered.poses is gathered.root is gathered.positions is gathered.camera is None
    assert gathered.keypoints.shape == (len(starts), 5, 17, 2)
    np.testing.assert_array_equal(gathered.sample, np.arange(len(starts)))
    assert not np.asarray(gathered.mirrored).any()


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


def test_an_epoch_visits_every_sample_once_in_an_order_of_its_own():
    key = jax.random.key(0)
    order_of = jax.jit(windows.epoch_order, static_argnums=2)
    orders = [np.asarray(order_of(key, epoch, 100)) for epoch in (0, 0, 1)]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(100))
    np.testing.assert_array_equal(orders[0], orders[1])
    assert (orders[0] != orders[2]).any()
