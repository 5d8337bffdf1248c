"""The data contract: what every source of poses is turned into, and the one way to write it.

One example is one track: one subject, one action, one camera. One split is one subject. The skeleton of the poses
and the layout of the keypoints travel with the data as metadata. `jaxpose.prepared` reads it back.
"""

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rich.console
import rich.progress
import rich.table
import tensorflow_datasets as tfds

from jaxpose.dataset import Description, Track, name
from jaxpose.errors import InputError
from jaxpose.prepared import CONTRACT_VERSION, fault


class Tally(NamedTuple):
    """How much a split holds."""

    tracks: int
    frames: int
    seconds: float


def features(description: Description) -> tfds.features.FeaturesDict:
    """The features of one track, documented with units, frames and the order of joints.

    Tensors are stored as bytes: TFDS then writes them eight times as fast as its lists of floats, and reads all of
    Human3.6M (1.56 million frames) in about a second.
    """
    skeleton, layout, channels = description.skeleton, description.layout, description.channels

    def tensor(*shape: int | None, doc: str) -> tfds.features.Tensor:
        return tfds.features.Tensor(shape=shape, dtype=np.float32, encoding="bytes", doc=doc)

    poses = f"joints in camera space (x right, y down, z forward), metres; in order: {', '.join(skeleton.joints)}"
    points = f"x, y in pixels{' and a confidence' * (channels == 3)}; in order: {', '.join(layout.joints)}"
    return tfds.features.FeaturesDict(
        {
            "subject": tfds.features.Text(doc="who moves; also the name of the split"),
            "action": tfds.features.Text(doc="what they do, as the source names the recording"),
            "camera": tfds.features.Text(doc="which camera sees it"),
            "fps": tfds.features.Scalar(np.float32, doc="frames per second"),
            "positions_3d": tensor(None, skeleton.num_joints, 3, doc=poses),
            "keypoints_2d": tensor(None, layout.num_joints, channels, doc=points),
            "intrinsics": tensor(9, doc="fx, fy, cx, cy in pixels; distortion k1, k2, k3 (radial), p1, p2"),
            "orientation": tensor(4, doc="unit quaternion (w, x, y, z) of the camera in the world"),
            "translation": tensor(3, doc="metres, where the camera stands in the world"),
            "width": tfds.features.Scalar(np.int32, doc="of the image, pixels"),
            "height": tfds.features.Scalar(np.int32, doc="of the image, pixels"),
        }
    )


class _Info(tfds.core.DatasetInfo):
    """A `DatasetInfo` that stays at home."""

    def initialize_from_bucket(self) -> None:
        """Do nothing: TFDS would look for published data of this name, and leave an empty folder in /tmp."""


class PoseTracks(tfds.core.GeneratorBasedBuilder):
    """The TFDS builder behind `write`; TFDS finds it under its class name."""

    VERSION = tfds.core.Version(CONTRACT_VERSION)
    RELEASE_NOTES = {"1.0.0": "One example is one track, one split is one subject."}  # noqa: RUF012
    url_infos = {}  # noqa: RUF012 - nothing to download; TFDS would look for a list with a package it does not install

    def __init__(self, *, splits: Mapping[str, Iterable[Track]], info: Mapping[str, Any], data_dir: str) -> None:
        """Args: tracks by split, arguments of `tfds.core.DatasetInfo`, where TFDS may write."""
        self._tracks, self._info_arguments = splits, info
        super().__init__(data_dir=data_dir, file_format="array_record")

    def _info(self) -> tfds.core.DatasetInfo:
        # Unshuffled: tracks stay in the order of the source, so 'S1[:50%]' means its first half.
        return _Info(builder=self, disable_shuffling=True, **self._info_arguments)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator[tuple[int, dict]]]:
        return {split: self._generate_examples(tracks) for split, tracks in self._tracks.items()}

    def _generate_examples(self, tracks: Iterable[Track]) -> Iterator[tuple[int, dict[str, Any]]]:
        for key, track in enumerate(tracks):
            yield key, track._asdict()

    def _log_download_bytes(self) -> None:
        """Say nothing: TFDS would announce a download of unknown size on stdout."""

    def _log_download_done(self) -> None:
        """Say nothing: TFDS would name its temporary folder on stdout."""


