"""Read pickles, and npz archives with pickled objects, that a stranger may have made.

Pose files are exchanged as npz archives whose members are dicts of arrays, or as pickles of such dicts. numpy stores
those members as pickles, too, and loading a pickle runs whatever it names. Here a pickle may describe numpy arrays,
dicts, lists, tuples, strings and numbers, and nothing else.

An allow-list in `find_class` would not be enough: `numpy.dtype`, `numpy.ndarray` and `scalar` trust the state in a
pickle, so bytes can pose as object pointers, and reading them crashes the interpreter (`tests/files/test_safe_npz.py`
has such pickles). So the names that array pickles call stand for `_Recipe` classes, which keep the arguments; arrays
are made from these after they have been checked, and numpy's code sees no state from the file.
"""

import io
import math
import pickle
import pickletools
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from jaxpose.runtime.errors import InputError

MAX_BYTES = 8 * 2**30
"""Largest unpacked size of an archive that is read: twenty times Human3.6M."""


def load_npz(path: Path, *, most: int = MAX_BYTES) -> dict[str, Any]:
    """Read every member of an npz archive, by name; nothing that the file names is called.

    Args:
      path: an archive as `numpy.savez` or `numpy.savez_compressed` writes it, in Python 2 or 3.
      most: bytes that it may unpack to.

    Returns:
      Arrays; or the object, for a member that is one pickled object, which is how numpy saves a dict.

    Raises:
      InputError: there is no such file; or it is not an npz archive, is damaged, is too large, or has a pickle of
        anything but arrays, dicts, lists, tuples, strings and numbers.
    """
    if not path.is_file():  # reading a pipe would wait for ever
        raise InputError(f"{path}: no such file")
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = [member.file_size for member in archive.infolist()]  # zipfile reads no more than these
            if sum(sizes) > most:
                raise InputError(f"unpacks to {sum(sizes)} bytes, more than the {most} allowed")
            return {name.removesuffix(".npy"): _member(name, archive.read(name)) for name in archive.namelist()}
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except Exception as error:  # crafted or damaged bytes can make zipfile, numpy and pickle raise anything
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{path}: not a readable npz archive ({reason}); copy or download it again") from error


def load_pickle(content: bytes, name: str) -> Any:
    """Make the object that a pickle describes; nothing that the pickle names is called.

    Args:
      content: a pickle of any protocol, of Python 2 or 3, whose arrays are in it.
      name: of the file, for messages.

    Returns:
      Arrays, dicts, lists, tuples, strings and numbers.

    Raises:
      InputError: it is not a pickle, is damaged, or describes anything else.
    """
    try:
        return _unpickle(content)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    except Exception as error:  # crafted or damaged bytes can make numpy and pickle raise anything
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{name}: not a readable pickle ({reason}); copy or download it again") from error


def _member(name: str, content: bytes) -> Any:
    """Decode one member: an array, or its one pickled object."""
    stream = io.BytesIO(content)
    header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(stream)
    if version in header and header[version](stream)[2].hasobject:  # the shape is repeated in the pickle
        try:
            array = _unpickle(content[stream.tell() :])
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        return array.item() if isinstance(array, np.ndarray) and array.ndim == 0 else array
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)


class _Recipe:
    """A call in a pickle and its arguments, before anything is made of it."""

    state: Any = None

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Array(_Recipe):
    """`_reconstruct(ndarray, (0,), b"b")`, then (version, shape, dtype, is_fortran, bytes or list)."""


class _Buffer(_Recipe):
    """`_frombuffer(bytes, dtype, shape, order)`, which is how protocol 5 spells arrays."""


class _DType(_Recipe):
    """`dtype(code, align, copy)`, then (version, byte order, subarray, names, fields, …)."""


class _Scalar(_Recipe):
    """`scalar(dtype, bytes)`."""


class _Bytes(_Recipe):
    """`encode(text, "latin1")`, or `bytes()` for none, which is how protocol 2 spells bytes."""


_ALLOWED: dict[tuple[str, str], type[_Recipe]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _Bytes,
    ("__builtin__", "bytes"): _Bytes,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Array for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _Scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _Buffer for core in ("core", "_core")},
}


