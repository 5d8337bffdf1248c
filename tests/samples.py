"""Small tracks and data sets for the tests."""

import jax.numpy as jnp
import numpy as np

from jaxpose.calibration import H36M_CAMERAS
from jaxpose.cameras import project
from jaxpose.dataset import Description, Track
from jaxpose.skeleton import H36M_17

DESCRIPTION = Description("sample motion", False, H36M_17, H36M_17, 2, ("S1", "S9"))


def make_track(*, frames=40, seed=0, subject="S1", action="Walking", camera="55011271", width=1000, height=1000):
    """A random body that turns and wobbles smoothly, three to five metres from the camera."""
    random = np.random.default_rng(seed)
    time = np.arange(frames)[:, None, None] / 50
    body = random.normal(size=(1, 17, 3)) * 0.4
    wobble = 0.1 * np.sin(2 * np.pi * (time * random.uniform(0.3, 1, (1, 17, 3)) + random.uniform(size=(1, 17, 3))))
    positions = (body + wobble + [0, 0, 4]).astype(np.float32)
    view = H36M_CAMERAS[subject][camera]
    keypoints = np.asarray(project(jnp.asarray(positions), view))
    pose = (view.intrinsics, view.orientation, view.translation)
    return Track(subject, action, camera, 50.0, positions, keypoints, *pose, width, height)
