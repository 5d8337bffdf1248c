"""A lifter in a file is the lifter that was written; what is damaged, crafted or of another network is refused."""

import hashlib
import json
import zipfile

import jax
import numpy as np
import pytest
from helpers.corpus import assert_refuses
from helpers.samples import DESCRIPTION, make_track

from jaxpose.data.windows import pack
from jaxpose.models import temporal_streaming
from jaxpose.models.configs import LinearConfig, TemporalConfig
from jaxpose.runs import lifter_file
from jaxpose.runs.lifter_file import SavedLifter, is_lifter_file, read_lifter_file, write_lifter_file
from jaxpose.runs.saved import load_saved
from jaxpose.runs.trained import open_run
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17
from jaxpose.training import setup
from jaxpose.training.config import Config

pytestmark = pytest.mark.usefixtures("compiled_soon")

COCO = DESCRIPTION._replace(layout=COCO_17, channels=3, fps=50.0, extent=0.5)


def random_lifter(model=TemporalConfig(filter_widths=(3, 3), channels=16), description=COCO, seed=0):  # noqa: B008
    """Weights of about the size that training gives, and statistics unlike those at the start."""
    config, random = Config(data="/home/somebody/cmu", model=model), np.random.default_rng(seed)
    shapes = setup.variable_shapes(setup.build_model(config, description), description)

    def values(leaf):
        scale = 1 / np.sqrt(leaf.shape[0]) if leaf.ndim > 1 else 0.1
        return np.float32(random.normal(size=leaf.shape) * scale + (leaf.ndim < 2))

    variables = jax.tree.map(values, shapes)
    if "batch_stats" in variables:
        variables["batch_stats"] = jax.tree.map(np.abs, variables["batch_stats"])
    return SavedLifter("run", config, description, 1234, variables)


def written(path, lifter=None, matrices="float32", **options):
    write_lifter_file(path, lifter or random_lifter(), matrices, **options)
    return path


def leaves(lifter):
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(lifter.variables)}


@pytest.mark.parametrize("model", [TemporalConfig(filter_widths=(3, 3), channels=16), LinearConfig(channels=8)])
def test_float32_comes_back_with_its_bits(model, tmp_path):
    lifter = random_lifter(model)
    found = read_lifter_file(written(tmp_path / "a.npz", lifter, card="Grüße\n"))
    assert leaves(found).keys() == leaves(lifter).keys()
    for path, leaf in leaves(lifter).items():
        assert leaves(found)[path].dtype == np.float32
        assert leaves(found)[path].tobytes() == leaf.tobytes(), path
    assert (found.description, found.step, found.card) == (lifter.description, 1234, "Grüße\n")
    assert found.config.model == model
    assert found.config.data == "cmu"  # where the data were is nobody's business
    written(tmp_path / "b.npz", lifter, card="Grüße\n")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_float16_rounds_matrices_alone(tmp_path):
    lifter = random_lifter()
    with np.load(written(tmp_path / "a.npz", lifter, "float16"), allow_pickle=False) as archive:
        assert archive["params/expand/kernel"].dtype == np.float16
        kinds = {name: archive[name].dtype for name in archive.files}
    found = leaves(read_lifter_file(tmp_path / "a.npz"))
    for path, leaf in leaves(lifter).items():
        matrix = path.startswith("['params']") and leaf.ndim > 1
        expected = np.float32(np.float16(leaf)) if matrix else leaf
        np.testing.assert_array_equal(found[path], expected)
    assert kinds["params/expand_norm/scale"] == kinds["batch_stats/expand_norm/var"] == np.float32


def test_poses_of_float16_are_those_of_float32_to_a_tenth_of_a_millimetre(tmp_path):
    """Half of a network's matrices' last 11 bits: an error of 2^-12 of each weight, which adds up like noise."""
    lifter = random_lifter(TemporalConfig(filter_widths=(3, 3, 3), channels=128))
    track = pack([make_track(frames=40)])
    track = track._replace(keypoints=np.random.default_rng(1).normal(size=(40, 17, 3)).astype(np.float32) * 0.3)
    half, whole = (open_run(written(tmp_path / f"{kind}.npz", lifter, kind)).lift(track) for kind in
                   ("float16", "float32"))  # fmt: skip
    size = np.abs(whole).mean()
    error = np.linalg.norm(half - whole, axis=-1).mean() / size
    assert 0 < error < 1e-3  # of a body whose joints are 0.3 m from its root: 0.3 mm at most


