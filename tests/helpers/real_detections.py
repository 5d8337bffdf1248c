"""Real detections and projected motion capture, on machines that have them."""

import csv
import functools
import json

import numpy as np
import pytest
from helpers.places import SHARED

DATA = SHARED / "data"
needs_detections = pytest.mark.skipif(not (DATA / "detections").is_dir(), reason="real detections are not here")
needs_cmu = pytest.mark.skipif(not (DATA / "cmu_as_h36m").is_dir(), reason="the projected CMU motion is not here")


@functools.cache
def sports2d():
    """MediaPipe's 33 landmarks (T, 33, 3) of the first person in the demonstration of Sports2D, frames 5 to 168."""
    document = json.loads((DATA / "detections/sports2d_demo/mediapipe_landmarks_demo.json").read_text())
    poses = [[(p["x"], p["y"], p["visibility"]) for p in frame] for frame in document["frames"][5:169]]
    return np.array(poses) * (document["width"], document["height"], 1)


@functools.cache
def caliscope():
    """MediaPipe's landmarks (T, 33, 3) of one person before four cameras; NaN where they are out of view."""
    tracks = {}
    with (DATA / "detections/caliscope_4cam/xy_HOLISTIC.csv").open() as file:
        for row in csv.DictReader(file):
            if int(row["point_id"]) < 33:
                track = tracks.setdefault(row["port"], np.full((267, 33, 3), np.nan))
                track[int(row["sync_index"]), int(row["point_id"])] = [
                    float(row["img_loc_x"]),
                    float(row["img_loc_y"]),
                    1,
                ]
    return list(tracks.values())


@functools.cache
def cmu(subject):
    """Keypoints of Human3.6M's joints (T, 17, 2) with a detector's noise, 25 frames/s: by trial and camera."""
    with np.load(DATA / "cmu_as_h36m/data_2d_h36m_noisy.npz", allow_pickle=True) as archive:
        trials = archive["positions_2d"].item()[subject]
    return {
        (trial, camera): np.float64(track)[::2] for trial, views in trials.items() for camera, track in enumerate(views)
    }
