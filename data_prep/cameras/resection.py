"""Resection: find a camera from known points in the world and their pixels.

The direct linear transform (Hartley and Zisserman, Multiple View Geometry, 2nd ed., chapter 7), refined by least
squares over the pose, the focal lengths, the centre and the distortion k1, k2, p1, p2 of `jaxpose.cameras`.
"""

import numpy as np
from scipy import linalg, optimize
from scipy.spatial.transform import Rotation

from jaxpose.cameras import Camera

_MAX_POINTS = 3000  # more points do not make the result more exact
_MIN_EIGENVALUE = 1e-9  # relative, the second least; it is less for points in a plane, which fit many cameras


def resect(points: np.ndarray, pixels: np.ndarray, width: int, height: int) -> tuple[Camera, float]:
    """Find a camera from points and their projections.

    Args:
      points: (N, 3) metres in the world, in front of the camera, not all in one plane.
      pixels: (N, 2) their projections.
      width: of the image, pixels.
      height: of the image, pixels.

    Returns:
      The camera, float32, and the root mean square distance in pixels between its projections and `pixels`.

    Raises:
      ValueError: the points do not determine a camera.
    """
    if len(points) < 6:
        raise ValueError(f"{len(points)} points")
    chosen = np.unique(np.linspace(0, len(points) - 1, _MAX_POINTS).astype(int))
    points, pixels = points[chosen].astype(np.float64), pixels[chosen].astype(np.float64)

    def residuals(parameters: np.ndarray) -> np.ndarray:
        return (_projected(points, parameters) - pixels).ravel()

    with np.errstate(all="ignore"):  # no camera fits the pixels; least_squares raises for numbers that are not finite
        start = _decomposed(_transform(points, pixels))
        fitted = optimize.least_squares(residuals, start, x_scale="jac", max_nfev=100).x
    inverse = Rotation.from_rotvec(fitted[:3]).inv()
    camera = Camera(
        orientation=np.roll(inverse.as_quat(), 1).astype(np.float32),
        translation=inverse.apply(-fitted[3:6]).astype(np.float32),
        intrinsics=np.insert(fitted[6:], 6, 0).astype(np.float32),  # k3
        width=width,
        height=height,
    )
    return camera, float(np.sqrt(2 * np.mean(residuals(fitted) ** 2)))


def _transform(points: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Return the projection matrix (3, 4) of a camera without distortion, up to scale."""
    if not min(points.std(), pixels.std()) > 0:
        raise ValueError("one point")
    to_points, to_pixels = _normalizing(points), _normalizing(pixels)
    homogeneous = np.c_[points, np.ones(len(points))] @ to_points.T
    x, y, _ = (np.c_[pixels, np.ones(len(pixels))] @ to_pixels.T).T
    rows = np.zeros((2, len(points), 12))
    rows[0, :, :4], rows[0, :, 8:] = homogeneous, -x[:, None] * homogeneous
    rows[1, :, 4:8], rows[1, :, 8:] = homogeneous, -y[:, None] * homogeneous
    rows = rows.reshape(-1, 12)
    values, vectors = np.linalg.eigh(rows.T @ rows)
    if values[1] < _MIN_EIGENVALUE * values[-1]:
        raise ValueError("points in one plane")
    return np.linalg.inv(to_pixels) @ vectors[:, 0].reshape(3, 4) @ to_points


def _normalizing(points: np.ndarray) -> np.ndarray:
    """Return the similarity transform that moves points (N, D) to the origin and scales them to unit variance."""
    centre, spread = points.mean(axis=0), points.std()
    matrix = np.diag([*np.full(points.shape[1], 1 / spread), 1])
    matrix[:-1, -1] = -centre / spread
    return matrix


def _decomposed(transform: np.ndarray) -> np.ndarray:
    """Return the parameters of a projection matrix: rotation vector, translation, fx, fy, cx, cy, four zeros."""
    transform = transform * np.sign(np.linalg.det(transform[:, :3]))  # so that points in front of the camera have z > 0
    upper, rotation = linalg.rq(transform[:, :3])
    signs = np.diag(np.sign(np.diag(upper)))
    upper, rotation = upper @ signs, signs @ rotation
    translation = np.linalg.solve(upper, transform[:, 3])
    focal, centre = np.diag(upper)[:2] / upper[2, 2], upper[:2, 2] / upper[2, 2]
    return np.concatenate([Rotation.from_matrix(rotation).as_rotvec(), translation, focal, centre, np.zeros(4)])


def _projected(points: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Project points of the world to pixels (N, 2), as `jaxpose.cameras.project` but in float64."""
    rotation, translation, focal, centre, radial, tangential = np.split(parameters, [3, 6, 8, 10, 12])
    positions = Rotation.from_rotvec(rotation).apply(points) + translation
    xy = positions[:, :2] / positions[:, 2:]
    r2 = np.sum(xy * xy, axis=1, keepdims=True)
    gain = 1 + r2 * (radial[0] + r2 * radial[1]) + xy @ tangential[:, None]
    return (xy * gain + tangential * r2) * focal + centre
