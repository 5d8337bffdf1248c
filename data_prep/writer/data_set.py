"""Write a prepared data set, the data contract on disk.

One example is one track: one subject, one action, one camera. One split is one subject. The skeleton of the poses
and the layout of the keypoints are stored with the data as metadata. `jaxpose.data.store` reads it back.
"""

import functools
import json
import multiprocessing
import os
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import resource_tracker
from pathlib import Path

import jax
import rich.table
import tensorflow_datasets as tfds

from data_prep.writer.builder import PoseTracks, quiet_tfds
from data_prep.writer.source import Source, SplitSize
from data_prep.writer.staging import finished_record, staging_folder
from jaxpose.data import store
from jaxpose.data.track import Description, Track
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.progress import counting
from jaxpose.runtime.signals import interrupts_blocked


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
) -> dict[str, SplitSize]:
    """Write a prepared data set: whole, or not at all.

    Every split is prepared separately. Splits that a killed process had finished stay in a hidden folder beside `out`,
    and are used when the same command runs again with unchanged inputs.

    Args:
      out: folder to write; it must be empty, or not exist.
      description: of the data; stored with it.
      tracks: returns the tracks of a split; called once for each of `description.splits`.
      text: where the data come from and how they were changed, for people.
      citation: BibTeX of the publication.
      inputs: files and folders that the tracks are made from; without any, nothing of a killed process is used again.
      jobs: processes that prepare splits; with more than one, or with `inputs`, `tracks` must be picklable.
      beam: options of an Apache Beam pipeline that prepares the splits instead, such as "runner=DirectRunner"; its
        workers need access to `inputs` and to the parent folder of `out`.
      builder: makes the TFDS builder.

    Returns:
      Size by split, as read back.

    Raises:
      InputError: `jobs` is below 1, `out` is not empty or cannot be written, there are no splits, a split has no tracks
        or a name that TFDS cannot read back, or a track violates the contract (see `contract_violation`). Then nothing
        has been written.
    """
    if jobs < 1:
        raise InputError(f"--jobs is {jobs}; it must be at least 1")
    if not description.splits:
        raise InputError(f"nothing to write to {out}: there are no tracks")
    for split in description.splits:
        if not re.fullmatch(r"[A-Za-z0-9_]+", split) or split == "all":
            raise InputError(f"subject {split!r} cannot name a split; use letters, digits and _, and not 'all'")
    check_output_folder(out)
    source = Source(description, tracks, text, citation)
    with staging_folder(out, source, inputs) as folder:
        pending = [split for split in description.splits if not finished_record(folder, split).exists()]
        prepare = functools.partial(_prepare, folder, source, builder)
        if beam is not None and pending:
            prepare(pending, beam)
        elif beam is None:
            _prepare_each(prepare, pending, jobs)
        _write_metadata(folder, source, builder)
        sizes = {split: _size(store.read_tracks(folder / "data", split)[1]) for split in description.splits}
        (folder / "data").rename(out)
    return sizes


def check_output_folder(out: Path) -> None:
    """Check that a folder can be written; commands do so before they read for minutes.

    Raises:
      InputError: `out` is a file, or a folder that is not empty.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        problem = "is not empty" if out.is_dir() else "is a file"
        raise InputError(f"{out} {problem}; name a new folder, or remove it first")


def size_table(sizes: Mapping[str, SplitSize]) -> rich.table.Table:
    """Make a table of the sizes to print, one row per split."""
    table = rich.table.Table("split", *(rich.table.Column(field, justify="right") for field in SplitSize._fields))
    for split, size in sizes.items():
        table.add_row(split, str(size.tracks), str(size.frames), f"{size.seconds:.0f}")
    return table


def _size(tracks: Sequence[Track]) -> SplitSize:
    frames = [len(track.keypoints_2d) for track in tracks]
    return SplitSize(len(tracks), sum(frames), sum(n / track.fps for n, track in zip(frames, tracks, strict=True)))


def _prepare(
    folder: Path, source: Source, builder: Callable[..., PoseTracks], splits: Sequence[str], beam: str | None = None
) -> None:
    """Write the shards of splits, then the record that each is finished."""
    config = _beam_config(beam) if beam is not None else None
    new = folder / "-".join(["new", *splits[:1]])
    try:
        with quiet_tfds():
            build = builder(source=source, splits=splits, beam=beam is not None, data_dir=str(new))
            build.download_and_prepare(download_config=config)
    except RuntimeError as error:  # array_record's for a full disk
        raise OSError(error) from error
    for split in splits:
        info = build.info.splits[split]
        for shard in info.filepaths:
            shard.rename(folder / "data" / shard.name)
        draft = folder / f"{split}.draft"
        draft.write_text(json.dumps({"shard_lengths": info.shard_lengths, "num_bytes": info.num_bytes}))
        draft.rename(finished_record(folder, split))


def _beam_config(words: str) -> tfds.download.DownloadConfig:
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise InputError(f"Apache Beam is not installed ({error}); pip install apache-beam") from None
    options = PipelineOptions([f"--{option}" for option in words.split()])
    return tfds.download.DownloadConfig(beam_options=options)


def _prepare_each(prepare: Callable[[Sequence[str]], None], splits: Sequence[str], jobs: int) -> None:
    """Prepare splits one by one, in this process or in several, with progress on stderr."""
    with counting("subjects", len(splits)) as count:
        if jobs == 1 or len(splits) < 2:
            for split in splits:
                prepare([split])
                count()
            return
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(min(jobs, len(splits)), context, initializer=_init_worker)
        try:
            # Ctrl-C goes to the workers too: they would print a traceback each. The tracker is started before, as it
            # ends the blocking.
            resource_tracker.ensure_running()
            with interrupts_blocked():
                tasks = [pool.submit(prepare, [split]) for split in splits]
            for done in as_completed(tasks):
                done.result()
                count()
        except KeyboardInterrupt:
            for worker in multiprocessing.active_children():  # they would finish their splits first
                worker.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _init_worker() -> None:
    """Work on the CPU, as the commands do, and stop when the parent process has been killed.

    A killed parent cannot stop its workers, and `ProcessPoolExecutor` has no way for them to notice: they would finish
    their splits and then wait forever. Their main threads are busy, so only `os._exit` ends them at once.
    """
    jax.config.update("jax_platforms", "cpu")
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def _write_metadata(folder: Path, source: Source, builder: Callable[..., PoseTracks]) -> None:
    """Write the files that TFDS needs to read the shards, beside them.

    TFDS writes them when one process prepares all splits; here each split may have had a process of its own, so the
    infos of the splits are put together. (`tfds.folder_dataset.write_metadata` is for data without a builder: it knows
    no config and no release notes.)
    """
    data, infos, splits = folder / "data", [], source.description.splits
    with quiet_tfds():
        build = builder(source=source, splits=splits, data_dir=str(folder))
    for split in splits:
        template = tfds.core.ShardedFileTemplate(
            data_dir=data, dataset_name=build.name, split=split, filetype_suffix="array_record"
        )
        record = json.loads(finished_record(folder, split).read_text())
        infos.append(tfds.core.SplitInfo(split, **record, filename_template=template))
    build.info.set_splits(tfds.core.SplitDict(infos))
    build.info.write_to_directory(data)
