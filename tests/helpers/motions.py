"""Motions of several people, for the tests of what writes them."""

import numpy as np

from jaxpose.export.motion import Motion
from jaxpose.skeleton import Skeleton

ARM = Skeleton("arm", ("shoulder", 'left "elbow",; ü'), (-1, 0))
HOSTILE_NAMES = ["../../etc/passwd", 'a,"b"\r\n\t;', "/", "Šárka/..", "\ud800", "x" * 300]


def people(names=("1", "2"), **fields):
    """A motion of three frames and more for each name; some joints of the first are filled."""
    random = np.random.default_rng(0)
    return [
        Motion(name, random.normal(size=(3 + number, 2, 3)).astype(np.float32), ARM, 50.0, start=10 * number)._replace(
            filled=None if number else np.array([[0, 0], [0, 1], [1, 0]], bool), **fields
        )
        for number, name in enumerate(names)
    ]