def test_a_file_is_opened_in_place_of_a_run(untrained, tmp_path):
    file = written(tmp_path / "a.npz", load_saved(untrained))
    track = pack([make_track(frames=30)])
    opened = open_run(file)
    np.testing.assert_array_equal(opened.lift(track), open_run(str(untrained)).lift(track))
    assert (opened.run, opened.description) == (file, open_run(untrained).description)


@pytest.mark.parametrize("causal", [True, False])
def test_a_file_streams(causal, tmp_path):
    """Fed a frame at a time, the network of the file gives the poses of the whole track."""
    model = TemporalConfig(filter_widths=(3, 3), channels=16, causal=causal)
    opened = open_run(written(tmp_path / "a.npz", random_lifter(model), "float16"))
    keypoints = np.random.default_rng(0).normal(size=(30, 1, 17, 3)).astype(np.float32) * 0.3
    after = opened.model.context[1]
    fed = np.concatenate([keypoints, np.repeat(keypoints[-1:], after, axis=0)])
    step = jax.jit(temporal_streaming.step, static_argnums=0, donate_argnums=2)
    state = jax.jit(temporal_streaming.init, static_argnums=0)(opened.model, opened.variables, fed[0])
    poses = []
    for frame in fed:
        state, pose = step(opened.model, opened.variables, state, frame)
        poses.append(np.asarray(pose[0]))
    track = pack([make_track(frames=30)])._replace(keypoints=keypoints[:, 0])
    np.testing.assert_allclose(poses[after:], opened.lift(track, mirrored=False), atol=2e-5)


def test_what_cannot_be_written_is_refused_and_nothing_is_left(tmp_path):
    lifter = random_lifter()
    large, broken = (random_lifter() for _ in range(2))
    large.variables["params"]["expand"]["kernel"][0, 0] = 1e5
    broken.variables["params"]["shrink"]["bias"][0] = np.nan
    with pytest.raises(InputError, match="params/expand/kernel has values that are too large for float16"):
        written(tmp_path / "a.npz", large, "float16")
    for kind in ("float16", "float32"):
        with pytest.raises(InputError, match="params/shrink/bias has values that are not finite"):
            written(tmp_path / "a.npz", broken, kind)
    with pytest.raises(InputError, match=r"ends with \.npz"):
        written(tmp_path / "a.bin", lifter)
    with pytest.raises(InputError, match=r"the card of .* has more than 1048576 bytes"):
        written(tmp_path / "a.npz", lifter, card="x" * (2**20 + 1))
    with pytest.raises(InputError, match=r"no/a\.npz cannot be written"):
        written(tmp_path / "no" / "a.npz", lifter)
    assert not list(tmp_path.iterdir())
    written(tmp_path / "a.npz", large)
    with pytest.raises(InputError, match="already exists"):
        written(tmp_path / "a.npz", lifter)


@pytest.mark.parametrize("kind", ["float16", "float32"])
def test_a_damaged_file_is_refused(kind, tmp_path):
    """And whatever is still read has the numbers that were written."""
    small = random_lifter(TemporalConfig(filter_widths=(3,), channels=4))
    file = written(tmp_path / "a.npz", small, kind)
    sound = leaves(read_lifter_file(file))

    def read():
        found = leaves(read_lifter_file(file))
        assert all(np.array_equal(found[path], leaf) for path, leaf in sound.items())

    assert assert_refuses(read, file, most=200)["refused"] > 150


def crafted(file, change, *, kind="float32"):
    """A file whose arrays were changed by someone who knows how to make its checksum right."""
    with np.load(written(file, kind and random_lifter(), kind)) as archive:
        arrays = {name: archive[name] for name in archive.files if name != "sha256"}
    change(arrays)
    plain = {name: values for name, values in arrays.items() if values.dtype.kind in "fiub"}
    np.savez(file, **arrays, sha256=np.frombuffer(lifter_file.digest(plain), np.uint8))
    return file


def with_settings(**changes):
    def change(arrays):
        settings = json.loads(arrays["settings"].tobytes())
        arrays["settings"] = np.frombuffer(json.dumps(settings | changes).encode(), np.uint8)

    return change


