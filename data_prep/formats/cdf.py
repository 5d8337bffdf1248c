"""Read a variable from a CDF file (NASA's Common Data Format) that may be damaged or forged."""

import importlib.util
import itertools
import tempfile
import zlib
from collections.abc import Iterator
from types import ModuleType

import numpy as np

from data_prep.formats.damage import damage_as_input_error
from jaxpose.runtime.errors import InputError

MAX_NUMBERS = 96 * 10**6
"""Largest variable: a hundred times the longest recording of Human3.6M."""

MAX_BYTES = 8 * MAX_NUMBERS
"""Largest size of all compressed parts of a file, unpacked."""

_MAX_STEPS = 20_000  # of the loops over the parts of a file: more than the longest recording has frames


def read_variable(name: str, content: bytes, variable: str) -> np.ndarray:
    """Read a variable of a CDF file.

    Time and memory are bounded whatever the file declares: `cdflib`, which reads it, loops as often as the file says
    (one flipped bit made it run for four minutes) and unpacks all that the file holds, so it gets a counted `range` and
    a limited gzip (`_limited_cdflib`). A process with limits of its own for each file would do the same, but takes
    longer to start than the file to read, and macOS enforces no limit on memory.

    Args:
      name: of the file, for messages.
      content: bytes of the file.
      variable: name of the variable.

    Raises:
      InputError: the file has no such variable, declares more than `MAX_NUMBERS` or `MAX_BYTES`, or is damaged.
    """
    # cdflib opens files only by name. Recordings have a few MB, and one is read at a time.
    with tempfile.NamedTemporaryFile(suffix=".cdf") as file, damage_as_input_error(name, "not a CDF file, or damaged"):
        file.write(content)
        file.flush()
        cdf = _limited_cdflib().CDF(file.name)
        variables = [*cdf.cdf_info().zVariables, *cdf.cdf_info().rVariables]
        if variable not in variables:
            raise InputError(f"{name}: no variable {variable!r}, only {', '.join(variables) or 'none'}")
        shape = cdf.varinq(variable).Dim_Sizes
        if np.prod(shape, dtype=float) * (cdf.varinq(variable).Last_Rec + 1) > MAX_NUMBERS:
            raise InputError(
                f"{name}: {variable!r} declares the shape {shape}, far more than any recording; download it again"
            )
        return cdf.varget(variable)


def _limited_cdflib() -> ModuleType:
    """Load a private copy of `cdflib.cdfread` whose loops and gzip stop at limits; the copy in use elsewhere stays.

    It reads one file: all its loops together take at most `_MAX_STEPS` steps. Loading it takes 2 ms.
    """
    spec = importlib.util.find_spec("cdflib.cdfread")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "gzip_inflate"):
        raise ImportError("cdflib unpacks by another function than gzip_inflate; damage is no longer bounded")
    steps, free = itertools.count(), MAX_BYTES

    def counted_range(*arguments: int) -> Iterator[int]:
        for index in range(*arguments):
            if next(steps) > _MAX_STEPS:
                raise ValueError(f"it declares more than {_MAX_STEPS} parts")
            yield index

    def gzip_inflate(data: bytes) -> bytes:
        nonlocal free
        gzip = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        unpacked = gzip.decompress(data, free + 1)
        free -= len(unpacked)
        if free < 0:
            raise ValueError(f"it unpacks to more than {MAX_BYTES} bytes")
        if not gzip.eof:
            raise ValueError("a compressed part is cut short")
        return unpacked

    vars(module).update(range=counted_range, gzip_inflate=gzip_inflate)
    return module
