"""The ONNX graph gives the network's poses of whole tracks in a program that shares no code with JAX."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.networks import WindowLinear, random_variables

from jaxpose.kinematics import mirror
from jaxpose.models.aimed import AimedLifter, box_margin
from jaxpose.models.temporal import TemporalModel
from jaxpose.models.temporal_onnx import lifter_graph
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17

onnx = pytest.importorskip("onnx", reason="onnx, of the extra test, is not installed")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime, of the extra test, is not installed")

STACK = {"num_joints": 17, "channels": 8}
NETWORKS = {
    "plain": (TemporalModel(filter_widths=(3, 3), **STACK), 2),
    "one width": (TemporalModel(filter_widths=(5,), **STACK), 3),
    "causal": (TemporalModel(filter_widths=(3, 5), causal=True, **STACK), 2),
    "dense": (TemporalModel(filter_widths=(3, 3), dense=True, **STACK), 2),
    "of single frames": (TemporalModel(filter_widths=(1, 1), **STACK), 2),
    "aimed": (AimedLifter(TemporalModel(filter_widths=(3, 3), **STACK), box_margin(5, causal=False)), 3),
    "aimed, causal": (
        AimedLifter(TemporalModel(filter_widths=(3,), causal=True, **STACK), box_margin(3, causal=True)),
        3,
    ),
    "aimed, without confidences": (
        AimedLifter(TemporalModel(filter_widths=(3,), **STACK), box_margin(1, causal=False)),
        2,
    ),
}


def graph_of(model, channels, notes=None):
    variables = random_variables(model, joints=17, numbers=channels)
    written = lifter_graph(model, variables, skeleton=H36M_17, layout=COCO_17, channels=channels, notes=notes or {})
    onnx.checker.check_model(written, full_check=True)
    return written


def keypoints_of(people, frames, channels):
    """People who move; of confidences a third are zero, in some frames all, and the keypoints there are NaN."""
    rng = np.random.default_rng(frames)
    points = rng.normal(size=(people, 1, 17, 2)) * 0.2 + rng.normal(size=(people, frames, 17, 2)) * 0.05
    confidence = rng.uniform(-0.5, 1, (people, frames, 17, 1)).clip(0)
    confidence[:, 10:25] = 0
    points = np.where(confidence > 0, points, np.nan) if channels == 3 else points
    return np.float32(np.concatenate([points, confidence], axis=-1)[..., :channels])


@functools.partial(jax.jit, static_argnums=0)
def expected(model, variables, keypoints):
    """Poses of the network itself, whole tracks at once."""
    padded = jnp.pad(keypoints, ((0, 0), model.context, (0, 0), (0, 0)), mode="edge")
    mirrored = model.apply(variables, mirror(padded, COCO_17)).poses
    return (model.apply(variables, padded).poses + mirror(mirrored, H36M_17)) / 2


@pytest.mark.parametrize("name", NETWORKS)
def test_whole_tracks(name):
    model, channels = NETWORKS[name]
    session = runtime.InferenceSession(graph_of(model, channels).SerializeToString())
    variables = random_variables(model, joints=17, numbers=channels)
    for people, frames in ((1, 1), (3, 5), (2, 40)):
        keypoints = keypoints_of(people, frames, channels)
        (poses,) = session.run(["poses"], {"keypoints": keypoints})
        assert poses.shape == (people, frames, 17, 3)
        np.testing.assert_allclose(poses, expected(model, variables, keypoints), atol=1e-5)


def test_what_the_file_says():
    written = graph_of(NETWORKS["aimed"][0], 3, {"joint_names": "a, b"})
    session = runtime.InferenceSession(written.SerializeToString())
    (keypoints,), (poses,) = session.get_inputs(), session.get_outputs()
    assert (keypoints.name, keypoints.shape) == ("keypoints", ["people", "frames", 17, 3])
    assert (poses.name, poses.shape) == ("poses", ["people", "frames", 17, 3])
    assert session.get_modelmeta().custom_metadata_map == {"joint_names": "a, b"}


def test_another_network_is_refused():
    with pytest.raises(InputError, match="ONNX files hold the temporal network, and this is a WindowLinear"):
        graph_of(WindowLinear(17), 2)