class _Unpickler(pickle.Unpickler):
    """An unpickler that finds recipes under the names that array pickles call, and no other names."""

    def find_class(self, module: str, name: str) -> type[_Recipe]:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise InputError(
                f"the pickle names {f'{module}.{name}'!r}; only numpy arrays, dicts, lists, strings and numbers are "
                "read, and nothing was run"
            ) from None


def _unpickle(content: bytes) -> Any:
    """Make the object that a pickle describes."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        if opcode.name.endswith("PUT") and argument > count:  # the unpickler would allocate a memo of that length
            raise InputError("the pickle's memo is out of order; copy or download the file again")
    return _resolve(_Unpickler(io.BytesIO(content), encoding="latin1").load(), {})


_SIMPLE_TYPES = (str, bytes, bool, int, float, type(None))


def _resolve(value: Any, done: dict[int, tuple[Any, Any]]) -> Any:
    """Replace the recipes in a value by what they describe; dicts and lists are changed in place.

    `done` maps the id of an object to the object, so that the id is not used again, and to its result: an object to
    which a pickle refers several times is made once.
    """
    if type(value) in _SIMPLE_TYPES:
        return value
    if id(value) in done:
        return done[id(value)][1]
    if type(value) is dict:
        if any(type(key) not in _SIMPLE_TYPES for key in value):
            raise InputError("a key of a pickled dict is neither a string nor a number")
        done[id(value)] = value, value
        for key, item in value.items():
            value[key] = _resolve(item, done)
        return value
    if type(value) is list:
        done[id(value)] = value, value
        value[:] = [_resolve(item, done) for item in value]
        return value
    if type(value) is tuple:
        result: Any = tuple(_resolve(item, done) for item in value)
    elif isinstance(value, _Recipe):
        result = _make(value, done)
    else:
        raise InputError(f"a pickled {type(value).__name__}; only arrays, dicts, lists, strings and numbers are read")
    done[id(value)] = value, result
    return result


def _make(recipe: _Recipe, done: dict[int, tuple[Any, Any]]) -> Any:
    """Make the object of a recipe; raises `ValueError` or `TypeError` if it is not as numpy writes it."""
    match recipe:
        case _DType():
            return _dtype(recipe.arguments[0], _resolve(recipe.state, done))
        case _Scalar():
            dtype, data = _resolve(recipe.arguments, done)
            return _array((), dtype, data)[()]
        case _Buffer():
            data, dtype, shape, order = recipe.arguments
            data = bytes(data) if isinstance(data, bytearray) else _resolve(data, done)
            return _array(_resolve(shape, done), _resolve(dtype, done), data, {"C": "C", "F": "F"}[order])
        case _Bytes():
            text, encoding = recipe.arguments or ("", "latin1")
            if encoding != "latin1":
                raise ValueError(f"bytes encoded as {encoding!r}")
            return text.encode("latin1")
        case _:
            _, shape, dtype, fortran, data = _resolve(recipe.state, done)
            return _array(shape, dtype, data, "F" if fortran else "C")


def _dtype(code: str, state: tuple[Any, ...]) -> np.dtype:
    """Make an element type: booleans, integers, floating and complex numbers, strings, objects."""
    if re.fullmatch(r"O[48]?", code):
        return np.dtype(object)
    _, byte_order, *structure = state[:5]
    if not re.fullmatch(r"b1|[iu][1248]|f[248]|c8|c16|[SU]\d{1,6}", code) or structure != [None] * 3:
        raise InputError(f"an array of {code!r}; only numbers and strings are read")
    return np.dtype(code).newbyteorder(byte_order)


def _array(shape: tuple[int, ...], dtype: np.dtype, data: Any, order: Any = "C") -> np.ndarray:
    """Make an array from its elements: bytes, or a list of objects in C order."""
    if dtype.hasobject:
        if len(data) != math.prod(shape):
            raise ValueError(f"{len(data)} objects for an array of shape {shape}")
        array = np.empty(len(data), object)
        for index, item in enumerate(data):
            array[index] = item
        return array.reshape(shape)
    data = data.encode("latin1") if isinstance(data, str) else data  # Python 2 wrote strings
    if min(shape, default=0) < 0 or len(data) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{len(data)} bytes for {dtype} of shape {shape}")
    array = np.ndarray(shape, dtype, data, order=order)
    if dtype.kind == "U" and array.size:  # numpy only looks at code points when they are read
        array.tolist()
    return array
