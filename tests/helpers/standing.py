"""A standing body by every name that a layout has."""

import numpy as np

from jaxpose.skeleton import H36M_17


def standing():
    """A body in camera space, metres, by every name that a layout has: x to the image's right, so the right side is at
    negative x of a person who faces the camera; y down."""
    side = {
        "hip": (0.13, 0.0, 0.0), "knee": (0.14, 0.45, 0.02), "ankle": (0.15, 0.88, 0.0), "heel": (0.15, 0.93, 0.05),
        "big_toe": (0.14, 0.95, -0.15), "small_toe": (0.19, 0.95, -0.12), "foot_index": (0.15, 0.95, -0.15),
        "shoulder": (0.18, -0.5, 0.0), "elbow": (0.25, -0.22, 0.0), "wrist": (0.3, 0.0, -0.1),
        "pinky": (0.31, 0.08, -0.1), "index": (0.3, 0.1, -0.12), "thumb": (0.28, 0.06, -0.13),
        "eye": (0.03, -0.68, -0.1), "eye_inner": (0.02, -0.68, -0.1), "eye_outer": (0.04, -0.68, -0.1),
        "ear": (0.08, -0.66, 0.0), "mouth": (0.02, -0.6, -0.1),
    }  # fmt: skip
    body = {f"left_{name}": np.array(place) for name, place in side.items()}
    body |= {f"right_{name}": np.array(place) * (-1, 1, 1) for name, place in side.items()}
    middle = {"hip": (0, 0, 0), "mid_hip": (0, 0, 0), "pelvis": (0, 0, 0), "spine": (0, -0.25, 0)}
    middle |= {"upper_neck": (0, -0.6, 0.02), "head_bottom": (0, -0.6, 0.02), "head_top": (0, -0.8, 0)}
    middle |= {"thorax": (0, -0.5, 0), "nose": (0, -0.65, -0.12), "head": (0, -0.8, 0)}
    return body | {name: np.array(place, float) for name, place in middle.items()}


def standing_pixels(joints, at=(960, 500), pixels_per_metre=240):
    """The body as (K, 2) pixels, by the names of a layout; Human3.6M's neck is at the nose."""
    body = standing()
    neck = body["nose"] if joints == H36M_17.joints else body["thorax"]
    places = body | {"neck": neck, "head_bottom": body["upper_neck"]}
    return np.stack([places[joint][:2] for joint in joints]) * pixels_per_metre + at
