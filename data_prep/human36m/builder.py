"""The TFDS builder of Human3.6M, with a config for each published detector of keypoints."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from data_prep.human36m import mocap_files
from data_prep.human36m.npz import read_keypoints
from data_prep.human36m.tracks import Options, check_complete, exclude, tracks
from data_prep.writer.builder import PoseTracks
from data_prep.writer.source import Source
from jaxpose import skeleton
from jaxpose.data.human36m import S11_DIRECTIONS
from jaxpose.data.track import Description
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17, Skeleton

CITATION = """@article{h36m_pami,
  author = {Ionescu, Catalin and Papava, Dragos and Olaru, Vlad and Sminchisescu, Cristian},
  title = {Human3.6M: Large Scale Datasets and Predictive Methods for 3D Human Sensing in Natural Environments},
  journal = {IEEE Transactions on Pattern Analysis and Machine Intelligence},
  volume = {36}, number = {7}, pages = {1325--1339}, year = {2014}
}"""

PROJECTED = "gt"
"""Name of the config whose keypoints are the projected joints, with the distortion of the lens."""

_MPII_16 = skeleton.layout("mpii", 16, (5, 4, 3, 15, 14, 13), (0, 1, 2, 10, 11, 12))


@dataclasses.dataclass
class Config(tfds.core.BuilderConfig):
    """A detector of keypoints; the name is the last part of the name of its file."""

    layout: Skeleton = H36M_17
    channels: int = 2  # 3 with a confidence


class Human36m(PoseTracks):
    """Human3.6M for TFDS. Without a `source`, files are taken from the folder for manual downloads."""

    BUILDER_CONFIGS = [  # noqa: RUF012
        Config(name=PROJECTED, description="projected joints"),
        Config(name="cpn_ft_h36m_dbb", description="cascaded pyramid network, fine-tuned on Human3.6M"),
        Config(name="detectron_ft_h36m", description="Mask R-CNN, fine-tuned on Human3.6M"),
        Config(name="detectron_pt_coco", description="Mask R-CNN, trained on COCO", layout=COCO_17),
        Config(name="sh_ft_h36m", description="stacked hourglass, fine-tuned on Human3.6M", layout=_MPII_16),
        Config(name="sh_pt_mpii", description="stacked hourglass, trained on MPII", layout=_MPII_16),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Register at the site of Human3.6M, accept its licence, and download "D3 Positions" of S1, S5, S6, S7, S8, S9, S11.
    Put the seven archives as they are into the manual folder, and the keypoints of a detector, data_2d_h36m_NAME.npz,
    beside them; NAME is the config, `gt` needs none.
    """

    def __init__(self, *, source: Source | None = None, splits: Sequence[str] = (), **kwargs: Any) -> None:
        """Set the source; arguments as in `PoseTracks`."""
        super().__init__(source=source, splits=splits, **kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        if self._source is None:
            self._source = make_source(Options({}, None), self.builder_config, splits=())
        return super()._info()

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        if not self._splits:
            self._source = _source_in(Path(dl_manager.manual_dir), self.builder_config)
            self._splits = self._source.description.splits
        return super()._split_generators(dl_manager)


def make_source(
    options: Options, config: Config, splits: Sequence[str], title: str = "", remarks: Sequence[str] = ()
) -> Source:
    """Return the source of some subjects; see `tracks`.

    Args:
      options: files and conversion.
      config: of the keypoints.
      splits: the subjects.
      title: of the data set; by default Human3.6M and the name of the config.
      remarks: for the text of the data set.
    """
    title = title or f"Human3.6M, {config.name}"
    description = Description(title, False, H36M_17, config.layout, config.channels, tuple(splits))
    text = f"Human3.6M: poses in camera space, 2D keypoints: {config.description or config.name}"
    return Source(description, functools.partial(tracks, options), "; ".join([text, *remarks]), CITATION)


def keypoint_config(path: Path | None) -> Config:
    """Return the config of a keypoint file: a known one of its name, layout and channels, or a new one.

    Args:
      path: data_2d_h36m_NAME.npz; None for projected joints.
    """
    known = {config.name: config for config in Human36m.BUILDER_CONFIGS}
    if path is None:
        return known[PROJECTED]
    keypoints, name = read_keypoints(path), path.stem.removeprefix("data_2d_").removeprefix("h36m_")
    if name in known and (known[name].layout, known[name].channels) == (keypoints.layout, keypoints.channels):
        return known[name]
    name = f"{name}_{keypoints.channels}_channels" if name in known else name
    return Config(name=name, description=path.name, layout=keypoints.layout, channels=keypoints.channels)


def _source_in(folder: Path, config: Config) -> Source:
    """Return the source of the files in TFDS's folder for manual downloads."""
    keypoints = None if config.name == PROJECTED else folder / f"data_2d_h36m_{config.name}.npz"
    if (actual := keypoint_config(keypoints)) is not config:
        raise InputError(
            f"{keypoints}: layout {actual.layout.name!r}, {actual.channels} channels, are not those of the config"
        )
    inventory = mocap_files.find_recordings(folder)
    files = exclude(inventory.files, [S11_DIRECTIONS])
    return make_source(Options(files, keypoints), config, check_complete(inventory, files, keypoints))
