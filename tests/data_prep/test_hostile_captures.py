"""Damaged motion capture: every reader returns or raises one `InputError`, in bounded memory.

The damage is that of `helpers.corpus`; the readers of each format have further tests.
"""

import json
import zipfile

import numpy as np
import pytest
import scipy.io
from helpers import aist_files, h36m_files
from helpers.captures import ARM, CALIBRATION, LEG
from helpers.corpus import assert_refuses

from data_prep import aist, bvh
from data_prep.formats import archives, asf, matlab, skeletool
from data_prep.human36m import mocap_files, npz
from jaxpose.skeleton import H36M_17


def motion(frames=5, joints=32):
    real = h36m_files.captured()
    return np.float32(
        real[:frames, :joints] if real is not None else np.random.default_rng(0).normal(size=(frames, joints, 3))
    )


def save_poses(folder):
    np.savez_compressed(folder / "data_3d.npz", positions_3d={"S1": {"Walking": motion(), "Walking 1": motion(3)}})
    return folder / "data_3d.npz", npz.read_poses


def save_keypoints(folder):
    views = {"S1": {"Walking": [motion(joints=17)[..., :2]] * 4}}
    metadata = {"num_joints": 17, "layout_name": "h36m", "keypoints_symmetry": [H36M_17.left, H36M_17.right]}
    np.savez_compressed(folder / "data_2d.npz", positions_2d=views, metadata=metadata)
    return folder / "data_2d.npz", npz.read_keypoints


def read_all(path):
    inventory = mocap_files.find_recordings(path)
    return {subject: mocap_files.read_poses(subject, files) for subject, files in inventory.files.items()}


def save_cdf(folder):
    file = folder / "S1" / "MyPoseFeatures" / "D3_Positions" / "Walking.cdf"
    file.parent.mkdir(parents=True)
    file.write_bytes(h36m_files.cdf(folder, 1000 * motion().reshape(1, -1, 96)))
    return file, lambda file: read_all(file.parent)


def save_tgz(folder):
    file, _ = save_cdf(folder)
    return h36m_files.tgz(folder / "a.tgz", {str(file.relative_to(folder)): file.read_bytes()}), read_all


def save_zip(folder):
    file, _ = save_cdf(folder)
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.write(file, file.relative_to(folder))
    return folder / "a.zip", read_all


def save_mat(folder):
    scipy.io.savemat(folder / "a.mat", {"poses_3d": np.arange(12.0).reshape(2, 6)}, do_compression=True)
    return folder / "a.mat", lambda file: matlab.read_numbers(str(file), archives.read_file(file), "poses_3d")


def save_map(folder):
    (folder / "map.json").write_text(json.dumps({joint: [joint, "other"] for joint in H36M_17.joints}))
    return folder / "map.json", lambda file: bvh.read_map(str(file))


def save_bvh(folder):
    (folder / "arm.bvh").write_text(ARM)
    return folder / "arm.bvh", bvh.read_capture


def save_calibration(folder):
    (folder / "camera.calibration").write_text(CALIBRATION)
    return folder / "camera.calibration", skeletool.read


def save_asf(folder):
    (folder / "01.asf").write_text(LEG)
    return folder / "01.asf", lambda file: asf.read(archives.read_file(file), str(file))


def save_aist(folder, file):
    options = aist.Options(source=aist_files.save(folder / "aist"), out=folder / "out")
    return options.source / file, lambda file: list(aist.make_source(options).tracks("d04"))


def save_aist_keypoints(folder):
    return save_aist(folder, "keypoints3d/gBR_sBM_cAll_d04_mBR0_ch01.pkl")


def save_aist_cameras(folder):
    return save_aist(folder, "cameras/setting1.json")


SOURCES = [
    save_poses,
    save_keypoints,
    save_cdf,
    save_tgz,
    save_zip,
    save_mat,
    save_map,
    save_bvh,
    save_calibration,
    save_asf,
    save_aist_keypoints,
    save_aist_cameras,
]


@pytest.mark.parametrize("save", SOURCES)
def test_damaged_motion_capture(tmp_path, save):
    file, read = save(tmp_path)
    assert_refuses(lambda: read(file), file, named=str(tmp_path), most=100)
