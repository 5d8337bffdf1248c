"""The data contract: what every source of poses is turned into, and the one way to write it.

One example is one track: one subject, one action, one camera. One split is one subject. The skeleton of the poses
and the layout of the keypoints travel with the data as metadata. `jaxpose.data.store` reads it back.
"""

import functools
import json
import multiprocessing
import os
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

import jax
import rich.console
import rich.progress
import rich.table
import tensorflow_datasets as tfds

from data_prep.writer.builder import PoseTracks, Source
from data_prep.writer.workplace import finished_record, workplace
from jaxpose.data import store
from jaxpose.data.track import Description, Track
from jaxpose.runtime.errors import InputError


class Tally(NamedTuple):
    """How much a split holds."""

    tracks: int
    frames: int
    seconds: float


def write(
    out: Path,
    description: Description,
    tracks: Callable[[str], Iterable[Track]],
    *,
    text: str,
    citation: str = "",
    inputs: Sequence[Path] = (),
    jobs: int = 1,
    beam: str | None = None,
    builder: Callable[..., PoseTracks] = PoseTracks,
) -> dict[str, Tally]:
    """Write a prepared data set: whole, or not at all.

    Every split is prepared by itself. What a killed process had finished stays in a hidden folder beside `out`, and is
    used when the same command is given again with unchanged inputs.

    Args:
      out: the folder to make; it may exist if it is empty.
      description: of the data; travels with it.
      tracks: gives the tracks of each of `description.splits`; asked once for every split.
      text: where the data comes from and what was done to it, for people.
      citation: BibTeX of the data's publication.
      inputs: files and folders that the tracks are made from; without any, nothing is kept of a killed process.
      jobs: processes that prepare splits; with more than one, or with `inputs`, `tracks` must be picklable.
      beam: options of an Apache Beam pipeline that does the work in their place, such as "runner=DirectRunner"; its
        workers must see `inputs` and the folder that holds `out`.
      builder: makes the TFDS builder.

    Returns:
      How much was written, by split, as read back.

    Raises:
      InputError: `jobs` is below 1, `out` is not empty or cannot be written, there are no splits, a split has no tracks
        or a name that TFDS cannot read back, or a track breaks the contract (see `contract_violation`). Then nothing
        has been written.
    """
    if jobs < 1:
        raise InputError(f"--jobs is {jobs}; it must be at least 1")
    if not description.splits:
        raise InputError(f"nothing to write to {out}: there are no tracks")
    for split in description.splits:
        if not re.fullmatch(r"[A-Za-z0-9_]+", split) or split == "all":
            raise InputError(f"subject {split!r} cannot name a split; use letters, digits and _, and not 'all'")
    check_out(out)
    source = Source(description, tracks, text, citation)
    with workplace(out, source, inputs) as place:
        pending = [split for split in description.splits if not finished_record(place, split).exists()]
        prepare = functools.partial(_prepare, place, source, builder)
        if beam is not None and pending:
            prepare(pending, beam)
        elif beam is None:
            _prepare_each(prepare, pending, jobs)
        _describe(place, builder(source=source, splits=description.splits, data_dir=str(place)), description.splits)
        tallies = {split: _tally(store.read_tracks(place / "data", split)[1]) for split in description.splits}
        (place / "data").rename(out)
    return tallies


def check_out(out: Path) -> None:
    """Refuse a folder that already holds something; commands ask before they read for minutes.

    Raises:
      InputError: `out` is a file, or a folder that is not empty.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        what = "already holds files" if out.is_dir() else "is a file"
        raise InputError(f"{out} {what}; name a new folder, or remove it first")


def table(tallies: Mapping[str, Tally]) -> rich.table.Table:
    """The tallies as a table to print, one row per split."""
    rows = rich.table.Table("split", *(rich.table.Column(field, justify="right") for field in Tally._fields))
    for split, tally in tallies.items():
        rows.add_row(split, str(tally.tracks), str(tally.frames), f"{tally.seconds:.0f}")
    return rows


def _tally(tracks: Sequence[Track]) -> Tally:
    frames = [len(track.keypoints_2d) for track in tracks]
    return Tally(len(tracks), sum(frames), sum(n / track.fps for n, track in zip(frames, tracks, strict=True)))


def _prepare(
    place: Path, source: Source, builder: Callable[..., PoseTracks], splits: Sequence[str], beam: str | None = None
) -> None:
    """Write the shards of some splits, and the record of each once they are there."""
    folder = place / "-".join(["new", *splits[:1]])
    build = builder(source=source, splits=splits, beam=beam is not None, data_dir=str(folder))
    tfds.display_progress_bar(enable=False)  # it counts examples of unknown number, twice
    try:
        build.download_and_prepare(download_config=_beam_config(beam) if beam is not None else None)
    except RuntimeError as error:  # so array_record reports a full disk
        raise OSError(error) from error
    finally:
        tfds.display_progress_bar(enable=True)
    for split in splits:
        info = build.info.splits[split]
        for shard in info.filepaths:
            shard.rename(place / "data" / shard.name)
        draft = place / f"{split}.draft"
        draft.write_text(json.dumps({"shard_lengths": info.shard_lengths, "num_bytes": info.num_bytes}))
        draft.rename(finished_record(place, split))


def _beam_config(words: str) -> tfds.download.DownloadConfig:
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise InputError(f"Apache Beam is not installed ({error}); pip install '.[beam]'") from None
    options = PipelineOptions([f"--{option}" for option in words.split()])
    return tfds.download.DownloadConfig(beam_options=options)


def _prepare_each(prepare: Callable[[Sequence[str]], None], splits: Sequence[str], jobs: int) -> None:
    """Prepare splits one by one, in this process or in several, with progress on stderr."""
    columns = (
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TimeElapsedColumn(),
    )
    console = rich.console.Console(stderr=True)
    with rich.progress.Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("subjects", total=len(splits))
        if jobs == 1 or len(splits) < 2:
            for split in splits:
                prepare([split])
                progress.advance(task)
            return
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(min(jobs, len(splits)), context, initializer=_begin_worker)
        try:
            for done in as_completed([pool.submit(prepare, [split]) for split in splits]):
                done.result()
                progress.advance(task)
        finally:
            pool.shutdown(cancel_futures=True)


def _begin_worker() -> None:
    """Work on the CPU, as the commands do, and stop when the process that gives out the work has been killed."""
    jax.config.update("jax_platforms", "cpu")
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def _describe(place: Path, builder: PoseTracks, splits: Sequence[str]) -> None:
    """Write what TFDS needs to read the shards, beside them."""
    data, infos = place / "data", []
    for split in splits:
        template = tfds.core.ShardedFileTemplate(
            data_dir=data, dataset_name=builder.name, split=split, filetype_suffix="array_record"
        )
        infos.append(
            tfds.core.SplitInfo(
                split, **json.loads(finished_record(place, split).read_text()), filename_template=template
            )
        )
    builder.info.set_splits(tfds.core.SplitDict(infos))
    builder.info.write_to_directory(data)
