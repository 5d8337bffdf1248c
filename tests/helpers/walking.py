"""A person who walks, as keypoints of any layout: a made-up gait, seen from far away from any side."""

import numpy as np
from helpers.standing import standing

from jaxpose.skeleton import COCO_17, H36M_17


def walk(frames=200, turn=90, speed=5, joints=COCO_17.joints, fps=30, pixels_per_metre=240, at=(300, 500)):
    """Pixels (T, K, 2) of a walk; `turn` is 0 for a person who faces the camera, 90 for one who walks to the left.

    The person glides by `speed` pixels a frame to the right, whatever the turn.
    """
    body = standing()
    body["neck"] = body["nose"] if joints == H36M_17.joints else body["thorax"]
    phase = 2 * np.pi * 0.9 * np.arange(frames) / fps
    places = {name: np.tile(place, (frames, 1)) for name, place in body.items()}
    for side, sign in (("left", 1), ("right", -1)):
        thigh, shank = np.radians(28) * sign * np.sin(phase), np.radians(25) * (1 - sign * np.cos(phase))
        _swing(places, body, f"{side}_hip", [f"{side}_{part}" for part in ("knee", *_BELOW_KNEE)], thigh)
        _swing(places, body, f"{side}_knee", [f"{side}_{part}" for part in _BELOW_KNEE], -shank)
        _swing(places, body, f"{side}_shoulder", [f"{side}_{part}" for part in _BELOW_SHOULDER], -0.7 * thigh)
    angle = np.radians(turn)
    across = np.array([np.cos(angle), 0, np.sin(angle)])  # the image's x axis in the body's axes
    points = np.stack([np.stack([places[name] @ across, places[name][:, 1]], axis=-1) for name in joints], axis=1)
    return points * pixels_per_metre + at + speed * np.arange(frames)[:, None, None] * np.array([1, 0])


_BELOW_KNEE = ("ankle", "heel", "big_toe", "small_toe", "foot_index")
_BELOW_SHOULDER = ("elbow", "wrist", "pinky", "index", "thumb")


def _swing(places, body, pivot, names, angle):
    """Turn joints about the axis from left to right through a pivot."""
    centre = places[pivot].copy()
    cos, sin = np.cos(angle), np.sin(angle)
    for name in names:
        _, y, z = (places[name] - centre).T
        places[name] = places[name].copy()
        places[name][:, 1] = centre[:, 1] + cos * y - sin * z
        places[name][:, 2] = centre[:, 2] + sin * y + cos * z


def detected(pixels, confidence=0.9):
    """Keypoints (T, K, 3) with a confidence."""
    return np.concatenate([pixels, np.full_like(pixels[..., :1], confidence)], axis=-1)
