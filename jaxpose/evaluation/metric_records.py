"""The metrics of an evaluation, one record each; to add a metric, add its record to `OPTIONAL`.

Headings, digits, units, tables, JSON, intervals, comparisons and the help of `--metrics` follow from the record. JAX is
imported when a metric is computed, so that `--help` lists the names at once.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import jaxpose
from jaxpose.runtime.errors import InputError

if TYPE_CHECKING:
    import jax

Measure = Callable[["jax.Array", "jax.Array"], "jax.Array"]
"""Values of predictions and targets, (C, J, 3) metres each: (C - order,) by frame, or (C - order, J) by joint."""


class Metric(NamedTuple):
    """A number of each track that an evaluation averages: of its frames, or a statistic of its predicted body."""

    key: str  # in JSON and in --metrics
    heading: str  # of a column
    quantity: str  # of which the unit is, plural or a mass noun, as in "positions in mm"
    unit: str
    definition: str  # in a few words, for the help
    per_frame: Measure | None = None  # averaged over the frames of a track
    per_joint: Measure | None = None  # the same by joint, if there is such a table
    statistic: str = ""  # instead of `per_frame`: one of `track_errors.BODY_STATISTICS`, averaged over bones or pairs
    scale: float = 1000.0  # from the values of `per_frame` and `per_joint` to the unit
    order: int = 0  # of the difference in time, 0, 1 or 2; the unit then has "frame" for the time
    digits: int = 1  # after the point, in tables
    higher_is_better: bool = False

    def format(self, value: float, sign: str = "") -> str:
        """A value as text, with the digits that the field prints, and "–" for NaN; with `sign` "+" a difference."""
        return "–" if math.isnan(value) else f"{value:{sign}.{self.digits}f}"


def _metric(predictions: "jax.Array", targets: "jax.Array", name: str) -> "jax.Array":
    """The function `name` of `jaxpose.metrics`."""
    return getattr(jaxpose.metrics, name)(predictions, targets)


def _derivative_error(predictions: "jax.Array", targets: "jax.Array", order: int) -> "jax.Array":
    return jaxpose.metrics.time_derivative_error(predictions, targets, order)


def _joint_error(predictions: "jax.Array", targets: "jax.Array", order: int) -> "jax.Array":
    """Norm of each joint's difference in position, or in its difference in time, (C - order, J)."""
    return jaxpose.numerics.safe_norm(jaxpose.kinematics.finite_difference(predictions - targets, order))


def _position_metric(key: str, heading: str, definition: str, per_joint: Measure | None = None) -> Metric:
    return Metric(
        key, heading, "positions", "mm", definition, functools.partial(_metric, name=key), per_joint=per_joint
    )


def _derivative_metric(key: str, heading: str, quantity: str, unit: str, order: int) -> Metric:
    return Metric(
        key,
        heading,
        quantity,
        unit,
        f"error of the {('first', 'second')[order - 1]} difference in time",
        functools.partial(_derivative_error, order=order),
        per_joint=functools.partial(_joint_error, order=order),
        order=order,
        digits=2,
    )


PUBLISHED: tuple[Metric, ...] = (
    _position_metric("mpjpe", "MPJPE (P1)", "mean distance of joints", functools.partial(_joint_error, order=0)),
    _position_metric("p_mpjpe", "P-MPJPE (P2)", "the same after similarity alignment of each frame"),
    _position_metric("n_mpjpe", "N-MPJPE (P3)", "the same after scaling each frame"),
    _derivative_metric("mpjve", "MPJVE", "velocity", "mm/frame", 1),
    _derivative_metric("mpjae", "MPJAE", "acceleration", "mm/frame²", 2),
)
"""What is reported by default, and in `results.json`: protocols 1, 2 and 3, errors of velocity and acceleration."""

OPTIONAL: tuple[Metric, ...] = (
    Metric(
        "pck",
        "PCK@150",
        "shares of joints",
        "%",
        "joints with an error below 150 mm",
        functools.partial(_metric, name="pck"),  # whose threshold is 150 mm
        scale=100.0,
        higher_is_better=True,
    ),
    Metric(
        "auc",
        "AUC",
        "shares of joints",
        "%",
        "mean PCK of the thresholds 0, 5, …, 150 mm",
        functools.partial(_metric, name="auc"),
        scale=100.0,
        higher_is_better=True,
    ),
    # ManiPose (Rommel et al., NeurIPS 2024)
    Metric(
        "mpsce",
        "MPSCE",
        "bone lengths",
        "mm",
        "standard deviation in time of a predicted bone's length, mean over bones",
        statistic="bone_length_std",
    ),
    Metric(
        "mpsse",
        "MPSSE",
        "bone lengths",
        "mm",
        "absolute difference of a predicted left bone's length and the right one's, mean over pairs",
        statistic="symmetry_error",
    ),
)
"""What is reported if `--metrics` names it."""

METRICS = {metric.key: metric for metric in (*PUBLISHED, *OPTIONAL)}
"""All metrics by key."""

PUBLISHED_KEYS = tuple(metric.key for metric in PUBLISHED)


def choose_metrics(keys: Sequence[str]) -> tuple[Metric, ...]:
    """The metrics of some keys, in their order.

    Raises:
      InputError: a key is unknown or named twice, or there is none.
    """
    known = ", ".join(METRICS)
    if not keys:
        raise InputError(f"--metrics names no metric; the metrics are {known}")
    if unknown := [key for key in keys if key not in METRICS]:
        raise InputError(f"--metrics names {', '.join(map(repr, unknown))}; the metrics are {known}")
    if len(set(keys)) < len(keys):
        raise InputError("--metrics names a metric twice; name each once")
    return tuple(METRICS[key] for key in keys)


def describe_metrics() -> str:
    """All metrics as a sentence, for the help of `--metrics`."""
    return "; ".join(f"{key}, {metric.definition} ({metric.unit})" for key, metric in METRICS.items())


def readme_table() -> list[list[str]]:
    """The table of the metrics in README.md, its headings first."""
    rows = ([f"`{key}`", metric.heading, metric.unit, metric.definition] for key, metric in METRICS.items())
    return [["key", "heading", "unit", "definition"], *rows]


def describe_units(metrics: Sequence[Metric]) -> str:
    """The units of some metrics as text, such as "Positions in mm, velocity in mm/frame"."""
    better = {False: "", True: " (higher is better)"}
    parts = dict.fromkeys(f"{m.quantity} in {m.unit}{better[m.higher_is_better]}" for m in metrics)
    text = ", ".join(parts)
    return text[:1].upper() + text[1:]


def by_joint(key: str) -> str:
    """The name, among the means of a track, of a metric by joint."""
    return f"joint_{key}"
