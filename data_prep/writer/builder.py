"""The TFDS builder of the data contract: the features of an example, and the examples of every split."""

import contextlib
import functools
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from data_prep.writer.source import Source
from jaxpose.data.store import CONTRACT_VERSION
from jaxpose.data.track import Description, Track, contract_violation, track_name
from jaxpose.runtime.errors import InputError


def features(description: Description) -> tfds.features.FeaturesDict:
    """Return the features of one track, documented with units, frames and the order of joints.

    Tensors are stored as bytes: TFDS then writes them eight times as fast as its lists of floats, and reads all of
    Human3.6M (1.56 million frames) in about a second.
    """
    skeleton, layout, channels = description.skeleton, description.layout, description.channels

    def tensor(*shape: int | None, doc: str) -> tfds.features.Tensor:
        return tfds.features.Tensor(shape=shape, dtype=np.float32, encoding="bytes", doc=doc)

    order = f"in order: {', '.join(skeleton.joints)}"
    poses = f"joints in camera space (x right, y down, z forward), metres; no frames where unknown; {order}"
    points = f"x, y in pixels{' and a confidence' * (channels == 3)}; in order: {', '.join(layout.joints)}"
    return tfds.features.FeaturesDict(
        {
            "subject": tfds.features.Text(doc="name of the person; also the name of the split"),
            "action": tfds.features.Text(doc="name of the recording in the source"),
            "camera": tfds.features.Text(doc="name of the camera"),
            "fps": tfds.features.Scalar(np.float32, doc="frames per second"),
            "positions_3d": tensor(None, skeleton.num_joints, 3, doc=poses),
            "keypoints_2d": tensor(None, layout.num_joints, channels, doc=points),
            "intrinsics": tensor(9, doc="fx, fy, cx, cy in pixels; distortion k1, k2, k3 (radial), p1, p2"),
            "orientation": tensor(4, doc="unit quaternion (w, x, y, z) of the camera in the world"),
            "translation": tensor(3, doc="position of the camera in the world, metres"),
            "width": tfds.features.Scalar(np.int32, doc="of the image, pixels"),
            "height": tfds.features.Scalar(np.int32, doc="of the image, pixels"),
        }
    )


@contextlib.contextmanager
def quiet_tfds() -> Iterator[None]:
    """Keep TFDS from warning and from progress bars while it writes.

    It would warn of every config that is not built in, with all its fields (1,700 characters), and draw progress bars
    of unknown length.
    """

    def keep(record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith("Using custom data configuration")

    logger = logging.getLogger("absl")
    logger.addFilter(keep)
    tfds.display_progress_bar(enable=False)
    try:
        yield
    finally:
        tfds.display_progress_bar(enable=True)
        logger.removeFilter(keep)


class _LocalInfo(tfds.core.DatasetInfo):
    """A `DatasetInfo` that does not look for published data of the same name, for which it leaves a folder in /tmp."""

    def initialize_from_bucket(self) -> None:
        """Do nothing."""


class PoseTracks(tfds.core.GeneratorBasedBuilder):
    """A TFDS builder of the data contract; TFDS finds it under its class name."""

    VERSION = tfds.core.Version(CONTRACT_VERSION)
    RELEASE_NOTES = {"1.0.0": "One example is one track, one split is one subject."}  # noqa: RUF012
    url_infos = {}  # noqa: RUF012 - nothing to download; TFDS would look for a list with a package it does not install

    def __init__(
        self,
        *,
        source: Source,
        splits: Sequence[str],
        beam: bool = False,
        data_dir: str,
        **kwargs: Any,
    ) -> None:
        """Set the source.

        Args:
          source: the data set to write.
          splits: which of its splits.
          beam: write with Apache Beam, with the runner and the options of the `DownloadConfig`.
          data_dir: folder for TFDS to write to.
          **kwargs: of `GeneratorBasedBuilder`.
        """
        self._source, self._splits, self._beam = source, splits, beam
        super().__init__(data_dir=data_dir, file_format="array_record", **kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        description = self._source.description
        return _LocalInfo(
            builder=self,
            description=self._source.text,
            citation=self._source.citation,
            features=features(description),
            metadata=tfds.core.MetadataDict(
                title=description.title,
                synthetic=description.synthetic,
                skeleton=description.skeleton.to_dict(),
                layout=description.layout.to_dict(),
            ),
            disable_shuffling=True,  # tracks stay in the order of the source, so 'S1[:50%]' means its first half
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        return {split: self._generate_examples(split) for split in self._splits}

    def _generate_examples(self, split: str) -> Any:
        """Return the examples of a split: an iterator, or the Beam transform that makes them."""
        if not self._beam:
            return examples(self._source, split)
        import apache_beam  # only with the extra `beam`

        return apache_beam.Create([split]) | "Read" >> apache_beam.FlatMap(functools.partial(examples, self._source))

    # TFDS has no option for the two lines below; a redirected stdout would also swallow the lines of a source.

    def _log_download_bytes(self) -> None:
        """Print nothing: TFDS would announce a download of unknown size."""

    def _log_download_done(self) -> None:
        """Print nothing: TFDS would name its temporary folder."""


MIN_EXTENT_M, MAX_EXTENT_M = 0.2, 10.0
"""Diagonal of the box around a person; other units than metres make at least ten times less or more than 1 to 2.5."""


def _wrong_unit(track: Track) -> str:
    """A message if the poses of a track cannot be in metres; empty if they can."""
    if not len(track.positions_3d):
        return ""
    extent = float(np.median(np.linalg.norm(np.ptp(track.positions_3d.astype(np.float64), axis=1), axis=1)))
    if not (0 < extent < MIN_EXTENT_M or extent > MAX_EXTENT_M):  # all joints at one place have no unit
        return ""
    return (
        f"{track_name(track)}: the box around the person has a diagonal of {extent:.4g} m: the lengths are in another "
        "unit than those of this source"
    )


def examples(source: Source, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the tracks of a split as TFDS examples, each after a check of the data contract.

    Raises:
      InputError: a track violates the contract (see `contract_violation`), has a person who is as small or large as
        lengths in another unit make people, has the subject of another split, or has the name of an earlier one; or
        there are no tracks.
    """
    names: set[str] = set()
    for track in source.tracks(split):
        violation = contract_violation(track, source.description) or _wrong_unit(track)
        if track.subject != split:
            violation = f"{track_name(track)} is in split {split!r}, not in that of its subject"
        if track_name(track) in names:
            violation = f"{track_name(track)} exists twice"
        if violation:
            raise InputError(f"{violation}; correct the source")
        yield len(names), track._asdict()
        names.add(track_name(track))
    if not names:
        raise InputError(f"split {split!r} has no tracks; remove it from the source")
