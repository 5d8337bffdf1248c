"""The tables of an evaluation, which `jaxpose.evaluate` prints and writes and `jaxpose.report` puts on its page."""

from collections.abc import Sequence

from jaxpose.data.track import Description, Track, title_with_notice
from jaxpose.evaluation import Part, bootstrap, comparability, paper_tables, results_file
from jaxpose.evaluation.averages import average, average_metrics, summarize
from jaxpose.evaluation.compare import (
    EvaluatedRun,
    EvaluationSetting,
    comparison_table,
    format_interval,
    seeds_table,
    title_of_split,
)
from jaxpose.evaluation.metric_records import by_joint, describe_units
from jaxpose.evaluation.plausibility import angles_table, constraints_table
from jaxpose.evaluation.protocol import Protocol
from jaxpose.evaluation.track_errors import ground_truth
from jaxpose.runtime.tables import Table

SMOOTHED_NOTE = (
    "Rows that name a filter are of the predictions of the row before them, smoothed in time, each track by itself: "
)
FILES_NOTE = (
    "poses from a file are scored as they are; on which subjects the program was trained, and whether it averaged with "
    "the mirrored input, is not known."
)


def evaluation_setting(
    description: Description, split: str, tracks: Sequence[Track], protocol: Protocol, runs: Sequence[EvaluatedRun]
) -> EvaluationSetting:
    """The setting of an evaluation of runs on tracks, as they were loaded."""
    plain = [run for run in runs if not run.smoothing]  # what a run was trained on is said once
    names = {run.name: f" by {run.name}" if len(plain) > 1 else "" for run in plain}
    by_run = [", ".join(run.trained_on) + names[run.name] for run in plain if run.trained_on]
    trained_on = ["; ".join(by_run)] if by_run else []
    reason = comparability.why_incomparable(description, comparability.scored_frames(tracks), protocol, trained_on)
    return EvaluationSetting(description, split, protocol, reason, results_file.trained_on_notice(trained_on))


def all_tables(runs: Sequence[EvaluatedRun], setting: EvaluationSetting, by: Sequence[Part]) -> dict[str, Table]:
    """Every table, by a name that can be a file's, in the order in which they are read."""
    suffix = {run.name: f"_{number}" if len(runs) > 1 else "" for number, run in enumerate(runs, start=1)}
    tables: dict[str, Table] = {}
    if len(runs) > 1:
        tables["comparison"] = comparison_table(runs, setting)
    tables |= {f"actions{suffix[run.name]}": actions_table(run, setting) for run in runs}
    if len(runs) > 1 and (seeds := seeds_table(runs, setting)):
        tables["seeds"] = seeds
    if not setting.incomparable:
        by_run = {run.name: _format_scores(run, setting.protocol) for run in runs}
        tables |= {f"paper_{number}": table for number, table in paper_tables.tables_with_runs(by_run).items()}
    tables["constraints"] = constraints_table(runs, setting)
    for run in runs:
        for part in by:
            table = joints_table(run, setting) if part == "joint" else group_table(run, setting, part)
            tables[f"{part}s{suffix[run.name]}"] = table
            if part == "joint" and setting.description.skeleton.angles:
                tables[f"angles{suffix[run.name]}"] = angles_table(run, setting)
    name, table = next(iter(tables.items()))
    tables[name] = table._replace(notes=[*table.notes, *_smoothing_notes(runs), *_file_notes(runs)])
    return tables


def _smoothing_notes(runs: Sequence[EvaluatedRun]) -> list[str]:
    """A sentence on the filters whose names are in rows; none if there are none."""
    used = {str(run.smoothing): run.smoothing.smoother for run in runs if run.smoothing}
    parts = [f"{label}: {smoother.help}" for label, smoother in used.items()]
    return [f"{SMOOTHED_NOTE}{'; '.join(parts)}."] if parts else []


def _file_notes(runs: Sequence[EvaluatedRun]) -> list[str]:
    """What is not known of poses from files; nothing if there are none."""
    files = [run.name for run in runs if run.config is None and not run.smoothing]
    return [f"{', '.join(files)}: {FILES_NOTE}"] if files else []


