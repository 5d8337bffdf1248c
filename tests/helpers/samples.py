"""Small tracks and data sets for the tests."""

import jax
import numpy as np

from jaxpose.cameras import project
from jaxpose.data.human36m import H36M_CAMERAS
from jaxpose.data.track import Description, Track
from jaxpose.skeleton import H36M_17

_project = jax.jit(project)
DESCRIPTION = Description("sample motion", False, H36M_17, H36M_17, 2, ("S1", "S9"))


def make_track(*, frames=40, seed=0, subject="S1", action="Walking", camera="55011271", width=1000, height=1000):
    """A random body that turns and wobbles smoothly, three to five metres from the camera."""
    random = np.random.default_rng(seed)
    time = np.arange(frames)[:, None, None] / 50
    body = random.normal(size=(1, 17, 3)) * 0.4
    wobble = 0.1 * np.sin(2 * np.pi * (time * random.uniform(0.3, 1, (1, 17, 3)) + random.uniform(size=(1, 17, 3))))
    positions = (body + wobble + [0, 0, 4]).astype(np.float32)
    view = H36M_CAMERAS[subject][camera]
    padded = np.pad(positions, [(0, -frames % 64), (0, 0), (0, 0)])  # one program for most lengths
    keypoints = np.asarray(_project(padded, view))[:frames]
    pose = (view.intrinsics, view.orientation, view.translation)
    return Track(subject, action, camera, 50.0, positions, keypoints, *pose, width, height)


def published_weights(kernels=(3, 3), channels=8, features=34, joints=17, seed=0):
    """Random weights by the published names."""
    random = np.random.default_rng(seed)
    shapes = {"expand_conv.weight": (channels, features, kernels[0])}
    norms = ["expand_bn", *(f"layers_bn.{number}" for number in range(2 * len(kernels) - 2))]
    for block, width in enumerate(kernels[1:]):
        shapes[f"layers_conv.{2 * block}.weight"] = (channels, channels, width)
        shapes[f"layers_conv.{2 * block + 1}.weight"] = (channels, channels, 1)
    for norm in norms:
        shapes |= {f"{norm}.{leaf}": (channels,) for leaf in ("weight", "bias", "running_mean", "running_var")}
    shapes |= {"shrink.weight": (3 * joints, channels, 1), "shrink.bias": (3 * joints,)}
    weights = {name: random.uniform(0.5, 1, shape).astype(np.float32) for name, shape in shapes.items()}
    return weights | {f"{norm}.num_batches_tracked": np.array(7) for norm in norms}


def published_linear_weights(blocks=2, channels=8, features=32, joints=16, seed=0):
    """Random weights by the names of SemGCN's version of the network of Martinez et al."""
    random = np.random.default_rng(seed)
    stages = [f"linear_stages.{block}." for block in range(blocks)]
    norms = ["batch_norm1", *(f"{stage}batch_norm{number}" for stage in stages for number in (1, 2))]
    shapes = {"w1.weight": (channels, features), "w1.bias": (channels,)}
    for stage in stages:
        for number in (1, 2):
            shapes |= {f"{stage}w{number}.weight": (channels, channels), f"{stage}w{number}.bias": (channels,)}
    for norm in norms:
        shapes |= {f"{norm}.{leaf}": (channels,) for leaf in ("weight", "bias", "running_mean", "running_var")}
    shapes |= {"w2.weight": (3 * joints, channels), "w2.bias": (3 * joints,)}
    weights = {name: random.uniform(0.5, 1, shape).astype(np.float32) for name, shape in shapes.items()}
    return weights | {f"{norm}.num_batches_tracked": np.array(7) for norm in norms}
