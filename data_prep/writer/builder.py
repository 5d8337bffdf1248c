"""The TFDS builder of the data contract: what one example holds, and the examples of every split."""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from jaxpose.data.store import CONTRACT_VERSION
from jaxpose.data.track import Description, Track, contract_violation, track_name
from jaxpose.runtime.errors import InputError


class Source(NamedTuple):
    """What is turned into a prepared data set; must be picklable where other processes do the work."""

    description: Description
    tracks: Callable[[str], Iterable[Track]]  # gives the tracks of a split
    text: str  # where the data come from and what was done to them, for people
    citation: str = ""  # BibTeX of the data's publication


def features(description: Description) -> tfds.features.FeaturesDict:
    """The features of one track, documented with units, frames and the order of joints.

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
        """Prepare to write.

        Args:
          source: what to write.
          splits: which of its splits.
          beam: let Apache Beam do the work, with the runner and the options of the `DownloadConfig`.
          data_dir: where TFDS may write.
          **kwargs: of `GeneratorBasedBuilder`.
        """
        self._source, self._splits, self._beam = source, splits, beam
        super().__init__(data_dir=data_dir, file_format="array_record", **kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        description = self._source.description
        return _Info(
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
        """The examples of a split: an iterator, or the Beam transform that makes them."""
        if not self._beam:
            return examples(self._source, split)
        import apache_beam  # only with the extra `beam`

        return apache_beam.Create([split]) | "Read" >> apache_beam.FlatMap(functools.partial(examples, self._source))

    def _log_download_bytes(self) -> None:
        """Say nothing: TFDS would announce a download of unknown size on stdout."""

    def _log_download_done(self) -> None:
        """Say nothing: TFDS would name its temporary folder on stdout."""


def examples(source: Source, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The tracks of a split as TFDS takes them, each once it has been found to keep the contract.

    Raises:
      InputError: a track breaks the contract (see `contract_violation`), is of another subject or is there twice, or
        there is none.
    """
    seen: set[str] = set()
    for track in source.tracks(split):
        found = contract_violation(track, source.description)
        if track.subject != split:
            found = f"{track_name(track)} is in split {split!r}, not its own subject's"
        if track_name(track) in seen:
            found = f"{track_name(track)} is there twice"
        if found:
            raise InputError(f"{found}; correct the source")
        yield len(seen), track._asdict()
        seen.add(track_name(track))
    if not seen:
        raise InputError(f"split {split!r} has no tracks; leave it out")
