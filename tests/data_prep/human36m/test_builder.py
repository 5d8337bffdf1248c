"""The TFDS builder of Human3.6M: by itself, and the configs of detectors."""

from pathlib import Path

import pytest
import tensorflow_datasets as tfds
from helpers.h36m_files import METADATA, assert_complete, nested, random_keypoints, save_keypoints

from data_prep.human36m import builder
from jaxpose.runtime.errors import InputError
from jaxpose.skeleton import COCO_17, H36M_17


def test_the_builder_by_itself(archives, tmp_path):
    human36m = builder.Human36m(config="gt", data_dir=str(tmp_path))
    human36m.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=archives))
    assert_complete(Path(human36m.data_dir))
    assert "D3 Positions" in human36m.MANUAL_DOWNLOAD_INSTRUCTIONS
    assert set(human36m.builder_configs) >= {"gt", "cpn_ft_h36m_dbb", "detectron_pt_coco", "sh_pt_mpii"}


def test_keypoints_that_are_not_those_of_the_config_are_refused(archives, tmp_path):
    (tmp_path / "manual").mkdir()
    save_keypoints(tmp_path / "manual", "detectron_pt_coco")  # with the layout of Human3.6M
    human36m = builder.Human36m(config="detectron_pt_coco", data_dir=str(tmp_path))
    config = tfds.download.DownloadConfig(manual_dir=tmp_path / "manual")
    with pytest.raises(InputError, match="layout 'h36m_17', 2 channels, are not those of the config"):
        human36m.download_and_prepare(download_config=config)


@pytest.mark.parametrize(
    ("file", "channels", "name", "layout"),
    [
        ("data_2d_h36m_cpn_ft_h36m_dbb.npz", 2, "cpn_ft_h36m_dbb", H36M_17),
        ("data_2d_h36m_cpn_ft_h36m_dbb.npz", 3, "cpn_ft_h36m_dbb_3_channels", H36M_17),
        ("data_2d_mine.npz", 2, "mine", H36M_17),
    ],
)
def test_configs_are_known_or_new(tmp_path, file, channels, name, layout):
    import numpy as np

    views = nested(random_keypoints(17, channels))
    np.savez_compressed(tmp_path / file, positions_2d=views, metadata=METADATA)
    config = builder.keypoint_config(tmp_path / file)
    assert (config.name, config.layout, config.channels) == (name, layout, channels)
    assert (config in builder.Human36m.BUILDER_CONFIGS) == (name == "cpn_ft_h36m_dbb")


def test_without_a_file_joints_are_projected():
    assert builder.keypoint_config(None).name == "gt"
    known = {config.name: config.layout for config in builder.Human36m.BUILDER_CONFIGS}
    assert known["detectron_pt_coco"] == COCO_17
    assert known["sh_pt_mpii"].num_joints == 16