def published_rows_note(setting: EvaluationSetting) -> str:
    """A sentence on why the tables have no published rows; empty if they have."""
    if not setting.incomparable:
        return ""
    return f"Published rows (Tables 5 to 10 of the joint-aware paper) are not comparable: {setting.incomparable}."


def actions_table(run: EvaluatedRun, setting: EvaluationSetting) -> Table:
    """The errors by action and on average, and the 95 % bootstrap confidence interval of the average."""
    scores, metrics = summarize(run.errors, setting.protocol), run.errors.metrics
    table = results_file.results_table(
        scores, setting.description, title_of_split(setting), protocol=setting.protocol, metrics=metrics
    )
    intervals = bootstrap.metric_intervals(run.errors, setting.protocol)
    cells = (format_interval(intervals[metric.key], metric) for metric in metrics)
    return table._replace(
        title=f"{run.name}: {table.title}",
        rows=[*table.rows, (bootstrap.NAME, *cells)],
        notes=[*table.notes, bootstrap.NOTE, *bootstrap.why_no_interval(run.errors)],
    )


def group_table(run: EvaluatedRun, setting: EvaluationSetting, part: Part) -> Table:
    """The average errors by subject or by camera."""
    labels = run.errors.subjects if part == "subject" else run.errors.cameras
    metrics, rows = run.errors.metrics, []
    for label in dict.fromkeys(labels.tolist()):
        errors = run.errors.take(labels == label)
        cells = results_file.format_metrics(average_metrics(errors, setting.protocol), metrics)
        rows.append((label, f"{errors.frames.sum():,}", *cells))
    notes = [f"{describe_units(metrics)}. Each row is averaged over its own tracks as the whole is over all."]
    head = (part, "frames", *(metric.heading for metric in metrics))
    return Table(_title(run, f"by {part}", setting), head, rows, notes)


def joints_table(run: EvaluatedRun, setting: EvaluationSetting) -> Table:
    """Errors by joint, and deviation in length and left/right difference of the bone that ends at the joint."""
    skeleton, over = setting.description.skeleton, setting.protocol.average
    metrics = [metric for metric in run.errors.metrics if metric.per_joint]
    errors = [average(run.errors, by_joint(metric.key), over=over) for metric in metrics]
    bone_of = {child: index for index, (_, child) in enumerate(skeleton.tree_bones)}
    pair_of = {bone: index for index, pair in enumerate(skeleton.bone_pairs) for bone in pair}
    columns = {
        measured: average(run.errors, measured, over=over)
        for name in ("bone_length_std", "symmetry_error")
        for measured in (name, ground_truth(name))
    }
    rows = []
    for joint, name in enumerate(skeleton.joints):
        bone = bone_of.get(joint)
        indices = (bone, bone, pair_of.get(bone), pair_of.get(bone))
        cells = ["" if i is None else f"{column[i]:.1f}" for i, column in zip(indices, columns.values(), strict=True)]
        of_joint = (metric.format(values[joint]) for metric, values in zip(metrics, errors, strict=True))
        rows.append((name, *of_joint, *cells))
    head = (
        "joint",
        *(metric.heading for metric in metrics),
        "bone\nSD",
        "ground\ntruth",
        "left/right\ndiff.",
        "ground\ntruth",
    )
    units = f"{describe_units(metrics)}. " if metrics else ""
    notes = [f"{units}Bone SD and left/right diff.: those of the bone that ends at the joint, in mm."]
    return Table(_title(run, "by joint", setting), head, rows, notes)


def _format_scores(run: EvaluatedRun, protocol: Protocol) -> dict[str, dict[str, str]]:
    """The metrics as text, by action and "average", then by key."""
    scores = summarize(run.errors, protocol)
    by_action = scores["actions"] | {"average": scores["average"]}
    return {
        action: {metric.key: metric.format(values[metric.key]) for metric in run.errors.metrics}
        for action, values in by_action.items()
    }


def _title(run: EvaluatedRun, content: str, setting: EvaluationSetting) -> str:
    return f"{run.name}, {content}: {title_with_notice(setting.description)}, {title_of_split(setting)}"
