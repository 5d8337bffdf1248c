"""Exported networks are read by programs without jaxpose, and give what jaxpose lifts, of as many frames and people."""

import dataclasses
import json
import subprocess
import sys
import types
from pathlib import Path

import jax
import numpy as np
import pytest
from helpers.lifters import aiming_lifter, untrained_lifter

from jaxpose.data.windows import pack_keypoints
from jaxpose.models.configs import LinearConfig
from jaxpose.runs import network_file
from jaxpose.runs.lifter_file import SavedLifter
from jaxpose.runtime.errors import InputError
from jaxpose.training import setup

pytestmark = pytest.mark.usefixtures("compiled_soon")

WIDTH, HEIGHT, FOCAL_LENGTH = 1000, 600, 800
SIZES = ((1, 1), (3, 5), (1, 40))  # people, frames


def saved(lifter):
    variables = jax.tree.map(np.asarray, lifter.variables)
    return SavedLifter(Path("runs/a"), lifter.config, lifter.description, 7, variables, "for research")


def linear_lifter():
    lifter = untrained_lifter()
    config = dataclasses.replace(lifter.config, model=LinearConfig(channels=8))
    variables = setup.init(setup.build_recipe(config, lifter.description, 65), jax.random.key(0)).variables
    model = setup.build_model(config, lifter.description)
    return lifter._replace(config=config, model=model, variables=variables)


def in_pixels(lifter, people, frames):
    """Keypoints (people, frames, K, C); with confidences, some are zero."""
    rng = np.random.default_rng(frames)
    pixels = rng.uniform(200, 400, (people, frames, lifter.description.layout.num_joints, 2))
    confidence = rng.uniform(-0.3, 1, (*pixels.shape[:-1], 1)).clip(0)
    return np.float32(np.concatenate([pixels, confidence], axis=-1)[..., : lifter.description.channels])


def as_described(lifter, pixels):
    """The numbers that the network takes, as `describe` says."""
    unit = FOCAL_LENGTH if lifter.model.rays else WIDTH / 2
    screen = (pixels[..., :2] - (WIDTH / 2, HEIGHT / 2)) / unit
    return np.float32(np.concatenate([screen, pixels[..., 2:]], axis=-1))


def lifted(lifter, pixels):
    """What jaxpose lifts."""
    count = len(pixels)
    packed = pack_keypoints([*pixels], [(WIDTH, HEIGHT)] * count, [FOCAL_LENGTH] * count)
    return lifter.lift(packed).reshape(*pixels.shape[:2], -1, 3)


READER = """
import sys
import numpy as np
from jax import export

file, keypoints, poses = sys.argv[1:]
lift = export.deserialize(bytearray(open(file, "rb").read()))
assert set(lift.platforms) == {"cpu", "cuda"}
with np.load(keypoints) as archive:
    np.savez(poses, **{name: lift.call(values) for name, values in archive.items()})
assert not [name for name in sys.modules if name.startswith(("jaxpose", "flax"))]
"""


@pytest.mark.parametrize("make", [untrained_lifter, aiming_lifter, linear_lifter])
def test_stablehlo_is_read_by_jax_alone(tmp_path, make):
    lifter = make()
    files = network_file.write_network(tmp_path / "lifter.stablehlo", saved(lifter))
    assert [file.name for file in files] == ["lifter.stablehlo", "lifter.stablehlo.json"]
    pixels = [in_pixels(lifter, *size) for size in SIZES]
    np.savez(tmp_path / "keypoints.npz", *(as_described(lifter, each) for each in pixels))
    command = [sys.executable, "-c", READER, files[0], tmp_path / "keypoints.npz", tmp_path / "poses.npz"]
    subprocess.run(command, cwd=tmp_path, check=True)
    with np.load(tmp_path / "poses.npz") as archive:
        for each, poses in zip(pixels, archive.values(), strict=True):
            np.testing.assert_allclose(poses, lifted(lifter, each), atol=1e-5)


@pytest.mark.parametrize("make", [untrained_lifter, aiming_lifter])
def test_onnx_is_read_by_onnx_runtime(tmp_path, make):
    pytest.importorskip("onnx", reason="onnx, of the extra test, is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime, of the extra test, is not installed")
    lifter = make()
    (file,) = network_file.write_network(tmp_path / "lifter.onnx", saved(lifter))
    session = runtime.InferenceSession(file)
    for size in SIZES:
        pixels = in_pixels(lifter, *size)
        (poses,) = session.run(["poses"], {"keypoints": as_described(lifter, pixels)})
        np.testing.assert_allclose(poses, lifted(lifter, pixels), atol=1e-5)
    metadata = session.get_modelmeta().custom_metadata_map
    described = network_file.describe(saved(lifter))
    assert metadata.keys() == described.keys()
    assert metadata["card"] == "for research"
    assert json.loads(metadata["joint_names"]) == [*lifter.description.skeleton.joints]


def test_the_description_has_all_that_a_user_must_know():
    rays, screen = (network_file.describe(saved(make())) for make in (aiming_lifter, untrained_lifter))
    assert rays["keypoints"] == "float32 (people, frames, 17, 3): x, y, confidence"
    assert screen["keypoints"] == "float32 (people, frames, 17, 2): x, y"
    assert rays["keypoint_names"][:2] == ("nose", "left_eye")
    assert rays["coordinates"].startswith("x = (column - width / 2) / f, y = (row - height / 2) / f, in pixels of the")
    assert screen["coordinates"].startswith("x = (column - width / 2) / (width / 2), y = (row - height / 2) / (width /")
    assert (rays["frames_per_second"], screen["frames_per_second"]) == ((20.0, 60.0), (50.0, 50.0))
    assert (rays["context"], screen["context"]) == (aiming_lifter().model.context, (1, 1))
    assert rays["source"] == "a, step 7"
    assert "confidence" in rays
    assert "confidence" not in screen


def test_the_json_file_is_the_description(tmp_path):
    _, file = network_file.write_network(tmp_path / "l.stablehlo", saved(untrained_lifter()))
    assert json.loads(file.read_text("utf-8")) == json.loads(
        json.dumps(network_file.describe(saved(untrained_lifter())))
    )


def test_what_cannot_be_written_is_refused(tmp_path, monkeypatch):
    lifter = saved(untrained_lifter())
    with pytest.raises(InputError, match=r"l\.pb: the suffix names the format; end it with \.stablehlo or \.onnx"):
        network_file.write_network(tmp_path / "l.pb", lifter)
    (tmp_path / "l.stablehlo.json").touch()
    with pytest.raises(InputError, match=r"l\.stablehlo\.json already exists; name another file with --out"):
        network_file.write_network(tmp_path / "l.stablehlo", lifter)
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "onnx", None)
        with pytest.raises(InputError, match=r"ONNX files require the package onnx: pip install '\.\[onnx\]'"):
            network_file.write_network(tmp_path / "l.onnx", lifter)
    monkeypatch.setattr(network_file.setup, "build_model", lambda *_: types.SimpleNamespace(frames=27))
    with pytest.raises(InputError, match="a takes 27 frames at once, no more and no fewer"):
        network_file.write_network(tmp_path / "l.onnx", lifter)
    assert [file.name for file in tmp_path.iterdir()] == ["l.stablehlo.json"]
