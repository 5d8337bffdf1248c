"""Read numbers from MAT-files and HDF5 files, which may be damaged or forged.

MAT-files are HDF5 since version 7.3, and before that "Level 5 MAT-File Format" (MathWorks). Read are arrays of real
numbers and cell arrays of these: no objects, no functions, nothing outside the file.

The reader of Level 5 is our own because `scipy.io.loadmat` cannot keep two promises: memory is taken for data that a
file has, at most `LARGEST_BYTES`, never for sizes that it declares (a nested cell array in a file of 296 bytes makes
scipy take 4 GB; `whosmat` shows the outer array alone); and a forged file ends in an error (cell arrays nested 20,000
deep end scipy in a segmentation fault).
"""

import io
import math
import struct
import zlib
from collections.abc import Iterator

import h5py
import numpy as np

from data_prep.formats.damage import damage_as_input_error
from jaxpose.runtime.errors import InputError

LARGEST_BYTES = 2**28
"""Largest size of a variable: twice the largest of MPI-INF-3DHP."""

_MATRIX, _COMPRESSED, _CELL = 14, 15, 1
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}  # by type
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_COMPLEX = 0x800
_MAX_CELLS = 1000
_HEADER_BYTES = 1024  # enough for the class, the dimensions and the name of a variable

_PROBLEM = "cannot be read as a MAT-file or HDF5 file of numbers"

Value = np.ndarray | list["Value"]  # numbers, or the elements of a cell array


def read_numbers(where: str, content: bytes, name: str) -> np.ndarray:
    """Read an array of real numbers from a MAT-file.

    Args:
      where: name of the file, for messages.
      content: bytes of the file, version 5 to 7.3.
      name: of the variable.

    Returns:
      The array, its axes in MATLAB's order.

    Raises:
      InputError: the variable does not exist, is not of numbers, or is larger than `LARGEST_BYTES`; or the file is
        damaged, or not a MAT-file.
    """
    value = _variable(where, content, name)
    if isinstance(value, list):
        raise InputError(f"{where}: {name!r} is a cell array, not numbers; take the file as it was published")
    return value


def read_cell(where: str, content: bytes, name: str) -> list[np.ndarray]:
    """Read a cell array of arrays of real numbers from a MAT-file.

    Args:
      where: name of the file, for messages.
      content: bytes of the file, version 5 to 7.3.
      name: of the variable.

    Returns:
      The elements, column by column, their axes in MATLAB's order.

    Raises:
      InputError: as `read_numbers`.
    """
    value = _variable(where, content, name)
    if not isinstance(value, list) or any(isinstance(element, list) for element in value):
        raise InputError(f"{where}: {name!r} is not a cell array of numbers; take the file as it was published")
    return value


def read_hdf5(where: str, content: bytes, name: str) -> np.ndarray:
    """Read a data set of real numbers from an HDF5 file.

    Args:
      where: name of the file, for messages.
      content: bytes of the file.
      name: of the data set.

    Returns:
      The array, its axes in the order of the file.

    Raises:
      InputError: as `read_numbers`.
    """
    with damage_as_input_error(where, _PROBLEM), h5py.File(io.BytesIO(content), "r") as file:
        return _numbers(_linked(where, file, name), LARGEST_BYTES)


def _missing(where: str, name: str, names: list[str]) -> InputError:
    existing = ", ".join(map(repr, names[:20])) or "nothing"
    return InputError(f"{where}: has no variable {name!r}, only {existing}; take the file as it was published")


def _variable(where: str, content: bytes, name: str) -> Value:
    with damage_as_input_error(where, _PROBLEM):
        if content[124:128] in (b"\x00\x01IM", b"\x01\x00MI"):
            return _level_5(where, content, name)
        with h5py.File(io.BytesIO(content), "r") as file:
            item = _linked(where, file, name)
            if item.dtype != h5py.ref_dtype:
                return np.atleast_2d(_numbers(item, LARGEST_BYTES)).T
            cells: list[Value] = []
            for reference in _numbers(item, _MAX_CELLS * item.dtype.itemsize, "O").flat:
                free = LARGEST_BYTES - sum(cell.nbytes for cell in cells)  # they could all be the same data set
                cells.append(np.atleast_2d(_numbers(file[reference], free)).T)
            return cells


