"""What is evaluated at the end of each epoch of a training, by name; its values go to the log."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.metrics import mpjpe
from jaxpose.runs.prepare import Job

Evaluation = Callable[[Job, Mapping[str, np.ndarray]], dict[str, float]]
"""The job and its predictions (F, J, 3), metres, for all frames of each held-out split ("test", and "validation" if
there is one) to numbers by name, which the record of the epoch then holds."""


def mean_errors(job: Job, predictions: Mapping[str, np.ndarray]) -> dict[str, float]:
    """MPJPE in metres of each held-out split, all frames alike: `test_mpjpe`, `validation_mpjpe`."""
    errors = {}
    for purpose, predicted in predictions.items():
        poses = jax.device_put((predicted, job.held_out[purpose].poses))
        errors[f"{purpose}_mpjpe"] = float(jax.device_get(_mean_error(*poses)))
    return errors


@jax.jit
def _mean_error(predictions: jax.Array, targets: jax.Array) -> jax.Array:
    """MPJPE of all frames (F, J, 3), metres; in one program, which keeps no array of their size in between."""
    return jnp.mean(mpjpe(predictions, targets))


EVALUATIONS: dict[str, Evaluation] = {"mpjpe": mean_errors}
"""By name; a plugin adds its own."""
