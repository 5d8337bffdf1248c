"""What an evaluation says of runs, as tables and as plain facts; `jaxpose.evaluate` prints and writes them."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from jaxpose.data.track import Description, Track, title_with_notice
from jaxpose.evaluation import bootstrap, paper_tables, results_file
from jaxpose.evaluation.averages import Scores, average, summarize
from jaxpose.evaluation.compare import Evaluated, Setting, comparison, differences, in_range, intervals, seeds
from jaxpose.evaluation.protocol import Protocol
from jaxpose.evaluation.track_errors import JOINTS, METRICS
from jaxpose.runtime.tables import Table
from jaxpose.skeleton import Skeleton

Part = Literal["subject", "camera", "joint"]
"""By what a run's numbers can be taken apart, beside the action."""

PLAUSIBILITY = {"spread": "bone-length spread", "gap": "left/right gap", "outside": "outside the range of motion"}
PLAUSIBILITY_UNITS = {"spread": "mm", "gap": "mm", "outside": "% of frames"}
PLAUSIBILITY_NOTE = (
    "Bone-length spread: the standard deviation in time of a bone's length within a track. Left/right gap: how much a "
    "left limb and its right one differ in length. Outside the range of motion: the share of frames in which an angle "
    "is beyond its limits. Each averaged over tracks as the errors are, then over bones, pairs or angles; true is what "
    "the motion capture itself shows."
)


def setting(description: Description, split: str, tracks: Sequence[Track], protocol: Protocol) -> Setting:
    """The setting of tracks as they were loaded."""
    return Setting(
        description, split, protocol, paper_tables.incomparable(description, paper_tables.scored(tracks), protocol)
    )


def all_tables(runs: Sequence[Evaluated], where: Setting, by: Sequence[Part]) -> dict[str, Table]:
    """Every table, by a name that can be a file's, in the order in which they are read."""
    found = {f"actions{_suffix(run, runs)}": actions(run, where) for run in runs}
    if len(runs) > 1:
        found = {"comparison": comparison(runs, where)} | found
        if groups := seeds(runs, where):
            found["seeds"] = groups
    if not where.incomparable:
        cells = {run.name: _cells_by_action(summarize(run.measures, where.protocol)) for run in runs}
        found |= {f"paper_{number}": table for number, table in paper_tables.beside(cells).items()}
    found["constraints"] = constraints(runs, where)
    for run in runs:
        for part in by:
            name = f"{part}s{_suffix(run, runs)}"
            found[name] = joints(run, where) if part == "joint" else groups_of(run, where, part)
            if part == "joint" and where.description.skeleton.angles:
                found[f"angles{_suffix(run, runs)}"] = angles(run, where)
    return found


def notice(where: Setting) -> str:
    """Why there are no published rows; empty if there are."""
    if not where.incomparable:
        return ""
    return f"Published rows (Tables 5 to 10 of the paper) are left out, not comparable: {where.incomparable}."


def actions(run: Evaluated, where: Setting) -> Table:
    """The errors by action and on average, and the interval of the average."""
    scores = summarize(run.measures, where.protocol)
    table = results_file.table(scores, where.description, where.split, protocol=where.protocol)
    ends = intervals(run.measures, where.protocol)
    row = (f"{100 * bootstrap.LEVEL:.0f} % interval", *(in_range(ends[metric], metric) for metric in METRICS))
    alone = [action for action in scores["actions"] if (run.measures.actions == action).sum() == 1]
    few = [f"Of one track alone, whose spread nothing tells: {', '.join(alone)}."] if alone else []
    return table._replace(
        title=f"{run.name}: {table.title}",
        rows=[*table.rows, row],
        notes=[*table.notes, bootstrap.NOTE, *few],
    )


def groups_of(run: Evaluated, where: Setting, part: Part) -> Table:
    """The average errors by subject or by camera."""
    labels = run.measures.subjects if part == "subject" else run.measures.cameras
    rows = []
    for label in dict.fromkeys(labels.tolist()):
        scores = summarize(run.measures.take(labels == label), where.protocol)
        rows.append((label, f"{scores['frames']:,}", *results_file.cells(scores["average"]).values()))
    notes = [f"{results_file.UNITS}. Each line is averaged as the whole is, over what it has."]
    return _titled(run, where, f"by {part}", (part, "frames", *results_file.HEADINGS.values()), rows, notes)


def joints(run: Evaluated, where: Setting) -> Table:
    """Errors by joint; of the bone that ends there, how much its length varies, and differs from its mirror image's."""
    skeleton, over = where.description.skeleton, where.protocol.average
    errors = {metric: average(run.measures, measure, over=over) for metric, measure in JOINTS.items()}
    bone = {child: place for place, (_, child) in enumerate(skeleton.bones)}
    pair = {end: place for place, ends in enumerate(skeleton.bone_pairs) for end in ends}
    like = {name: average(run.measures, name, over=over) for name in ("spread", "true_spread", "gap", "true_gap")}
    rows = []
    for joint, name in enumerate(skeleton.joints):
        place = bone.get(joint)
        places = {"spread": place, "gap": pair.get(place)}
        numbers = [results_file.number(errors[metric][joint], metric) for metric in JOINTS]
        for kind, at in places.items():
            numbers += ["" if at is None else f"{like[motion + kind][at]:.1f}" for motion in ("", "true_")]
        rows.append((name, *numbers))
    head = (
        "joint",
        *(results_file.HEADINGS[metric] for metric in JOINTS),
        "bone\nspread",
        "true",
        "left/right\ngap",
        "true",
    )
    notes = [f"{results_file.UNITS}. The bone is the one that ends at the joint; its spread and gap are in mm."]
    return _titled(run, where, "by joint", head, rows, notes)


