"""Measures that nobody has measured, for tests of what is made of them."""

import numpy as np

from jaxpose.evaluation.track_errors import JOINTS, METRICS, TrackErrors
from jaxpose.skeleton import H36M_17

SIZES = {"spread": len(H36M_17.bones), "gap": len(H36M_17.bone_pairs), "outside": len(H36M_17.angles)}


def made_up(actions, *, seed=0, offset=0.0, frames=None, subjects=None, cameras=None):
    """Measures of a track for each of `actions`; the same seed gives the same numbers, plus the offset."""
    random, count = np.random.default_rng(seed), len(actions)
    frames = np.asarray(frames or [100] * count)
    labels = (np.asarray(subjects or ["S9"] * count), np.asarray(actions), np.asarray(cameras or ["1"] * count))
    means = {metric: 40 + offset + 5 * random.normal(size=count) for metric in METRICS}
    means |= {name: 40 + random.normal(size=(count, 17)) for name in JOINTS.values()}
    for kind, size in SIZES.items():
        means |= {f"{motion}{kind}": random.uniform(size=(count, size)) for motion in ("", "true_")}
    return TrackErrors(*labels, np.full(count, 50.0), frames, means, dict.fromkeys(means, frames))