def write(
    out: Path,
    description: Description,
    tracks: Callable[[str], Iterable[Track]],
    *,
    text: str,
    citation: str = "",
) -> dict[str, Tally]:
    """Write a prepared data set: whole, or not at all.

    Args:
      out: the folder to make; it may exist if it is empty.
      description: of the data; travels with it.
      tracks: gives the tracks of each of `description.splits`; asked for one split after the other.
      text: where the data comes from and what was done to it, for people.
      citation: BibTeX of the data's publication.

    Returns:
      How much was written, by split.

    Raises:
      InputError: `out` is not empty or cannot be written, there are no splits, a split has no tracks or a name that
        TFDS cannot read back, or a track breaks the contract (see `prepared.fault`). Then nothing has been written.
    """
    if not description.splits:
        raise InputError(f"nothing to write to {out}: there are no tracks")
    for split in description.splits:
        if not re.fullmatch(r"[A-Za-z0-9_]+", split) or split == "all":
            raise InputError(f"subject {split!r} cannot name a split; use letters, digits and _, and not 'all'")
    tallies: dict[str, Tally] = {}
    described = {
        "title": description.title,
        "synthetic": description.synthetic,
        "skeleton": description.skeleton.to_dict(),
        "layout": description.layout.to_dict(),
    }
    info = {
        "description": text,
        "citation": citation,
        "features": features(description),
        "metadata": tfds.core.MetadataDict(described),
    }
    check_out(out)
    with _scratch(out) as scratch, _progress() as progress:

        def watched(split: str) -> Iterator[Track]:
            task = progress.add_task(split, total=None)
            tallies[split] = Tally(0, 0, 0.0)
            for track in _checked(split, tracks(split), description):
                yield track
                tallies[split] = _add(tallies[split], track)
                progress.advance(task)
            progress.update(task, total=tallies[split].tracks)

        splits = {split: watched(split) for split in description.splits}
        builder = PoseTracks(splits=splits, info=info, data_dir=str(scratch))
        builder.download_and_prepare()
        Path(builder.data_dir).rename(out)
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


def _checked(split: str, tracks: Iterable[Track], description: Description) -> Iterator[Track]:
    """The tracks of a split, each once it has been found to keep the contract."""
    seen = set()
    for track in tracks:
        found = fault(track, description)
        if track.subject != split:
            found = f"{name(track)} is in split {split!r}, not its own subject's"
        if name(track) in seen:
            found = f"{name(track)} is there twice"
        if found:
            raise InputError(f"{found}; correct the source")
        seen.add(name(track))
        yield track
    if not seen:
        raise InputError(f"split {split!r} has no tracks; leave it out")


def _add(tally: Tally, track: Track) -> Tally:
    """The tally with one track more."""
    frames = len(track.positions_3d)
    return Tally(tally.tracks + 1, tally.frames + frames, tally.seconds + frames / track.fps)


@contextlib.contextmanager
def _scratch(out: Path) -> Iterator[Path]:
    """A folder beside `out`, so that renaming is one atomic step; gone afterwards, whatever happened."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
            yield Path(scratch)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error}; make room, or name another folder") from error


@contextlib.contextmanager
def _progress() -> Iterator[rich.progress.Progress]:
    """Progress on stderr in place of TFDS's own, which counts examples of unknown number twice."""
    columns = (
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.TextColumn("{task.completed} tracks"),
        rich.progress.TimeElapsedColumn(),
    )
    tfds.display_progress_bar(enable=False)
    try:
        with rich.progress.Progress(*columns, console=rich.console.Console(stderr=True)) as progress:
            yield progress
    finally:
        tfds.display_progress_bar(enable=True)