def angles(run: Evaluated, where: Setting) -> Table:
    """How often each angle is outside its range of motion."""
    skeleton, over = where.description.skeleton, where.protocol.average
    shares = [average(run.measures, name, over=over) for name in ("outside", "true_outside")]
    rows = [
        (
            angle.name,
            skeleton.joints[angle.joints[1]],
            "{:g} to {:g}".format(*angle.range_deg),
            _percent(a),
            _percent(b),
        )
        for angle, a, b in zip(skeleton.angles, *shares, strict=True)
    ]
    head = ("angle", "at the joint", "range, °", "frames outside, %", "true")
    return _titled(run, where, "range of motion", head, rows, [], left=(0, 1))


def constraints(runs: Sequence[Evaluated], where: Setting) -> Table:
    """How far the motion is from what a body can do, of the runs and of the truth."""
    found = {run.name: plausibility(run, where) for run in runs}
    rows = [
        (
            f"{PLAUSIBILITY[kind]}, {PLAUSIBILITY_UNITS[kind]}",
            *(f"{of[kind]['predicted']:.1f}" for of in found.values()),
            f"{true:.1f}",
        )
        for kind in PLAUSIBILITY
        if (true := found[runs[0].name].get(kind, {}).get("true")) is not None
    ]
    title = f"Constraints: {title_with_notice(where.description)}, {where.split}"
    return Table(title, ("", *found, "true"), rows, (PLAUSIBILITY_NOTE,))


def plausibility(run: Evaluated, where: Setting) -> dict[str, dict[str, float]]:
    """The means over bones, pairs and angles, in the units of `UNITS_LIKE`; those that the skeleton has."""
    found = {}
    for kind in PLAUSIBILITY:
        unit = 100 if kind == "outside" else 1
        values = [average(run.measures, motion + kind, over=where.protocol.average) for motion in ("", "true_")]
        if values[0].size:
            found[kind] = dict(zip(("predicted", "true"), (float(unit * of.mean()) for of in values), strict=True))
    return found


def facts(runs: Sequence[Evaluated], where: Setting) -> dict[str, Any]:
    """Everything as plain numbers, for JSON; what stands at the top is true of all runs."""
    skeleton, over = where.description.skeleton, where.protocol.average
    by_run = {}
    for run in runs:
        scores = summarize(run.measures, where.protocol)
        fps = scores["fps"]
        average_of = {name: average(run.measures, name, over=over).tolist() for name in run.measures.means}
        parts = {"subjects": run.measures.subjects, "cameras": run.measures.cameras}
        by_run[run.name] = scores | {
            "per_second": {m: scores["average"][m] * fps**order for m, order in (("mpjve", 1), ("mpjae", 2))},
            "intervals": intervals(run.measures, where.protocol),
            **{
                part: {
                    label: summarize(run.measures.take(labels == label), where.protocol)["average"]
                    for label in dict.fromkeys(labels.tolist())
                }
                for part, labels in parts.items()
            },
            "joints": {name: dict(zip(skeleton.joints, average_of[m], strict=True)) for name, m in JOINTS.items()},
            "constraints": plausibility(run, where),
            "bones": _named([skeleton.joints[child] for _, child in skeleton.bones], average_of, "spread"),
            "pairs": _named([_pair_name(skeleton, pair) for pair in skeleton.bone_pairs], average_of, "gap"),
            "angles": _named([angle.name for angle in skeleton.angles], average_of, "outside"),
        }
    others = {run.name: differences(run, runs[0], where.protocol) for run in runs[1:]}
    return results_file.metadata(where.description, where.split, where.protocol) | {
        "published_rows": notice(where) or "comparable",
        "bootstrap": {"resamples": bootstrap.RESAMPLES, "seed": bootstrap.SEED, "level": bootstrap.LEVEL},
        "runs": by_run,
        **({"differences_from": runs[0].name, "differences": others} if others else {}),
    }


def _named(names: Sequence[str], averages: Mapping[str, list[float]], kind: str) -> dict[str, dict[str, float]]:
    pairs = zip(names, averages[kind], averages[f"true_{kind}"], strict=True)
    return {name: {"predicted": value, "true": true} for name, value, true in pairs}


def _pair_name(skeleton: Skeleton, pair: tuple[int, int]) -> str:
    return "/".join(skeleton.joints[skeleton.bones[bone][1]] for bone in pair)


def _cells_by_action(scores: Scores) -> dict[str, dict[str, str]]:
    return {name: results_file.cells(of) for name, of in (scores["actions"] | {"average": scores["average"]}).items()}


def _titled(
    run: Evaluated,
    where: Setting,
    what: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    notes: Sequence[str],
    left: Sequence[int] = (0,),
) -> Table:
    return Table(
        f"{run.name}, {what}: {title_with_notice(where.description)}, {where.split}", head, rows, notes, left=left
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _suffix(run: Evaluated, runs: Sequence[Evaluated]) -> str:
    """What tells a run's tables apart where there are several runs."""
    return "" if len(runs) == 1 else f"_{[other.name for other in runs].index(run.name) + 1}"
