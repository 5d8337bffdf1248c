"""MAT-files as MATLAB writes them."""

import numpy as np


def cells(*elements):
    """A cell array (N, 1)."""
    array = np.empty((len(elements), 1), object)
    for index, element in enumerate(elements):
        array[index, 0] = element
    return array