def _linked(where: str, file: h5py.File, name: str) -> h5py.Dataset:
    """Return the data set of that name in the file itself: a link could lead to any file on this machine."""
    if name not in (names := list(file)):
        raise _missing(where, name, names)
    if file.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD or not isinstance(file[name], h5py.Dataset):
        raise ValueError(f"{name!r} is not a data set")
    return file[name]


def _numbers(item: h5py.Dataset, most: int, kinds: str = "fiu") -> np.ndarray:
    """Read a data set that is of one of `kinds`, has at most `most` bytes, and is stored in the file itself."""
    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in kinds or item.external or item.is_virtual:
        raise ValueError("it is not an array of numbers stored in this file")
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
    """Read a variable of a file that has a header of 128 bytes and one data element per variable."""
    order = "<" if content[126:128] == b"IM" else ">"
    names = []
    for kind, element in _elements(memoryview(content)[128:], order):
        if kind == _COMPRESSED:
            names.append(_name(_inflate(element, order, _HEADER_BYTES), order))
        elif kind == _MATRIX:
            names.append(_name(element, order))
        else:
            continue
        if names[-1] == name:
            return _array(_inflate(element, order, LARGEST_BYTES) if kind == _COMPRESSED else element, order)
    raise _missing(where, name, names)


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Yield type and content of consecutive data elements."""
    position = 0
    while position < len(data):
        kind, size = struct.unpack_from(f"{order}II", data, position)
        start = position + 8
        if kind >> 16:  # a small element: its size and type share four bytes, its content has the next four
            kind, size, start = kind & 0xFFFF, kind >> 16, position + 4
        end = start + size
        if end > len(data):
            raise ValueError(f"it ends {end - len(data)} bytes early")
        yield kind, data[start:end]
        position = end if kind == _COMPRESSED else position + 8 * -(-(end - position) // 8)


def _inflate(element: memoryview, order: str, most: int) -> memoryview:
    """Return the content of the matrix in a compressed element, or its first `most` bytes."""
    stream = zlib.decompressobj()
    kind, size = struct.unpack(f"{order}II", stream.decompress(element, 8))
    if kind != _MATRIX or size > LARGEST_BYTES:
        raise ValueError(f"a variable declares {size} bytes of type {kind}")
    content = stream.decompress(stream.unconsumed_tail, min(size, most)) if size else b""
    if len(content) < min(size, most):
        raise ValueError(f"a variable ends after {len(content)} of {size} bytes")
    return memoryview(content)


def _name(matrix: memoryview, order: str) -> str:
    """Return the name of a variable, from its first three elements: flags, dimensions, name."""
    elements = _elements(matrix, order)
    _, _, (_, name) = next(elements), next(elements), next(elements)
    return bytes(name).decode("latin-1")


def _array(matrix: memoryview, order: str) -> Value:
    """Read a matrix: numbers, or the elements of a cell array."""
    (_, flags), (_, dimensions), _, *parts = _elements(matrix, order)
    flag = int(np.frombuffer(flags, f"{order}u4")[0])
    if flag & 0xFF == _CELL:
        return [_array(part, order) for _, part in parts]
    if flag & 0xFF not in _CLASSES or flag & _COMPLEX:
        raise ValueError("it is not an array of real numbers")
    kind, data = parts[0]
    values = np.frombuffer(data, f"{order}{_STORED[kind]}").astype(_CLASSES[flag & 0xFF])
    return np.atleast_2d(values.reshape(np.frombuffer(dimensions, f"{order}u4"), order="F"))
