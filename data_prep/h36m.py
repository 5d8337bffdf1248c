"""Prepare Human3.6M, or data that looks like it, from whatever of it is on disk.

    python -m data_prep.h36m --archives DIR --keypoints data_2d_h36m_cpn_ft_h36m_dbb.npz --out h36m
    python -m jaxpose.train baseline --data h36m

`human36m.mocap_files` says in which forms the poses are recognised. The keypoints are those of a detector, in the npz
files that lifting programs exchange, or `gt`: the projected joints.
"""

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import jax
import rich
import rich.console
import rich.table
import tyro

from data_prep.human36m import mocap_files
from data_prep.human36m.builder import PROJECTED, Config, Human36m, Plan, check, config_of, source, without
from data_prep.human36m.mocap_files import Survey
from data_prep.human36m.npz import Recording, read_keypoints, recording_name
from data_prep.writer import data_set
from jaxpose.data import store
from jaxpose.data.human36m import DAMAGED_S9, S11_DIRECTIONS
from jaxpose.runtime.errors import InputError, cli_errors


def prepare(
    *,
    archives: Annotated[Path, tyro.conf.arg(metavar="DIR")],
    keypoints: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="FILE")] = (Path(PROJECTED),),
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")],
    s11_directions: Literal["none", "three-views", "all"] = "none",
    without_damaged_s9: tyro.conf.FlagCreatePairsOff[bool] = False,
    fps: float = 50.0,
    title: str = "",
    jobs: int = os.cpu_count() or 1,
    beam: str | None = None,
    dry_run: tyro.conf.FlagCreatePairsOff[bool] = False,
) -> None:
    """Prepare Human3.6M, or data in its formats, for jaxpose.train.

    Args:
      archives: Folder with the archives as downloaded, or extracted, or converted; or one archive; or data_3d_h36m.npz.
      keypoints: Files data_2d_h36m_NAME.npz, or `gt` for the projected joints. With several, DIR/NAME is made of each.
      out: Folder to write the prepared data set to; it must not hold anything yet.
      s11_directions: Views to keep of S11's recording Directions, one of whose videos is damaged; published evaluations
        keep none.
      without_damaged_s9: Leave out the three recordings of S9 whose poses are shifted against the video.
      fps: Frames per second; of other data than Human3.6M.
      title: Names the data in reports.
      jobs: Subjects to prepare at a time.
      beam: Options of an Apache Beam pipeline to do the work, such as 'runner=DirectRunner' (extra: beam).
      dry_run: Say what is there and what is missing, and write nothing.
    """
    if not 0 < fps < float("inf"):
        raise InputError(f"--fps is {fps}; it must be above zero")
    sources = [config_of(_file(name)) for name in keypoints]
    outs = [out / config.name if len(sources) > 1 else out for config in sources]
    for folder in outs:
        data_set.check_out(folder)
    with rich.console.Console(stderr=True).status("looking for poses"):
        survey = mocap_files.survey(archives)
    left_out = [S11_DIRECTIONS] * (s11_directions == "none") + [*DAMAGED_S9] * without_damaged_s9
    files = without(survey.files, left_out)
    if dry_run:
        rich.print(_inventory(survey), *survey.remarks, sep="\n")
        for config, name in zip(sources, keypoints, strict=True):
            print(_held(config, _file(name)))
    subjects = [check(survey, files, _file(name)) for name in keypoints]
    if dry_run:
        print(f"complete: without --dry-run, {', '.join(map(str, outs))} would be written")
        return
    unseen = S11_DIRECTIONS if s11_directions == "three-views" else None
    remarks = [*survey.remarks, *_left_out(survey, left_out)]
    for config, name, splits, folder in zip(sources, keypoints, subjects, outs, strict=True):
        made = source(
            Plan(files, _file(name), fps, unseen), config, splits,
            title=title or _title(survey, archives, config, name), remarks=remarks,
        )  # fmt: skip
        known = config.name if config in Human36m.BUILDER_CONFIGS else config
        tallies = data_set.write(
            folder, made.description, made.tracks, text=made.text, citation=made.citation,
            inputs=[archives, *([name] if _file(name) else [])], jobs=jobs, beam=beam,
            builder=functools.partial(Human36m, config=known),
        )  # fmt: skip
        for remark in (*remarks, *_cuts(folder, _file(name))):
            print(remark)
        rich.print(data_set.table(tallies))
        print(f"wrote {folder}")


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    jax.config.update("jax_platforms", "cpu")  # nothing here is worth taking a GPU away from a training
    with cli_errors():
        tyro.cli(prepare, args=argv, prog="python -m data_prep.h36m")


def _file(keypoints: Path) -> Path | None:
    """The file of keypoints; None if they are to be projected."""
    return None if str(keypoints) == PROJECTED else keypoints


def _title(survey: Survey, archives: Path, config: Config, keypoints: Path) -> str:
    """Human3.6M's own files are called so; npz files may hold anything, and are named."""
    return f"Human3.6M, {config.name}" if survey.missing else f"{archives.name} and {keypoints.name}"


def _inventory(survey: Survey) -> rich.table.Table:
    """What there is of every subject."""
    table = rich.table.Table("subject", "recordings", "missing", "in")
    for subject, files in survey.files.items():
        missing = survey.missing.get(subject, ())
        where = dict.fromkeys(str(file.container if file.member else file.container.parent) for file in files.values())
        table.add_row(subject, str(len(files)), ", ".join(missing) or "none", ", ".join(where))
    return table


def _held(config: Config, keypoints: Path | None) -> str:
    """What there is of a source of keypoints."""
    if keypoints is None:
        return f"{config.name}: projected joints"
    views = read_keypoints(keypoints).views
    subjects = ", ".join(dict.fromkeys(subject for subject, _ in views))
    layout = f"{config.layout.name}, {config.channels} channels"
    return f"{config.name}: {len(views)} recordings of {subjects}; layout {layout}"


def _left_out(survey: Survey, recordings: Sequence[Recording]) -> list[str]:
    """Remarks on what the options exclude."""
    there = [recording_name((s, a)) for s, a in recordings if a in survey.files.get(s, ())]
    return (
        [f"left out, as published evaluations do: {', '.join(there)} (--s11-directions all keeps it)"] if there else []
    )


def _cuts(folder: Path, keypoints: Path | None) -> list[str]:
    """Remarks on keypoints that were not used, from a comparison of what was written with the file."""
    if keypoints is None:
        return []
    views = read_keypoints(keypoints).views
    written = {(track.subject, track.action): len(track.keypoints_2d) for track in store.read_tracks(folder, "all")[1]}
    surplus = [recording_name(recording) for recording in sorted(views) if recording not in written]
    excess = {r: most - written[r] for r in written if (most := max(map(len, views[r]))) > written[r]}
    cuts = [f"{recording_name(r)} by {excess[r]}" for r in sorted(excess, key=excess.__getitem__, reverse=True)]
    said = ("left out, keypoints without poses", surplus), ("keypoints cut to the frames that have poses", cuts)
    return [f"{what}: {_listed(names)}" for what, names in said if names]


def _listed(names: Sequence[str], most: int = 5) -> str:
    """The first few names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


if __name__ == "__main__":
    main()
