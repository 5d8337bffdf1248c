"""Untrained networks and detections of a person, for the tests of what lifts keypoints."""

import functools

import jax
import numpy as np
from helpers.samples import DESCRIPTION

from jaxpose.keypoints.detections import Detections
from jaxpose.models.configs import TemporalConfig
from jaxpose.runs.trained import TrainedModel
from jaxpose.runtime.devices import data_mesh
from jaxpose.skeleton import BODY_22, COCO_17, H36M_17
from jaxpose.training import setup
from jaxpose.training.config import Config

IMAGE = {"width": 1000, "height": 1000}


@functools.cache
def untrained_lifter(description=DESCRIPTION):
    """An untrained network, at 50 frames per second."""
    description = description._replace(fps=50.0, extent=0.6)
    config = Config(model=TemporalConfig(filter_widths=(3,), channels=8), batch_size=8)
    variables = setup.init(setup.build_recipe(config, description, 65), jax.random.key(3)).variables
    return TrainedModel("run", config, description, setup.build_model(config, description), variables, data_mesh())


@functools.cache
def aiming_lifter(frame_rates=(20.0, 60.0), aim=9):
    """An untrained network that aims the camera: COCO's keypoints with a confidence to the 22 joints, 27 frames."""
    description = DESCRIPTION._replace(fps=50.0, skeleton=BODY_22, layout=COCO_17, channels=3)
    model = TemporalConfig(filter_widths=(3, 3, 3), channels=8, aim=aim)
    config = Config(model=model, batch_size=8, frame_rates=frame_rates)
    variables = setup.init(setup.build_recipe(config, description, 65), jax.random.key(3)).variables
    return TrainedModel("run", config, description, setup.build_model(config, description), variables, data_mesh())


def person(keypoints, layout=H36M_17, fps=50.0, frames=None):
    """Detections of a person called ann in images of 1000 x 1000, with a confidence of 0.9 if they have none."""
    keypoints = np.float32(keypoints)
    if keypoints.shape[2] == 2:
        keypoints = np.concatenate([keypoints, np.full_like(keypoints[..., :1], 0.9)], axis=-1)
    frames = np.arange(len(keypoints)) if frames is None else np.asarray(frames)
    return Detections("ann", frames, keypoints, layout, 1000, 1000, fps)
