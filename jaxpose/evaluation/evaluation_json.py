"""All numbers of an evaluation, unrounded, as `evaluation.json` holds them; its schema is in the room's README."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxpose.data.smoothing import Smoothing
from jaxpose.evaluation import bootstrap, results_file
from jaxpose.evaluation.averages import average, average_metrics, protocol_in_words, summarize
from jaxpose.evaluation.compare import EvaluatedRun, EvaluationSetting, differences
from jaxpose.evaluation.metric_records import by_joint
from jaxpose.evaluation.plausibility import plausibility
from jaxpose.evaluation.report_tables import published_rows_note
from jaxpose.evaluation.track_errors import ground_truth
from jaxpose.skeleton import Skeleton


def evaluation_as_dict(runs: Sequence[EvaluatedRun], setting: EvaluationSetting) -> dict[str, Any]:
    """All numbers of an evaluation: the setting, the numbers of each run, and the differences from the first run."""
    first, *others = runs
    in_words = protocol_in_words(first.errors, setting.protocol)
    data = results_file.metadata(
        setting.description, setting.split, setting.protocol, in_words, first.errors.metrics
    ) | {
        "published_rows": published_rows_note(setting) or "comparable",
        "bootstrap": {
            "intervals": bootstrap.NAME,
            "resampled": "recordings within each action",
            "resamples": bootstrap.RESAMPLES,
            "seed": bootstrap.SEED,
            "level": bootstrap.LEVEL,
        },
        "runs": {run.name: run_as_dict(run, setting) for run in runs},
    }
    if others:
        data["differences_from"] = first.name
        data["differences"] = differences(runs, setting.protocol)
    return data


def run_as_dict(run: EvaluatedRun, setting: EvaluationSetting) -> dict[str, Any]:
    """The numbers of one run."""
    errors, protocol, skeleton = run.errors, setting.protocol, setting.description.skeleton
    scores: dict[str, Any] = {**summarize(errors, protocol)}
    del scores["protocol"]  # which is that of all runs
    values = {name: average(errors, name, over=protocol.average).tolist() for name in errors.means}
    fps, averages = scores["fps"], scores["average"]
    return scores | {
        "trained_on": [*run.trained_on],
        "smoothing": _smoothing_as_dict(run.smoothing),
        "per_second": {m.key: averages[m.key] * fps**m.order for m in errors.metrics if m.order},
        "intervals": bootstrap.metric_intervals(errors, protocol),
        "subjects": _by_label(run, errors.subjects, setting),
        "cameras": _by_label(run, errors.cameras, setting),
        "joints": {
            m.key: dict(zip(skeleton.joints, values[by_joint(m.key)], strict=True))
            for m in errors.metrics
            if m.per_joint
        },
        "constraints": plausibility(run, setting),
        "bones": _by_name(_bone_names(skeleton), values, "bone_length_std"),
        "pairs": _by_name([_pair_name(skeleton, pair) for pair in skeleton.bone_pairs], values, "symmetry_error"),
        "angles": _by_name([angle.name for angle in skeleton.angles], values, "rom_violation_rate"),
    }


def _smoothing_as_dict(smoothing: Smoothing | None) -> dict[str, Any] | None:
    """The filter of smoothed predictions; None of plain ones."""
    if smoothing is None:
        return None
    return {"filter": smoothing.smoother.name, "cutoff": smoothing.cutoff, "causal": smoothing.smoother.causal}


def _by_label(run: EvaluatedRun, labels: np.ndarray, setting: EvaluationSetting) -> dict[str, dict[str, float]]:
    """The average metrics of the tracks of each label."""
    return {
        label: average_metrics(run.errors.take(labels == label), setting.protocol)
        for label in dict.fromkeys(labels.tolist())
    }


def _by_name(names: Sequence[str], values: Mapping[str, list[float]], statistic: str) -> dict[str, dict[str, float]]:
    """A body statistic of each bone, pair or angle, predicted and of the ground truth."""
    triples = zip(names, values[statistic], values[ground_truth(statistic)], strict=True)
    return {name: {"predicted": predicted, "ground_truth": truth} for name, predicted, truth in triples}


def _bone_names(skeleton: Skeleton) -> list[str]:
    """The joint at the end of each bone of the tree; both joints of each link, such as "left_hip/right_hip"."""
    links = ["/".join(skeleton.joints[joint] for joint in link) for link in skeleton.links]
    return [*(skeleton.joints[child] for _, child in skeleton.tree_bones), *links]


def _pair_name(skeleton: Skeleton, pair: tuple[int, int]) -> str:
    return "/".join(skeleton.joints[skeleton.bones[bone][1]] for bone in pair)
