"""The TFDS builder of Human3.6M: poses and keypoints of the same recordings become tracks."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import tensorflow_datasets as tfds

from data_prep.human36m import mocap_files
from data_prep.human36m.mocap_files import File, Survey
from data_prep.human36m.npz import Keypoints, Recording, read_keypoints, recording_name
from data_prep.writer.builder import PoseTracks, Source
from jaxpose import skeleton
from jaxpose.cameras import project, world_to_camera
from jaxpose.data.human36m import DAMAGED_CAMERA, H36M_CAMERAS, S11_DIRECTIONS
from jaxpose.data.track import Description, Track
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17, Skeleton

CITATION = """@article{h36m_pami,
  author = {Ionescu, Catalin and Papava, Dragos and Olaru, Vlad and Sminchisescu, Cristian},
  title = {Human3.6M: Large Scale Datasets and Predictive Methods for 3D Human Sensing in Natural Environments},
  journal = {IEEE Transactions on Pattern Analysis and Machine Intelligence},
  volume = {36}, number = {7}, pages = {1325--1339}, year = {2014}
}"""

PROJECTED = "gt"
"""Keypoints that are the joints themselves, projected with the distortion of the lens."""

_MPII_16 = skeleton.layout("mpii", 16, (5, 4, 3, 15, 14, 13), (0, 1, 2, 10, 11, 12))


class Plan(NamedTuple):
    """What the tracks are made of."""

    files: Mapping[str, Mapping[str, File]]  # of the poses, by subject and action
    keypoints: Path | None  # None: projected
    fps: float = 50.0
    unseen: Recording | None = None  # the recording of which the damaged view is left out


@dataclasses.dataclass
class Config(tfds.core.BuilderConfig):
    """A source of keypoints; its name is the last part of the name of its file."""

    layout: Skeleton = H36M_17
    channels: int = 2  # 3 with a confidence


class Human36m(PoseTracks):
    """Human3.6M for TFDS. Without a `source`, what is needed is looked for in the folder for manual downloads."""

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
        """As `PoseTracks`."""
        super().__init__(source=source, splits=splits, **kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        if self._source is None:
            self._source = source(Plan({}, None), self.builder_config, splits=())
        return super()._info()

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        if not self._splits:
            self._source = _found_in(Path(dl_manager.manual_dir), self.builder_config)
            self._splits = self._source.description.splits
        return super()._split_generators(dl_manager)


def source(plan: Plan, config: Config, splits: Sequence[str], title: str = "", remarks: Sequence[str] = ()) -> Source:
    """Human3.6M as `data_set.write` and the builder take it."""
    title = title or f"Human3.6M, {config.name}"
    description = Description(title, False, H36M_17, config.layout, config.channels, tuple(splits))
    text = f"Human3.6M: poses in camera space, 2D keypoints: {config.description or config.name}"
    return Source(description, functools.partial(tracks, plan), "; ".join([text, *remarks]), CITATION)


def config_of(keypoints: Path | None) -> Config:
    """The config of a keypoint file, a known one if the file is as that says; `PROJECTED` without a file."""
    known = {config.name: config for config in Human36m.BUILDER_CONFIGS}
    if keypoints is None:
        return known[PROJECTED]
    found, name = read_keypoints(keypoints), keypoints.stem.removeprefix("data_2d_").removeprefix("h36m_")
    if name in known and (known[name].layout, known[name].channels) == (found.layout, found.channels):
        return known[name]
    name = f"{name}_{found.channels}_channels" if name in known else name
    return Config(name=name, description=keypoints.name, layout=found.layout, channels=found.channels)


def without(files: Mapping[str, Mapping[str, File]], recordings: Sequence[Recording]) -> dict[str, dict[str, File]]:
    """The files less those of some recordings."""
    kept = {s: {a: file for a, file in actions.items() if (s, a) not in recordings} for s, actions in files.items()}
    return {subject: actions for subject, actions in kept.items() if actions}


def check(survey: Survey, files: Mapping[str, Mapping[str, File]], keypoints: Path | None) -> tuple[str, ...]:
    """Whether poses and keypoints are complete.

    Args:
      survey: what there is.
      files: those of them that are wanted.
      keypoints: the file that goes with them; None: they are projected.

    Returns:
      The subjects: those with poses, then those that have keypoints alone and no published poses.

    Raises:
      InputError: files of a subject are missing, a subject has no calibration, or keypoints of a recording are missing
        or not of four cameras.
    """
    if faults := [f"{subject} lacks {', '.join(gone)}" for subject, gone in survey.missing.items() if gone]:
        raise InputError(
            f"30 recordings a subject are expected, but {'; '.join(faults)}: download these archives again"
        )
    for subject in files:
        if subject not in H36M_CAMERAS:
            raise InputError(
                f"there is no calibration of subject {subject}, only of {', '.join(H36M_CAMERAS)}; remove it"
            )
    if keypoints is None:
        return tuple(files)
    found = read_keypoints(keypoints)
    for recording in [(subject, action) for subject, actions in files.items() for action in actions]:
        if recording not in found.views:
            raise InputError(
                f"{keypoints}: {recording_name(recording)} is missing; add its keypoints, or remove its poses"
            )
    for recording, views in found.views.items():
        if recording[0] in files and len(views) != (count := len(H36M_CAMERAS[recording[0]])):
            raise InputError(
                f"{keypoints}: {recording_name(recording)} has {len(views)} cameras, not {count}; "
                "give all, in the usual order"
            )
    return (*files, *dict.fromkeys(subject for subject, _ in found.views if subject not in H36M_CAMERAS))


def tracks(plan: Plan, subject: str) -> Iterator[Track]:
    """One track per recording of a subject and camera.

    Raises:
      InputError: a file is not as it should be, or keypoints are shorter than the poses they go with.
    """
    keypoints = read_keypoints(plan.keypoints) if plan.keypoints else None
    if subject not in plan.files:
        yield from _without_poses(keypoints, subject, plan.fps)
        return
    cameras, poses = H36M_CAMERAS[subject], mocap_files.read(subject, plan.files[subject])
    world = np.concatenate(list(poses.values()))  # one array: jax compiles once per subject
    ends = np.cumsum([len(pose) for pose in poses.values()])[:-1]
    positions, pixels = {}, {}
    for name, camera in cameras.items():
        seen = _to_camera(world, camera)
        positions[name] = np.split(np.asarray(seen), ends)
        if keypoints is None:
            pixels[name] = np.split(np.asarray(_project(seen, camera)), ends)
    for index, (action, pose) in enumerate(poses.items()):
        for view, (name, camera) in enumerate(cameras.items()):
            if ((subject, action), name) == (plan.unseen, DAMAGED_CAMERA):
                continue
            points = pixels[name][index] if keypoints is None else _cut(keypoints, (subject, action), view, len(pose))
            yield Track(subject, action, name, plan.fps, positions[name][index], points, **camera._asdict())


_to_camera, _project = jax.jit(world_to_camera), jax.jit(project)


def _found_in(folder: Path, config: Config) -> Source:
    """What TFDS's folder for manual downloads holds for a config."""
    keypoints = None if config.name == PROJECTED else folder / f"data_2d_h36m_{config.name}.npz"
    if (own := config_of(keypoints)) is not config:
        raise InputError(
            f"{keypoints}: layout {own.layout.name!r}, {own.channels} channels, are not those of the config"
        )
    survey = mocap_files.survey(folder)
    files = without(survey.files, [S11_DIRECTIONS])
    return source(Plan(files, keypoints), config, check(survey, files, keypoints))


def _cut(keypoints: Keypoints, recording: Recording, view: int, frames: int) -> np.ndarray:
    """The keypoints of one camera, the first `frames` frames: videos go on after the motion capture has stopped."""
    found = keypoints.views[recording][view]
    if len(found) < frames:
        raise InputError(
            f"{keypoints.path}: {recording_name(recording)} of camera {view + 1} has {len(found)} frames but "
            f"{frames} of poses; complete the keypoints, or take both files from one source"
        )
    return found[:frames]


def _without_poses(keypoints: Keypoints, subject: str, fps: float) -> Iterator[Track]:
    """The tracks of a subject whose poses and camera positions are not published: the lenses are those of all."""
    lenses = H36M_CAMERAS["S1"].items()
    nowhere = {"orientation": np.float32([1, 0, 0, 0]), "translation": np.zeros(3, np.float32)}
    for (who, action), views in keypoints.views.items():
        if who == subject:
            for (name, camera), points in zip(lenses, views, strict=False):
                no_poses = np.zeros((0, H36M_17.num_joints, 3), np.float32)
                yield Track(subject, action, name, fps, no_poses, points, **{**camera._asdict(), **nowhere})
