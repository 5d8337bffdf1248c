"""Find the runs of whole frames in recordings with missing numbers."""

import itertools
from collections.abc import Iterator

import numpy as np


def chunks(whole: np.ndarray) -> Iterator[tuple[int, slice]]:
    """Yield the runs of true values in (T,), each with its number among all runs, true or false."""
    edges = [0, *(np.flatnonzero(whole[1:] != whole[:-1]) + 1), len(whole)]
    for number, (first, end) in enumerate(itertools.pairwise(edges)):
        if whole[first:end].any():  # there may be no frames
            yield number, slice(int(first), int(end))
