"""Track errors at random, for tests of what is computed from them."""

import numpy as np
from helpers.samples import DESCRIPTION, make_track

from jaxpose.evaluation.compare import EvaluatedRun, EvaluationSetting
from jaxpose.evaluation.metric_records import PUBLISHED, by_joint
from jaxpose.evaluation.protocol import VIDEOPOSE3D
from jaxpose.evaluation.smoothed_runs import smoothed_runs
from jaxpose.evaluation.track_errors import TrackErrors, ground_truth
from jaxpose.skeleton import H36M_17
from jaxpose.training.config import Config

SIZES = {
    "bone_length_std": len(H36M_17.bones),
    "symmetry_error": len(H36M_17.bone_pairs),
    "rom_violation_rate": len(H36M_17.angles),
}


def made_up(
    actions, *, seed=0, offset=0.0, frames=None, subjects=None, recordings=None, cameras=None, human36m=False,
    metrics=PUBLISHED,
):  # fmt: skip
    """The errors of a track for each of `actions`; the same seed gives the same numbers, plus the offset.

    Each track is a recording of its own, unless their names are given.
    """
    random, count = np.random.default_rng(seed), len(actions)
    frames = np.asarray(frames or [100] * count)
    means = {metric.key: 40 + offset + 5 * random.normal(size=count) for metric in metrics}
    means |= {by_joint(metric.key): 40 + random.normal(size=(count, 17)) for metric in metrics if metric.per_joint}
    for name, size in SIZES.items():
        means |= {key: random.uniform(size=(count, size)) for key in (name, ground_truth(name))}
    return TrackErrors(
        subjects=np.asarray(subjects or ["S9"] * count),
        actions=np.asarray(actions),
        recordings=np.asarray(recordings or [f"S9/{action} {number}" for number, action in enumerate(actions)]),
        cameras=np.asarray(cameras or ["1"] * count),
        human36m=np.full(count, human36m),
        fps=np.full(count, 50.0),
        frames=frames,
        means=means,
        weights=dict.fromkeys(means, frames),
        metrics=tuple(metrics),
    )


def smoothed(run, smoothing):
    """A run as `smoothed_runs` would give it, with the errors that it has."""
    (found,) = smoothed_runs(run, np.zeros((1, 17, 3)), [make_track(frames=1)], [smoothing], lambda _: run.errors)
    return found


ACTIONS = ["Walking", "Walking", "Eating", "Eating", "Posing"]
RUN = EvaluatedRun(
    "run", Config(),
    made_up(ACTIONS, frames=[100, 300, 100, 100, 50], subjects=["S9", "S11", "S9", "S11", "S9"], cameras=list("12121")),
)  # fmt: skip
SETTING = EvaluationSetting(DESCRIPTION, "S9+S11", VIDEOPOSE3D, "sample motion")
