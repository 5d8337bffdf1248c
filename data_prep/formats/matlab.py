"""Read numbers from MATLAB's files and from HDF5, as a stranger could have crafted them.

MAT-files are HDF5 since version 7.3; before, they were of the "Level 5 MAT-File Format" that MathWorks documents.
Arrays of numbers and cell arrays of these are read, and nothing else: no objects, no functions, nothing outside the
file. `scipy.io.loadmat` allocates what a file declares; here a file must hold what it declares, within a limit.
"""

import contextlib
import io
import math
import struct
import zlib
from collections.abc import Iterator

import h5py
import numpy as np

from jaxpose.runtime.errors import InputError

LARGEST_BYTES = 2**28
"""The most that one variable may hold: twice the largest of MPI-INF-3DHP."""

_MATRIX, _COMPRESSED, _CELL = 14, 15, 1
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}  # by type
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_COMPLEX = 0x800
_MOST_CELLS = 1000
_HEADING_BYTES = 1024  # hold the class, the dimensions and the name of a variable

Value = np.ndarray | list["Value"]  # numbers, or the elements of a cell array


def read_numbers(where: str, content: bytes, name: str) -> np.ndarray:
    """A variable of a MAT-file that is an array of real numbers.

    Args:
      where: names the file in messages.
      content: of the file, of version 5 to 7.3.
      name: of the variable.

    Returns:
      The array, its axes in MATLAB's order.

    Raises:
      InputError: there is no such variable, it is not of numbers or larger than `LARGEST_BYTES`, or the file is damaged
        or no MAT-file.
    """
    value = _variable(where, content, name)
    if isinstance(value, list):
        raise InputError(f"{where}: {name!r} is a cell array, not numbers; take the file as it was published")
    return value


def read_cell(where: str, content: bytes, name: str) -> list[np.ndarray]:
    """A variable of a MAT-file that is a cell array of arrays of real numbers.

    Args:
      where: names the file in messages.
      content: of the file, of version 5 to 7.3.
      name: of the variable.

    Returns:
      Its elements, column by column, with their axes in MATLAB's order.

    Raises:
      InputError: as `read_numbers`.
    """
    value = _variable(where, content, name)
    if not isinstance(value, list) or any(isinstance(element, list) for element in value):
        raise InputError(f"{where}: {name!r} is no cell array of numbers; take the file as it was published")
    return value


def read_hdf5(where: str, content: bytes, name: str) -> np.ndarray:
    """A data set of real numbers in an HDF5 file.

    Args:
      where: names the file in messages.
      content: of the file.
      name: of the data set.

    Returns:
      The array, its axes in the order of the file.

    Raises:
      InputError: as `read_numbers`.
    """
    with _faults(where), h5py.File(io.BytesIO(content), "r") as file:
        return _numbers(_linked(where, file, name), LARGEST_BYTES)


