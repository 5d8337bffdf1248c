"""Small networks."""

from jaxpose.models.temporal import TemporalModel


def model_of(**overrides):
    return TemporalModel(**({"num_joints": 5, "channels": 8, "dropout": 0.25} | overrides))
