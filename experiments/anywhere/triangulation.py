"""Points that several calibrated cameras see, in 3D: by those of them that agree."""

import itertools
from typing import NamedTuple

import numpy as np

MOST_ERROR = 40.0
"""Pixels, at most, between a detection and the projection of a point made of it: 6 cm at 1 m from the cameras."""

_STEPS, _UNDISTORTING = 4, 100  # iterations


class View(NamedTuple):
    """A calibrated camera by OpenCV's conventions."""

    matrix: np.ndarray  # (3, 3) pixels
    distortion: np.ndarray  # (5,) k1, k2, p1, p2, k3
    rotation: np.ndarray  # (3, 3) from the world to the camera
    translation: np.ndarray  # (3,) metres, likewise


def undistort(pixels: np.ndarray, view: View) -> np.ndarray:
    """Rays (..., 2), at depth 1, of pixels (..., 2): the inverse of OpenCV's model of a lens, by iteration."""
    k1, k2, p1, p2, k3 = view.distortion
    distorted = (pixels - view.matrix[:2, 2]) / np.diag(view.matrix)[:2]
    rays = distorted.copy()
    for _ in range(_UNDISTORTING):
        x, y = np.moveaxis(rays, -1, 0)
        square = x * x + y * y
        shift = np.stack(
            [2 * p1 * x * y + p2 * (square + 2 * x * x), p1 * (square + 2 * y * y) + 2 * p2 * x * y], axis=-1
        )
        rays = (distorted - shift) / (1 + square * (k1 + square * (k2 + square * k3)))[..., None]
    return rays


def triangulate(pixels: np.ndarray, views: list[View]) -> np.ndarray:
    """Points that at least two cameras agree on.

    Of all sets of at least two of the cameras that see a point, the largest is taken in which no camera's detection is
    farther than `MOST_ERROR` from the projection of the point that they give together; of several, the one with the
    least largest error.

    Args:
      pixels: (V, ..., 2) detections; NaN where there is none.
      views: V cameras.

    Returns:
      (..., 3) metres in the world; NaN where no two agree.
    """
    rays = np.stack([undistort(of_view, view) for of_view, view in zip(pixels, views, strict=True)])
    best = np.full((*pixels.shape[1:-1], 3), np.nan)
    for count in range(2, len(views) + 1):  # larger sets replace smaller ones
        least = np.full(best.shape[:-1], MOST_ERROR)
        for chosen in itertools.combinations(range(len(views)), count):
            points, error = _intersect(rays[list(chosen)], [views[index] for index in chosen])
            better = error < least  # never where it is NaN
            best[better], least[better] = points[better], error[better]
    return best


def _intersect(rays: np.ndarray, views: list[View]) -> tuple[np.ndarray, np.ndarray]:
    """The points (..., 3) nearest to rays (V, ..., 2) in the images, and their largest errors (...) in pixels."""
    focal = np.asarray([np.diag(view.matrix)[:2].mean() for view in views]).reshape(-1, *[1] * (rays.ndim - 2))
    rotation, translation = (np.stack(of) for of in ([v.rotation for v in views], [v.translation for v in views]))
    # (x, y) z = (X, Y): two rows for each camera, which its depth divides in the next step.
    rows = rays[..., None] * rotation[:, 2].reshape(-1, *[1] * (rays.ndim - 1), 3) - _like(rotation[:, :2], rays)
    values = _like(translation[:, :2], rays) - rays * translation[:, 2].reshape(-1, *[1] * (rays.ndim - 1))
    weight = focal
    known = np.isfinite(rays).all(axis=(0, -1))
    for _ in range(_STEPS):
        scaled = np.where(known[..., None, None], rows * weight[..., None, None], np.eye(3)[:2])
        wanted = np.where(known[..., None], values * weight[..., None], 0)
        normal = np.einsum("v...ri,v...rj->...ij", scaled, scaled) + 1e-9 * np.eye(3)
        right = np.einsum("v...ri,v...r->...i", scaled, wanted)
        points = np.linalg.solve(normal, right[..., None])[..., 0]
        seen = np.einsum("vij,...j->v...i", rotation, points) + _like(translation, rays)
        depth = np.maximum(seen[..., 2], 0.05)
        weight = focal / depth
    error = focal * np.linalg.norm(seen[..., :2] / depth[..., None] - rays, axis=-1)
    behind = (seen[..., 2] <= 0).any(axis=0)
    return points, np.where(known & ~behind, error.max(axis=0), np.nan)


def _like(values: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Values (V, ...) of each camera with the axes of points of rays (V, ..., 2) in between."""
    return values.reshape(len(values), *[1] * (rays.ndim - 2), *values.shape[1:])