@contextlib.contextmanager
def _faults(where: str) -> Iterator[None]:
    """Whatever damaged bytes make the readers raise, as one input error."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
        raise InputError(
            f"{where}: cannot be read as a MAT-file or HDF5 file of numbers ({fault}); download it again"
        ) from error


def _missing(where: str, name: str, found: list[str]) -> InputError:
    there = ", ".join(map(repr, found[:20])) or "nothing"
    return InputError(f"{where}: has no variable {name!r}, only {there}; take the file as it was published")


def _variable(where: str, content: bytes, name: str) -> Value:
    with _faults(where):
        if content[124:128] in (b"\x00\x01IM", b"\x01\x00MI"):
            return _level_5(where, content, name)
        with h5py.File(io.BytesIO(content), "r") as file:
            item = _linked(where, file, name)
            if item.dtype != h5py.ref_dtype:
                return np.atleast_2d(_numbers(item, LARGEST_BYTES)).T
            cells: list[Value] = []
            for reference in _numbers(item, _MOST_CELLS * item.dtype.itemsize, "O").flat:
                left = LARGEST_BYTES - sum(cell.nbytes for cell in cells)  # they could all be the same data set
                cells.append(np.atleast_2d(_numbers(file[reference], left)).T)
            return cells


def _linked(where: str, file: h5py.File, name: str) -> h5py.Dataset:
    """The data set of that name in the file itself: a link could lead to any file on this machine."""
    if name not in (found := list(file)):
        raise _missing(where, name, found)
    if file.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD or not isinstance(file[name], h5py.Dataset):
        raise ValueError(f"{name!r} is not a data set")
    return file[name]


def _numbers(item: h5py.Dataset, most: int, kinds: str = "fiu") -> np.ndarray:
    """What a data set holds, if that is of one of `kinds`, at most `most` bytes, and kept in the file itself."""
    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in kinds or item.external or item.is_virtual:
        raise ValueError("it holds other things than numbers")
    if item.nbytes > most:
        raise ValueError(f"it declares {item.nbytes} bytes")
    if item.chunks:
        stored: list[int] = []
        item.id.chunk_iter(lambda chunk: stored.append(chunk.size))
        chunk = math.prod(item.chunks) * item.dtype.itemsize
        if len(item.chunks) != item.ndim or chunk > most or sum(stored) > item.file.id.get_filesize():
            raise ValueError(f"it declares chunks of {chunk} bytes, {sum(stored)} bytes as stored")
    return item[()]


def _level_5(where: str, content: bytes, name: str) -> Value:
    """A variable of a file that is a header of 128 bytes and one data element a variable."""
    order = "<" if content[126:128] == b"IM" else ">"
    found = []
    for kind, element in _elements(memoryview(content)[128:], order):
        if kind == _COMPRESSED:
            found.append(_name(_inflated(element, order, _HEADING_BYTES), order))
        elif kind == _MATRIX:
            found.append(_name(element, order))
        else:
            continue
        if found[-1] == name:
            return _array(_inflated(element, order, LARGEST_BYTES) if kind == _COMPRESSED else element, order)
    raise _missing(where, name, found)


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Type and content of the data elements that lie end to end."""
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from(f"{order}II", data, at)
        start = at + 8
        if kind >> 16:  # a small element: its size and type share four bytes, its content has the next four
            kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
        if start + size > len(data):
            raise ValueError(f"it ends {start + size - len(data)} bytes early")
        yield kind, data[start : start + size]
        at = start + size if kind == _COMPRESSED else at + 8 * -(-(start + size - at) // 8)


def _inflated(element: memoryview, order: str, most: int) -> memoryview:
    """The content of the matrix in a compressed element, or its first `most` bytes."""
    stream = zlib.decompressobj()
    kind, size = struct.unpack(f"{order}II", stream.decompress(element, 8))
    if kind != _MATRIX or size > LARGEST_BYTES:
        raise ValueError(f"a variable declares {size} bytes of type {kind}")
    content = stream.decompress(stream.unconsumed_tail, min(size, most)) if size else b""
    if len(content) < min(size, most):
        raise ValueError(f"a variable ends after {len(content)} of {size} bytes")
    return memoryview(content)


def _name(matrix: memoryview, order: str) -> str:
    """The name of a variable, from its first three elements: flags, dimensions, name."""
    elements = _elements(matrix, order)
    _, _, (_, name) = next(elements), next(elements), next(elements)
    return bytes(name).decode("latin-1")


def _array(matrix: memoryview, order: str) -> Value:
    """What a matrix holds."""
    (_, flags), (_, dimensions), _, *parts = _elements(matrix, order)
    flag = int(np.frombuffer(flags, f"{order}u4")[0])
    if flag & 0xFF == _CELL:
        return [_array(part, order) for _, part in parts]
    if flag & 0xFF not in _CLASSES or flag & _COMPLEX:
        raise ValueError("it holds other things than real numbers")
    kind, data = parts[0]
    values = np.frombuffer(data, f"{order}{_STORED[kind]}").astype(_CLASSES[flag & 0xFF])
    return np.atleast_2d(values.reshape(np.frombuffer(dimensions, f"{order}u4"), order="F"))