def with_model(**changes):
    def change(arrays):
        settings = json.loads(arrays["settings"].tobytes())
        settings["config"]["model"] |= changes
        arrays["settings"] = np.frombuffer(json.dumps(settings).encode(), np.uint8)

    return change


def put(name, make):
    return lambda arrays: arrays.update({name: make(arrays.get(name))})


KERNEL = "params/expand/kernel"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (put(KERNEL, lambda k: k[:-1]), "params/expand/kernel has shape "),
        (put(KERNEL, lambda k: k.astype(np.float64)), "params/expand/kernel is float64; it must be float32 or float16"),
        (put(KERNEL, lambda k: k.astype(">f4")), "params/expand/kernel is >f4; it must be float32 or float16"),
        (put(KERNEL, lambda k: k.astype(int)), "params/expand/kernel is int64"),
        (put(KERNEL, lambda k: k.astype(object)), "'params/expand/kernel' is not an array of numbers"),
        (put(KERNEL, lambda k: k.astype("S4")), "'params/expand/kernel' is not an array of numbers"),
        (put(KERNEL, lambda k: np.full_like(k, np.nan)), "params/expand/kernel has values that are not finite"),
        (put(KERNEL, lambda k: np.full(k.shape, np.inf, np.float16)), "values that are not finite"),
        (lambda arrays: arrays.pop(KERNEL), "params/expand/kernel of its network is missing"),
        (put("params/other", lambda _: np.zeros(3, np.float32)), "its network has no array 'params/other'"),
        (put("settings", lambda _: np.zeros(3, np.float32)), "settings is float32 of shape (3,), not a text"),
        (put("settings", lambda _: np.frombuffer(b"\xff{}", np.uint8)), "settings is not a text"),
        (put("settings", lambda _: np.frombuffer(b"[", np.uint8)), "its settings cannot be read"),
        (put("settings", lambda _: np.frombuffer(b"[]", np.uint8)), "its settings are not an object with format"),
        (put("settings", lambda _: np.zeros(2**20 + 1, np.uint8)), "not a text"),
        (lambda arrays: arrays.pop("card"), "not a lifter file: it has no array 'card'"),
        (with_settings(format=2), "of format 2, this jaxpose reads 1"),
        (with_settings(step=-1), "its step is -1"),
        (with_settings(config={}), "its settings does not hold the settings of a run"),
        (with_settings(config=None), "its settings does not hold the settings of a run"),
        (with_settings(data={}), "it does not describe its data"),
        (with_model(kind="transformer"), "its settings is of a network 'transformer', which is not known; --plugin"),
        (with_model(channels=2**16), "has shape "),
        (with_model(filter_widths=[3] * 12), "is missing"),
        (with_model(channels=-1), "--channels is -1"),
    ],
)  # fmt: skip
def test_a_crafted_file_is_refused(change, fault, tmp_path):
    file = crafted(tmp_path / "a.npz", change)
    with pytest.raises(InputError) as raised:
        read_lifter_file(file)
    assert str(raised.value).startswith(f"{file}: ")
    assert fault in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_archive_that_unpacks_to_more_than_its_size_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("settings.npy", bytes(10**8))
    with pytest.raises(InputError, match=r"bomb\.npz: unpacks to 100000000 bytes, more than the"):
        read_lifter_file(tmp_path / "bomb.npz")
    with open(tmp_path / "long.npz", "wb") as file:
        file.truncate(lifter_file.MOST_BYTES + 1)
    with pytest.raises(InputError, match=r"long\.npz has 1073741825 bytes, more than"):
        read_lifter_file(tmp_path / "long.npz")


def test_the_checksum_is_what_its_description_says():
    arrays = {"b": np.arange(3, dtype=np.uint8), "a": np.float32([[1, 2]])}
    text = b"a <f4 (1, 2)\n" + np.float32([1, 2]).tobytes() + b"b |u1 (3,)\n\x00\x01\x02"
    assert lifter_file.digest(arrays) == hashlib.sha256(text).digest()


def test_lifter_files_are_told_from_others(untrained, tmp_path):
    np.savez(tmp_path / "poses.npz", positions_0=np.zeros(3))
    (tmp_path / "text.npz").write_text("text")
    assert is_lifter_file(written(tmp_path / "a.npz"))
    assert not any(is_lifter_file(tmp_path / name) for name in ("poses.npz", "text.npz", "none.npz"))
    assert not is_lifter_file(untrained)
